/* The validating scanner: what it accepts, what it rejects, and that it reads no byte too many. */
#include "buf.h"
#include "json.h"
#include "mem.h"
#include "tap.h"

#include <stdlib.h>

/* Check a text that stands in memory of exactly its size, so that a sanitizer sees any read beyond.
 */
static int check(const char *text, size_t n, struct json_error *error)
{
	char *exact = malloc(n);
	struct json_error ignored;

	if (n > 0 && exact == NULL)
		abort();
	if (n > 0)
		memcpy(exact, text, n);
	int result = json_check(exact, n, NULL, NULL, 0, error != NULL ? error : &ignored);
	free(exact);
	return result;
}

struct sample {
	const char *text;
	size_t n;
};

#define TEXT(literal)                        \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

static const struct sample accepted[] = {
    /* values of each type at the top */
    TEXT("null"),
    TEXT("true"),
    TEXT("false"),
    TEXT("0"),
    TEXT("\"\""),
    TEXT("[]"),
    TEXT("{}"),
    /* numbers */
    TEXT("-0"),
    TEXT("-0.0"),
    TEXT("0e1"),
    TEXT("0E+1"),
    TEXT("1e-2"),
    TEXT("1E22"),
    TEXT("1.0"),
    TEXT("-1"),
    TEXT("123.456e78"),
    TEXT("1e400"),
    TEXT("-1e9999"),
    TEXT("1e-9999"),
    TEXT("12345678901234567890"),
    TEXT("100000000000000000000000000000000000000000000000000000000000000000000000000"),
    TEXT("0.1000000000000000000000000000000000000000000000000000000000000000000001"),
    TEXT("[0,1,-1,10]"),
    /* white space: all four kinds, everywhere */
    TEXT(" \t\r\n1 \t\r\n"),
    TEXT("[ ]"),
    TEXT("{\n}"),
    TEXT("\r[\t1\n, 2 ]\t"),
    TEXT(" { \"a\" : 1 ,\n\"b\"\t:\r[ ] } "),
    /* strings: escapes */
    TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    TEXT("\"\\u0000\\u001f\\u0020\\u00e9\\uFFFF\\uabCD\""),
    TEXT("\"\\ud83d\\ude00\""),
    TEXT("\"\\\\\\\\\""),
    TEXT("\"\x7f\""),
    TEXT("\"/\""),
    /* lone surrogates, escaped: grammatical, and the ecosystem has them */
    TEXT("\"\\ud800\""),
    TEXT("\"\\udc00\""),
    TEXT("\"\\udc00\\ud800\""),
    TEXT("\"\\ud800\\ud800\\udc00\""),
    TEXT("\"\\ud800x\""),
    TEXT("{\"\\udead\":1}"),
    /* UTF-8: the first and the last character of each length, and around the surrogates */
    TEXT("\"\xc2\x80 \xdf\xbf\""),
    TEXT("\"\xe0\xa0\x80 \xef\xbf\xbf\""),
    TEXT("\"\xed\x9f\xbf \xee\x80\x80\""),
    TEXT("\"\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf\""),
    TEXT("\"\xef\xbb\xbf\""),
    TEXT("\"\xe2\x80\xa8\xe2\x80\xa9\""),
    TEXT("{\"\xf0\x9f\x98\x80\":\"\xc3\xa9\"}"),
    /* objects */
    TEXT("{\"a\":1,\"a\":2}"),
    TEXT("{\"\":0}"),
    TEXT("{\"a\":{\"b\":{\"c\":[{}]}},\"d\":null}"),
    TEXT("[[],[[]],{}]"),
    TEXT("[\"a\",\"]\",\"}\",\",\",\":\"]"),
};

