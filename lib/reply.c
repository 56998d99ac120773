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
	/* RFC 8259, 8.1: a byte-order mark is not to be sent, but may be ignored. */
	if (raw.length >= 3 && memcmp(raw.at, "\xef\xbb\xbf", 3) == 0)
		raw = (struct json_span){raw.at + 3, raw.length - 3};
	return json_check(raw.at, raw.length, &r->json, members, PROVIDER_MEMBERS, &problem) == 0;
}

/* A body of several lines is made one. */
static void join_lines(struct reply *r)
{
	struct json_span json = r->json;

	if (json.at == NULL)
		return;
	if (memchr(json.at, '\n', json.length) == NULL &&
	    memchr(json.at, '\r', json.length) == NULL)
		return;
	json_compact(&r->body, json);
	r->json = text_of(&r->body);
}

static bool is_success(long status)
{
	return status >= 200 && status < 300;
}

/* An answer without a code of its own gets its status as one. */
static void set_http_error(struct reply *r, long status)
{
	bool redirect = status >= 300 && status < 400;

	if (r->code.length == 0)
		buf_addf(&r->code, "http_%ld", status);
	if (r->message.length == 0)
		buf_addf(&r->message, "HTTP status %ld%s", status,
			 redirect ? "; redirects are not followed" : "");
}

/* An answer that is no JSON: its body goes into the error. */
static void judge_raw(struct reply *r, const struct http_reply *reply)
{
	r->json.at = NULL;
	r->raw = reply->body.at != NULL ? reply->body : JSON_LITERAL("");
	if (r->code.length > 0)
		return; /* a broken stream has said so */
	if (is_success(reply->status))
		set_error(r, "bad_response", "the response is not JSON");
	else
		set_http_error(r, reply->status);
}

/* The error of an answer, given whether there is one; no code if it is a good one. */
static void judge_json(struct reply *r, long status, bool carries)
{
	if (!is_success(status))
		set_http_error(r, status);
	else if (!carries)
		buf_clear(&r->code);
	else if (r->code.length == 0)
		buf_adds(&r->code, "error_in_response");
	if (carries && r->message.length == 0)
		buf_adds(&r->message, "the response has an error");
	join_lines(r);
}

/* The same for an answer that came in whole over HTTP. */
static void judge(struct reply *r, const struct http_reply *reply)
{
	struct json_member members[PROVIDER_MEMBERS];

	provider_members(members);
	if (take_body(r, reply, members))
		judge_json(r, reply->status,
			   provider_error(r->json, members, &r->code, &r->message));
	else
		judge_raw(r, reply);
}

/* The response, before and behind its request_id. */
static void begin_response(struct reply *r, long status)
{
	buf_adds(&r->response, "{\"status_code\":");
	buf_addn(&r->response, (uint64_t)status);
	buf_adds(&r->response, ",\"request_id\":");
}

static void end_response(struct reply *r)
{
	buf_adds(&r->response, ",\"body\":");
	if (r->json.at != NULL)
		buf_add(&r->response, r->json.at, r->json.length);
	else
		buf_adds(&r->response, "null");
	buf_addc(&r->response, '}');
}

static void make_response(struct reply *r, const struct http_reply *reply)
{
	struct json_span headers = reply->headers;
	struct json_span id = provider_header(headers.at, headers.length, "x-request-id");

	if (id.at == NULL)
		id = provider_header(headers.at, headers.length, "request-id");
	begin_response(r, reply->status);
	if (id.at != NULL)
		json_quote(&r->response, id.at, id.length);
	else
		buf_adds(&r->response, "null");
	end_response(r);
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

/* Append the result, with response and judgement made. */
static void make_result(struct reply *r, struct buf *out, const struct record *request,
			struct json_span id, const struct json_edit *lb_edits, size_t lb_count)
{
	struct json_edit edits[3];
	size_t count = 0;

	r->failed = r->code.length > 0;
	if (r->failed)
		make_error(r);
	else
		buf_adds(&r->error, "null");
	if (request->id.at == NULL)
		edits[count++] = (struct json_edit){"id", id};
	edits[count++] = (struct json_edit){"response", text_of(&r->response)};
	edits[count++] = (struct json_edit){"error", text_of(&r->error)};
	record_set(out, request, edits, count, lb_edits, lb_count);
}

void reply_result(struct reply *r, struct buf *out, const struct record *request,
		  const struct http_reply *reply, struct json_span id, int64_t wall)
{
	struct json_edit lb_edits[2];
	size_t lb_count = 0;

	start(r);
	if (reply->error != NULL) {
		set_error(r, reply->error, reply->message);
		buf_adds(&r->response, "null");
	} else {
		judge(r, reply);
		make_response(r, reply);
	}
	buf_addn(&r->ms, (uint64_t)(reply->elapsed + CLOCK_MS / 2) / (uint64_t)CLOCK_MS);
	lb_edits[lb_count++] = (struct json_edit){"ms", text_of(&r->ms)};
	if (provider_ratelimit(&r->ratelimit, reply->headers.at, reply->headers.length, wall)) {
		lb_edits[lb_count++] = (struct json_edit){"ratelimit", text_of(&r->ratelimit)};
		if (r->code.length > 0)
			json_number(json_get(text_of(&r->ratelimit), "retry_after"),
				    &r->retry_after);
	} else if (request->lb.at != NULL) {
		/* What a former answer said holds no more. */
		lb_edits[lb_count++] = (struct json_edit){"ratelimit", {NULL, 0}};
	}
	make_result(r, out, request, id, lb_edits, lb_count);
}

/* What is said beside a response: {"code","message"}, or what a server that gave no response body
 * would have put into one; or only words. Returns whether it is an error. */
static bool take_error(struct reply *r, struct json_span error)
{
	struct json_span code = json_get(error, "code");

	if (provider_error(error, NULL, &r->code, &r->message))
		return true;
	if (json_type(code) == JSON_STRING)
		json_unescape(&r->code, code);
	if (json_type(error) == JSON_STRING)
		json_unescape(&r->message, error);
	return json_is_set(error) && error.at[0] != 'f';
}

void reply_batched(struct reply *r, struct buf *out, const struct record *request,
		   const struct reply_batched *answer, struct json_span id)
{
	struct json_edit batch = {"batch", JSON_LITERAL("true")};
	bool carries = false;

	start(r);
	if (json_is_set(answer->body)) {
		r->json = answer->body;
		carries = provider_error(r->json, NULL, &r->code, &r->message);
	}
	if (!carries)
		carries = take_error(r, answer->error);
	if (r->json.at == NULL && !carries && (answer->status == 0 || is_success(answer->status))) {
		set_error(r, "bad_response", "the batch's results have no answer to the request");
		carries = true;
	}
	judge_json(r, answer->status != 0 ? answer->status : 200, carries);
	if (answer->status != 0) {
		begin_response(r, answer->status);
		if (answer->request_id.at != NULL)
			buf_add(&r->response, answer->request_id.at, answer->request_id.length);
		else
			buf_adds(&r->response, "null");
		end_response(r);
	} else {
		buf_adds(&r->response, "null");
	}
	make_result(r, out, request, id, &batch, 1);
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
