#include "buf.h"
#include "record.h"
#include "tap.h"

#include <stdlib.h>

static struct line line_of(const char *text, size_t n, uint64_t number)
{
	return (struct line){text, n, number, n};
}

static enum record_kind parse(struct record *r, const char *text)
{
	struct line line = line_of(text, strlen(text), 17);
	return record_parse(r, &line, false);
}

static const char *const kind_names[] = {"bad", "item", "request", "result"};

static void test_kinds(void)
{
	static const struct {
		const char *text;
		enum record_kind want;
	} cases[] = {
	    {"{\"body\":{}}", RECORD_REQUEST},
	    {"{\"params\":{}}", RECORD_REQUEST},
	    {"{\"body\":{},\"error\":null,\"response\":null}", RECORD_REQUEST},
	    {"{\"b\\u006fdy\":{}}", RECORD_REQUEST},
	    {"  {\"body\" : {} }\t", RECORD_REQUEST},
	    {"{\"body\":5,\"body\":{}}", RECORD_REQUEST},
	    {"{\"body\":{},\"error\":{},\"error\":null}", RECORD_REQUEST},
	    {"{\"body\":{},\"response\":{}}", RECORD_RESULT},
	    {"{\"response\":{}}", RECORD_RESULT},
	    {"{\"response\":0}", RECORD_RESULT},
	    {"{\"response\":false}", RECORD_RESULT},
	    {"{\"error\":{}}", RECORD_RESULT},
	    {"{\"error\":\"text\"}", RECORD_RESULT},
	    {"{\"body\":{},\"response\":null,\"error\":{\"code\":\"x\"}}", RECORD_RESULT},
	    {"{}", RECORD_ITEM},
	    {"{\"response\":null,\"error\":null}", RECORD_ITEM},
	    {"{\"body\":\"text\"}", RECORD_ITEM},
	    {"{\"body\":[]}", RECORD_ITEM},
	    {"{\"body\":{},\"body\":null}", RECORD_ITEM},
	    {"{\"body\":null,\"params\":{}}", RECORD_ITEM},
	    {"{\"params\":[]}", RECORD_ITEM},
	    {"{\"a\":{\"body\":{}}}", RECORD_ITEM},
	    {"[{\"body\":{}}]", RECORD_ITEM},
	    {"\"body\"", RECORD_ITEM},
	    {"12345678901234567890", RECORD_ITEM},
	    {"null", RECORD_ITEM},
	    {"", RECORD_BAD},
	    {"{", RECORD_BAD},
	    {"{\"body\":{}}}", RECORD_BAD},
	    {"{\"body\":{}} {}", RECORD_BAD},
	    {"{'body':{}}", RECORD_BAD},
	    {"{\"body\":{\"a\":\"\xff\"}}", RECORD_BAD},
	    {"{\"body\":{},}", RECORD_BAD},
	    {"nope", RECORD_BAD},
	};
	struct record r;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		tap_is(kind_names[parse(&r, cases[i].text)], kind_names[cases[i].want],
		       "kind of %s", cases[i].text);
	struct line line = line_of("{\"body\":{}}", 11, 1);
	tap_is(kind_names[record_parse(&r, &line, true)], "bad",
	       "too long a line is bad whatever it is");
}

static void check_span(struct json_span got, const char *want, const char *name)
{
	tap_bytes(got.at, got.at != NULL ? got.length : 0, want, strlen(want), "%s", name);
}

