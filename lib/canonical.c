/*
 * One pass over the text. The members of an object are written as they come, and put in order
 * behind its end if they were not.
 */
#include "canonical.h"
#include "buf.h"
#include "json_scan.h"
#include "mem.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Digits of an exponent beyond which a number is left as it is. */
#define EXPONENT_DIGITS 17

/* ECMAScript writes integers of up to so many digits without an exponent. */
#define PLAIN_DIGITS 21

/* A member that has been written: where it stands in out, and its name, without quotes. */
struct place {
	size_t at, length;
	const char *name, *name_end;
};

struct writer {
	struct buf *out;
	struct place *places; /* of the members of all objects that are not ended yet */
	size_t count, capacity;
	struct buf spare;
};

static unsigned hex4(const char *p)
{
	unsigned n = 0;

	for (int i = 0; i < 4; i++) {
		unsigned c = (unsigned char)p[i];
		n = n << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return n;
}

static bool is_surrogate(unsigned unit, unsigned first)
{
	return unit >= first && unit < first + 0x400;
}

/* Append a character that was given as an escape, with an escape only where it needs one. */
static void add_character(struct buf *out, unsigned c)
{
	static const char controls[] = "btn\0fr"; /* from U+0008 on; U+000B has no short one */

	if (c >= 8 && c < 8 + sizeof controls - 1 && controls[c - 8] != '\0') {
		buf_addc(out, '\\');
		buf_addc(out, controls[c - 8]);
	} else if (c == '"' || c == '\\') {
		buf_addc(out, '\\');
		buf_addc(out, (char)c);
	} else if (c < 0x20 || is_surrogate(c, 0xd800) || is_surrogate(c, 0xdc00)) {
		buf_addf(out, "\\u%04x", c);
	} else if (c < 0x80) {
		buf_addc(out, (char)c);
	} else if (c < 0x800) {
		buf_addc(out, (char)(0xc0 | c >> 6));
		buf_addc(out, (char)(0x80 | (c & 0x3f)));
	} else {
		if (c < 0x10000) {
			buf_addc(out, (char)(0xe0 | c >> 12));
		} else {
			buf_addc(out, (char)(0xf0 | c >> 18));
			buf_addc(out, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_addc(out, (char)(0x80 | (c & 0x3f)));
	}
}

/* The character of an escape that is no \u: what stands behind the backslash, or means. */
static unsigned short_escape(char c)
{
	static const char meanings[] = "b\bf\fn\nr\rt\t";
	const char *found = strchr(meanings, c);

	return (unsigned char)(found != NULL ? found[1] : c);
}

/* Append the escape at p, or the pair of them that is one character. Returns what follows. */
static const char *add_escape(struct buf *out, const char *p, const char *end)
{
	if (p[1] != 'u') {
		add_character(out, short_escape(p[1]));
		return p + 2;
	}
	unsigned c = hex4(p + 2);
	p += 6;
	if (is_surrogate(c, 0xd800) && end - p > 6 && p[0] == '\\' && p[1] == 'u' &&
	    is_surrogate(hex4(p + 2), 0xdc00)) {
		c = 0x10000 + ((c - 0xd800) << 10) + (hex4(p + 2) - 0xdc00);
		p += 6;
	}
	add_character(out, c);
	return p;
}

/* Append the string at p. Returns what follows. */
static const char *add_string(struct buf *out, const char *p, const char *end)
{
	const char *start = p;

	p = json_scan_quote(p + 1, end);
	while (*p == '\\') {
		buf_add(out, start, (size_t)(p - start));
		start = p = add_escape(out, p, end);
		p = json_scan_quote(p, end);
	}
	p++;
	buf_add(out, start, (size_t)(p - start));
	return p;
}

/* Append zeros. */
static void add_zeros(struct buf *out, int64_t count)
{
	while (count-- > 0)
		buf_addc(out, '0');
}

/* Append the number 0.DIGITS times ten to the point; no zeros stand at either end of the digits.
 * ECMA-262, Number::toString. */
static void add_decimal(struct buf *out, const char *digits, size_t count, int64_t point)
{
	int64_t n = (int64_t)count;

	if (point >= n && point <= PLAIN_DIGITS) {
		buf_add(out, digits, count);
		add_zeros(out, point - n);
	} else if (point > 0 && point <= PLAIN_DIGITS) {
		buf_add(out, digits, (size_t)point);
		buf_addc(out, '.');
		buf_add(out, digits + point, count - (size_t)point);
	} else if (point > -6 && point <= 0) {
		buf_adds(out, "0.");
		add_zeros(out, -point);
		buf_add(out, digits, count);
	} else {
		buf_addc(out, *digits);
		if (count > 1) {
			buf_addc(out, '.');
			buf_add(out, digits + 1, count - 1);
		}
		buf_addf(out, "e%+" PRId64, point - 1);
	}
}

/* Read an exponent's digits. Returns 0, or -1 if there are too many. */
static int read_exponent(const char *p, const char *end, int64_t *value)
{
	bool negative = *p == '-';

	*value = 0;
	if (*p == '-' || *p == '+')
		p++;
	while (p < end && *p == '0')
		p++;
	if (end - p > EXPONENT_DIGITS)
		return -1;
	for (; p < end; p++)
		*value = *value * 10 + (*p - '0');
	if (negative)
		*value = -*value;
	return 0;
}

/* Append a number that is not just a few digits. */
static void add_odd_number(struct writer *w, const char *p, const char *end)
{
	const char *start = p;
	struct buf *digits = &w->spare;
	size_t leading = 0;
	int64_t exponent = 0, point;

	buf_clear(digits);
	if (*p == '-')
		p++;
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		buf_addc(digits, *p);
	point = (int64_t)digits->length;
	if (p < end && *p == '.')
		for (p++; p < end && *p >= '0' && *p <= '9'; p++)
			buf_addc(digits, *p);
	while (digits->length > 0 && digits->data[digits->length - 1] == '0')
		digits->length--;
	if (digits->length == 0) {
		buf_addc(w->out, '0');
		return;
	}
	if (p < end && read_exponent(p + 1, end, &exponent) < 0) {
		buf_add(w->out, start, (size_t)(end - start));
		return;
	}
	while (digits->data[leading] == '0')
		leading++;
	if (*start == '-')
		buf_addc(w->out, '-');
	add_decimal(w->out, digits->data + leading, digits->length - leading,
		    point - (int64_t)leading + exponent);
}

static bool ends_value(char c)
{
	return c == ',' || c == '}' || c == ']' || (unsigned char)c <= ' ';
}

/* Append the number or the literal at p. Returns what follows. */
static const char *add_word(struct writer *w, const char *p, const char *end)
{
	const char *start = p;
	bool digits = true;

	for (; p < end && !ends_value(*p); p++)
		digits = digits && *p >= '0' && *p <= '9';
	if (*start >= 'a' || (digits && p - start <= PLAIN_DIGITS))
		buf_add(w->out, start, (size_t)(p - start));
	else
		add_odd_number(w, start, p);
	return p;
}

/* The next UTF-16 code unit of a name, or -1 at its end. *low is one that has been read already. */
static int next_unit(const char **at, const char *end, int *low)
{
	const unsigned char *p = (const unsigned char *)*at;
	unsigned c;

	if (*low != 0) {
		c = (unsigned)*low;
		*low = 0;
		return (int)c;
	}
	if (*at == end)
		return -1;
	if (*p == '\\') {
		c = p[1] == 'u' ? hex4(*at + 2) : short_escape((char)p[1]);
		*at += p[1] == 'u' ? 6 : 2;
	} else if (*p < 0x80) {
		c = *p;
		*at += 1;
	} else if (*p < 0xe0) {
		c = (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
		*at += 2;
	} else if (*p < 0xf0) {
		c = (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
		*at += 3;
	} else {
		c = (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 |
		    (p[3] & 0x3fu);
		*at += 4;
		*low = (int)(0xdc00 + ((c - 0x10000) & 0x3ff));
		c = 0xd800 + ((c - 0x10000) >> 10);
	}
	return (int)c;
}

/* The order of two names. What they begin with byte by byte needs no decoding. */
static int compare_names(const struct place *a, const struct place *b)
{
	const char *p = a->name, *q = b->name;
	int low_a = 0, low_b = 0, unit_a, unit_b;

	while (p < a->name_end && q < b->name_end && *p == *q && (unsigned char)*p < 0x80 &&
	       *p != '\\') {
		p++;
		q++;
	}
	do {
		unit_a = next_unit(&p, a->name_end, &low_a);
		unit_b = next_unit(&q, b->name_end, &low_b);
	} while (unit_a == unit_b && unit_a >= 0);
	return (unit_a > unit_b) - (unit_a < unit_b);
}

static int compare_places(const void *a, const void *b)
{
	const struct place *first = a, *second = b;
	int order = compare_names(first, second);

	return order != 0 ? order : (first->at > second->at) - (first->at < second->at);
}

/* Put the members from `first` on, which are the end of out from start on, in order. */
static void sort_members(struct writer *w, size_t first, size_t start)
{
	struct place *members = w->places + first;
	size_t count = w->count - first;

	qsort(members, count, sizeof *members, compare_places);
	buf_clear(&w->spare);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_addc(&w->spare, ',');
		buf_add(&w->spare, w->out->data + members[i].at, members[i].length);
	}
	memcpy(w->out->data + start, w->spare.data, w->spare.length);
}

static const char *add_value(struct writer *w, const char *p, const char *end);

static struct place *new_place(struct writer *w)
{
	if (w->count == w->capacity) {
		w->capacity = w->capacity > 0 ? w->capacity * 2 : 64;
		w->places = mem_resize(w->places, w->capacity, sizeof *w->places);
	}
	return &w->places[w->count++];
}

/* Is the name at p, up to behind its closing quote, one of these? */
static bool is_among(const char *p, const char *behind, const struct json_member *names,
		     size_t count)
{
	struct json_span name = {p, (size_t)(behind - p)};
	bool escaped = count > 0 && memchr(p, '\\', name.length) != NULL;

	for (size_t i = 0; i < count; i++)
		if (json_scan_is(name, escaped, &names[i]))
			return true;
	return false;
}

/* Append a member, unless its name is one of `without`. Returns what follows. */
static const char *add_member(struct writer *w, const char *p, const char *end, size_t first,
			      const struct json_member *without, size_t count)
{
	const char *name = p;
	size_t before = w->out->length;

	if (w->count > first)
		buf_addc(w->out, ',');
	size_t at = w->out->length;
	p = add_string(w->out, p, end);
	const char *behind = p;
	buf_addc(w->out, ':');
	p = json_scan_space(json_scan_space(p, end) + 1, end);
	p = add_value(w, p, end);
	if (is_among(name, behind, without, count)) {
		w->out->length = before;
		return p;
	}
	*new_place(w) = (struct place){at, w->out->length - at, name + 1, behind - 1};
	return p;
}

/* Append the object at p. Returns what follows. */
static const char *add_object(struct writer *w, const char *p, const char *end,
			      const struct json_member *without, size_t count)
{
	size_t first = w->count;
	bool sorted = true;

	buf_addc(w->out, '{');
	size_t start = w->out->length;
	p = json_scan_space(p + 1, end);
	while (*p != '}') {
		p = add_member(w, p, end, first, without, count);
		p = json_scan_space(p, end);
		if (*p == ',')
			p = json_scan_space(p + 1, end);
		if (sorted && w->count >= first + 2)
			sorted =
			    compare_names(&w->places[w->count - 2], &w->places[w->count - 1]) <= 0;
	}
	if (!sorted)
		sort_members(w, first, start);
	w->count = first;
	buf_addc(w->out, '}');
	return p + 1;
}

/* Append the array at p. Returns what follows. */
static const char *add_array(struct writer *w, const char *p, const char *end)
{
	bool any = false;

	buf_addc(w->out, '[');
	p = json_scan_space(p + 1, end);
	while (*p != ']') {
		if (any)
			buf_addc(w->out, ',');
		any = true;
		p = json_scan_space(add_value(w, p, end), end);
		if (*p == ',')
			p = json_scan_space(p + 1, end);
	}
	buf_addc(w->out, ']');
	return p + 1;
}

/* Append the value at p, recursing as deep as json_check allows. Returns what follows. */
static const char *add_value(struct writer *w, const char *p, const char *end)
{
	switch (*p) {
	case '{':
		return add_object(w, p, end, NULL, 0);
	case '[':
		return add_array(w, p, end);
	case '"':
		return add_string(w->out, p, end);
	default:
		return add_word(w, p, end);
	}
}

static void finish(struct writer *w)
{
	free(w->places);
	buf_free(&w->spare);
}

void canonical_add(struct buf *out, struct json_span value)
{
	struct writer w = {.out = out};

	buf_reserve(out, value.length);
	add_value(&w, value.at, value.at + value.length);
	finish(&w);
}

void canonical_add_without(struct buf *out, struct json_span object,
			   const struct json_member *without, size_t count)
{
	struct writer w = {.out = out};

	buf_reserve(out, object.length);
	add_object(&w, object.at, object.at + object.length, without, count);
	finish(&w);
}
