#include "assemble.h"
#include "assemble_chat.h"
#include "assemble_messages.h"
#include "buf.h"
#include "json.h"
#include "mem.h"
#include "merge.h"
#include "sse.h"

#include <stdlib.h>
#include <string.h>

enum kind { UNKNOWN, CHAT, RESPONSES, MESSAGES };

struct assemble {
	struct sse sse;
	enum kind kind;
	struct merge *body; /* of CHAT and MESSAGES; choices and content are arrays in it */
	struct buf text;    /* of RESPONSES and of errors */
	bool strange;       /* an event of no known kind came */
	bool ending;        /* what comes now may be cut off */
	bool usage_last;    /* CHAT: the last chunk had the usage */
	bool over;          /* the rest is not looked at */

	/* How it ended; at most one of these. */
	bool done;
	bool failed; /* by an error event */
	const char *reason;
};

static const char ended_early[] = "stream ended early";
static const char bad_event[] = "bad event in stream";

/* An event's data, and those of its members that are asked for. */
enum member { TYPE, ERROR, OBJECT, CHOICES, USAGE, RESPONSE, MEMBERS };

struct event {
	struct json_span data;
	struct json_member member[MEMBERS];
};

struct assemble *assemble_new(void)
{
	struct assemble *a = mem_zero(1, sizeof *a);

	a->body = merge_new();
	return a;
}

void assemble_free(struct assemble *a)
{
	if (a == NULL)
		return;
	sse_free(&a->sse);
	merge_free(a->body);
	buf_free(&a->text);
	free(a);
}

static int take_response_event(struct assemble *a, const struct event *e)
{
	struct json_span type = e->member[TYPE].value;

	if (!json_equals(type, "response.completed") && !json_equals(type, "response.incomplete") &&
	    !json_equals(type, "response.failed"))
		return 0;
	if (json_type(e->member[RESPONSE].value) != JSON_OBJECT)
		return -1;
	json_compact(&a->text, e->member[RESPONSE].value);
	a->done = true;
	return 0;
}

/* Does a type begin like this? Types have no escapes. */
static bool has_prefix(struct json_span type, const char *prefix)
{
	size_t n = strlen(prefix);

	return json_type(type) == JSON_STRING && type.length > n &&
	       memcmp(type.at + 1, prefix, n) == 0;
}

static enum kind event_kind(const struct event *e)
{
	struct json_span type = e->member[TYPE].value;

	if (has_prefix(type, "response."))
		return RESPONSES;
	if (has_prefix(type, "message_") || has_prefix(type, "content_block_"))
		return MESSAGES;
	if (json_type(e->member[CHOICES].value) == JSON_ARRAY ||
	    json_equals(e->member[OBJECT].value, "chat.completion.chunk"))
		return CHAT;
	return UNKNOWN;
}

/*
 * If the event is an error, keep it as the body that the request without "stream" would have been
 * answered with. OpenAI's chat and Anthropic have an error member; a Responses error event, and old
 * vLLM, spread the error's members over the event itself.
 */
static bool take_error(struct assemble *a, const struct event *e, bool named_error)
{
	struct json_span error = e->member[ERROR].value;
	bool of_type = json_equals(e->member[TYPE].value, "error");

	if (json_is_set(error) && error.at[0] != 'f') {
		if (of_type) {
			json_compact(&a->text, e->data);
			return true;
		}
		buf_adds(&a->text, "{\"error\":");
		json_compact(&a->text, error);
		buf_addc(&a->text, '}');
		return true;
	}
	if (!of_type && !named_error && !json_equals(e->member[OBJECT].value, "error"))
		return false;
	const struct json_edit edits[] = {{"sequence_number", {NULL, 0}}, {"type", {NULL, 0}}};
	struct buf members = {0};
	json_set(&members, e->data, edits, of_type ? 2 : 1);
	buf_adds(&a->text, "{\"error\":");
	json_compact(&a->text, (struct json_span){members.data, members.length});
	buf_addc(&a->text, '}');
	buf_free(&members);
	return true;
}

