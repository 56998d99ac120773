/* answer: a result comes apart into one outcome for each item, by number and never by position. */
#include "answer.h"
#include "buf.h"
#include "record.h"
#include "tap.h"

#include <stdlib.h>

static struct buf outcome;

/* The outcomes for a result, a space between them: "value", or "!code" with "?" if all may be asked
 * again. */
static const char *take(const char *text)
{
	struct line line = {text, strlen(text), 1, strlen(text)};
	struct record r;
	struct answer_set set;

	record_parse(&r, &line, false);
	answer_take(&set, &r, NULL);
	buf_clear(&outcome);
	for (size_t i = 0; i < set.count; i++) {
		if (i > 0)
			buf_addc(&outcome, ' ');
		if (set.items[i].error.at != NULL) {
			buf_addc(&outcome, '!');
			json_text(&outcome, json_get(set.items[i].error, "code"));
		} else {
			buf_add(&outcome, set.items[i].value.at, set.items[i].value.length);
		}
	}
	if (set.again)
		buf_adds(&outcome, " ?");
	answer_free(&set);
	return buf_string(&outcome);
}

#define CHAT(text) \
	"{\"choices\":[{\"message\":{\"content\":\"" text "\"},\"finish_reason\":\"stop\"}]}"
#define RESULT(items, body) \
	"{\"lb\":{\"items\":" items "},\"response\":{\"status_code\":200,\"body\":" body "}}"
#define PACKED(answers) RESULT("[1,2,3]", CHAT("{\\\"answers\\\":[" answers "]}"))
#define A(n, text)      "{\\\"n\\\":" #n ",\\\"answer\\\":\\\"" text "\\\"}"

static void test_take(void)
{
	static const struct {
		const char *result, *want;
	} cases[] = {
	    {RESULT("[1]", CHAT("hi")), "\"hi\""},
	    {RESULT("[]", CHAT("hi")), "\"hi\""},
	    {RESULT("5", CHAT("hi")), "\"hi\""},
	    {RESULT("[1]", "{}"), "!no_answer"},
	    {PACKED(A(1, "a") "," A(2, "b") "," A(3, "c")), "\"a\" \"b\" \"c\""},
	    {PACKED(A(2, "b") "," A(3, "c") "," A(1, "a")), "\"a\" \"b\" \"c\""},
	    {PACKED(A(3, "c")), "!answer_missing !answer_missing \"c\" ?"},
	    {PACKED(A(1, "a") "," A(1, "x") "," A(3, "c")),
	     "!answer_repeated !answer_missing \"c\" ?"},
	    {PACKED("{\\\"n\\\":1}," A(1, "x") "," A(3, "c")),
	     "!answer_repeated !answer_missing \"c\" ?"},
	    {PACKED(A(1, "a") "," A(2, "b") "," A(3, "c") "," A(4, "d")),
	     "!answers_surplus !answers_surplus !answers_surplus ?"},
	    {PACKED(A(0, "a")), "!answers_surplus !answers_surplus !answers_surplus ?"},
	    {PACKED(A(-1, "a")), "!answers_surplus !answers_surplus !answers_surplus ?"},
	    {RESULT("[1,2]", CHAT("no")), "!bad_answer !bad_answer ?"},
	    {RESULT("[1,2]", "{}"), "!no_answer !no_answer ?"},
	    {"{\"lb\":{\"items\":[1,2]},\"error\":{\"code\":\"http_500\"}}", "!http_500 !http_500"},
	    {RESULT("[1,2]", "{\"data\":[{\"index\":1,\"embedding\":[2]},{\"index\":0,"
			     "\"embedding\":[1]}]}"),
	     "[1] [2]"},
	    {RESULT("[1,2]", "{\"data\":[{\"index\":1,\"embedding\":[2]}]}"),
	     "!answer_missing [2]"},
	    {RESULT("[1,2]", "{\"data\":[{\"index\":1,\"embedding\":[2]},{\"index\":1,"
			     "\"embedding\":[3]},{\"index\":-1,\"embedding\":[4]}]}"),
	     "!answer_missing !answer_repeated"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		tap_is(take(cases[i].result), cases[i].want, "%s", cases[i].result);
}

static void test_line(void)
{
	static const struct {
		const char *item, *value, *error, *want;
	} cases[] = {
	    {"{\"a\": 1}", "2", NULL, "{\"a\": 1,\"answer\":2}"},
	    {"{}", "\"x\"", NULL, "{\"answer\":\"x\"}"},
	    {"{\"answer\" : 0, \"b\":1}", "2", NULL, "{\"answer\" : 2, \"b\":1}"},
	    {"{\"a\": 1}", NULL, "{\"code\":\"c\"}", "{\"a\": 1,\"error\":{\"code\":\"c\"}}"},
	    {"[1, 2]", "3", NULL, "{\"item\":[1, 2],\"answer\":3}"},
	    {"null", "3", NULL, "{\"item\":null,\"answer\":3}"},
	    {NULL, "3", NULL, "{\"custom_id\":\"id\",\"answer\":3}"},
	    {"{\"error\":{\"code\":\"c\"},\"a\":1}", "3", NULL, "{\"a\":1,\"answer\":3}"},
	    {"{\"error\":\"own\"}", "3", NULL, "{\"error\":\"own\",\"answer\":3}"},
	    {"{\"error\":{\"code\":5}}", "3", NULL, "{\"error\":{\"code\":5},\"answer\":3}"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *texts[] = {cases[i].item, cases[i].value, cases[i].error};
		struct json_span spans[3];
		for (size_t j = 0; j < 3; j++)
			spans[j] = (struct json_span){texts[j], texts[j] ? strlen(texts[j]) : 0};
		struct answer_item a = {spans[0], spans[1], spans[2]};
		buf_clear(&outcome);
		answer_line(&outcome, &a, JSON_LITERAL("\"id\""), "answer");
		tap_is(buf_string(&outcome), cases[i].want, "%s", cases[i].want);
	}
}

static void test_failure(void)
{
	static const struct {
		const char *error;
		bool want;
	} cases[] = {
	    {"{\"code\":\"http_500\",\"message\":\"m\"}", true},
	    {"{\"c\\u006fde\":\"\"}", true},
	    {"{\"code\":500}", false},
	    {"{\"code\":null}", false},
	    {"{\"message\":\"m\"}", false},
	    {"{}", false},
	    {"\"code\"", false},
	    {"[\"code\"]", false},
	    {"7", false},
	    {"null", false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct json_span error = {cases[i].error, strlen(cases[i].error)};
		tap_int(answer_is_failure(error), cases[i].want, "%s is a failure, or not",
			cases[i].error);
	}
	tap_ok(!answer_is_failure((struct json_span){NULL, 0}), "none is none");
}

int main(void)
{
	test_take();
	test_line();
	test_failure();
	buf_free(&outcome);
	return tap_done();
}