static const struct sample rejected[] = {
    /* nothing */
    TEXT(""),
    TEXT(" "),
    TEXT("\n\t\r "),
    /* byte-order marks: only the line reader takes one off */
    TEXT("\xef\xbb\xbf{}"),
    TEXT("\xef\xbb\xbf"),
    TEXT("\xff\xfe{\0}\0"),
    /* literals */
    TEXT("nul"),
    TEXT("nulll"),
    TEXT("Null"),
    TEXT("TRUE"),
    TEXT("tru"),
    TEXT("falsey"),
    TEXT("NaN"),
    TEXT("-NaN"),
    TEXT("nan"),
    TEXT("Infinity"),
    TEXT("-Infinity"),
    TEXT("undefined"),
    TEXT("[nul]"),
    /* numbers */
    TEXT("-"),
    TEXT("+1"),
    TEXT("01"),
    TEXT("-01"),
    TEXT("00"),
    TEXT("1."),
    TEXT(".5"),
    TEXT("-.5"),
    TEXT("1.e1"),
    TEXT("1e"),
    TEXT("1e+"),
    TEXT("1e-"),
    TEXT("1e1.5"),
    TEXT("1ee1"),
    TEXT("1.2.3"),
    TEXT("0x1f"),
    TEXT("1_000"),
    TEXT("1a"),
    TEXT("--1"),
    TEXT("- 1"),
    TEXT("1 2"),
    TEXT("[1 2]"),
    TEXT("[1-2]"),
    TEXT("[-]"),
    TEXT("\xef\xbc\x91"),
    /* arrays */
    TEXT("["),
    TEXT("]"),
    TEXT("[1"),
    TEXT("[1,"),
    TEXT("[1,]"),
    TEXT("[,1]"),
    TEXT("[1,,2]"),
    TEXT("[,]"),
    TEXT("[1}"),
    TEXT("[}"),
    TEXT("[]]"),
    TEXT("[1]x"),
    TEXT("[1:2]"),
    TEXT("[\"a\":1]"),
    TEXT("[][]"),
    /* objects */
    TEXT("{"),
    TEXT("}"),
    TEXT("{]"),
    TEXT("{\"a\""),
    TEXT("{\"a\":"),
    TEXT("{\"a\":1"),
    TEXT("{\"a\":1,"),
    TEXT("{\"a\":1,}"),
    TEXT("{,}"),
    TEXT("{,\"a\":1}"),
    TEXT("{\"a\"}"),
    TEXT("{\"a\",1}"),
    TEXT("{\"a\"::1}"),
    TEXT("{\"a\":1 \"b\":2}"),
    TEXT("{\"a\":1:2}"),
    TEXT("{\"a\" 1}"),
    TEXT("{a:1}"),
    TEXT("{'a':1}"),
    TEXT("{1:1}"),
    TEXT("{null:1}"),
    TEXT("{[]:1}"),
    TEXT("{\"a\":1]"),
    TEXT("{\"a\":}"),
    TEXT("{\"a\":1}}"),
    TEXT("{\"a\":1}{\"b\":2}"),
    TEXT("{\"a\":1},"),
    TEXT("{\"a\":/*comment*/1}"),
    TEXT("{\"a\":1}//comment"),
    TEXT("{\"a\":1}#"),
    /* strings */
    TEXT("\""),
    TEXT("\"a"),
    TEXT("'a'"),
    TEXT("a"),
    TEXT("\"a\"b\""),
    TEXT("\"\\\""),
    TEXT("\"\\"),
    TEXT("\"\\x41\""),
    TEXT("\"\\a\""),
    TEXT("\"\\0\""),
    TEXT("\"\\'\""),
    TEXT("\"\\U0041\""),
    TEXT("\"\\u\""),
    TEXT("\"\\u1\""),
    TEXT("\"\\u12\""),
    TEXT("\"\\u123\""),
    TEXT("\"\\u12"),
    TEXT("\"\\u123g\""),
    TEXT("\"\\u 123\""),
    TEXT("\"\\u+123\""),
    TEXT("\"\\ud83d\\u\""),
    TEXT("\"\\\xc3\xa9\""),
    TEXT("\"a\nb\""),
    TEXT("\"a\tb\""),
    TEXT("\"a\0b\""),
    TEXT("\"\x1f\""),
    TEXT("\"0123456789abcde\x01\""),
    /* UTF-8 */
    TEXT("\"\x80\""),
    TEXT("\"\xbf\""),
    TEXT("\"\xc0\x80\""),
    TEXT("\"\xc0\xaf\""),
    TEXT("\"\xc1\xbf\""),
    TEXT("\"\xc3\""),
    TEXT("\"\xc3(\""),
    TEXT("\"\xe0\x80\x80\""),
    TEXT("\"\xe0\x9f\xbf\""),
    TEXT("\"\xe2\x82\""),
    TEXT("\"\xe2(\xa1\""),
    TEXT("\"\xe2\x82(\""),
    TEXT("\"\xed\xa0\x80\""),
    TEXT("\"\xed\xbf\xbf\""),
    TEXT("\"\xed\xa0\xbd\xed\xb8\x80\""),
    TEXT("\"\xf0\x80\x80\x80\""),
    TEXT("\"\xf0\x8f\xbf\xbf\""),
    TEXT("\"\xf0\x9f\x98\""),
    TEXT("\"\xf0\x9f\x98(\""),
    TEXT("\"\xf4\x90\x80\x80\""),
    TEXT("\"\xf5\x80\x80\x80\""),
    TEXT("\"\xf8\x88\x80\x80\x80\""),
    TEXT("\"\xfe\""),
    TEXT("\"\xff\""),
    TEXT("\"\xc3"),
    TEXT("\"\xe2\x82"),
    TEXT("\"\xf0\x9f\x98"),
    TEXT("{\"\xff\":1}"),
    TEXT("[\xc3\xa9]"),
    /* NUL and other bytes between the tokens */
    TEXT("\0"),
    TEXT("1\0"),
    TEXT("{}\0"),
    TEXT("[1,\0"
	 "2]"),
    TEXT("[\f1]"),
    TEXT("[\v1]"),
    TEXT("[\xc2\xa0]"),
    TEXT("[\xe2\x81\xa0]"),
    TEXT("\x1e{}"),
};

