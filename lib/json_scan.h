/*
 * json_scan: the inner loop that the JSON code shares: over the bytes of a string that need no
 * look, 16 at a time where the machine has SSE2, else 8.
 */
#ifndef JSON_SCAN_H
#define JSON_SCAN_H

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/*
 * The first byte in [p, end) that is a quote, a backslash, a control character or not ASCII; end if
 * there is none. Reads nothing outside of [p, end).
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
		/* A byte becomes zero where it matches; (x - 1) & ~x has its top bit set then. */
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

#endif
