/* What the lines of a Batch API's results make of the requests. */
#include "batch_api.h"
#include "buf.h"
#include "record.h"
#include "reply.h"
#include "tap.h"

static struct json_span span(const char *text)
{
	return (struct json_span){text, strlen(text)};
}

static void parse(struct record *r, const char *text)
{
	struct line line = {text, strlen(text), 1, strlen(text)};

	record_parse(r, &line, false);
}

/* The result of the request {"custom_id":"a","body":{}}. */
#define RESULT(id, response, error)                                                 \
	"{\"custom_id\":\"a\",\"body\":{},\"id\":\"" id "\",\"response\":" response \
	",\"error\":" error ",\"lb\":{\"batch\":true}}"
#define RESPONSE(status, id, body) \
	"{\"status_code\":" status ",\"request_id\":" id ",\"body\":" body "}"
#define ERROR(code, message) "{\"code\":\"" code "\",\"message\":\"" message "\"}"
#define NO_ANSWER            ERROR("bad_response", "the batch's results have no answer to the request")

/* Lines of OpenAI's and those like it. */
#define OPENAI(response, error)                                                                    \
	"{\"id\":\"batch_req_1\",\"custom_id\":\"0-a\",\"response\":" response ",\"error\":" error \
	"}"
#define OPENAI_RESULT(response, error) RESULT("batch_req_1", response, error)

/* Lines of Anthropic's. */
#define ANTHROPIC(result) "{\"custom_id\":\"0-a\",\"result\":" result "}"
#define ERRORED(type)                                                              \
	"{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"m\"}," \
	"\"request_id\":\"req_1\"}"

