/*
 * json_scan: the inner loops that the JSON code shares: over bytes that need no
 * look, 16 at a time where the machine has SSE2.
 */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include "json.h"

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Behind the white space at p. */
static inline const char *json_scan_space(const char *p, const char *end)
{
	while (p < end && (unsigned char)*p <= ' ' &&
	       (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

/*
 * The first byte in [p, end) that is a quote, a backslash, a control character
 * or not ASCII; end if there is none. Reads nothing outside of [p, end).
 */
static inline const char *json_scan_plain(const char *p, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i backslash = _mm_set1_epi8('\\');
	const __m128i space = _mm_set1_epi8(' ');
	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		/* Signed comparison: bytes from 0x80 up are below the space as well. */
		__m128i stop = _mm_or_si128(
		    _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)),
		    _mm_cmplt_epi8(v, space));
		unsigned mask = (unsigned)_mm_movemask_epi8(stop);
		if (mask != 0)
			return p + __builtin_ctz(mask);
		p += 16;
	}
#else
	const uint64_t ones = UINT64_C(0x0101010101010101);
	const uint64_t tops = UINT64_C(0x8080808080808080);
	while (end - p >= 8) {
		uint64_t v;
		memcpy(&v, p, 8);
		uint64_t quote = v ^ (ones * '"');
		uint64_t backslash = v ^ (ones * '\\');
		/* A byte becomes zero where it matches; (x - 1) & ~x has its top bit set
		 * then. */
		uint64_t stop = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
				((v - ones * ' ') & ~v) | v;
		if ((stop & tops) != 0)
			break;
		p += 8;
	}
#endif
	while (p < end && (unsigned char)(*p - ' ') < 0x60 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* The closing quote of a plain string that ends within 16 bytes of p, or NULL
 * if that is not seen at one look. */
static inline const char *json_scan_short(const char *p, const char *end)
{
#ifdef __SSE2__
	if (end - p < 16)
		return NULL;
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i quotes = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
	/* Signed comparison: bytes from 0x80 up are below the space as well. */
	__m128i odd = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\')),
				   _mm_cmplt_epi8(v, _mm_set1_epi8(' ')));
	unsigned quote = (unsigned)_mm_movemask_epi8(quotes);
	unsigned before = (quote & (0u - quote)) - 1; /* the bits below the first quote's */
	if (quote == 0 || ((unsigned)_mm_movemask_epi8(odd) & before) != 0)
		return NULL;
	return p + __builtin_ctz(quote);
#else
	(void)p;
	(void)end;
	return NULL;
#endif
}

static inline int json_scan_continues(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* The length of the character beyond ASCII at p, by the table of RFC 3629,
 * section 4; 0 if it is malformed or cut off by the end. */
static inline size_t json_scan_character(const unsigned char *p, const unsigned char *end)
{
	unsigned char c = p[0];

	if (end - p >= 3 && c >= 0xe0 && c <= 0xef) {
		if (!json_scan_continues(p[1]) || !json_scan_continues(p[2]))
			return 0;
		if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] >= 0xa0))
			return 0;
		return 3;
	}
	if (end - p >= 2 && c >= 0xc2 && c <= 0xdf)
		return json_scan_continues(p[1]) ? 2 : 0;
	if (end - p >= 4 && c >= 0xf0 && c <= 0xf4) {
		if (!json_scan_continues(p[1]) || !json_scan_continues(p[2]) ||
		    !json_scan_continues(p[3]))
			return 0;
		if ((c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] >= 0x90))
			return 0;
		return 4;
	}
	return 0;
}

/* Behind the characters beyond ASCII at p, or at the first byte of a malformed
 * one. */
static inline const char *json_scan_beyond(const char *at, const char *end)
{
	const unsigned char *p = (const unsigned char *)at;
	const unsigned char *last = (const unsigned char *)end;
	size_t n;

#ifdef __SSE2__
	/* The usual ones, of two and three bytes, by one load each. This is x86: the
	 * first byte is the lowest. */
	while (last - p >= 4) {
		uint32_t v;
		memcpy(&v, p, 4);
		if ((v & 0x00c0c0f0) == 0x008080e0) {
			/* Behind E0 the second byte has its bit 5, behind ED it has not. */
			uint32_t narrow = v & 0x200f;
			if (narrow == 0 || narrow == 0x200d)
				return (const char *)p;
			p += 3;
		} else if ((v & 0x0000c0e0) == 0x000080c0 && (v & 0x1e) != 0) {
			p += 2;
		} else if ((v & 0x80) != 0 && (n = json_scan_character(p, last)) > 0) {
			p += n;
		} else {
			return (const char *)p;
		}
	}
#endif
	while (p < last && *p >= 0x80 && (n = json_scan_character(p, last)) > 0)
		p += n;
	return (const char *)p;
}

