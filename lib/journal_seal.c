/*
 * Seals: a line that bears one need not be read as JSON again. Its mark ends with a checksum of all
 * that stands before it, so that it is known to be what journal_seal saw:
 *
 *	{"custom_id":"ID",...,"lb":{...,"checkpoint":{"request":"16 digits","sum":"16 digits"}}}
 *
 * a success, by an id without escapes. Any other line, or one that was changed since, is read.
 */
#include "checksum.h"
#include "journal_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DIGITS 16

static const char head[] = "{\"custom_id\":\"";
static const char mark[] = "\"" JOURNAL_LOGGED "\":{\"request\":\"";
static const char sum[] = "\",\"sum\":\"";
static const char tail[] = "\"}}}";

/* How long they are, and the offsets of the parts from the end of the line. */
enum {
	HEAD = sizeof head - 1,
	TAIL = sizeof tail - 1,
	SUM_AT = TAIL + DIGITS,
	REQUEST_AT = SUM_AT + sizeof sum - 1 + DIGITS,
	MARK_AT = REQUEST_AT + sizeof mark - 1,
	LEAST = HEAD + MARK_AT + 1
};

bool journal_parse_digits(const char *text, uint64_t *number)
{
	/* No branch for each: what a digit is cannot be foreseen. */
	static const unsigned char digits[256] = {
	    ['0'] = 16, ['1'] = 17, ['2'] = 18, ['3'] = 19, ['4'] = 20, ['5'] = 21,
	    ['6'] = 22, ['7'] = 23, ['8'] = 24, ['9'] = 25, ['a'] = 26, ['b'] = 27,
	    ['c'] = 28, ['d'] = 29, ['e'] = 30, ['f'] = 31,
	};
	unsigned all = 16;

	*number = 0;
	for (int i = 0; i < DIGITS; i++) {
		unsigned digit = digits[(unsigned char)text[i]];
		all &= digit;
		*number = *number << 4 | (digit & 15);
	}
	return all != 0;
}

/* Does the line have the form that has room for a seal? */
static bool has_form(struct json_span line)
{
	if (line.length < LEAST || memcmp(line.at, head, HEAD) != 0)
		return false;
	const char *end = line.at + line.length;
	/* That the quote is no escaped one, within a name, is seen by what stands before it. */
	char before = end[-MARK_AT - 1];
	return (before == '{' || before == ',') &&
	       memcmp(end - MARK_AT, mark, sizeof mark - 1) == 0 &&
	       memcmp(end - REQUEST_AT + DIGITS, sum, sizeof sum - 1) == 0 &&
	       memcmp(end - TAIL, tail, TAIL) == 0;
}

bool journal_may_seal(const struct record *r, const struct buf *id)
{
	struct json_span own = r->custom_id;

	return !record_failed(r) && id->length > 0 && own.at == r->text.at + HEAD - 1 &&
	       memcmp(r->text.at, head, HEAD) == 0 && own.length == id->length + 2 &&
	       memcmp(own.at + 1, id->data, id->length) == 0;
}

bool journal_seal(char *line, size_t length)
{
	char digits[DIGITS + 1];

	if (!has_form((struct json_span){line, length}))
		return false;
	char *at = line + length - SUM_AT;
	snprintf(digits, sizeof digits, "%016" PRIx64, checksum_bytes(line, (size_t)(at - line)));
	memcpy(at, digits, DIGITS);
	return true;
}

bool journal_unseal(struct json_span line, struct journal_sealed *s)
{
	uint64_t sealed;

	if (!has_form(line))
		return false;
	const char *end = line.at + line.length;
	const char *at = end - SUM_AT;
	if (!journal_parse_digits(at, &sealed) ||
	    !journal_parse_digits(end - REQUEST_AT, &s->request) || s->request == 0 ||
	    checksum_bytes(line.at, (size_t)(at - line.at)) != sealed)
		return false;
	s->id.at = line.at + HEAD;
	s->id.length = (size_t)((const char *)memchr(s->id.at, '"', line.length - HEAD) - s->id.at);
	return true;
}