static void test_samples(void)
{
	struct json_error error;

	for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++)
		tap_ok(check(accepted[i].text, accepted[i].n, NULL) == 0, "accepts %s",
		       accepted[i].text);
	for (size_t i = 0; i < sizeof rejected / sizeof *rejected; i++) {
		error = (struct json_error){SIZE_MAX, NULL};
		bool refused = check(rejected[i].text, rejected[i].n, &error) < 0;
		tap_ok(refused && error.reason != NULL && error.offset <= rejected[i].n,
		       "rejects, with a place and a reason, case %zu: %s", i, rejected[i].text);
	}
}

/* n times open, then the middle, then n times close. */
static int check_nested(const char *open, const char *middle, const char *close, size_t n)
{
	struct buf text = {0};

	for (size_t i = 0; i < n; i++)
		buf_adds(&text, open);
	buf_adds(&text, middle);
	for (size_t i = 0; i < n; i++)
		buf_adds(&text, close);
	int result = check(text.data, text.length, NULL);
	buf_free(&text);
	return result;
}

static void test_depth(void)
{
	tap_int(check_nested("[", "", "]", 512), 0, "512 arrays in one another are accepted");
	tap_int(check_nested("[", "", "]", 513), -1, "513 are not");
	tap_int(check_nested("{\"a\":", "{}", "}", 511), 0,
		"512 objects in one another are accepted");
	tap_int(check_nested("{\"a\":", "{}", "}", 512), -1, "513 are not");
	tap_int(check_nested("[{\"a\":", "1", "}]", 256), 0, "256 of each are accepted");
	tap_int(check_nested("[{\"a\":", "[]", "}]", 256), -1, "and not one more");
	tap_int(check_nested("[", "", "]", 1000000), -1, "a million are refused and crash nothing");
	tap_int(check_nested("{\"a\":", "", "", 1000000), -1, "a million that never end as well");
}

static void test_width(void)
{
	struct buf text = {0};

	buf_addc(&text, '[');
	for (int i = 0; i < 100000; i++)
		buf_adds(&text, "[],");
	buf_adds(&text, "{}]");
	tap_int(check(text.data, text.length, NULL), 0, "the limit is of depth, not of number");
	buf_free(&text);
}

