/* The quick check of blocks of bytes: it agrees with the slow one, wherever in a block things are.
 */
#include "buf.h"
#include "json.h"
#include "json_scan.h"
#include "tap.h"

#include <stdint.h>
#include <stdlib.h>

/* The quick check of a text in memory of exactly its size. Where it says yes so must the slow one,
 * with the same places. Returns what it says. */
static bool check(const char *text, size_t n, bool *agrees)
{
	struct json_member quick[] = {JSON_MEMBER("a"), JSON_MEMBER("bc"), JSON_MEMBER("d")};
	struct json_member slow[] = {JSON_MEMBER("a"), JSON_MEMBER("bc"), JSON_MEMBER("d")};
	struct json_span root, whole;
	struct json_error error;
	char *exact = malloc(n > 0 ? n : 1);

	if (exact == NULL)
		abort();
	memcpy(exact, text, n);
	bool yes = json_blocks_check(exact, n, &root, quick, 3);
	if (yes) {
		*agrees &= json_scan_check(exact, n, &whole, slow, 3, &error) == 0;
		*agrees &= root.at == whole.at && root.length == whole.length;
		for (size_t i = 0; i < 3; i++)
			*agrees &= quick[i].value.at == slow[i].value.at &&
				   quick[i].value.length == slow[i].value.length;
	}
	free(exact);
	return yes;
}

/* Is there a quick check on this machine? */
static bool is_there(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	       __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("popcnt");
#else
	return false;
#endif
}

struct piece {
	const char *text;
	bool valid;
};

/* What may stand in a string. */
static const struct piece in_strings[] = {
    {"", true},
    {"plain", true},
    {"\\\"", true},
    {"\\\\", true},
    {"\\\\\\\\\\\\", true},
    {"\\\\\\\"", true},
    {"\\/\\b\\f\\n\\r\\t", true},
    {"\\u0000\\uABCD\\uef09\\ud83d\\ude00", true},
    {"{}[]:,", true},
    {"\x7f", true},
    {"\xc2\x80", true},
    {"\xdf\xbf", true},
    {"\xe0\xa0\x80", true},
    {"\xed\x9f\xbf", true},
    {"\xef\xbf\xbf", true},
    {"\xf0\x90\x80\x80", true},
    {"\xf4\x8f\xbf\xbf", true},
    {"\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x9a\x80", true},
    {"\\", false},
    {"\\\\\\", false},
    {"\\a", false},
    {"\\U0000", false},
    {"\\\xc3\xa9", false},
    {"\\u", false},
    {"\\u1", false},
    {"\\u12", false},
    {"\\u123", false},
    {"\\u123g", false},
    {"\\u12g4", false},
    {"\\u1g34", false},
    {"\\ug234", false},
    {"\\u 123", false},
    {"\\u12\\n", false},
    {"\\u/000", false},
    {"\\u:000", false},
    {"\\u@000", false},
    {"\\uG000", false},
    {"\\u`000", false},
    {"\x01", false},
    {"\x1f", false},
    {"\t", false},
    {"\n", false},
    {"\"", false},
    {"\x80", false},
    {"\xbf", false},
    {"a\x80", false},
    {"\xc3", false},
    {"\xc3q", false},
    {"\xc3\xc3\xa9", false},
    {"\xc3\xa9\xa9", false},
    {"\xc0\x80", false},
    {"\xc1\xbf", false},
    {"\xe0\x80\x80", false},
    {"\xe0\x9f\xbf", false},
    {"\xe1\x80", false},
    {"\xe1\x80q", false},
    {"\xe1q\x80", false},
    {"\xe1\x80\x80\x80", false},
    {"\xed\xa0\x80", false},
    {"\xed\xbf\xbf", false},
    {"\xf0\x80\x80\x80", false},
    {"\xf0\x8f\xbf\xbf", false},
    {"\xf1\x80\x80", false},
    {"\xf1\x80\x80q", false},
    {"\xf1\x80\x80\x80\x80", false},
    {"\xf4\x90\x80\x80", false},
    {"\xf5\x80\x80\x80", false},
    {"\xf8\x88\x80\x80\x80", false},
    {"\xff", false},
};