/* An error event whose data is no JSON: a proxy's, in plain text. */
static void take_error_text(struct assemble *a, const struct buf *data)
{
	buf_adds(&a->text, "{\"error\":{\"message\":");
	json_quote(&a->text, data->data, data->length);
	buf_adds(&a->text, "}}");
	a->failed = true;
}

/* An event that is a JSON object. Returns 0, or -1 if it makes no sense. */
static int take_object(struct assemble *a, const struct event *e)
{
	enum kind kind = event_kind(e);
	int status;

	if (json_equals(e->member[TYPE].value, "ping"))
		return 0;
	if (a->kind == UNKNOWN)
		a->kind = kind;
	a->strange = a->strange || kind == UNKNOWN;
	if (kind == UNKNOWN || kind != a->kind)
		return 0;
	switch (kind) {
	case CHAT:
		a->usage_last = json_is_set(e->member[USAGE].value);
		return assemble_chat_add(a->body, e->data);
	case RESPONSES:
		return take_response_event(a, e);
	default:
		status = assemble_messages_add(a->body, e->member[TYPE].value, e->data);
		a->done = status == 1;
		return status < 0 ? -1 : 0;
	}
}

static void take_event(struct assemble *a, const struct buf *name, const struct buf *data)
{
	struct event e = {.member = {JSON_MEMBER("type"), JSON_MEMBER("error"),
				     JSON_MEMBER("object"), JSON_MEMBER("choices"),
				     JSON_MEMBER("usage"), JSON_MEMBER("response")}};
	bool named_error = name->length == 5 && memcmp(name->data, "error", 5) == 0;
	struct json_error error;

	if (json_check(data->data, data->length, &e.data, e.member, MEMBERS, &error) < 0) {
		if (named_error && !a->ending)
			take_error_text(a, data);
		else
			a->reason = a->ending ? ended_early : bad_event;
		return;
	}
	if (json_type(e.data) != JSON_OBJECT) {
		a->strange = true;
		return;
	}
	a->failed = take_error(a, &e, named_error);
	if (!a->failed && take_object(a, &e) < 0)
		a->reason = bad_event;
}

static int on_event(void *context, const struct buf *name, const struct buf *data)
{
	static const char end[] = "[DONE]";
	struct assemble *a = context;

	if (data->length == 0)
		return 0;
	if (data->length == sizeof end - 1 && memcmp(data->data, end, sizeof end - 1) == 0) {
		/* It says nothing about a stream of another kind, which has an end of its own. */
		a->done = a->kind == CHAT;
		a->over = true;
	} else {
		take_event(a, name, data);
		a->over = a->done || a->failed || a->reason != NULL;
	}
	return a->over ? -1 : 0;
}

void assemble_feed(struct assemble *a, const char *bytes, size_t n)
{
	if (!a->over)
		sse_feed(&a->sse, bytes, n, on_event, a);
}

/* See to what can only be done at the end. Returns NULL if the body is whole, else why it is not.
 */
static const char *finish_body(struct assemble *a)
{
	switch (a->kind) {
	case CHAT:
		if (assemble_chat_end(a->body) && (a->done || a->usage_last))
			return NULL;
		return ended_early;
	case MESSAGES:
		if (!a->done)
			return ended_early;
		return assemble_messages_end(a->body) == 0 ? NULL : bad_event;
	case RESPONSES:
		return a->done ? NULL : ended_early;
	default:
		return a->strange ? "unknown kind of stream" : ended_early;
	}
}

int assemble_finish(struct assemble *a, struct buf *body, const char **reason)
{
	struct json_error error;

	if (!a->over) {
		a->ending = true;
		sse_end(&a->sse, on_event, a);
	}
	if (!a->failed && a->reason == NULL)
		a->reason = finish_body(a);
	if (a->reason != NULL) {
		*reason = a->reason;
		return -1;
	}
	if (!a->failed && a->kind != RESPONSES)
		merge_write(&a->text, a->body);
	/* Some parts stand a level deeper than they came: the nesting may be too deep now. */
	if (json_check(a->text.data, a->text.length, NULL, NULL, 0, &error) < 0) {
		*reason = bad_event;
		return -1;
	}
	buf_add(body, a->text.data, a->text.length);
	return a->failed ? 1 : 0;
}
