#include "responses.h"
#include "buf.h"
#include "completion.h"
#include "json.h"
#include "request.h"
#include "events.h"

#include <stdbool.h>

static bool is_incomplete(const struct completion *c)
{
	return c->end == COMPLETION_LENGTH || c->end == COMPLETION_FILTER;
}

static const char *status(const struct completion *c)
{
	return is_incomplete(c) ? "incomplete" : "completed";
}

/* The content part that carries the text; begun: as it is before the text has come. */
static void add_part(struct buf *out, const struct completion *c, bool begun)
{
	bool refusal = c->end == COMPLETION_REFUSAL;

	buf_adds(out, refusal ? "{\"type\":\"refusal\",\"refusal\":"
			      : "{\"type\":\"output_text\",\"text\":");
	json_quote(out, c->text, begun ? 0 : c->length);
	buf_adds(out, refusal ? "}" : ",\"annotations\":[],\"logprobs\":[]}");
}

static void add_item(struct buf *out, const struct completion *c, bool begun)
{
	buf_adds(out, "{\"id\":\"msg_");
	buf_adds(out, c->id);
	buf_adds(out, "\",\"type\":\"message\",\"status\":\"");
	buf_adds(out, begun ? "in_progress" : status(c));
	buf_adds(out, "\",\"role\":\"assistant\",\"content\":[");
	if (!begun)
		add_part(out, c, false);
	buf_adds(out, "]}");
}

static void add_usage(struct buf *out, const struct completion *c)
{
	buf_addf(out,
		 "{\"input_tokens\":%lld,\"input_tokens_details\":{\"cached_tokens\":0},"
		 "\"output_tokens\":%lld,\"output_tokens_details\":{\"reasoning_tokens\":0},"
		 "\"total_tokens\":%lld}",
		 (long long)c->request->prompt_tokens, (long long)c->tokens,
		 (long long)(c->request->prompt_tokens + c->tokens));
}

static void add_response(struct buf *out, const struct completion *c, bool begun)
{
	bool incomplete = !begun && is_incomplete(c);

	buf_addf(
	    out,
	    "{\"id\":\"resp_%s\",\"object\":\"response\",\"created_at\":%lld,\"status\":\"%s\",",
	    c->id, (long long)c->created, begun ? "in_progress" : status(c));
	buf_adds(out, "\"error\":null,\"incomplete_details\":");
	if (incomplete)
		buf_adds(out, c->end == COMPLETION_LENGTH ? "{\"reason\":\"max_output_tokens\"}"
							  : "{\"reason\":\"content_filter\"}");
	else
		buf_adds(out, "null");
	buf_adds(out, ",\"max_output_tokens\":");
	if (c->request->max_tokens >= 0)
		buf_addf(out, "%lld", (long long)c->request->max_tokens);
	else
		buf_adds(out, "null");
	buf_adds(out, ",\"model\":");
	buf_add(out, c->request->model.at, c->request->model.length);
	buf_adds(out, ",\"output\":[");
	if (!begun)
		add_item(out, c, false);
	buf_adds(out, "],\"service_tier\":\"default\",\"usage\":");
	if (begun)
		buf_adds(out, "null");
	else
		add_usage(out, c);
	buf_addc(out, '}');
}

void responses_body(struct buf *out, const struct completion *c)
{
	add_response(out, c, false);
}

/* An event stream being written. */
struct stream {
	struct buf *out;
	const struct completion *completion;
	unsigned sequence;
};

/* Begin an event, leaving the object open for further members. */
static void begin_event(struct stream *s, const char *name)
{
	events_begin(s->out, name);
	buf_addf(s->out, "{\"type\":\"%s\",\"sequence_number\":%u", name, s->sequence++);
}

/* The members that place a part in the output. */
static void add_place(struct stream *s)
{
	buf_adds(s->out, ",\"item_id\":\"msg_");
	buf_adds(s->out, s->completion->id);
	buf_adds(s->out, "\",\"output_index\":0,\"content_index\":0");
}

static void end_event(struct stream *s)
{
	buf_addc(s->out, '}');
	events_end(s->out);
}

static void response_event(struct stream *s, const char *name, bool begun)
{
	begin_event(s, name);
	buf_adds(s->out, ",\"response\":");
	add_response(s->out, s->completion, begun);
	end_event(s);
}

static void item_event(struct stream *s, const char *name, bool begun)
{
	begin_event(s, name);
	buf_adds(s->out, ",\"output_index\":0,\"item\":");
	add_item(s->out, s->completion, begun);
	end_event(s);
}

static void part_event(struct stream *s, const char *name, bool begun)
{
	begin_event(s, name);
	add_place(s);
	buf_adds(s->out, ",\"part\":");
	add_part(s->out, s->completion, begun);
	end_event(s);
}

static void text_events(struct stream *s)
{
	bool refusal = s->completion->end == COMPLETION_REFUSAL;
	const char *at = s->completion->text;
	size_t left = s->completion->length;
	const char *piece;
	size_t length;

	while (events_piece(&at, &left, &piece, &length)) {
		begin_event(s, refusal ? "response.refusal.delta" : "response.output_text.delta");
		add_place(s);
		buf_adds(s->out, ",\"delta\":");
		json_quote(s->out, piece, length);
		end_event(s);
	}
	begin_event(s, refusal ? "response.refusal.done" : "response.output_text.done");
	add_place(s);
	buf_adds(s->out, refusal ? ",\"refusal\":" : ",\"text\":");
	json_quote(s->out, s->completion->text, s->completion->length);
	end_event(s);
}

void responses_stream(struct buf *out, const struct completion *c)
{
	struct stream s = {.out = out, .completion = c};

	response_event(&s, "response.created", true);
	response_event(&s, "response.in_progress", true);
	item_event(&s, "response.output_item.added", true);
	part_event(&s, "response.content_part.added", true);
	text_events(&s);
	part_event(&s, "response.content_part.done", false);
	item_event(&s, "response.output_item.done", false);
	response_event(&s, is_incomplete(c) ? "response.incomplete" : "response.completed", false);
}