static void test_spans(void)
{
	static const char text[] =
	    "{\"id\":1.0,\"custom_id\": \"a\\u0041\" ,\"url\":\"/x\",\"method\":"
	    "\"POST\",\"lb\":{ \"ms\":1},\"params\":{\"p\":1e400}}";
	struct record r;

	parse(&r, text);
	check_span(r.id, "1.0", "id");
	check_span(r.custom_id, "\"a\\u0041\"", "custom_id, escapes as they are");
	check_span(r.url, "\"/x\"", "url");
	check_span(r.method, "\"POST\"", "method");
	check_span(r.lb, "{ \"ms\":1}", "lb");
	check_span(r.body, "{\"p\":1e400}", "body, of params");
	tap_ok(r.params, "it is called params");
	tap_ok(r.response.at == NULL && r.error.at == NULL, "what is not there is NULL");
	tap_int((long long)r.number, 17, "the line's number");
	check_span(record_lb(&r, "ms"), "1", "an entry of lb");
	tap_ok(record_lb(&r, "no").at == NULL, "one that is not there");

	char *copy = malloc(sizeof text);
	memcpy(copy, text, sizeof text);
	record_move(&r, copy);
	tap_ok(r.body.at == copy + (sizeof text - 1 - 12),
	       "record_move: spans point into the copy");
	tap_ok(r.text.at == copy, "and its text is the copy");
	check_span(r.custom_id, "\"a\\u0041\"", "custom_id in the copy");
	tap_ok(r.error.at == NULL, "what was not there still is not");
	free(copy);

	parse(&r, "{\"body\":{\"b\":1},\"params\":{}}");
	check_span(r.body, "{\"b\":1}", "body goes before params");
	tap_ok(!r.params, "and is not called params");
}

static void test_failed(void)
{
	static const struct {
		const char *text;
		bool want;
	} cases[] = {
	    {"{\"response\":{},\"error\":null}", false},
	    {"{\"response\":{}}", false},
	    {"{\"error\":{}}", true},
	    {"{\"response\":{},\"error\":\"x\"}", true},
	    {"{\"body\":{}}", false},
	    {"[]", false},
	    {"{", true},
	};
	struct record r;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		parse(&r, cases[i].text);
		tap_int(record_failed(&r), cases[i].want, "%s has failed, or not", cases[i].text);
	}
}

static void test_fail(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
	    {"{\"custom_id\":\"a\",\"body\":{\"x\": 1.0}}",
	     "{\"custom_id\":\"a\",\"body\":{\"x\": "
	     "1.0},\"error\":{\"code\":\"c\",\"message\":\"m\\n\"},"
	     "\"response\":null}"},
	    {"{\"error\":null,\"body\":{},\"response\":null,\"z\":1}",
	     "{\"error\":{\"code\":\"c\",\"message\":\"m\\n\"},\"body\":{},\"response\":null,\"z\":"
	     "1}"},
	    {"{\"response\":{\"status_code\":200},\"error\":null}",
	     "{\"response\":{\"status_code\":200},\"error\":{\"code\":\"c\",\"message\":\"m\\n\"}"
	     "}"},
	    {"{\"error\":\"old\"}",
	     "{\"error\":{\"code\":\"c\",\"message\":\"m\\n\"},\"response\":null}"},
	    {"{\"item\":1e400}",
	     "{\"item\":1e400,\"error\":{\"code\":\"c\",\"message\":\"m\\n\"}}"},
	    {"{}", "{\"error\":{\"code\":\"c\",\"message\":\"m\\n\"}}"},
	    {"[1, 2]",
	     "{\"custom_id\":null,\"response\":null,\"error\":{\"code\":\"c\",\"message\":"
	     "\"line 17: m\\n\",\"line\":17,\"raw\":\"[1, 2]\"}}"},
	    {"\"a\\\"b\"",
	     "{\"custom_id\":null,\"response\":null,\"error\":{\"code\":\"c\",\"message\":"
	     "\"line 17: m\\n\",\"line\":17,\"raw\":\"\\\"a\\\\\\\"b\\\"\"}}"},
	    {"oops", "{\"custom_id\":null,\"response\":null,\"error\":{\"code\":\"c\",\"message\":"
		     "\"line 17: m\\n\",\"line\":17,\"raw\":\"oops\"}}"},
	};
	struct buf out = {0};
	struct record r;
	struct json_error problem;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		parse(&r, cases[i].text);
		buf_clear(&out);
		record_fail(&out, &r, "c", "m\n");
		tap_is(buf_string(&out), cases[i].want, "record_fail of %s", cases[i].text);
		tap_int(json_check(out.data, out.length, NULL, NULL, 0, &problem), 0, "is JSON");
	}
	buf_free(&out);
}