static const struct line_case {
	const char *name;
	enum target_style style;
	const char *line, *want;
	enum batch_api_outcome outcome;
} cases[] = {
    {"a good answer", TARGET_OPENAI, OPENAI(RESPONSE("200", "\"req_1\"", "{ \"n\": 1.0 }"), "null"),
     OPENAI_RESULT(RESPONSE("200", "\"req_1\"", "{ \"n\": 1.0 }"), "null"), BATCH_API_GOOD},
    {"no error member", TARGET_OPENAI,
     "{\"custom_id\":\"0-a\",\"response\":{\"status_code\":200,\"body\":{}}}",
     RESULT("0-a", RESPONSE("200", "null", "{}"), "null"), BATCH_API_GOOD},
    {"no status", TARGET_OPENAI, OPENAI("{\"body\":{}}", "null"),
     OPENAI_RESULT(RESPONSE("200", "null", "{}"), "null"), BATCH_API_GOOD},
    {"error false", TARGET_OPENAI, OPENAI(RESPONSE("200", "null", "{}"), "false"),
     OPENAI_RESULT(RESPONSE("200", "null", "{}"), "null"), BATCH_API_GOOD},
    {"an id that is no string", TARGET_OPENAI,
     "{\"id\":7,\"custom_id\":\"0-a\",\"response\":{\"status_code\":200,\"body\":{}}}",
     RESULT("0-a", RESPONSE("200", "null", "{}"), "null"), BATCH_API_GOOD},
    {"HTTP error with a code", TARGET_OPENAI,
     OPENAI(RESPONSE("400", "\"r\"", "{\"error\":{\"code\":\"c\",\"message\":\"m\"}}"), "null"),
     OPENAI_RESULT(RESPONSE("400", "\"r\"", "{\"error\":{\"code\":\"c\",\"message\":\"m\"}}"),
		   ERROR("c", "m")),
     BATCH_API_BAD},
    {"HTTP error without a code", TARGET_OPENAI,
     OPENAI(RESPONSE("500", "\"r\"", "{\"error\":{\"message\":\"m\"}}"), "null"),
     OPENAI_RESULT(RESPONSE("500", "\"r\"", "{\"error\":{\"message\":\"m\"}}"),
		   ERROR("http_500", "m")),
     BATCH_API_BAD},
    {"HTTP error without anything", TARGET_OPENAI,
     OPENAI(RESPONSE("503", "\"\"", "\"busy\""), "null"),
     OPENAI_RESULT(RESPONSE("503", "\"\"", "\"busy\""), ERROR("http_503", "HTTP status 503")),
     BATCH_API_BAD},
    {"an error in a success", TARGET_OPENAI,
     OPENAI(RESPONSE("200", "null", "{\"error\":{\"message\":\"m\"}}"), "null"),
     OPENAI_RESULT(RESPONSE("200", "null", "{\"error\":{\"message\":\"m\"}}"),
		   ERROR("error_in_response", "m")),
     BATCH_API_BAD},
    {"an error beside a success", TARGET_OPENAI,
     OPENAI(RESPONSE("200", "null", "{}"), ERROR("c", "m")),
     OPENAI_RESULT(RESPONSE("200", "null", "{}"), ERROR("c", "m")), BATCH_API_BAD},
    {"expired", TARGET_OPENAI, OPENAI("null", ERROR("batch_expired", "too late")),
     OPENAI_RESULT("null", ERROR("batch_expired", "too late")), BATCH_API_AGAIN},
    {"cancelled", TARGET_OPENAI, OPENAI("null", ERROR("batch_cancelled", "stopped")),
     OPENAI_RESULT("null", ERROR("batch_cancelled", "stopped")), BATCH_API_AGAIN},
    {"expired, with a hollow response", TARGET_OPENAI,
     OPENAI(RESPONSE("0", "\"\"", "null"), ERROR("batch_expired", "too late")),
     OPENAI_RESULT("null", ERROR("batch_expired", "too late")), BATCH_API_AGAIN},
    {"expired, but answered", TARGET_OPENAI,
     OPENAI(RESPONSE("200", "null", "{}"), ERROR("batch_expired", "m")),
     OPENAI_RESULT(RESPONSE("200", "null", "{}"), ERROR("batch_expired", "m")), BATCH_API_BAD},
    {"another error", TARGET_OPENAI, OPENAI("null", ERROR("c", "m")),
     OPENAI_RESULT("null", ERROR("c", "m")), BATCH_API_BAD},
    {"a code only", TARGET_OPENAI, OPENAI("null", "{\"code\":\"batch_expired\"}"),
     OPENAI_RESULT("null", ERROR("batch_expired", "the response has an error")), BATCH_API_AGAIN},
    {"neither", TARGET_OPENAI, OPENAI("null", "null"), OPENAI_RESULT("null", NO_ANSWER),
     BATCH_API_BAD},
    {"only an id", TARGET_OPENAI, "{\"custom_id\":\"0-a\"}", RESULT("0-a", "null", NO_ANSWER),
     BATCH_API_BAD},
    {"a success without a body", TARGET_OPENAI, OPENAI(RESPONSE("200", "null", "null"), "null"),
     OPENAI_RESULT(RESPONSE("200", "null", "null"), NO_ANSWER), BATCH_API_BAD},
    {"a status that is none", TARGET_OPENAI, OPENAI(RESPONSE("1000", "null", "{}"), "null"),
     OPENAI_RESULT("null", NO_ANSWER), BATCH_API_BAD},
    {"vLLM: words", TARGET_OPENAI, OPENAI(RESPONSE("400", "\"r\"", "null"), "\"bad url\""),
     OPENAI_RESULT(RESPONSE("400", "\"r\"", "null"), ERROR("http_400", "bad url")), BATCH_API_BAD},
    {"vLLM: an error object", TARGET_OPENAI,
     OPENAI(RESPONSE("400", "\"r\"", "null"),
	    "{\"object\":\"error\",\"message\":\"m\",\"type\":\"BadRequestError\",\"code\":400}"),
     OPENAI_RESULT(RESPONSE("400", "\"r\"", "null"), ERROR("http_400", "m")), BATCH_API_BAD},
    {"vLLM: an error in an error", TARGET_OPENAI,
     OPENAI(RESPONSE("404", "\"r\"", "null"),
	    "{\"error\":{\"message\":\"m\",\"type\":\"NotFoundError\",\"code\":404}}"),
     OPENAI_RESULT(RESPONSE("404", "\"r\"", "null"), ERROR("http_404", "m")), BATCH_API_BAD},
    {"vLLM: words beside a success", TARGET_OPENAI,
     OPENAI(RESPONSE("200", "\"r\"", "null"), "\"m\""),
     OPENAI_RESULT(RESPONSE("200", "\"r\"", "null"), ERROR("error_in_response", "m")),
     BATCH_API_BAD},

    {"succeeded", TARGET_ANTHROPIC,
     ANTHROPIC("{\"type\":\"succeeded\",\"message\":{\"type\":\"message\",\"id\":\"msg_1\"}}"),
     RESULT("0-a", RESPONSE("200", "null", "{\"type\":\"message\",\"id\":\"msg_1\"}"), "null"),
     BATCH_API_GOOD},
    {"succeeded without a message", TARGET_ANTHROPIC, ANTHROPIC("{\"type\":\"succeeded\"}"),
     RESULT("0-a", RESPONSE("200", "null", "null"), NO_ANSWER), BATCH_API_BAD},
    {"expired", TARGET_ANTHROPIC, ANTHROPIC("{\"type\":\"expired\"}"),
     RESULT("0-a", "null",
	    ERROR("batch_expired", "the batch expired before this request was begun")),
     BATCH_API_AGAIN},
    {"canceled", TARGET_ANTHROPIC, ANTHROPIC("{\"type\":\"canceled\"}"),
     RESULT("0-a", "null",
	    ERROR("batch_cancelled", "the batch was cancelled before this request was begun")),
     BATCH_API_AGAIN},
    {"of a type that nobody knows", TARGET_ANTHROPIC, ANTHROPIC("{\"type\":\"novel\"}"),
     RESULT("0-a", "null", NO_ANSWER), BATCH_API_BAD},
    {"no result", TARGET_ANTHROPIC, ANTHROPIC("null"), RESULT("0-a", "null", NO_ANSWER),
     BATCH_API_BAD},
    {"errored without an error", TARGET_ANTHROPIC, ANTHROPIC("{\"type\":\"errored\"}"),
     RESULT("0-a", RESPONSE("500", "null", "null"), ERROR("http_500", "HTTP status 500")),
     BATCH_API_BAD},
};

