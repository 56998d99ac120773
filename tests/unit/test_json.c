/* Walking and reading values that json_check has accepted. */
#include "buf.h"
#include "json.h"
#include "tap.h"

#include <math.h>

/* A text, which must be valid, without the white space around it. */
static struct json_span parse(const char *text)
{
	struct json_span root = {NULL, 0};
	struct json_error error;

	if (json_check(text, strlen(text), &root, NULL, 0, &error) < 0)
		tap_ok(false, "the test's own text is valid: %s", text);
	return root;
}

static void is(struct json_span got, const char *want, const char *name)
{
	tap_bytes(got.at, got.length, want, strlen(want), "%s", name);
}

static void test_types(void)
{
	static const struct {
		const char *text;
		enum json_type type;
		bool set;
	} cases[] = {{"null", JSON_NULL, false},   {"true", JSON_BOOL, true},
		     {"false", JSON_BOOL, true},   {"0", JSON_NUMBER, true},
		     {"-1e9", JSON_NUMBER, true},  {"\"\"", JSON_STRING, true},
		     {"[]", JSON_ARRAY, true},     {"{}", JSON_OBJECT, true},
		     {" null ", JSON_NULL, false}, {"[null]", JSON_ARRAY, true}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		tap_int(json_type(parse(cases[i].text)), cases[i].type, "the type of %s",
			cases[i].text);
		tap_int(json_is_set(parse(cases[i].text)), cases[i].set, "is %s set?",
			cases[i].text);
	}
	tap_int(json_type((struct json_span){NULL, 0}), JSON_NONE, "no value has no type");
	tap_ok(!json_is_set((struct json_span){NULL, 0}), "and is not set");
}

static void test_get(void)
{
	struct json_span v =
	    parse("{ \"a\" : 1 ,\"b\":{\"a\":[true,{\"c\":\"x\"}]},\"a\\\"b\":2,\"\\u0061\\/\":3,"
		  "\"dup\":1,\"dup\":2,\"n\":null,\"\":4,\"s\":\"{\\\"a\\\":9}\",\"z\\u0000\":5}");

	is(json_get(v, "a"), "1", "a member");
	is(json_get(v, "a\"b"), "2", "a name with an escaped quote");
	is(json_get(v, "a/"), "3", "a name spelled with escapes");
	is(json_get(v, "dup"), "2", "of two members the last");
	is(json_get(v, "n"), "null", "a member that is null");
	is(json_get(v, ""), "4", "the empty name");
	tap_ok(json_get(v, "z").at == NULL, "a name with a NUL is not the name before it");
	tap_ok(json_get(v, "x").at == NULL, "no such member");
	tap_ok(json_get(v, "c").at == NULL, "members of members are not members");
	tap_ok(json_get(parse("[\"a\",1]"), "a").at == NULL, "an array has no members");
	tap_ok(json_get(parse("\"a\""), "a").at == NULL, "nor has a string");
	tap_ok(json_get((struct json_span){NULL, 0}, "a").at == NULL, "nor has nothing");
	is(json_path(v, "b", "a", NULL), "[true,{\"c\":\"x\"}]", "a path");
	tap_ok(json_path(v, "b", "x", "a", NULL).at == NULL, "a path that breaks off");
	tap_ok(json_path(v, "a", "b", NULL).at == NULL, "a path through a number");
	tap_ok(json_path(v, NULL).at == v.at, "no names lead to the value itself");
}

static void test_walk(void)
{
	struct json_span v =
	    parse("{\"a\" :[ ] , \"b\":{ }\n,\"c\":-1.5e3,\"d\\\\\":\"]}\\\"\",\"e\":true}");
	static const char *const want[][2] = {{"\"a\"", "[ ]"},
					      {"\"b\"", "{ }"},
					      {"\"c\"", "-1.5e3"},
					      {"\"d\\\\\"", "\"]}\\\"\""},
					      {"\"e\"", "true"}};
	struct json_iter it = json_iter(v);
	struct json_span key, value;
	size_t n = 0;

	while (n < 5 && json_next(&it, &key, &value)) {
		is(key, want[n][0], "the key as it stands");
		is(value, want[n][1], "its value as it stands");
		n++;
	}
	tap_int((long long)n, 5, "each member once");
	tap_ok(!json_next(&it, &key, &value), "then the end");
	tap_ok(!json_next(&it, &key, &value), "and the end again");
	it = json_iter(v);
	tap_ok(json_next(&it, NULL, &value), "the key may be left out");
	static const char *const nothing[] = {"1",  "\"[1]\"", "null", "true",
					      "[]", "{}",      "[ ]",  "{\n}"};
	for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
		it = json_iter(parse(nothing[i]));
		tap_ok(!json_next(&it, NULL, &value), "%s yields nothing", nothing[i]);
	}
	it = json_iter((struct json_span){NULL, 0});
	tap_ok(!json_next(&it, NULL, &value), "no value yields nothing");
}

