#include "messages.h"
#include "buf.h"
#include "completion.h"
#include "json.h"
#include "request.h"
#include "events.h"

#include <stdbool.h>

static const char *const stop_reasons[] = {
    [COMPLETION_STOP] = "end_turn",
    [COMPLETION_LENGTH] = "max_tokens",
    [COMPLETION_REFUSAL] = "refusal",
    [COMPLETION_FILTER] = "refusal",
};

/* A refused answer has no content. */
static bool has_text(const struct completion *c)
{
	return c->end == COMPLETION_STOP || c->end == COMPLETION_LENGTH;
}

/* The message up to the opening of its content. */
static void add_head(struct buf *out, const struct completion *c)
{
	buf_adds(out, "{\"id\":\"msg_");
	buf_adds(out, c->id);
	buf_adds(out, "\",\"type\":\"message\",\"role\":\"assistant\",\"model\":");
	buf_add(out, c->request->model.at, c->request->model.length);
	buf_adds(out, ",\"content\":[");
}

static void add_usage(struct buf *out, const struct completion *c, int64_t output_tokens)
{
	buf_addf(
	    out,
	    "\"usage\":{\"input_tokens\":%lld,\"cache_creation_input_tokens\":0,"
	    "\"cache_read_input_tokens\":0,\"output_tokens\":%lld,\"service_tier\":\"standard\"}",
	    (long long)c->request->prompt_tokens, (long long)output_tokens);
}

void messages_body(struct buf *out, const struct completion *c)
{
	add_head(out, c);
	if (has_text(c)) {
		buf_adds(out, "{\"type\":\"text\",\"text\":");
		json_quote(out, c->text, c->length);
		buf_addc(out, '}');
	}
	buf_adds(out, "],\"stop_reason\":\"");
	buf_adds(out, stop_reasons[c->end]);
	buf_adds(out, "\",\"stop_sequence\":null,");
	add_usage(out, c, c->tokens);
	buf_addc(out, '}');
}

static void add_event(struct buf *out, const char *name, const char *data)
{
	events_begin(out, name);
	buf_adds(out, data);
	events_end(out);
}

static void add_content(struct buf *out, const struct completion *c)
{
	const char *at = c->text;
	size_t left = c->length;
	const char *piece;
	size_t length;

	add_event(out, "content_block_start",
		  "{\"type\":\"content_block_start\",\"index\":0,"
		  "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}");
	add_event(out, "ping", "{\"type\":\"ping\"}");
	while (events_piece(&at, &left, &piece, &length)) {
		events_begin(out, "content_block_delta");
		buf_adds(out, "{\"type\":\"content_block_delta\",\"index\":0,"
			      "\"delta\":{\"type\":\"text_delta\",\"text\":");
		json_quote(out, piece, length);
		buf_adds(out, "}}");
		events_end(out);
	}
	add_event(out, "content_block_stop", "{\"type\":\"content_block_stop\",\"index\":0}");
}

void messages_stream(struct buf *out, const struct completion *c)
{
	events_begin(out, "message_start");
	buf_adds(out, "{\"type\":\"message_start\",\"message\":");
	add_head(out, c);
	buf_adds(out, "],\"stop_reason\":null,\"stop_sequence\":null,");
	/* The output is counted as it comes: at the start there is one token. */
	add_usage(out, c, 1);
	buf_adds(out, "}}");
	events_end(out);
	if (has_text(c))
		add_content(out, c);
	events_begin(out, "message_delta");
	buf_addf(
	    out,
	    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"%s\",\"stop_sequence\":null},"
	    "\"usage\":{\"output_tokens\":%lld}}",
	    stop_reasons[c->end], (long long)c->tokens);
	events_end(out);
	add_event(out, "message_stop", "{\"type\":\"message_stop\"}");
}