/* Append the result of a line for a request; -1 if it is no line. */
static int result(struct buf *out, struct reply *r, const char *request, enum target_style style,
		  const char *text)
{
	struct batch_api_line l;
	struct record record;
	const char *problem;

	parse(&record, request);
	buf_clear(out);
	if (batch_api_line(&l, style, span(text), &problem) < 0)
		return -1;
	return (int)batch_api_result(r, out, &record, &l);
}

/* With memory that all share, in both directions: nothing of one shows in the next. */
static void test_results(void)
{
	size_t count = sizeof cases / sizeof *cases;
	struct reply r = {0};
	struct buf out = {0};

	for (size_t i = 0; i < 2 * count; i++) {
		const struct line_case *c = &cases[i < count ? i : 2 * count - 1 - i];
		int outcome =
		    result(&out, &r, "{\"custom_id\":\"a\",\"body\":{}}", c->style, c->line);
		tap_is(buf_string(&out), c->want, "%s", c->name);
		tap_int(outcome, (int)c->outcome, "%s: its outcome", c->name);
	}
	buf_free(&out);
	reply_free(&r);
}

static void test_statuses(void)
{
	static const struct {
		const char *line;
		long long status;
	} types[] = {
	    {ANTHROPIC("{\"type\":\"errored\",\"error\":" ERRORED("invalid_request_error") "}"),
	     400},
	    {ANTHROPIC("{\"type\":\"errored\",\"error\":" ERRORED("authentication_error") "}"),
	     401},
	    {ANTHROPIC("{\"type\":\"errored\",\"error\":" ERRORED("billing_error") "}"), 402},
	    {ANTHROPIC("{\"type\":\"errored\",\"error\":" ERRORED("permission_error") "}"), 403},
	    {ANTHROPIC("{\"type\":\"errored\",\"error\":" ERRORED("not_found_error") "}"), 404},
	    {ANTHROPIC("{\"type\":\"errored\",\"error\":" ERRORED("request_too_large") "}"), 413},
	    {ANTHROPIC("{\"type\":\"errored\",\"error\":" ERRORED("rate_limit_error") "}"), 429},
	    {ANTHROPIC("{\"type\":\"errored\",\"error\":" ERRORED("api_error") "}"), 500},
	    {ANTHROPIC("{\"type\":\"errored\",\"error\":" ERRORED("timeout_error") "}"), 504},
	    {ANTHROPIC("{\"type\":\"errored\",\"error\":" ERRORED("overloaded_error") "}"), 529},
	    {ANTHROPIC("{\"type\":\"errored\",\"error\":" ERRORED("novel_error") "}"), 500},
	};
	struct reply r = {0};
	struct buf out = {0};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		int64_t status = 0;
		int outcome = result(&out, &r, "{\"custom_id\":\"a\",\"body\":{}}",
				     TARGET_ANTHROPIC, types[i].line);
		struct json_span all = {out.data, out.length};
		json_integer(json_path(all, "response", "status_code", NULL), &status);
		tap_int(status, types[i].status, "the status of %s", types[i].line);
		tap_int(outcome, BATCH_API_BAD, "it has failed");
		tap_ok(json_equals(json_path(all, "response", "request_id", NULL), "req_1"),
		       "with its request_id");
		struct json_span type = json_path(all, "response", "body", "error", "type", NULL);
		struct buf code = {0};
		json_text(&code, type);
		tap_ok(code.length > 0 &&
			   json_equals(json_path(all, "error", "code", NULL), buf_string(&code)),
		       "the type is the code");
		tap_ok(json_equals(json_path(all, "error", "message", NULL), "m"), "the message");
		buf_free(&code);
	}
	buf_free(&out);
	reply_free(&r);
}

