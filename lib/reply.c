#include "reply.h"
#include "assemble.h"
#include "buf.h"
#include "clock.h"
#include "provider.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What is known of the answer: its body as JSON (empty if it is none), and the error. */
struct answer {
	struct buf body;
	struct buf code; /* empty when it is a good one */
	struct buf message;
	struct json_span raw; /* of an answer that is no JSON */
};

static void set_error(struct answer *a, const char *code, const char *message)
{
	buf_clear(&a->code);
	buf_clear(&a->message);
	buf_adds(&a->code, code);
	buf_adds(&a->message, message);
}

/* Streams are put together; a body of several lines is made one. Returns false if it is no JSON. */
static bool take_body(struct answer *a, const struct http_reply *reply)
{
	struct json_error problem;
	struct json_span root;
	struct json_span raw = reply->body;

	if (strncasecmp(reply->type, "text/event-stream", 17) == 0) {
		const char *reason = "";
		struct assemble *stream = assemble_new();
		assemble_feed(stream, raw.at, raw.length);
		int result = assemble_finish(stream, &a->body, &reason);
		assemble_free(stream);
		if (result < 0)
			set_error(a, "bad_stream", reason);
		return result >= 0;
	}
	if (raw.length == 0 || json_check(raw.at, raw.length, &root, NULL, 0, &problem) < 0)
		return false;
	if (memchr(root.at, '\n', root.length) != NULL ||
	    memchr(root.at, '\r', root.length) != NULL)
		json_compact(&a->body, root);
	else
		buf_add(&a->body, root.at, root.length);
	return true;
}

/* The error of an answer that came in whole. */
static void judge(struct answer *a, const struct http_reply *reply)
{
	bool success = reply->status >= 200 && reply->status < 300;
	bool json = take_body(a, reply);
	char fallback[32];

	snprintf(fallback, sizeof fallback, "http_%ld", reply->status);
	if (json) {
		struct json_span body = {a->body.data, a->body.length};
		bool carries = provider_error(body, &a->code, &a->message);
		if (success && !carries) {
			buf_clear(&a->code);
			return;
		}
		if (a->code.length == 0)
			buf_adds(&a->code, success ? "error_in_response" : fallback);
		if (a->message.length == 0)
			buf_addf(&a->message, "HTTP status %ld", reply->status);
		return;
	}
	a->raw = reply->body.at != NULL ? reply->body : JSON_LITERAL("");
	if (a->code.length > 0)
		return; /* a broken stream has said so */
	if (!success)
		buf_addf(&a->message, "HTTP status %ld%s", reply->status,
			 reply->status >= 300 && reply->status < 400
			     ? "; redirects are not followed"
			     : "");
	set_error(a, success ? "bad_response" : fallback,
		  success ? "the response is not JSON" : buf_string(&a->message));
}

static void add_response(struct buf *out, const struct http_reply *reply, const struct answer *a)
{
	struct json_span request_id;

	request_id = provider_header(reply->headers.at, reply->headers.length, "x-request-id");
	if (request_id.at == NULL)
		request_id =
		    provider_header(reply->headers.at, reply->headers.length, "request-id");
	buf_addf(out, "{\"status_code\":%ld,\"request_id\":", reply->status);
	if (request_id.at != NULL)
		json_quote(out, request_id.at, request_id.length);
	else
		buf_adds(out, "null");
	buf_adds(out, ",\"body\":");
	if (a->body.length > 0 && a->raw.at == NULL)
		buf_add(out, a->body.data, a->body.length);
	else
		buf_adds(out, "null");
	buf_addc(out, '}');
}

static void add_error(struct buf *out, const struct answer *a)
{
	buf_adds(out, "{\"code\":");
	json_quote(out, a->code.data, a->code.length);
	buf_adds(out, ",\"message\":");
	json_quote(out, a->message.data, a->message.length);
	if (a->raw.at != NULL) {
		buf_adds(out, ",\"body\":");
		json_quote(out, a->raw.at, a->raw.length);
	}
	buf_addc(out, '}');
}

static struct json_span text_of(const struct buf *b)
{
	return (struct json_span){b->data, b->length};
}

void reply_result(struct buf *out, const struct record *request, const struct http_reply *reply,
		  const char *id, int64_t wall, struct reply_outcome *outcome)
{
	struct answer answer = {0};
	struct buf response = {0}, error = {0}, ratelimit = {0}, id_text = {0};
	struct json_edit edits[4], lb_edits[2];
	size_t count = 0, lb_count = 0;
	char ms[24];

	if (reply->error != NULL) {
		set_error(&answer, reply->error, reply->message);
		buf_adds(&response, "null");
	} else {
		judge(&answer, reply);
		add_response(&response, reply, &answer);
	}
	outcome->failed = answer.code.length > 0;
	if (outcome->failed)
		add_error(&error, &answer);
	else
		buf_adds(&error, "null");
	if (request->id.at == NULL) {
		json_quote(&id_text, id, strlen(id));
		edits[count++] = (struct json_edit){"id", text_of(&id_text)};
	}
	edits[count++] = (struct json_edit){"response", text_of(&response)};
	edits[count++] = (struct json_edit){"error", text_of(&error)};
	int n = snprintf(ms, sizeof ms, "%" PRId64, (reply->elapsed + CLOCK_MS / 2) / CLOCK_MS);
	lb_edits[lb_count++] = (struct json_edit){"ms", {ms, (size_t)n}};
	outcome->retry_after = -1;
	if (provider_ratelimit(&ratelimit, reply->headers.at, reply->headers.length, wall)) {
		lb_edits[lb_count++] = (struct json_edit){"ratelimit", text_of(&ratelimit)};
		json_number(json_get(text_of(&ratelimit), "retry_after"), &outcome->retry_after);
	}
	record_set(out, request, edits, count, lb_edits, lb_count);
	buf_free(&answer.body);
	buf_free(&answer.code);
	buf_free(&answer.message);
	buf_free(&response);
	buf_free(&error);
	buf_free(&ratelimit);
	buf_free(&id_text);
}
