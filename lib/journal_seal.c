/*
 * Seals: a line that bears one need not be read as JSON again. Its mark has a checksum of all that
 * stands before and behind it, so that the line is known to be what journal_seal saw:
 *
 *	{"custom_id":"ID",...,"lb":{...,"checkpoint":{"request":"16 digits","sum":"16 digits"}},...}
 *
 * a success, by an id without escapes; what begins like the mark does so nowhere behind. Any other
 * line, or one that was changed since, is read. The sum is no secret: where a record was made to
 * have one of its own, a space goes before its last brace.
 */
#include "checksum.h"
#include "journal_state.h"

#include <string.h>

#define DIGITS 16

static const char head[] = "{\"custom_id\":";
static const char mark[] = "\"" JOURNAL_LOGGED "\":{\"request\":\"";
static const char sum[] = "\",\"sum\":\"";
static const char tail[] = "\"}}";

/* How long they are, and the offsets of the parts of a mark. */
enum {
	HEAD = sizeof head - 1,
	BRACE_AT = sizeof "\"" JOURNAL_LOGGED "\":" - 1,
	REQUEST_AT = sizeof mark - 1,
	SUM_AT = REQUEST_AT + DIGITS + sizeof sum - 1,
	TAIL_AT = SUM_AT + DIGITS,
	MARK = TAIL_AT + sizeof tail - 1
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

void journal_write_digits(char *text, uint64_t number)
{
	for (int i = DIGITS; i-- > 0; number >>= 4)
		text[i] = "0123456789abcdef"[number & 15];
}

/* The id that a line begins with, to its end; NULL if it does not. Some write a space before it. */
static const char *find_id(struct json_span line)
{
	if (line.length < HEAD + 3 || memcmp(line.at, head, HEAD) != 0)
		return NULL;
	const char *at = line.at + HEAD;
	at += *at == ' ';
	return *at == '"' ? at + 1 : NULL;
}

/* Read a mark, with room for all of it. Returns whether it has a seal. */
static bool read_mark(const char *at, struct journal_sealed *s, uint64_t *sealed)
{
	/* That the quote is no escaped one, within a name, is seen by what stands before it. */
	return (at[-1] == '{' || at[-1] == ',') &&
	       journal_parse_digits(at + REQUEST_AT, &s->request) &&
	       memcmp(at + REQUEST_AT + DIGITS, sum, sizeof sum - 1) == 0 &&
	       journal_parse_digits(at + SUM_AT, sealed) &&
	       memcmp(at + TAIL_AT, tail, sizeof tail - 1) == 0;
}

/* The last mark of a line, if it has a seal; else NULL. Most often it is near the end, so it is
 * looked for from there, by its brace. */
static const char *find_mark(struct json_span line, struct journal_sealed *s, uint64_t *sealed)
{
	const char *end = line.at + line.length;

	for (const char *p = end; p - line.at > BRACE_AT + 1;) {
		if (*--p != '{')
			continue;
		const char *at = p - BRACE_AT;
		if (end - at >= MARK && memcmp(at, mark, sizeof mark - 1) == 0)
			return read_mark(at, s, sealed) ? at : NULL;
	}
	return NULL;
}

/* The checksum of a line but for the digits of its own. */
static uint64_t sum_line(struct json_span line, const char *at)
{
	const char *behind = at + TAIL_AT;
	uint64_t before = checksum_bytes(line.at, (size_t)(at + SUM_AT - line.at), 0);

	return checksum_bytes(behind, (size_t)(line.at + line.length - behind), before);
}

bool journal_may_seal(const struct record *r, const struct buf *id)
{
	struct json_span own = r->custom_id;

	return !record_failed(r) && id->length > 0 && own.length == id->length + 2 &&
	       own.at + 1 == find_id(r->text) && memcmp(own.at + 1, id->data, id->length) == 0 &&
	       memchr(id->data, '\\', id->length) == NULL;
}

bool journal_seal(char *line, size_t length, const struct record *r)
{
	const char *end = r->text.at + r->text.length;
	size_t behind = r->lb.at != NULL ? (size_t)(end - r->lb.at) - r->lb.length : 1;
	struct json_span text = {line, length};
	struct journal_sealed s;
	uint64_t none;

	/* The mark that was set, and no other one, is what lb ends with. */
	const char *at = find_mark(text, &s, &none);
	if (at == NULL || at + MARK != line + length - behind)
		return false;
	journal_write_digits(line + (at - line) + SUM_AT, sum_line(text, at));
	return true;
}

bool journal_unseal(struct json_span line, struct journal_sealed *s)
{
	uint64_t sealed;

	s->id.at = find_id(line);
	if (s->id.at == NULL)
		return false;
	const char *at = find_mark(line, s, &sealed);
	if (at == NULL || s->request == 0 || sum_line(line, at) != sealed)
		return false;
	const char *quote = memchr(s->id.at, '"', (size_t)(at + 1 - s->id.at));
	s->id.length = (size_t)(quote - s->id.at);
	return true;
}