static void reject(const char *text, size_t n, uint64_t total, bool too_long, const char *hint,
		   const char *want)
{
	struct buf out = {0};
	struct record r;
	struct line line = {text, n, 3, total};
	struct json_error problem;

	record_parse(&r, &line, too_long);
	record_reject(&out, &r, hint);
	tap_is(buf_string(&out), want, "record_reject of %s", text);
	tap_int(json_check(out.data, out.length, NULL, NULL, 0, &problem), 0, "is JSON");
	buf_free(&out);
}

#define REJECTED "{\"custom_id\":null,\"response\":null,\"error\":{\"code\":\"bad_record\","

static void test_reject(void)
{
	struct buf text = {0};
	struct record r;

	/* "/w==" is the byte FF in base64, "AEE=" is NUL and "A". */
	reject("\xff", 1, 1, false, NULL,
	       REJECTED
	       "\"message\":\"line 3: not JSON: unexpected character at byte 1\",\"line\":3,"
	       "\"raw\":\"\xef\xbf\xbd\",\"raw_base64\":\"/w==\"}}");
	reject("\0A", 2, 2, false, "do this",
	       REJECTED "\"message\":\"line 3: not JSON: unexpected character at byte 1; do this\","
			"\"line\":3,\"raw\":\"\\u0000A\"}}");
	reject("{\"a", 3, 3000, true, NULL,
	       REJECTED "\"message\":\"line 3: longer than --max-line (3000 bytes)\",\"line\":3,"
			"\"raw\":\"{\\\"a\",\"raw_bytes\":3000}}");
	/* The place of the mistake counts from the start of the line, from 1. */
	parse(&r, "{\"a\":1,}");
	tap_int((long long)r.problem.offset, 7, "the mistake in {\"a\":1,} is at its eighth byte");
	record_reject(&text, &r, NULL);
	tap_ok(strstr(buf_string(&text), "at byte 8\"") != NULL, "the message says so");
	buf_free(&text);
}