static void test_truncations(void)
{
	static const char text[] =
	    "{\"a\":[1,-2.5e+10,true,false,null,"
	    "\"x\\u00e9\\ud83d\\ude00\\n\xc3\xa9\xe2\x82\xac\xf0\x9f"
	    "\x98\x80 and more than sixteen bytes of text\"],\"b\":{\"c\":{},\"d\":[]},\"e\":\"\"}";
	size_t n = sizeof text - 1;
	size_t wrong = 0;

	tap_int(check(text, n, NULL), 0, "a text of everything is accepted");
	for (size_t i = 0; i < n; i++)
		wrong += check(text, i, NULL) == 0;
	tap_int((long long)wrong, 0, "and none of its %zu beginnings is", n);
	wrong = 0;
	for (size_t i = 1; i < n; i++) {
		struct json_error error;
		check(text, i, &error);
		wrong += error.offset > i;
	}
	tap_int((long long)wrong, 0, "the place of the mistake is never behind the end");
}

/* Strings of each length around the step of the inner loop, with each interesting byte at each
 * place. */
static void test_edges(void)
{
	static const struct {
		const char *bytes;
		bool valid;
	} stops[] = {
	    {"\"", false},       {"\\n", true},
	    {"\\u0041", true},   {"\x1f", false},
	    {"\xc3\xa9", true},  {"\xe2\x82\xac", true},
	    {"\x7f", true},      {"\xf0\x9f\x98\x80", true},
	    {"\xc3", false},     {"\x80", false},
	    {"\\", false},       {"\xed\xa0\x80", false},
	    {"\xf0\x9f", false}, {"\\u12", false},
	    {"\xff", false},     {"~", true},
	    {" ", true},         {"!", true},
	    {"\x01\x02", false}, {"\\\\", true},
	};

	for (size_t s = 0; s < sizeof stops / sizeof *stops; s++) {
		size_t wrong = 0;
		for (size_t length = 0; length <= 50; length++) {
			for (size_t at = 0; at <= length; at++) {
				struct buf text = {0};
				buf_addc(&text, '"');
				for (size_t i = 0; i < at; i++)
					buf_addc(&text, 'a');
				buf_adds(&text, stops[s].bytes);
				for (size_t i = at; i < length; i++)
					buf_addc(&text, 'z');
				buf_addc(&text, '"');
				wrong +=
				    (check(text.data, text.length, NULL) == 0) != stops[s].valid;
				/* Without the closing quote nothing is a string. */
				if (stops[s].valid)
					wrong += check(text.data, text.length - 1, NULL) == 0;
				buf_free(&text);
			}
		}
		tap_int((long long)wrong, 0,
			"case %zu is seen at every place in strings of 0 to 50 bytes", s);
	}
}

/* Every two bytes in a string: valid exactly as RFC 3629 and RFC 8259 have it. */
static void test_pairs(void)
{
	size_t wrong = 0;

	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			char text[4] = {'"', (char)a, (char)b, '"'};
			bool escape = a == '\\' && b != 0 && strchr("\"\\/bfnrt", (int)b) != NULL;
			bool plain = a >= 0x20 && a < 0x80 && a != '"' && a != '\\' && b >= 0x20 &&
				     b < 0x80 && b != '"' && b != '\\';
			bool two = a >= 0xc2 && a <= 0xdf && b >= 0x80 && b <= 0xbf;
			wrong += (check(text, 4, NULL) == 0) != (escape || plain || two);
		}
	}
	tap_int((long long)wrong, 0, "all 65,536 pairs of bytes in a string are judged rightly");
}

/* Every three bytes that begin like a character of three: a model of RFC 3629's table beside ours.
 */
static void test_triples(void)
{
	size_t wrong = 0;

	for (unsigned a = 0xe0; a < 0xf0; a++) {
		for (unsigned b = 0x70; b < 0xd0; b++) {
			for (unsigned c = 0x7e; c < 0xc2; c++) {
				unsigned point = (a & 15) << 12 | (b & 63) << 6 | (c & 63);
				bool valid = (b & 0xc0) == 0x80 && (c & 0xc0) == 0x80 &&
					     point >= 0x800 && (point < 0xd800 || point > 0xdfff);
				/* A byte of ASCII or one that is a character's first may still be
				 * wrong alone. */
				char text[5] = {'"', (char)a, (char)b, (char)c, '"'};
				wrong += (check(text, 5, NULL) == 0) != valid;
			}
		}
	}
	tap_int((long long)wrong, 0, "all characters of three bytes, and none that only look so");
	wrong = 0;
	for (unsigned point = 0x10000; point < 0x180000; point += 0x3ff) {
		char text[6] = {'"',
				(char)(0xf0 | point >> 18),
				(char)(0x80 | (point >> 12 & 63)),
				(char)(0x80 | (point >> 6 & 63)),
				(char)(0x80 | (point & 63)),
				'"'};
		wrong += (check(text, 6, NULL) == 0) != (point < 0x110000);
	}
	tap_int((long long)wrong, 0, "characters of four bytes end at U+10FFFF");
}

