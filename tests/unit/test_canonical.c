/* Texts of equal value have one canonical form, and no other text has it. */
#include "canonical.h"
#include "buf.h"
#include "mem.h"
#include "tap.h"

#include <stdlib.h>

/* The canonical form of a text, in memory that ends with it. The buffer is the caller's. */
static bool make(const char *text, size_t n, struct buf *out)
{
	char *copy = mem_alloc(n);
	struct json_span root;
	struct json_error error;

	memcpy(copy, text, n);
	bool valid = json_check(copy, n, &root, NULL, 0, &error) == 0;
	buf_clear(out);
	if (valid)
		canonical_add(out, root);
	else
		buf_adds(out, error.reason);
	buf_string(out);
	free(copy);
	return valid;
}

/* ...which is JSON itself, and its own canonical form. */
static void check(const char *text, const char *want)
{
	struct buf once = {0}, twice = {0};

	tap_ok(make(text, strlen(text), &once), "%s is JSON", text);
	tap_is(once.data, want, "canonical form of %s", text);
	tap_ok(make(once.data, once.length, &twice), "...which is JSON");
	tap_is(twice.data, want, "...and its own canonical form");
	buf_free(&once);
	buf_free(&twice);
}

struct pair {
	const char *text, *want;
};

static void check_all(const struct pair *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check(pairs[i].text, pairs[i].want);
}

static void test_rfc(void)
{
	static const struct pair pairs[] = {
	    /* 3.2.2, where the first number has one digit more than a double. */
	    {"{\"numbers\": [333333333.33333329, 1E30, 4.50,\n"
	     " 2e-3, 0.000000000000000000000000001],\n"
	     " \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n"
	     " \"literals\": [null, true, false]}",
	     "{\"literals\":[null,true,false],\"numbers\":[333333333.33333329,1e+30,4.5,0.002,"
	     "1e-27],\"string\":\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"},
	    /* 3.2.3 */
	    {"{\"\\u20ac\": \"Euro Sign\", \"\\r\": \"Carriage Return\",\n"
	     "\"\\ufb33\": \"Hebrew Letter Dalet With Dagesh\", \"1\": \"One\",\n"
	     "\"\\ud83d\\ude00\": \"Emoji: Grinning Face\", \"\\u0080\": \"Control\",\n"
	     "\"\\u00f6\": \"Latin Small Letter O With Diaeresis\"}",
	     "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
	     "\"\xc3\xb6\":\"Latin Small Letter O With Diaeresis\","
	     "\"\xe2\x82\xac\":\"Euro Sign\",\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\","
	     "\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}"},
	};

	check_all(pairs, sizeof pairs / sizeof *pairs);
}

static void test_numbers(void)
{
	static const struct pair pairs[] = {
	    /* RFC 8785, appendix B, each in another spelling than the canonical one. */
	    {"0.0", "0"},
	    {"-0", "0"},
	    {"5E-324", "5e-324"},
	    {"-0.5e-323", "-5e-324"},
	    {"17976931348623157e292", "1.7976931348623157e+308"},
	    {"9007199254740992.0", "9007199254740992"},
	    {"-90071992547409920e-1", "-9007199254740992"},
	    {"295147905179352830000.0", "295147905179352830000"},
	    {"9999999999999997e7", "9.999999999999997e+22"},
	    {"100000000000000000000000", "1e+23"},
	    {"1.0000000000000001e23", "1.0000000000000001e+23"},
	    {"9999999999999997e5", "999999999999999700000"},
	    {"1e21", "1e+21"},
	    {"0.0000009999999999999997", "9.999999999999997e-7"},
	    {"1e-6", "0.000001"},
	    {"333333333.3333333250", "333333333.333333325"},
	    {"1.4246953152881999600E-5", "0.0000142469531528819996"},
	    /* All digits stay. */
	    {"12345678901234567890", "12345678901234567890"},
	    {"123456789012345678901234567890", "1.2345678901234567890123456789e+29"},
	    {"0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"},
	    {"1e400", "1e+400"},
	    {"10E+399", "1e+400"},
	    {"0.00001e+405", "1e+400"},
	    /* Where the forms change. */
	    {"1", "1"},
	    {"1.0", "1"},
	    {"1e0", "1"},
	    {"10e-1", "1"},
	    {"-1.50", "-1.5"},
	    {"1200", "1200"},
	    {"12e2", "1200"},
	    {"999999999999999999999", "999999999999999999999"},
	    {"1000000000000000000000", "1e+21"},
	    {"-1000000000000000000000", "-1e+21"},
	    {"123456789012345678901.5", "123456789012345678901.5"},
	    {"1234567890123456789012.5", "1.2345678901234567890125e+21"},
	    {"0.0000012", "0.0000012"},
	    {"0.00000012", "1.2e-7"},
	    {"0.000", "0"},
	    {"-0.0e-7", "0"},
	    {"0e99999999999999999999", "0"},
	    /* Exponents of up to 17 digits are read, longer ones left alone. */
	    {"1e0000000000000000000002", "100"},
	    {"10e99999999999999999", "1e+100000000000000000"},
	    {"1e99999999999999999999", "1e99999999999999999999"},
	    {"-15.0E-099999999999999999999", "-15.0E-099999999999999999999"},
	};

	check_all(pairs, sizeof pairs / sizeof *pairs);
}

