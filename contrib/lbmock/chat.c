#include "chat.h"
#include "buf.h"
#include "completion.h"
#include "json.h"
#include "request.h"
#include "events.h"

/* As JSON. */
static const char *const finish_reasons[] = {
    [COMPLETION_STOP] = "\"stop\"",
    [COMPLETION_LENGTH] = "\"length\"",
    [COMPLETION_REFUSAL] = "\"stop\"",
    [COMPLETION_FILTER] = "\"content_filter\"",
};

static void add_usage(struct buf *out, const struct completion *c)
{
	buf_addf(out,
		 "{\"prompt_tokens\":%lld,\"completion_tokens\":%lld,\"total_tokens\":%lld,"
		 "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
		 "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,"
		 "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}",
		 (long long)c->request->prompt_tokens, (long long)c->tokens,
		 (long long)(c->request->prompt_tokens + c->tokens));
}

/* The members that a completion and its chunks begin with, and the opening of choices. */
static void add_head(struct buf *out, const struct completion *c, const char *object)
{
	buf_addf(out,
		 "{\"id\":\"chatcmpl-%s\",\"object\":\"%s\",\"created\":%lld,\"model\":", c->id,
		 object, (long long)c->created);
	buf_add(out, c->request->model.at, c->request->model.length);
	buf_adds(
	    out,
	    ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_lbmock0001\",\"choices\":[");
}

void chat_body(struct buf *out, const struct completion *c)
{
	add_head(out, c, "chat.completion");
	buf_adds(out, "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
	if (c->end == COMPLETION_REFUSAL) {
		buf_adds(out, "null,\"refusal\":");
		json_quote(out, c->text, c->length);
	} else {
		json_quote(out, c->text, c->length);
		buf_adds(out, ",\"refusal\":null");
	}
	buf_adds(out, ",\"annotations\":[]},\"logprobs\":null,\"finish_reason\":");
	buf_adds(out, finish_reasons[c->end]);
	buf_adds(out, "}],\"usage\":");
	add_usage(out, c);
	buf_addc(out, '}');
}

/* End a chunk whose delta has been written. */
static void end_chunk(struct buf *out, const struct completion *c, const char *finish_reason)
{
	buf_adds(out, ",\"logprobs\":null,\"finish_reason\":");
	buf_adds(out, finish_reason);
	buf_adds(out, "}]");
	if (c->request->include_usage)
		buf_adds(out, ",\"usage\":null");
	buf_addc(out, '}');
	events_end(out);
}

static void begin_chunk(struct buf *out, const struct completion *c)
{
	events_begin(out, NULL);
	add_head(out, c, "chat.completion.chunk");
}

void chat_stream(struct buf *out, const struct completion *c)
{
	const char *at = c->text;
	size_t left = c->length;
	const char *piece;
	size_t length;

	begin_chunk(out, c);
	buf_adds(
	    out,
	    "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}");
	end_chunk(out, c, "null");
	while (events_piece(&at, &left, &piece, &length)) {
		begin_chunk(out, c);
		buf_adds(out, "{\"index\":0,\"delta\":{\"");
		buf_adds(out, c->end == COMPLETION_REFUSAL ? "refusal" : "content");
		buf_adds(out, "\":");
		json_quote(out, piece, length);
		buf_addc(out, '}');
		end_chunk(out, c, "null");
	}
	begin_chunk(out, c);
	buf_adds(out, "{\"index\":0,\"delta\":{}");
	end_chunk(out, c, finish_reasons[c->end]);
	if (c->request->include_usage) {
		begin_chunk(out, c);
		buf_adds(out, "],\"usage\":");
		add_usage(out, c);
		buf_addc(out, '}');
		events_end(out);
	}
	events_begin(out, NULL);
	buf_adds(out, "[DONE]");
	events_end(out);
}
