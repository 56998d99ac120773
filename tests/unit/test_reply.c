#include "buf.h"
#include "clock.h"
#include "reply.h"
#include "tap.h"

#include <stdlib.h>

/* 1970-01-01T00:16:40Z */
#define WALL (1000 * CLOCK_SEC)

/* 1.5 ms, which are rounded to 2. */
#define ELAPSED (CLOCK_MS + CLOCK_MS / 2)

static struct json_span span(const char *text)
{
	return (struct json_span){text, text != NULL ? strlen(text) : 0};
}

/* The result of a request, and two common shapes of it. */
#define RESULT(response, error, lb)                                                                \
	"{\"custom_id\":\"a\",\"body\":{},\"id\":\"i\",\"response\":" response ",\"error\":" error \
	",\"lb\":{\"ms\":2" lb "}}"
#define OK(body) RESULT("{\"status_code\":200,\"request_id\":null,\"body\":" body "}", "null", "")
#define BAD(status, body, error) \
	RESULT("{\"status_code\":" status ",\"request_id\":null,\"body\":" body "}", error, "")

static const struct reply_case {
	const char *name;
	long status;
	const char *type, *headers, *body, *want;
	bool failed;
} cases[] = {
    {"a good answer", 200, "application/json", "", "{\"a\": 1.0}", OK("{\"a\": 1.0}"), false},
    {"the type does not matter", 200, "text/html", "", "{}", OK("{}"), false},
    {"no type", 200, "", "", "{}", OK("{}"), false},
    {"any status of success", 299, "", "", "{}",
     RESULT("{\"status_code\":299,\"request_id\":null,\"body\":{}}", "null", ""), false},
    {"white space around", 200, "", "", " \r\n{ }\n", OK("{ }"), false},
    {"a byte-order mark", 200, "", "", "\xef\xbb\xbf{\"a\":1}", OK("{\"a\":1}"), false},
    {"several lines", 200, "", "", "{\n \"a\\n b\" :\r\n [1, 2]}", OK("{\"a\\n b\":[1,2]}"), false},
    {"only CR", 200, "", "", "{\r}", OK("{}"), false},
    {"no object", 200, "", "", "null", OK("null"), false},
    {"error null", 200, "", "", "{\"error\":null}", OK("{\"error\":null}"), false},
    {"x-request-id", 200, "", "x-request-id: req_1\r\n", "{}",
     RESULT("{\"status_code\":200,\"request_id\":\"req_1\",\"body\":{}}", "null", ""), false},
    {"request-id", 200, "", "Request-Id:  req \"2\" \r\n", "{}",
     RESULT("{\"status_code\":200,\"request_id\":\"req \\\"2\\\"\",\"body\":{}}", "null", ""),
     false},
    {"limits", 200, "", "x-ratelimit-limit-requests: 10\r\n", "{}",
     RESULT("{\"status_code\":200,\"request_id\":null,\"body\":{}}", "null",
	    ",\"ratelimit\":{\"limit_requests\":10}"),
     false},

    {"HTML", 200, "text/html", "", "<b>\n",
     BAD("200", "null",
	 "{\"code\":\"bad_response\",\"message\":\"the response is not "
	 "JSON\",\"body\":\"<b>\\n\"}"),
     true},
    {"nothing", 200, "", "", "",
     BAD("200", "null",
	 "{\"code\":\"bad_response\",\"message\":\"the response is not JSON\",\"body\":\"\"}"),
     true},
    {"nothing at NULL", 204, "", "", NULL,
     BAD("204", "null",
	 "{\"code\":\"bad_response\",\"message\":\"the response is not JSON\",\"body\":\"\"}"),
     true},
    {"not UTF-8", 200, "", "", "\"\xff\"",
     BAD("200", "null",
	 "{\"code\":\"bad_response\",\"message\":\"the response is not JSON\",\"body\":"
	 "\"\\\"\xef\xbf\xbd\\\"\"}"),
     true},
    {"half", 200, "", "", "{\"a\":",
     BAD("200", "null",
	 "{\"code\":\"bad_response\",\"message\":\"the response is not JSON\",\"body\":"
	 "\"{\\\"a\\\":\"}"),
     true},
    {"an error with a code, success", 200, "", "", "{\"error\":{\"code\":\"c\",\"message\":\"m\"}}",
     BAD("200", "{\"error\":{\"code\":\"c\",\"message\":\"m\"}}",
	 "{\"code\":\"c\",\"message\":\"m\"}"),
     true},
    {"an error without a code, success", 200, "", "", "{\"error\":{\"message\":\"m\"}}",
     BAD("200", "{\"error\":{\"message\":\"m\"}}",
	 "{\"code\":\"error_in_response\",\"message\":\"m\"}"),
     true},
    {"an error with nothing, success", 200, "", "", "{\"error\":{}}",
     BAD("200", "{\"error\":{}}",
	 "{\"code\":\"error_in_response\",\"message\":\"the response has an error\"}"),
     true},
    {"a number for a code", 200, "", "", "{\"error\":{\"code\":502,\"message\":\"m\"}}",
     BAD("200", "{\"error\":{\"code\":502,\"message\":\"m\"}}",
	 "{\"code\":\"http_502\",\"message\":\"m\"}"),
     true},
    {"OpenAI's error", 429, "", "", "{\"error\":{\"message\":\"m\",\"type\":\"t\",\"code\":\"c\"}}",
     BAD("429", "{\"error\":{\"message\":\"m\",\"type\":\"t\",\"code\":\"c\"}}",
	 "{\"code\":\"c\",\"message\":\"m\"}"),
     true},
    {"Anthropic's error", 529, "", "",
     "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}",
     BAD("529", "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}",
	 "{\"code\":\"overloaded_error\",\"message\":\"m\"}"),
     true},
    {"JSON that is no error", 500, "", "", "{\"a\":1}",
     BAD("500", "{\"a\":1}", "{\"code\":\"http_500\",\"message\":\"HTTP status 500\"}"), true},
    {"no JSON", 502, "", "", "oops",
     BAD("502", "null",
	 "{\"code\":\"http_502\",\"message\":\"HTTP status 502\",\"body\":\"oops\"}"),
     true},
    {"a redirect", 302, "", "", "",
     BAD("302", "null",
	 "{\"code\":\"http_302\",\"message\":\"HTTP status 302; redirects are not followed\","
	 "\"body\":\"\"}"),
     true},
    {"a redirect with JSON", 307, "", "", "{}",
     BAD("307", "{}",
	 "{\"code\":\"http_307\",\"message\":\"HTTP status 307; redirects are not followed\"}"),
     true},
    {"a stream that ends early", 200, "text/event-stream; x", "", "data: {\"choices\":[]}\n\n",
     BAD("200", "null",
	 "{\"code\":\"bad_stream\",\"message\":\"stream ended early\",\"body\":"
	 "\"data: {\\\"choices\\\":[]}\\n\\n\"}"),
     true},
    {"a stream with an error", 200, "TEXT/EVENT-STREAM", "",
     "data: {\"error\":{\"code\":\"c\",\"message\":\"m\"}}\n\n",
     BAD("200", "{\"error\":{\"code\":\"c\",\"message\":\"m\"}}",
	 "{\"code\":\"c\",\"message\":\"m\"}"),
     true},
};