/* What may stand for a value. */
static const struct piece values[] = {
    {"1", true},
    {"-0", true},
    {"12345678901234567890123456789012345678901234567890123456789012345678901234567890", true},
    {"1.5e-10", true},
    {"true", true},
    {"false", true},
    {"null", true},
    {"\"x\"", true},
    {"{}", true},
    {"[]", true},
    {" [ ] ", true},
    {"{\"a\":{\"a\":[{}]},\"\":[[]]}", true},
    {"\t1\r\n", true},
    {"[1,2 , 3]", true},
    {"[\"a\",\"b\"]", true},
    {"{\"a\": 1, \"b\":\t\"c\"}", true},
    {"", false},
    {" ", false},
    {"-", false},
    {"01", false},
    {"1.", false},
    {"1e", false},
    {"+1", false},
    {"1 2", false},
    {"1\"a\"", false},
    {"\"a\"1", false},
    {"\"a\"\"b\"", false},
    {"tru", false},
    {"trues", false},
    {"true\"\"", false},
    {"nul l", false},
    {"1\xc3\xa9", false},
    {"\xc3\xa9", false},
    {"\x01", false},
    {"1\x01", false},
    {"\\", false},
    {"\\\"a\\\"", false},
    {"1\\n", false},
    {"[", false},
    {"]", false},
    {"[}", false},
    {"{]", false},
    {"[1", false},
    {"[1}", false},
    {"[,]", false},
    {"[1,]", false},
    {"[,1]", false},
    {"[1,,1]", false},
    {"[1:2]", false},
    {"[\"a\":1]", false},
    {"[\"a\":]", false},
    {"[\"a\": ]", false},
    {"[\"a\":,1]", false},
    {"\"a\":1", false},
    {"\"a\":", false},
    {":", false},
    {",", false},
    {"{\"a\"}", false},
    {"{\"a\":}", false},
    {"{\"a\": }", false},
    {"{\"a\",1}", false},
    {"{\"a\"1}", false},
    {"{\"a\":1:2}", false},
    {"{\"a\":\"b\":1}", false},
    {"{\"a\":\"b\":}", false},
    {"{\"a\"::1}", false},
    {"{\"a\":1,}", false},
    {"{,\"a\":1}", false},
    {"{\"a\":1\"b\":2}", false},
    {"{1:2}", false},
    {"{a:2}", false},
    {"{[]:2}", false},
    {"{\"a\":[}", false},
    {"{\"a\":]}", false},
    {"{\"a\":{]}", false},
};

/* Put the piece between two texts, with so many letters before it and some behind. */
static bool check_at(const char *left, size_t letters, const struct piece *piece, const char *right,
		     bool *agrees)
{
	struct buf text = {0};

	buf_adds(&text, left);
	for (size_t i = 0; i < letters; i++)
		buf_addc(&text, 'x');
	if (*right == '\0')
		buf_adds(&text, "\":");
	buf_adds(&text, piece->text);
	buf_adds(&text, *right == '\0' ? "}" : right);
	bool yes = check(text.data, text.length, agrees);
	buf_free(&text);
	return yes;
}

/* Each piece at each place of the blocks, and behind the first window of them. */
static void test_pieces(const struct piece *pieces, size_t count, const char *left,
			const char *right)
{
	for (size_t i = 0; i < count; i++) {
		size_t same = 0, tried = 0;
		bool agrees = true;
		for (size_t letters = 0; letters < 2200; letters += letters == 140 ? 1900 : 1) {
			bool yes = check_at(left, letters, &pieces[i], right, &agrees);
			same += yes == pieces[i].valid;
			tried++;
		}
		tap_ok(agrees, "what it takes for right is right: %s", pieces[i].text);
		tap_int((long long)same, (long long)tried, "%s everywhere: %s",
			pieces[i].valid ? "accepted" : "not accepted", pieces[i].text);
	}
}

/* Does the quick check say what the slow one says of a text of these parts? */
static bool agree_on(const char *left, const unsigned char *bytes, size_t n, const char *right)
{
	char text[32];
	struct json_span root;
	struct json_error error;
	size_t before = strlen(left), behind = strlen(right);

	memcpy(text, left, before);
	memcpy(text + before, bytes, n);
	memcpy(text + before + n, right, behind);
	return json_blocks_check(text, before + n + behind, &root, NULL, 0) ==
	       (json_scan_check(text, before + n + behind, &root, NULL, 0, &error) == 0);
}