static void test_elements(void)
{
	struct json_span v = parse(" [ 0,\"1,\" , [2,2],{\"3\":3}\n,4 ] ");

	is(json_element(v, 0), "0", "the first element");
	is(json_element(v, 1), "\"1,\"", "a comma in a string separates nothing");
	is(json_element(v, 2), "[2,2]", "an array in an array");
	is(json_element(v, 4), "4", "the last");
	is(json_element(v, -1), "4", "the last from the end");
	is(json_element(v, -5), "0", "the first from the end");
	tap_ok(json_element(v, 5).at == NULL, "behind the last there is none");
	tap_ok(json_element(v, -6).at == NULL, "before the first there is none");
	tap_ok(json_element(v, INT64_MAX).at == NULL, "far behind");
	tap_ok(json_element(v, INT64_MIN).at == NULL, "far before");
	tap_ok(json_element(parse("{\"a\":1}"), 0).at == NULL, "an object has no elements");
	tap_ok(json_element((struct json_span){NULL, 0}, 0).at == NULL, "nor has nothing");
	tap_int((long long)json_count(v), 5, "five elements");
	tap_int((long long)json_count(parse("{\"a\":1,\"a\":2}")), 2,
		"two members, though of one name");
	tap_int((long long)json_count(parse("[ ]")), 0, "no elements");
	tap_int((long long)json_count(parse("\"abc\"")), 0, "a string has none");
	tap_int((long long)json_count((struct json_span){NULL, 0}), 0, "nor has nothing");
}

static void test_equals(void)
{
	tap_ok(json_equals(parse("\"abc\""), "abc"), "the same");
	tap_ok(!json_equals(parse("\"abc\""), "abd"), "another");
	tap_ok(!json_equals(parse("\"abc\""), "ab"), "a longer one");
	tap_ok(!json_equals(parse("\"ab\""), "abc"), "a shorter one");
	tap_ok(json_equals(parse("\"\""), ""), "the empty string");
	tap_ok(!json_equals(parse("\"\\u0000\""), ""), "a NUL is not nothing");
	tap_ok(json_equals(parse("\"\\u0061b\\u0063\""), "abc"), "escapes count as what they mean");
	tap_ok(json_equals(parse("\"\\\\n\""), "\\n"), "an escaped backslash");
	tap_ok(!json_equals(parse("\"\\n\""), "\\n"), "an escape is not its spelling");
	tap_ok(json_equals(parse("\"\\ud83d\\ude00\""), "\xf0\x9f\x98\x80"), "a surrogate pair");
	tap_ok(!json_equals(parse("1"), "1"), "a number is no string");
	tap_ok(!json_equals(parse("[]"), ""), "nor is an array");
	tap_ok(!json_equals((struct json_span){NULL, 0}, ""), "nor is nothing");
}