static void parse(struct record *r, const char *text)
{
	struct line line = {text, strlen(text), 1, strlen(text)};
	record_parse(r, &line, false);
}

static void check(const struct reply_case *c)
{
	struct buf out = {0};
	struct record r;
	struct reply outcome = {0};
	struct json_error problem;
	struct http_reply reply = {
	    .status = c->status,
	    .headers = span(c->headers),
	    .body = span(c->body),
	    .type = c->type,
	    .elapsed = ELAPSED,
	};

	parse(&r, "{\"custom_id\":\"a\",\"body\":{}}");
	reply_result(&outcome, &out, &r, &reply, span("\"i\""), WALL);
	tap_is(buf_string(&out), c->want, "%s", c->name);
	tap_int(outcome.failed, c->failed, "%s: failed, or not", c->name);
	tap_int(json_check(out.data, out.length, NULL, NULL, 0, &problem), 0, "%s: is JSON",
		c->name);
	tap_ok(memchr(out.data, '\n', out.length) == NULL, "%s: is one line", c->name);
	buf_free(&out);
	reply_free(&outcome);
}

static void test_transport(void)
{
	struct buf out = {0};
	struct record r;
	struct reply outcome = {0};
	struct http_reply reply = {.error = "connection_lost",
				   .message = "it \"broke\"",
				   .status = 200,
				   .headers = span("retry-after: 5\r\n"),
				   .body = span("{\"half\":"),
				   .type = "application/json",
				   .elapsed = 0};

	parse(&r, "{\"id\":\"mine\",\"lb\":{\"cost\":0.10},\"error\":null,\"body\":{}}");
	reply_result(&outcome, &out, &r, &reply, span("\"i\""), WALL);
	tap_is(
	    buf_string(&out),
	    "{\"id\":\"mine\",\"lb\":{\"cost\":0.10,\"ms\":0,\"ratelimit\":{\"retry_after\":5}},"
	    "\"error\":{\"code\":\"connection_lost\",\"message\":\"it \\\"broke\\\"\"},\"body\":{},"
	    "\"response\":null}",
	    "no whole answer: response is null, the id and other entries of lb stay");
	tap_ok(outcome.failed, "and has failed");
	buf_free(&out);
	reply_free(&outcome);
}

