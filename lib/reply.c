#include "reply.h"
#include "assemble.h"
#include "clock.h"
#include "provider.h"

#include <string.h>
#include <strings.h>

#define RAW_MOST ((size_t)65536) /* bytes of an answer that is no JSON which the error keeps */

static void set_error(struct reply *r, const char *code, const char *message)
{
	buf_clear(&r->code);
	buf_clear(&r->message);
	buf_adds(&r->code, code);
	buf_adds(&r->message, message);
}

static struct json_span text_of(const struct buf *b)
{
	return (struct json_span){b->data, b->length};
}

/* Put an event stream together. An error in it is found by its body. Returns false if it broke. */
static bool take_stream(struct reply *r, struct json_span raw)
{
	const char *reason = "";
	struct assemble *stream = assemble_new();

	assemble_feed(stream, raw.at, raw.length);
	int result = assemble_finish(stream, &r->body, &reason);
	assemble_free(stream);
	if (result < 0) {
		set_error(r, "bad_stream", reason);
		return false;
	}
	r->json = text_of(&r->body);
	return true;
}

/* Take the body as JSON of one line, and note the members by which errors are told. Returns false
 * if it is no JSON. */
static bool take_body(struct reply *r, const struct http_reply *reply, struct json_member *members)
{
	struct json_error problem;
	struct json_span raw = reply->body;

	if (strncasecmp(reply->type, "text/event-stream", 17) == 0) {
		if (!take_stream(r, raw))
			return false;
		json_find(r->json, members, PROVIDER_MEMBERS);
		return true;
	}
	return json_check(raw.at, raw.length, &r->json, members, PROVIDER_MEMBERS, &problem) == 0;
}

/* A body of several lines is made one. */
static void join_lines(struct reply *r)
{
	struct json_span json = r->json;

	if (memchr(json.at, '\n', json.length) == NULL &&
	    memchr(json.at, '\r', json.length) == NULL)
		return;
	json_compact(&r->body, json);
	r->json = text_of(&r->body);
}

static bool is_success(const struct http_reply *reply)
{
	return reply->status >= 200 && reply->status < 300;
}

/* An answer without a code of its own gets its status as one. */
static void set_http_error(struct reply *r, const struct http_reply *reply)
{
	bool redirect = reply->status >= 300 && reply->status < 400;

	if (r->code.length == 0)
		buf_addf(&r->code, "http_%ld", reply->status);
	if (r->message.length == 0)
		buf_addf(&r->message, "HTTP status %ld%s", reply->status,
			 redirect ? "; redirects are not followed" : "");
}

/* An answer that is no JSON: its body goes into the error. */
static void judge_raw(struct reply *r, const struct http_reply *reply)
{
	r->json.at = NULL;
	r->raw = reply->body.at != NULL ? reply->body : JSON_LITERAL("");
	if (r->code.length > 0)
		return; /* a broken stream has said so */
	if (is_success(reply))
		set_error(r, "bad_response", "the response is not JSON");
	else
		set_http_error(r, reply);
}

/* The error of an answer that came in whole; no code if it is a good one. */
static void judge(struct reply *r, const struct http_reply *reply)
{
	struct json_member members[PROVIDER_MEMBERS];

	provider_members(members);
	if (!take_body(r, reply, members)) {
		judge_raw(r, reply);
		return;
	}
	bool carries = provider_error(r->json, members, &r->code, &r->message);
	if (!is_success(reply))
		set_http_error(r, reply);
	else if (!carries)
		buf_clear(&r->code);
	else if (r->code.length == 0 && r->message.length == 0)
		set_error(r, "error_in_response", "the response has an error");
	else if (r->code.length == 0)
		buf_adds(&r->code, "error_in_response");
	join_lines(r);
}

static void make_response(struct reply *r, const struct http_reply *reply)
{
	struct buf *out = &r->response;
	struct json_span headers = reply->headers;
	struct json_span id = provider_header(headers.at, headers.length, "x-request-id");

	if (id.at == NULL)
		id = provider_header(headers.at, headers.length, "request-id");
	buf_adds(out, "{\"status_code\":");
	buf_addn(out, (uint64_t)reply->status);
	buf_adds(out, ",\"request_id\":");
	if (id.at != NULL)
		json_quote(out, id.at, id.length);
	else
		buf_adds(out, "null");
	buf_adds(out, ",\"body\":");
	if (r->json.at != NULL)
		buf_add(out, r->json.at, r->json.length);
	else
		buf_adds(out, "null");
	buf_addc(out, '}');
}

static void make_error(struct reply *r)
{
	struct buf *out = &r->error;

	buf_adds(out, "{\"code\":");
	json_quote(out, r->code.data, r->code.length);
	buf_adds(out, ",\"message\":");
	json_quote(out, r->message.data, r->message.length);
	if (r->raw.at != NULL) {
		buf_adds(out, ",\"body\":");
		json_quote(out, r->raw.at, r->raw.length < RAW_MOST ? r->raw.length : RAW_MOST);
	}
	if (r->raw.length > RAW_MOST) {
		buf_adds(out, ",\"body_bytes\":");
		buf_addn(out, r->raw.length);
	}
	buf_addc(out, '}');
}

/* Forget the last one, and keep its memory unless there is much of it. */
static void start(struct reply *r)
{
	struct buf *all[] = {&r->body,  &r->code,      &r->message, &r->response,
			     &r->error, &r->ratelimit, &r->ms};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (all[i]->capacity > 65536)
			buf_free(all[i]);
		buf_clear(all[i]);
	}
	r->json = r->raw = (struct json_span){NULL, 0};
	r->retry_after = -1;
}

void reply_result(struct reply *r, struct buf *out, const struct record *request,
		  const struct http_reply *reply, struct json_span id, int64_t wall)
{
	struct json_edit edits[3], lb_edits[2];
	size_t count = 0, lb_count = 0;

	start(r);
	if (reply->error != NULL) {
		set_error(r, reply->error, reply->message);
		buf_adds(&r->response, "null");
	} else {
		judge(r, reply);
		make_response(r, reply);
	}
	r->failed = r->code.length > 0;
	if (r->failed)
		make_error(r);
	else
		buf_adds(&r->error, "null");
	if (request->id.at == NULL)
		edits[count++] = (struct json_edit){"id", id};
	edits[count++] = (struct json_edit){"response", text_of(&r->response)};
	edits[count++] = (struct json_edit){"error", text_of(&r->error)};
	buf_addn(&r->ms, (uint64_t)(reply->elapsed + CLOCK_MS / 2) / (uint64_t)CLOCK_MS);
	lb_edits[lb_count++] = (struct json_edit){"ms", text_of(&r->ms)};
	if (provider_ratelimit(&r->ratelimit, reply->headers.at, reply->headers.length, wall)) {
		lb_edits[lb_count++] = (struct json_edit){"ratelimit", text_of(&r->ratelimit)};
		json_number(json_get(text_of(&r->ratelimit), "retry_after"), &r->retry_after);
	}
	record_set(out, request, edits, count, lb_edits, lb_count);
}

void reply_free(struct reply *r)
{
	buf_free(&r->body);
	buf_free(&r->code);
	buf_free(&r->message);
	buf_free(&r->response);
	buf_free(&r->error);
	buf_free(&r->ratelimit);
	buf_free(&r->ms);
}