static void test_set(void)
{
	struct buf out = {0};
	struct record r;
	struct json_edit edits[] = {{"id", JSON_LITERAL("\"i\"")}, {"error", JSON_LITERAL("null")}};
	struct json_edit lb[] = {{"ms", JSON_LITERAL("7")}, {"cost", {NULL, 0}}};
	static const struct {
		const char *text;
		size_t edits, lb_edits;
		const char *want;
	} cases[] = {
	    {"{\"a\": 1.0 ,\"a\":2 }", 2, 0, "{\"a\": 1.0 ,\"a\":2 ,\"id\":\"i\",\"error\":null}"},
	    {"{\"a\":1}", 0, 1, "{\"a\":1,\"lb\":{\"ms\":7}}"},
	    {"{\"lb\":{\"x\": [ ],\"cost\":1,\"y\":1e5},\"a\":1}", 0, 2,
	     "{\"lb\":{\"x\": [ ],\"y\":1e5,\"ms\":7},\"a\":1}"},
	    {"{\"lb\":{\"ms\":1.50,\"z\":2},\"error\":{\"code\":\"old\"}}", 2, 1,
	     "{\"lb\":{\"ms\":7,\"z\":2},\"error\":null,\"id\":\"i\"}"},
	    {"{\"lb\":null}", 0, 1, "{\"lb\":{\"ms\":7}}"},
	    {"{\"lb\":[1]}", 0, 1, "{\"lb\":{\"ms\":7}}"},
	    {"{}", 0, 0, "{}"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		parse(&r, cases[i].text);
		buf_clear(&out);
		record_set(&out, &r, edits, cases[i].edits, lb, cases[i].lb_edits);
		tap_is(buf_string(&out), cases[i].want, "record_set of %s", cases[i].text);
	}
	buf_clear(&out);
	record_error(&out, "c", "a\"\xff\0b", 5);
	tap_is(buf_string(&out), "{\"code\":\"c\",\"message\":\"a\\\"\xef\xbf\xbd\\u0000b\"}",
	       "record_error takes any bytes");
	buf_free(&out);
}

static void test_hints(void)
{
	static const struct {
		const char *text, *want; /* what stands in the hint */
	} cases[] = {
	    {"{", "jq -c ."},
	    {"  {", "jq -c ."},
	    {"{\"a\":", "jq -c ."},
	    {"[", "jq -c '.[]'"},
	    {"[{\"a\":1},", "jq -c '.[]'"},
	    {"[1,2]", "jq -c '.[]'"},
	    {"{\"a\":1,}", NULL},
	    {"{\"a\":1}", NULL},
	    {"\"a\"", NULL},
	    {"", NULL},
	    {"oops", "plain text: put  jq -Rc ."},
	    {"name,price", "plain text: put  jq -Rc ."},
	    {" \t- an item\tof a list", "plain text: put  jq -Rc ."},
	    {"1,Teapot,3.50", "plain text: put  jq -Rc ."},
	    {"\"id\",\"name\"", "plain text: put  jq -Rc ."},
	    {"caf\xc3\xa9", "plain text: put  jq -Rc ."},
	    {"caf\xe9", NULL},
	    {"\x1f\x8b\x08", NULL},
	    {"\x1b[31mred", NULL},
	    {"del\x7f", NULL},
	    {"{'a':1}", NULL},
	};
	static const struct {
		const char *text;
		size_t n;
		const char *want;
	} bytes[] = {
	    {"\xff\xfe{\0\"\0a\0", 8, "UTF-16: put  iconv -f UTF-16 -t UTF-8"},
	    {"\xfe\xff\0{\0\"\0a", 8, "UTF-16: put  iconv -f UTF-16 -t UTF-8"},
	    {"\xff\xfe", 2, "UTF-16: put  iconv -f UTF-16 -t UTF-8"},
	    {"{\0\"\0a\0", 6, "UTF-16: put  iconv -f UTF-16LE -t UTF-8"},
	    {"[\0{\0", 4, "UTF-16: put  iconv -f UTF-16LE -t UTF-8"},
	    {"\0[\0{", 4, "UTF-16: put  iconv -f UTF-16BE -t UTF-8"},
	    {"a\0b", 3, NULL},
	    {"a\0b\0", 3, NULL},
	    {"\0\0\0\0", 4, NULL},
	    {"\0a\0\0", 4, NULL},
	    {"\xff", 1, NULL},
	};
	struct record r;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		parse(&r, cases[i].text);
		const char *hint = record_hint(&r);
		if (cases[i].want == NULL)
			tap_is(hint, NULL, "no hint for '%s'", cases[i].text);
		else
			tap_ok(hint != NULL && strstr(hint, cases[i].want) != NULL, "hint for '%s'",
			       cases[i].text);
	}
	for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
		struct line line = line_of(bytes[i].text, bytes[i].n, 1);
		record_parse(&r, &line, false);
		const char *hint = record_hint(&r);
		if (bytes[i].want == NULL)
			tap_is(hint, NULL, "no hint for bytes %zu", i);
		else
			tap_ok(hint != NULL && strstr(hint, bytes[i].want) != NULL,
			       "hint for bytes %zu: %s", i, bytes[i].want);
	}
	struct line cut = {"plain words that are", 20, 1, 5000};
	record_parse(&r, &cut, true);
	tap_is(record_hint(&r), NULL, "no hint for a line that was cut");
}

int main(void)
{
	test_kinds();
	test_spans();
	test_failed();
	test_fail();
	test_reject();
	test_set();
	test_hints();
	return tap_done();
}