static void test_unescape(void)
{
	static const struct {
		const char *text;
		const char *want;
		size_t n;
	} cases[] = {
	    {"\"\"", "", 0},
	    {"\"abc\"", "abc", 3},
	    {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
	    {"\"\\u0041\\u00e9\\u20ac\"", "A\xc3\xa9\xe2\x82\xac", 6},
	    {"\"\\u0000x\"", "\0x", 2},
	    {"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
	     "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 11},
	    {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", 4},
	    {"\"\\uD800\\uDC00\\uDBFF\\uDFFF\"", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8},
	    {"\"\\ud83d\"", "\xef\xbf\xbd", 3},
	    {"\"\\ude00\"", "\xef\xbf\xbd", 3},
	    {"\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd", 6},
	    {"\"\\ud83dx\"", "\xef\xbf\xbdx", 4},
	    {"\"\\ud83d\\n\"", "\xef\xbf\xbd\n", 4},
	    {"\"\\ud83d\\u0041\"",
	     "\xef\xbf\xbd"
	     "A",
	     4},
	    {"\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80", 7},
	    {"\"\\\\u0041\"", "\\u0041", 6},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = {0};
		json_unescape(&out, parse(cases[i].text));
		tap_bytes(out.data, out.length, cases[i].want, cases[i].n, "the value of %s",
			  cases[i].text);
		buf_free(&out);
	}
}

static void test_text(void)
{
	struct buf out = {0};

	buf_adds(&out, "<");
	json_text(&out, parse("\"a\\nb\""));
	json_text(&out, parse("[1, \"a b\"]"));
	json_text(&out, parse("1.0"));
	json_text(&out, (struct json_span){NULL, 0});
	tap_is(buf_string(&out), "<a\nb[1,\"a b\"]1.0",
	       "strings by value, the rest compact, all appended");
	buf_free(&out);
}

static void test_integers(void)
{
	static const struct {
		const char *text;
		int result;
		int64_t value;
	} cases[] = {
	    {"0", 0, 0},
	    {"-0", 0, 0},
	    {"42", 0, 42},
	    {"-42", 0, -42},
	    {"9223372036854775807", 0, INT64_MAX},
	    {"-9223372036854775808", 0, INT64_MIN},
	    {"9223372036854775808", -1, 7},
	    {"-9223372036854775809", -1, 7},
	    {"12345678901234567890123", -1, 7},
	    {"1.0", -1, 7},
	    {"1e3", -1, 7},
	    {"\"1\"", -1, 7},
	    {"null", -1, 7},
	    {"[1]", -1, 7},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t value = 7;
		tap_int(json_integer(parse(cases[i].text), &value), cases[i].result,
			"is %s an integer?", cases[i].text);
		tap_int(value, cases[i].value, "its value, or what stood there");
	}
	int64_t value = 7;
	tap_int(json_integer((struct json_span){NULL, 0}, &value), -1, "nothing is no integer");
}

static void test_numbers(void)
{
	static const struct {
		const char *text;
		double value;
	} cases[] = {{"0", 0},
		     {"-0", 0},
		     {"1.5", 1.5},
		     {"-2.5e3", -2500},
		     {"1e-2", 0.01},
		     {"5E+1", 50},
		     {"1e308", 1e308},
		     {"1e-999", 0},
		     {"1e400", HUGE_VAL},
		     {"-1e400", -HUGE_VAL},
		     {"12345678901234567890", 12345678901234567890.0}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		double value = 7;
		int result = json_number(parse(cases[i].text), &value);
		tap_ok(result == 0 && !(value < cases[i].value) && !(value > cases[i].value),
		       "the number %s", cases[i].text);
	}
	double value = 7;
	tap_ok(json_number(parse("\"1\""), &value) < 0 && json_number(parse("null"), &value) < 0 &&
		   json_number((struct json_span){NULL, 0}, &value) < 0 && value > 6.9 &&
		   value < 7.1,
	       "what is no number is refused and stores nothing");
	/* A span ends where it ends, whatever stands behind it. */
	tap_ok(json_number(json_element(parse("[12,34]"), 0), &value) == 0 && value > 11.9 &&
		   value < 12.1,
	       "a number in an array ends at the comma");
}

/* Deep and long values are walked without recursion. */
static void test_large(void)
{
	struct buf text = {0};
	struct json_span v;
	int depth = 0;

	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		buf_addc(&text, '[');
	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		buf_addc(&text, ']');
	for (v = parse(buf_string(&text)); v.at != NULL; v = json_element(v, 0))
		depth++;
	tap_int(depth, JSON_MAX_DEPTH, "down to the deepest array");
	buf_clear(&text);
	buf_adds(&text, "{\"s\":\"");
	for (int i = 0; i < 100000; i++)
		buf_adds(&text, "\\\\\\\"x");
	buf_adds(&text, "\",\"end\":1}");
	is(json_get(parse(buf_string(&text)), "end"), "1", "over a long string full of escapes");
	buf_free(&text);
}

int main(void)
{
	test_types();
	test_get();
	test_walk();
	test_elements();
	test_equals();
	test_unescape();
	test_text();
	test_integers();
	test_numbers();
	test_large();
	return tap_done();
}