static void test_members(void)
{
	struct reply r = {0};
	struct buf out = {0};

	result(&out, &r,
	       "{ \"id\":\"mine\",\"n\":12345678901234567890, \"lb\":{\"items\":[1.0],\"batch\":0},"
	       "\"error\":null,\"custom_id\":\"\\u0061\",\"body\":{\"model\":\"m\"} }",
	       TARGET_OPENAI, OPENAI(RESPONSE("200", "null", "{}"), "null"));
	tap_is(buf_string(&out),
	       "{ \"id\":\"mine\",\"n\":12345678901234567890, "
	       "\"lb\":{\"items\":[1.0],\"batch\":true},\"error\":null,"
	       "\"custom_id\":\"\\u0061\",\"body\":{\"model\":\"m\"} ,"
	       "\"response\":{\"status_code\":200,\"request_id\":null,\"body\":{}}}",
	       "the request's bytes stay");
	buf_free(&out);
	reply_free(&r);
}

static void test_lines(void)
{
	static const struct {
		const char *line, *custom_id; /* NULL: no line */
	} lines[] = {
	    {"{\"custom_id\":\"0-a\"}", "\"0-a\""},
	    {" {\"id\":1, \"custom_id\" : \"\\u0030\" }\r", "\"\\u0030\""},
	    {"{\"custom_id\":\"x\",\"custom_id\":\"y\"}", "\"y\""},
	    {"", NULL},
	    {"\xff", NULL},
	    {"{\"custom_id\":\"0-a\"", NULL},
	    {"{\"custom_id\":\"0-a\"}}", NULL},
	    {"{}", NULL},
	    {"[\"custom_id\"]", NULL},
	    {"\"custom_id\"", NULL},
	    {"null", NULL},
	    {"{\"custom_id\":null}", NULL},
	    {"{\"custom_id\":7}", NULL},
	    {"{\"response\":{\"custom_id\":\"0-a\"}}", NULL},
	};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		struct batch_api_line l;
		const char *problem = NULL;
		int got = batch_api_line(&l, TARGET_OPENAI, span(lines[i].line), &problem);
		tap_int(got, lines[i].custom_id != NULL ? 0 : -1, "a line, or not: %s",
			lines[i].line);
		tap_int(problem != NULL, lines[i].custom_id == NULL, "if not, it says why");
		if (got == 0 && lines[i].custom_id != NULL)
			tap_bytes(l.custom_id.at, l.custom_id.length, lines[i].custom_id,
				  strlen(lines[i].custom_id), "its custom_id");
	}
}

int main(void)
{
	test_results();
	test_statuses();
	test_members();
	test_lines();
	return tap_done();
}