static void test_wanted(void)
{
	static const char text[] = " {\"a\":1,\"b\":{\"a\":2,\"c\":[3]},\"a\": [4] "
				   ",\"\\u0063\":5,\"d\":null,\"e\\u0000\":6}\n";
	struct json_member wanted[] = {JSON_MEMBER("a"), JSON_MEMBER("b"), JSON_MEMBER("c"),
				       JSON_MEMBER("d"), JSON_MEMBER("e"), JSON_MEMBER("x")};
	struct json_span root;
	struct json_error error;

	tap_int(json_check(text, sizeof text - 1, &root, wanted, 6, &error), 0, "finds on the way");
	tap_bytes(root.at, root.length, text + 1, sizeof text - 3,
		  "the root without the space around it");
	tap_bytes(wanted[0].value.at, wanted[0].value.length, "[4]", 3,
		  "of two members the last counts");
	tap_bytes(wanted[1].value.at, wanted[1].value.length, "{\"a\":2,\"c\":[3]}", 15,
		  "a whole object, and its members are not those of the root");
	tap_bytes(wanted[2].value.at, wanted[2].value.length, "5", 1,
		  "a name is found with its escapes");
	tap_bytes(wanted[3].value.at, wanted[3].value.length, "null", 4, "null is a value");
	tap_ok(wanted[4].value.at == NULL, "a name with a NUL is another name");
	tap_ok(wanted[5].value.at == NULL, "a member that is absent is absent");
	wanted[0].value = root;
	tap_ok(json_check("[{\"a\":1}]", 9, NULL, wanted, 6, &error) == 0 &&
		   wanted[0].value.at == NULL,
	       "an array has no members, and what stood in wanted is gone");
	wanted[0].value = root;
	tap_ok(json_check("{\"a\":1,}", 8, NULL, wanted, 6, &error) < 0, "errors are errors still");
	tap_int(json_check("{}", 2, NULL, wanted, 6, &error), 0, "an empty object");
	tap_ok(wanted[0].value.at == NULL, "has none of them");
	root = (struct json_span){text, 7};
	tap_ok(json_check("{\"a\":1}{}", 9, &root, wanted, 6, &error) < 0 && root.at == text &&
		   root.length == 7,
	       "and leave the root alone, also where it was seen whole");
	struct json_member nested[] = {JSON_MEMBER("a")};
	tap_int(json_check("{\"a\":{\"b\":{}}, \"z\" :{}}", 23, NULL, nested, 1, &error), 0,
		"empty objects inside");
	tap_bytes(nested[0].value.at, nested[0].value.length, "{\"b\":{}}", 8,
		  "end where they end");
}

static void test_errors(void)
{
	struct json_error error;

	check("{\"a\":1,\"b\":tru}", 15, &error);
	tap_int((long long)error.offset, 11, "the offset is where the mistake stands");
	check("[1,2,", 5, &error);
	tap_is(error.reason, "unexpected end", "a text that stops is said to stop");
	check("{} x", 4, &error);
	tap_int((long long)error.offset, 3, "trailing junk is where the junk is");
	check("\"abc\xff\"", 6, &error);
	tap_is(error.reason, "invalid UTF-8", "invalid UTF-8 is named");
	tap_int((long long)error.offset, 4, "and found");
}

int main(void)
{
	test_samples();
	test_depth();
	test_width();
	test_truncations();
	test_edges();
	test_pairs();
	test_triples();
	test_wanted();
	test_errors();
	return tap_done();
}