/*
 * Move *at to the first quote, backslash or control character in [*at, end), or
 * to end. The text passed over must be UTF-8: returns -1 with *at at the first
 * byte that is not.
 */
static inline int json_scan_text(const char **at, const char *end)
{
	const char *p = *at;

	for (;;) {
		p = json_scan_plain(p, end);
		if (p == end || (unsigned char)*p < 0x80) {
			*at = p;
			return 0;
		}
		p = json_scan_beyond(p, end);
		if (p < end && (unsigned char)*p >= 0x80) {
			*at = p;
			return -1;
		}
	}
}

/* The first quote or backslash in [p, end), where one is known to follow. */
static inline const char *json_scan_quote(const char *p, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i backslash = _mm_set1_epi8('\\');
	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i stop = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash));
		unsigned mask = (unsigned)_mm_movemask_epi8(stop);
		if (mask != 0)
			return p + __builtin_ctz(mask);
		p += 16;
	}
#endif
	while (p < end && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* The first quote, brace or bracket in [p, end), or end. */
static inline const char *json_scan_bracket(const char *p, const char *end)
{
#ifdef __SSE2__
	/* Setting bit 5 makes a brace of a bracket, and nothing else of use. */
	const __m128i bit = _mm_set1_epi8(0x20);
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i open = _mm_set1_epi8('{');
	const __m128i close = _mm_set1_epi8('}');
	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i brace = _mm_or_si128(v, bit);
		__m128i stop = _mm_or_si128(
		    _mm_cmpeq_epi8(v, quote),
		    _mm_or_si128(_mm_cmpeq_epi8(brace, open), _mm_cmpeq_epi8(brace, close)));
		unsigned mask = (unsigned)_mm_movemask_epi8(stop);
		if (mask != 0)
			return p + __builtin_ctz(mask);
		p += 16;
	}
#endif
	while (p < end && *p != '"' && *p != '{' && *p != '[' && *p != '}' && *p != ']')
		p++;
	return p;
}

static inline bool json_scan_digit(const char *p, const char *end)
{
	return p < end && (unsigned char)(*p - '0') < 10;
}

/* Behind the number at p; of one with a leading zero, behind that. NULL, with
 * *wrong set to where it ends to be one, if it is none. */
static inline const char *json_scan_number(const char *p, const char *end, const char **wrong)
{
	if (*p == '-')
		p++;
	*wrong = p;
	if (!json_scan_digit(p, end))
		return NULL;
	if (*p == '0')
		p++;
	else
		while (json_scan_digit(p, end))
			p++;
	if (p < end && *p == '.') {
		*wrong = ++p;
		if (!json_scan_digit(p, end))
			return NULL;
		while (json_scan_digit(p, end))
			p++;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		*wrong = p;
		if (!json_scan_digit(p, end))
			return NULL;
		while (json_scan_digit(p, end))
			p++;
	}
	return p;
}

/* Is the key, with its quotes, the member's name? escaped: there is a backslash
 * in it. */
static inline bool json_scan_is(struct json_span key, bool escaped, const struct json_member *m)
{
	if (escaped)
		return json_equals(key, m->name);
	return m->name_length == key.length - 2 && memcmp(m->name, key.at + 1, key.length - 2) == 0;
}

/* Note the value if its key is wanted. The names are tried from *next on, as
 * records tend to have their members in the order that they are asked for. */
static inline void json_scan_note(struct json_member *wanted, size_t count, size_t *next,
				  struct json_span key, struct json_span value)
{
	bool escaped = false;

	for (int round = 0; round < 2; round++) {
		for (size_t tried = 0, i = *next; tried < count; tried++) {
			size_t behind = i + 1 < count ? i + 1 : 0;
			if (json_scan_is(key, escaped, &wanted[i])) {
				wanted[i].value = value;
				*next = behind;
				return;
			}
			i = behind;
		}
		/* No name has a backslash, but a key may be a name in other words. */
		escaped = memchr(key.at, '\\', key.length) != NULL;
		if (!escaped)
			return;
	}
}

/* As json_check, for any text, a byte or a few at a time. root is not NULL. */
int json_scan_check(const char *text, size_t n, struct json_span *root, struct json_member *wanted,
		    size_t count, struct json_error *error);

/*
 * As json_check, for any processor and text that it is made for, and those only: returns whether
 * the text is known to be right, and then *root, not NULL, and the wanted members are set.
 */
bool json_blocks_check(const char *text, size_t n, struct json_span *root,
		       struct json_member *wanted, size_t count);

#endif
