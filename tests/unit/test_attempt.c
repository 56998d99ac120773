/* A record between its attempts: what leaves, what is sent again, and what is remembered. */
#include "attempt.h"
#include "buf.h"
#include "tap.h"

static struct json_span span(const char *text)
{
	return (struct json_span){text, strlen(text)};
}

static struct record parsed(const char *text)
{
	struct line line = {text, strlen(text), 1, strlen(text)};
	struct record r;

	record_parse(&r, &line, false);
	return r;
}

/* What an attempt on the request leaves, with that state before. */
static void check_line(struct attempt *a, const char *result, const char *request, bool rejected,
		       const char *want, const char *name)
{
	struct record r = parsed(result);
	struct buf out = {0};

	attempt_line(&out, a, &r, span(request), rejected);
	tap_is(buf_string(&out), want, "%s", name);
	buf_free(&out);
}

static void test_lines(void)
{
	struct attempt a = {.state.attempts = 1};

	check_line(&a, "{\"body\":{\"model\":\"m\"}, \"response\":{}}", "{}", false,
		   "{\"body\":{\"model\":\"m\"}, \"response\":{},\"lb\":{\"attempts\":1}}",
		   "the result gets lb.attempts");
	check_line(&a, "{\"lb\":{\"cost\":0.10},\"error\":{}}", "{}", false,
		   "{\"lb\":{\"cost\":0.10,\"attempts\":1},\"error\":{}}",
		   "one cost stays as it is written");
	a.state.attempts = 2;
	check_line(&a, "{\"lb\":{\"cost\":0.20},\"error\":{}}", "{}", false,
		   "{\"lb\":{\"cost\":0.3,\"attempts\":2},\"error\":{}}", "two are added up");
	check_line(&a, "{\"error\":{}}", "{}", false,
		   "{\"error\":{},\"lb\":{\"attempts\":2,\"cost\":0.3}}",
		   "a result without a cost has that of the attempts before");
	tap_int(a.state.cost, 300000000, "the sum is remembered");
	check_line(&a, "{\"lb\":{\"cost\":-1}}", "{}", false,
		   "{\"lb\":{\"cost\":0.3,\"attempts\":2}}", "what is no cost is replaced");

	struct attempt priced = {.state.attempts = 3, .state.cost = 5};
	check_line(&priced, "{\"lb\":{\"cost\":1.0}}", "{\"lb\":{\"cost\":1.0}}", false,
		   "{\"lb\":{\"cost\":1.0,\"attempts\":3}}", "a cost that the request had stays");

	struct attempt plain = {.state.attempts = 1};
	check_line(&plain, "{\"error\":null,\"response\":{\"body\":1.0}}", "{}", true,
		   "{\"error\":{\"code\":\"not_ok\",\"message\":\"the answer is not as --ok wants "
		   "it\"},\"response\":{\"body\":1.0},\"lb\":{\"attempts\":1}}",
		   "an answer that is not wanted keeps its response");
}

/* Change the model there and back. */
static void there_and_back(const char *request, const char *changed)
{
	struct attempt a = {.state = {.attempts = 1, .model = 1}};
	struct buf out = {0}, back = {0};

	attempt_change_model(&out, &a, span(request), span("\"new\""), false);
	tap_is(buf_string(&out), changed, "another model in %s", request);
	struct record r = parsed(buf_string(&out));
	attempt_line(&back, &a, &r, span(request), false);
	const char *end = ",\"lb\":{\"attempts\":1}}";
	if (back.length > strlen(end))
		back.length -= strlen(end);
	tap_bytes(back.data, back.length, request, strlen(request) - 1,
		  "its result has the request's own bytes");
	buf_free(&out);
	buf_free(&back);
}

static void test_models(void)
{
	there_and_back("{\"body\":{\"model\":\"old\"}}", "{\"body\":{\"model\":\"new\"}}");
	there_and_back("{\"params\":{\"model\":\"old\"}}", "{\"params\":{\"model\":\"new\"}}");
	there_and_back("{\"a\":1.0,\"body\" : { \"x\":1e400, \"model\" :\"o\\u006cd\" } }",
		       "{\"a\":1.0,\"body\" : { \"x\":1e400, \"model\" :\"new\" } }");
	there_and_back("{\"body\":{\"model\":\"one\",\"model\":7}}",
		       "{\"body\":{\"model\":\"one\",\"model\":\"new\"}}");
	there_and_back("{\"body\":{\"x\":1}}", "{\"body\":{\"x\":1,\"model\":\"new\"}}");
	there_and_back("{\"body\":{}}", "{\"body\":{\"model\":\"new\"}}");

	struct attempt a = {.model = span("\"own\"")};
	struct buf out = {0};
	attempt_change_model(&out, &a, span("{\"body\":{\"model\":\"second\"}}"), span("\"third\""),
			     true);
	tap_bytes(a.model.at, a.model.length, "\"own\"", 5, "the own model stays known");
	buf_clear(&out);
	attempt_change_model(&out, &a, span("{\"custom_id\":\"item\"}"), span("\"m\""), true);
	tap_is(buf_string(&out), "{\"custom_id\":\"item\"}", "no body, no model");
	buf_free(&out);
}

static void test_notes(void)
{
	struct attempt a = {.state = {.attempts = 3, .cost = 7, .granted = true},
			    .model = span("\"m\"")};
	struct attempt back;
	struct buf note = {0};

	attempt_note(&note, &a);
	attempt_read(&back, note.data, note.length);
	tap_ok(back.state.attempts == 3 && back.state.cost == 7 && back.state.granted,
	       "the state comes back");
	tap_bytes(back.model.at, back.model.length, "\"m\"", 3, "the model comes back");
	buf_clear(&note);
	a.model = (struct json_span){NULL, 0};
	attempt_note(&note, &a);
	attempt_read(&back, note.data, note.length);
	tap_ok(back.model.at == NULL, "no model comes back as none");
	buf_clear(&note);

	attempt_join(&note, span("{\"a\":[1]}"), span("{\"b\":{}}"));
	struct json_span joined = {note.data, note.length};
	struct json_span request = attempt_request(joined), result = attempt_result(joined);
	tap_bytes(request.at, request.length, "{\"a\":[1]}", 9, "the request is found again");
	tap_bytes(result.at, result.length, "{\"b\":{}}", 8, "the result is found again");
	buf_free(&note);
}

int main(void)
{
	test_lines();
	test_models();
	test_notes();
	return tap_done();
}
