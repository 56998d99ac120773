/* Strings with the fewest escapes, and the order of names. */
#include "buf.h"
#include "canonical_state.h"
#include "json_scan.h"

#include <string.h>

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

const char *canonical_add_string(struct buf *out, const char *p, const char *end)
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

int canonical_compare(const struct canonical_place *a, const struct canonical_place *b)
{
	const char *p = a->name, *q = b->name;
	int low_a = 0, low_b = 0, unit_a, unit_b;

	/* What they begin with byte by byte needs no decoding. */
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
