/*
 * split: where texts are cut, by hand. tests/fuzz/fuzz_split.c has what holds for any text: sizes
 * are hard, nothing is left out, overlaps are true.
 */
#include "buf.h"
#include "mem.h"
#include "split.h"
#include "tap.h"
#include "tokens.h"

#include <stdlib.h>

struct cut_case {
	enum split_by by;
	int size, overlap;
	const char *text, *want; /* as they stand in a JSON string; "|" between pieces */
};

#define FAMILY "\U0001f468\u200d\U0001f469\u200d\U0001f467"
#define HAN    "\u1112\u1161\u11ab"

static const struct cut_case ends[] = {
    {SPLIT_CHARS, 10, 0, "", ""},
    {SPLIT_CHARS, 10, 0, "short", "short"},
    {SPLIT_CHARS, 10, 0, "just ten..", "just ten.."},
    /* A word, a sentence, a line, a paragraph: each is better than those before it. */
    {SPLIT_CHARS, 10, 0, "aaa bbb ccc ddd", "aaa bbb |ccc ddd"},
    {SPLIT_CHARS, 14, 0, "Go on. I am here now", "Go on. |I am here now"},
    {SPLIT_CHARS, 14, 0, "a b c d\\nE. F g h i", "a b c d\\n|E. F g h i"},
    {SPLIT_CHARS, 14, 0, "One.\\nTwo.\\n\\nThree four", "One.\\nTwo.\\n\\n|Three four"},
    {SPLIT_CHARS, 14, 0, "One. Two.\\n \\n\\nThree four", "One. Two.\\n \\n\\n|Three four"},
    /* Not where it would leave the piece less than half full. */
    {SPLIT_CHARS, 12, 0, "A. Bcd efg hij", "A. Bcd efg |hij"},
    {SPLIT_CHARS, 14, 0, "A\\n\\nbcd efg hijk lmn", "A\\n\\nbcd efg |hijk lmn"},
    /* But a word stays whole, if it fits a piece. */
    {SPLIT_CHARS, 8, 0, "ab cdefghij", "ab |cdefghij"},
    {SPLIT_CHARS, 4, 0, "ab cdefghij", "ab |cdef|ghij"},
    {SPLIT_CHARS, 4, 0, "abcdefghij", "abcd|efgh|ij"},
    /* What ends a sentence. */
    {SPLIT_CHARS, 12, 0, "see e.g. this text here", "see e.g. |this text |here"},
    {SPLIT_CHARS, 13, 0, "He (\\\"No!\\\") I am so", "He (\\\"No!\\\") |I am so"},
    {SPLIT_CHARS, 9, 0, "pi is 3.14159 or so", "pi is |3.14159 |or so"},
    {SPLIT_CHARS, 6, 0, "今天很好。明天呢？好", "今天很好。|明天呢？好"},
    {SPLIT_CHARS, 5, 0, "「好。」他说", "「好。」|他说"},
    {SPLIT_CHARS, 5, 0, "好！！他说了", "好！！|他说了"},
    {SPLIT_CHARS, 8, 0, "राम है।सीता है।", "राम है।|सीता है।"},
    {SPLIT_CHARS, 9, 0, "ما هذا؟ كتاب هنا", "ما هذا؟ |كتاب هنا"},
    /* What ends a word where there are no spaces. */
    {SPLIT_CHARS, 6, 0, "一二，三四五六", "一二，|三四五六"},
    {SPLIT_CHARS, 7, 0, "用Python写", "用Python|写"},
    {SPLIT_CHARS, 5, 0, "ab\u200bcdef", "ab\u200b|cdef"},
    {SPLIT_CHARS, 5, 0, "ab\u00a0cdef", "ab\u00a0cd|ef"},
    /* Clusters, unless they are larger than the size. */
    {SPLIT_CHARS, 3, 0, "e\u0301e\u0301e\u0301", "e\u0301|e\u0301|e\u0301"},
    {SPLIT_CHARS, 1, 0, "e\u0301x", "e|\u0301|x"},
    {SPLIT_CHARS, 7, 0, FAMILY FAMILY, FAMILY "|" FAMILY},
    {SPLIT_CHARS, 3, 0, "\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7",
     "\U0001f1e9\U0001f1ea|\U0001f1eb\U0001f1f7"},
    {SPLIT_CHARS, 3, 0, "\U0001f44d\U0001f3fd\U0001f44d\U0001f3fd",
     "\U0001f44d\U0001f3fd|\U0001f44d\U0001f3fd"},
    {SPLIT_CHARS, 3, 0, "\u2764\ufe0f\u2764\ufe0f", "\u2764\ufe0f|\u2764\ufe0f"},
    {SPLIT_CHARS, 4, 0, HAN HAN, HAN "|" HAN},
    {SPLIT_CHARS, 2, 0, "a\\r\\nb", "a|\\r\\n|b"},
    /* Escapes are cut as what they stand for. */
    {SPLIT_CHARS, 1, 0, "\\u00e9\\ud83d\\ude00\\ud800x\\\\\\/",
     "\\u00e9|\\ud83d\\ude00|\\ud800|x|\\\\|\\/"},
    {SPLIT_CHARS, 2, 0, "\\u0065\\u0301\\u000a\\uD83D\\uDE00",
     "\\u0065\\u0301|\\u000a\\uD83D\\uDE00"},
    /* A token for each three digits. */
    {SPLIT_TOKENS, 6, 0, "1234567890123456789012345", "123456789012345678|9012345"},
};