static void test_former_limits(void)
{
	struct reply outcome = {0};
	struct buf out = {0};
	struct record r;
	struct http_reply reply = {.status = 200, .body = span("{}"), .type = "application/json"};

	parse(&r, "{\"id\":\"i\",\"lb\":{\"ratelimit\":{\"remaining_requests\":9},\"x\":1},"
		  "\"body\":{}}");
	reply_result(&outcome, &out, &r, &reply, span("\"i\""), WALL);
	tap_is(buf_string(&out),
	       "{\"id\":\"i\",\"lb\":{\"x\":1,\"ms\":0},\"body\":{},\"response\":"
	       "{\"status_code\":200,\"request_id\":null,\"body\":{}},\"error\":null}",
	       "limits that a former answer told are gone");
	buf_free(&out);
	reply_free(&outcome);
}

static void test_retry_after(void)
{
	static const struct {
		const char *headers;
		double want;
	} delays[] = {
	    {"", -1},
	    {"x-ratelimit-limit-requests: 5\r\n", -1},
	    {"retry-after: 7\r\n", 7},
	    {"Retry-After: 0\r\n", 0},
	    {"retry-after: 7\r\nretry-after-ms: 250\r\n", 0.25},
	    {"retry-after: Thu, 01 Jan 1970 00:17:00 GMT\r\n", 20},
	    {"retry-after: soon\r\n", -1},
	};

	for (size_t i = 0; i < sizeof delays / sizeof *delays; i++) {
		struct buf out = {0};
		struct record r;
		struct reply outcome = {0};
		struct http_reply reply = {.status = 429,
					   .headers = span(delays[i].headers),
					   .body = span("{}"),
					   .type = ""};
		parse(&r, "{\"body\":{}}");
		reply_result(&outcome, &out, &r, &reply, span("\"i\""), WALL);
		tap_int((long long)(outcome.retry_after * 1000), (long long)(delays[i].want * 1000),
			"milliseconds to wait: %s", delays[i].headers);
		buf_free(&out);
		reply_free(&outcome);
	}
}

/* One struct reply for all of them, in both directions: nothing of one shows in the next. */
static void test_reuse(void)
{
	size_t count = sizeof cases / sizeof *cases, wrong = 0;
	struct reply outcome = {0};
	struct buf out = {0};

	for (size_t i = 0; i < 2 * count; i++) {
		const struct reply_case *c = &cases[i < count ? i : 2 * count - 1 - i];
		struct record r;
		struct http_reply reply = {.status = c->status,
					   .headers = span(c->headers),
					   .body = span(c->body),
					   .type = c->type,
					   .elapsed = ELAPSED};
		buf_clear(&out);
		parse(&r, "{\"custom_id\":\"a\",\"body\":{}}");
		reply_result(&outcome, &out, &r, &reply, span("\"i\""), WALL);
		wrong += strcmp(buf_string(&out), c->want) != 0 || outcome.failed != c->failed;
	}
	tap_int((long long)wrong, 0, "memory that is used again holds nothing of the last reply");
	buf_free(&out);
	reply_free(&outcome);
}

int main(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check(&cases[i]);
	test_transport();
	test_reuse();
	test_former_limits();
	test_retry_after();
	return tap_done();
}