static void test_strings(void)
{
	static const struct pair pairs[] = {
	    {"\"\"", "\"\""},
	    {"\"a\\u0062c\\u0020\\/\"", "\"abc /\""},
	    {"\"\\u0062\\u0074\\u006e\\u0066\\u0072\"", "\"btnfr\""},
	    {"\"\\u0008\\u0009\\u000A\\u000b\\u000C\\u000D\\u001F\\u007F\"",
	     "\"\\b\\t\\n\\u000b\\f\\r\\u001f\x7f\""},
	    {"\"\\b\\t\\n\\f\\r\\\"\\\\\\/\"", "\"\\b\\t\\n\\f\\r\\\"\\\\/\""},
	    {"\"\\u0000\\u000e\"", "\"\\u0000\\u000e\""},
	    {"\"\\u00E9\\u20AC\\uD83D\\uDE00\"", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
	    {"\"\\uDBFF\\uDFFF\\ud800\\udc00\"", "\"\xf4\x8f\xbf\xbf\xf0\x90\x80\x80\""},
	    {"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
	     "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
	    /* Lone surrogates are not U+FFFD, nor one another. */
	    {"\"\\uD800\"", "\"\\ud800\""},
	    {"\"\\uDFFFx\\uD800\"", "\"\\udfffx\\ud800\""},
	    {"\"\\uD800\\u0041\"", "\"\\ud800A\""},
	    {"\"\\ud800\\ud800\\udc00\"", "\"\\ud800\xf0\x90\x80\x80\""},
	    {"\"\\udc00\\ud800\"", "\"\\udc00\\ud800\""},
	    {"\"\\ufffd\"", "\"\xef\xbf\xbd\""},
	    {"\"0123456789abcdef\\u0030123456789abcdef0123456789\"",
	     "\"0123456789abcdef0123456789abcdef0123456789\""},
	};

	check_all(pairs, sizeof pairs / sizeof *pairs);
}

static void test_structure(void)
{
	static const struct pair pairs[] = {
	    {" [ ] ", "[]"},
	    {"{ }", "{}"},
	    {"[ 1 , [ 2 ,\t3 ] ,\r\n{ \"a\" : null } ]", "[1,[2,3],{\"a\":null}]"},
	    {"[true,false , null]", "[true,false,null]"},
	    {"[3,1,2]", "[3,1,2]"},
	    {"{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}"},
	    {"{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}"},
	    {"{\"c\":{\"z\":1,\"y\":[{\"q\":1,\"p\":2}]},\"\":0}",
	     "{\"\":0,\"c\":{\"y\":[{\"p\":2,\"q\":1}],\"z\":1}}"},
	    {"{\"ab\":1,\"a\":2,\"abc\":3}", "{\"a\":2,\"ab\":1,\"abc\":3}"},
	    {"{\"b\":1,\"\\u0061\":2}", "{\"a\":2,\"b\":1}"},
	    {"{\"a\\n\":1,\"a\\t\":2,\"a!\":3}", "{\"a\\t\":2,\"a\\n\":1,\"a!\":3}"},
	    /* The name with the quotation mark comes before the one with the hash sign. */
	    {"{\"#\":1,\"\\\"\":2}", "{\"\\\"\":2,\"#\":1}"},
	    /* By UTF-16, a surrogate, alone or of a pair, comes before U+E000; by UTF-8 not. */
	    {"{\"\xee\x80\x80\":1,\"\xf0\x90\x80\x80\":2,\"\xed\x9f\xbf\":3}",
	     "{\"\xed\x9f\xbf\":3,\"\xf0\x90\x80\x80\":2,\"\xee\x80\x80\":1}"},
	    {"{\"\xee\x80\x80\":1,\"\\udfff\":2,\"\xf0\x90\x80\x81\":3,\"\\ud800\\udc00\":4}",
	     "{\"\xf0\x90\x80\x80\":4,\"\xf0\x90\x80\x81\":3,\"\\udfff\":2,\"\xee\x80\x80\":1}"},
	    /* Members of one name all stay, in their order, however they are spelt. */
	    {"{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}"},
	    {"{\"a\":2,\"\\u0061\":1}", "{\"a\":2,\"a\":1}"},
	    {"{\"b\":0,\"a\":3,\"c\":0,\"a\":1,\"b\":9,\"a\":2}",
	     "{\"a\":3,\"a\":1,\"a\":2,\"b\":0,\"b\":9,\"c\":0}"},
	};

	check_all(pairs, sizeof pairs / sizeof *pairs);
}

static void test_without(void)
{
	static const struct json_member user = JSON_MEMBER("user");
	static const struct json_member both[] = {JSON_MEMBER("user"), JSON_MEMBER("stream")};
	static const struct {
		const char *text;
		size_t count;
		const char *want;
	} cases[] = {
	    {"{\"user\":1,\"b\":2}", 1, "{\"b\":2}"},
	    {"{\"b\":2,\"user\":{\"user\":1}}", 1, "{\"b\":2}"},
	    {"{\"user\":1}", 1, "{}"},
	    {"{\"c\":{\"user\":1},\"us\\u0065r\":1,\"b\":3,\"user\":[2]}", 1,
	     "{\"b\":3,\"c\":{\"user\":1}}"},
	    {"{\"user\":1,\"stream\":true,\"a\":1}", 1, "{\"a\":1,\"stream\":true}"},
	    {"{\"user\":1,\"stream\":true,\"a\":1}", 2, "{\"a\":1}"},
	    {"{\"users\":1,\"use\":2}", 2, "{\"use\":2,\"users\":1}"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = {0};
		struct json_span text = {cases[i].text, strlen(cases[i].text)};
		canonical_add_without(&out, text, cases[i].count == 1 ? &user : both,
				      cases[i].count);
		tap_is(buf_string(&out), cases[i].want, "%s without %zu names", cases[i].text,
		       cases[i].count);
		buf_free(&out);
	}
}

/* Deep and large ones: as deep as is accepted, and many members in the worst order. */
static void test_bounds(void)
{
	struct buf text = {0}, want = {0}, got = {0};

	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		buf_adds(&text, i % 2 ? "[ " : "{ \"a\" : ");
	buf_adds(&text, "1e0");
	for (int i = JSON_MAX_DEPTH - 1; i >= 0; i--)
		buf_adds(&text, i % 2 ? " ]" : " }");
	for (int i = 0; i < JSON_MAX_DEPTH; i++)
		buf_adds(&want, i % 2 ? "[" : "{\"a\":");
	buf_adds(&want, "1");
	for (int i = JSON_MAX_DEPTH - 1; i >= 0; i--)
		buf_adds(&want, i % 2 ? "]" : "}");
	tap_ok(make(text.data, text.length, &got), "512 levels are JSON");
	tap_is(got.data, buf_string(&want), "512 levels");
	buf_clear(&text);
	buf_clear(&want);
	for (int i = 0; i < 20000; i++) {
		buf_addf(&text, "%c\"%06d\":%d", i == 0 ? '{' : ',', 19999 - i / 2 * 2, i);
		buf_addf(&want, "%c\"%06d\":%d", i == 0 ? '{' : ',', 1 + i / 2 * 2,
			 19998 - i / 2 * 2 + i % 2);
	}
	buf_addc(&text, '}');
	buf_addc(&want, '}');
	tap_ok(make(text.data, text.length, &got), "20,000 members are JSON");
	tap_is(got.data, buf_string(&want), "20,000 members, two of each name, backwards");
	buf_free(&text);
	buf_free(&want);
	buf_free(&got);
}

int main(void)
{
	test_rfc();
	test_numbers();
	test_strings();
	test_structure();
	test_without();
	test_bounds();
	return tap_done();
}