static const struct cut_case overlaps[] = {
    {SPLIT_CHARS, 8, 4, "aaa bbb ccc ddd", "aaa bbb |bbb ccc |ccc ddd"},
    {SPLIT_CHARS, 5, 2, "abcdefghij", "abcde|defgh|ghij"},
    {SPLIT_CHARS, 5, 4, "abcdefgh", "abcde|bcdef|cdefg|defgh"},
    {SPLIT_CHARS, 6, 2, "ab cdefghi", "ab |b cdef|efghi"},
    /* Half full is half of what is new. */
    {SPLIT_CHARS, 14, 6, "aaaaaaa bbbbb C. Dddd eeee", "aaaaaaa bbbbb |bbbbb C. Dddd |Dddd eeee"},
    /* Sentences rather than words, in the larger half of the overlap. */
    {SPLIT_CHARS, 20, 13, "xxxx y. Zz aa bb ccc ddddd", "xxxx y. Zz aa bb |Zz aa bb ccc ddddd"},
    /* An overlap of white space would be none. */
    {SPLIT_CHARS, 9, 2, "abcdef\\n\\nghijkl", "abcdef\\n\\n|\\n\\nghijkl"},
    {SPLIT_CHARS, 4, 1, "e\u0301e\u0301e\u0301", "e\u0301e\u0301|\u0301e\u0301"},
    {SPLIT_TOKENS, 6, 2, "123456789012345678901", "123456789012345678|45678901"},
};

static const struct cut_case lines[] = {
    {SPLIT_LINES, 2, 0, "a\\nb\\nc", "a\\nb\\n|c"},
    {SPLIT_LINES, 2, 0, "a\\nb\\n", "a\\nb\\n"},
    {SPLIT_LINES, 2, 0, "a\\n\\nb\\n\\n\\n", "a\\n\\n|b\\n\\n|\\n"},
    {SPLIT_LINES, 3, 2, "a\\nb\\n\\nc\\nd", "a\\nb\\n\\n|b\\n\\nc\\n|\\nc\\nd"},
    {SPLIT_LINES, 1, 0, "a\\r\\nb", "a\\r\\n|b"},
    {SPLIT_LINES, 1, 0, "a b. C d", "a b. C d"},
    {SPLIT_PARAGRAPHS, 1, 0, "a\\nb\\n\\nc\\n \\n\\n d", "a\\nb\\n\\n|c\\n \\n\\n| d"},
    {SPLIT_PARAGRAPHS, 1, 0, "\\n\\na\\n\\nb\\n\\n", "\\n\\na\\n\\n|b\\n\\n"},
    {SPLIT_PARAGRAPHS, 2, 1, "a\\n\\nb\\n\\nc", "a\\n\\nb\\n\\n|b\\n\\nc"},
    {SPLIT_PARAGRAPHS, 1, 0, "a\\r\\n\\r\\nb", "a\\r\\n\\r\\n|b"},
};

