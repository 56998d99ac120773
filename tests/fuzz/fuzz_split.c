/*
 * fuzz_split: any text, cut by any rule. Three bytes are the rule; the rest is the inside of a JSON
 * string, or else, made valid, the value of one. An input that breaks a promise aborts:
 * - no piece is larger than the size;
 * - the pieces, less what the one before has, are the text, so no code point is cut;
 * - a piece begins with the end of the one before it, something of it and no more than the overlap.
 */
#include "buf.h"
#include "mem.h"
#include "split.h"
#include "tokens.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* How many lines a text has, the last of which need not be ended. */
static int64_t lines_of(const struct buf *text)
{
	int64_t count = 0;

	for (size_t i = 0; i < text->length; i++)
		count += text->data[i] == '\n' || i + 1 == text->length;
	return count;
}

/* The length of the white space that text begins with, one code point of it; 0 if there is none. */
static size_t white_of(const char *text, size_t n)
{
	static const char *const list[] = {" ",
					   "\t",
					   "\v",
					   "\f",
					   "\r",
					   "\xc2\x85",
					   "\xe1\x9a\x80",
					   "\xe2\x80\x80",
					   "\xe2\x80\x81",
					   "\xe2\x80\x82",
					   "\xe2\x80\x83",
					   "\xe2\x80\x84",
					   "\xe2\x80\x85",
					   "\xe2\x80\x86",
					   "\xe2\x80\x88",
					   "\xe2\x80\x89",
					   "\xe2\x80\x8a",
					   "\xe2\x80\x8b",
					   "\xe2\x80\xa8",
					   "\xe2\x80\xa9",
					   "\xe3\x80\x80"};

	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		size_t length = strlen(list[i]);
		if (length <= n && memcmp(text, list[i], length) == 0)
			return length;
	}
	return 0;
}

/* How many runs of lines that blank ones part; there is at least one. */
static int64_t paragraphs_of(const struct buf *text)
{
	int64_t count = 0;
	bool inked = false, gap = true;

	for (size_t i = 0; i < text->length;) {
		size_t white = white_of(text->data + i, text->length - i);
		if (text->data[i] == '\n') {
			gap = gap || !inked;
			inked = false;
		} else if (white == 0 && !inked) {
			count += gap;
			gap = false;
			inked = true;
		}
		i += white > 0 ? white : 1;
	}
	return count > 0 ? count : 1;
}

static int64_t units_of(enum split_by by, const struct buf *text, int64_t chars)
{
	switch (by) {
	case SPLIT_TOKENS:
		return tokens_text(text->data, text->length);
	case SPLIT_CHARS:
		return chars;
	case SPLIT_LINES:
		return lines_of(text);
	default:
		return paragraphs_of(text);
	}
}

/* The value of some of a string's bytes, which must be a string themselves. */
static void take_value(struct buf *value, const char *at, size_t n)
{
	struct buf string = {0};
	struct json_error error;

	buf_addc(&string, '"');
	buf_add(&string, at, n);
	buf_addc(&string, '"');
	require(json_check(string.data, string.length, NULL, NULL, 0, &error) == 0);
	buf_clear(value);
	json_unescape(value, (struct json_span){string.data, string.length});
	buf_free(&string);
}

static void check_overlap(const struct split_rule *rule, const struct split_piece *piece,
			  const char *end, int64_t end_index)
{
	struct buf value = {0};

	require(piece->text.at <= end && piece->start <= end_index);
	take_value(&value, piece->text.at, (size_t)(end - piece->text.at));
	int64_t units = units_of(rule->by, &value, end_index - piece->start);
	if (rule->overlap == 0)
		require(piece->text.at == end);
	else
		require(piece->text.at < end && units <= rule->overlap);
	if (rule->by == SPLIT_LINES)
		require(units == rule->overlap || rule->overlap == 0);
	buf_free(&value);
}

static void try_rule(const struct split_rule *rule, struct json_span string)
{
	struct split *s = split_new(rule, string);
	struct buf value = {0}, all = {0};
	const char *end = string.at + 1;
	int64_t end_index = 0;
	struct split_piece piece;
	bool first = true;

	while (split_next(s, &piece)) {
		const char *behind = piece.text.at + piece.text.length;
		require(first ? piece.text.at == end : behind > end);
		if (!first)
			check_overlap(rule, &piece, end, end_index);
		take_value(&value, piece.text.at, piece.text.length);
		require(units_of(rule->by, &value, piece.end - piece.start) <= rule->size ||
			value.length == 0);
		take_value(&value, end, (size_t)(behind - end));
		buf_add(&all, value.data, value.length);
		end = behind;
		end_index = piece.end;
		first = false;
	}
	require(!first && end == string.at + string.length - 1);
	require(end_index == split_length(string));
	buf_clear(&value);
	json_unescape(&value, string);
	require(value.length == all.length &&
		(all.length == 0 || memcmp(value.data, all.data, all.length) == 0));
	split_free(s);
	buf_free(&value);
	buf_free(&all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf string = {0};
	struct json_error error;

	if (size < 3)
		return 0;
	struct split_rule rule = {(enum split_by)(data[0] % 4), data[1], data[2]};
	if (split_mistake(&rule) != NULL)
		return 0;
	buf_addc(&string, '"');
	buf_add(&string, data + 3, size - 3);
	buf_addc(&string, '"');
	if (json_check(string.data, string.length, NULL, NULL, 0, &error) < 0) {
		buf_clear(&string);
		json_quote(&string, data + 3, size - 3);
	}
	/* Of exactly its size, so that a read behind it is seen. */
	char *exact = mem_alloc(string.length);
	memcpy(exact, string.data, string.length);
	try_rule(&rule, (struct json_span){exact, string.length});
	free(exact);
	buf_free(&string);
	return 0;
}