/* All bytes wherever a byte makes a difference, and all pairs of them in strings. */
static void test_bytes(void)
{
	static const char *const places[][2] = {
	    {"", "[]"},           {"[", "]"},           {"[1", "]"},          {"[\"", "\"]"},
	    {"[\"\\", "\"]"},     {"[\"\\", "000\"]"},  {"[\"\\u", "000\"]"}, {"[\"\\u0", "00\"]"},
	    {"[\"\\u00", "0\"]"}, {"[\"\\u000", "\"]"},
	};
	static const char *const tails[] = {"\"]", "\x80\"]", "\x80\xbf\"]", "q\"]"};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		int same = 0;
		for (int c = 0; c < 256; c++)
			same += agree_on(places[i][0], &(unsigned char){(unsigned char)c}, 1,
					 places[i][1]);
		tap_int(same, 256, "all bytes between %s and %s", places[i][0], places[i][1]);
	}
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		int same = 0;
		for (int c = 0; c < 65536; c++) {
			unsigned char pair[] = {(unsigned char)(c >> 8), (unsigned char)c};
			same += agree_on("[\"", pair, 2, tails[i]);
		}
		tap_int(same, 65536, "all pairs of bytes in a string before %s", tails[i]);
	}
}

/* Texts made by a chance that is the same each time, from what makes a difference. */
static void test_chance(void)
{
	static const char *const parts[] = {
	    "{", "}",    "[",  "]", ",", ":",      "\"",      "\"",      "\\",   " ",   "1",
	    "-", "true", "\n", "a", "d", "\"a\":", "\"bc\":", "\\u00e9", "\xc3", "\xa9"};
	uint64_t state = 88172645463325252;
	size_t accepted = 0;
	bool agrees = true;

	for (int round = 0; round < 300000; round++) {
		struct buf text = {0};
		for (int n = 0; n == 0 || state % 9 != 0; n++) {
			/* xorshift64 (Marsaglia, 2003). */
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			buf_adds(&text, parts[(state >> 20) % (sizeof parts / sizeof *parts)]);
		}
		accepted += check(text.data, text.length, &agrees);
		buf_free(&text);
	}
	tap_ok(agrees, "of 300,000 made-up texts it takes none for right that is not");
	tap_ok(accepted > 1000, "and some for right (%zu)", accepted);
}

/* As deep as may be and deeper, and members that cross from window to window. */
static void test_long(void)
{
	struct buf text = {0};
	bool agrees = true;

	for (size_t depth = JSON_MAX_DEPTH - 1; depth <= JSON_MAX_DEPTH + 1; depth++) {
		buf_clear(&text);
		for (size_t i = 0; i < depth; i++)
			buf_adds(&text, i % 2 == 0 ? "[" : "{\"a\":");
		buf_adds(&text, "1");
		for (size_t i = depth; i-- > 0;)
			buf_adds(&text, i % 2 == 0 ? "]" : "}");
		tap_int(check(text.data, text.length, &agrees), depth <= JSON_MAX_DEPTH,
			"%zu levels", depth);
	}
	buf_clear(&text);
	buf_adds(&text, "{\"a\":[");
	for (int i = 0; i < 50000; i++)
		buf_addf(&text, "{\"n\":%d,\"s\":\"\\u00e9\xc3\xa9\"},", i);
	buf_adds(&text, "0],\"d\":null}");
	tap_ok(check(text.data, text.length, &agrees), "50,000 objects in an array");
	buf_clear(&text);
	buf_addc(&text, '[');
	for (int i = 0; i < 100000; i++)
		buf_adds(&text, "[],");
	buf_adds(&text, "0]");
	tap_ok(check(text.data, text.length, &agrees), "every byte a token");
	tap_ok(agrees, "the same places are found in all of them");
	buf_free(&text);
}

int main(void)
{
	if (!is_there()) {
		puts("ok 1 # SKIP no quick check for this processor\n1..1");
		return 0;
	}
	test_pieces(in_strings, sizeof in_strings / sizeof *in_strings, "{\"a\":\"", "q\"}");
	test_pieces(values, sizeof values / sizeof *values, "{\"bc", "");
	test_bytes();
	test_chance();
	test_long();
	return tap_done();
}