/* The pieces of a text with "|" between, and whether their places are right. */
static void add_pieces(const struct split_rule *rule, struct json_span string, struct buf *out,
		       bool *placed)
{
	struct split *s = split_new(rule, string);
	struct split_piece piece;
	int64_t end = 0;

	*placed = true;
	while (split_next(s, &piece)) {
		if (piece.start > end || piece.end < piece.start)
			*placed = false;
		end = piece.end;
		struct json_span rest = split_behind(string, piece.start);
		if (rest.at != piece.text.at)
			*placed = false;
		if (out->length > 0)
			buf_addc(out, '|');
		buf_add(out, piece.text.at, piece.text.length);
	}
	if (end != split_length(string))
		*placed = false;
	split_free(s);
}

static void test_cuts(const struct cut_case *cases, size_t count)
{
	static const char *const units[] = {"tokens", "chars", "lines", "paragraphs"};
	struct buf string = {0}, got = {0};
	bool placed;

	for (size_t i = 0; i < count; i++) {
		const struct cut_case *c = &cases[i];
		struct split_rule rule = {c->by, c->size, c->overlap};
		buf_clear(&string);
		buf_clear(&got);
		buf_addf(&string, "\"%s\"", c->text);
		add_pieces(&rule, (struct json_span){string.data, string.length}, &got, &placed);
		tap_is(buf_string(&got), c->want, "%s, %d %s, overlap %d", c->text, c->size,
		       units[c->by], c->overlap);
		tap_ok(placed, "start and end are the pieces' places");
	}
	buf_free(&string);
	buf_free(&got);
}

static void test_rules(void)
{
	static const struct {
		struct split_rule rule;
		bool good;
	} cases[] = {
	    {{SPLIT_CHARS, 1, 0}, true},   {{SPLIT_CHARS, 0, 0}, false},
	    {{SPLIT_CHARS, 2, 1}, true},   {{SPLIT_CHARS, 2, 2}, false},
	    {{SPLIT_TOKENS, 5, 0}, false}, {{SPLIT_TOKENS, 6, 0}, true},
	    {{SPLIT_TOKENS, 6, 1}, false}, {{SPLIT_TOKENS, 6, 3}, true},
	    {{SPLIT_TOKENS, 6, 4}, false}, {{SPLIT_LINES, 3, 2}, true},
	    {{SPLIT_LINES, 3, 3}, false},  {{SPLIT_PARAGRAPHS, 1, 1}, false},
	};
	enum split_by by = SPLIT_TOKENS;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		tap_ok((split_mistake(&cases[i].rule) == NULL) == cases[i].good,
		       "unit %d, size %d, overlap %d: %s", (int)cases[i].rule.by,
		       (int)cases[i].rule.size, (int)cases[i].rule.overlap,
		       cases[i].good ? "good" : "a mistake");
	tap_ok(split_unit("lines", &by) == 0 && by == SPLIT_LINES, "a unit by its name");
	tap_int(split_unit("Lines", &by), -1, "no such unit");
}

/* A word of 50,000 tokens and more, at a size of 2,048: the limit is hard. */
static void test_long_word(void)
{
	struct split_rule rule = {SPLIT_TOKENS, 2048, 100};
	struct buf string = {0};
	struct split_piece piece;
	int64_t most = 0, pieces = 0;

	buf_addc(&string, '"');
	for (unsigned i = 0; i < 150000; i++)
		buf_addc(&string, "QzX7kJ3vB9"[i * 7919 % 10]);
	buf_addc(&string, '"');
	tap_ok(tokens_text(string.data, string.length) > 50000,
	       "a word of more than 50,000 tokens");
	struct split *s = split_new(&rule, (struct json_span){string.data, string.length});
	while (split_next(s, &piece)) {
		int64_t tokens = tokens_text(piece.text.at, piece.text.length);
		most = tokens > most ? tokens : most;
		pieces++;
	}
	tap_ok(most <= 2048 && most > 2000, "its largest piece is about 2,048 tokens");
	tap_ok(pieces < 50000 / 1900 * 4, "and there are not too many of them");
	split_free(s);
	buf_free(&string);
}

int main(void)
{
	test_cuts(ends, sizeof ends / sizeof *ends);
	test_cuts(overlaps, sizeof overlaps / sizeof *overlaps);
	test_cuts(lines, sizeof lines / sizeof *lines);
	test_rules();
	test_long_word();
	return tap_done();
}
