/*
 * json_blocks: what the two parts of the quick check share; for json_blocks*.c only. Of a block
 * come masks, a bit for each byte, the lowest one for the first.
 */
#ifndef JSON_BLOCKS_H
#define JSON_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define JSON_BLOCKS

#include <immintrin.h>

#define JSON_BLOCK ((size_t)64)

#define JSON_AVX2 __attribute__((target("avx2,bmi,pclmul,popcnt")))
/* Inlined, so that what goes from block to block stays in registers. */
#define JSON_IN_AVX2 static inline JSON_AVX2 __attribute__((always_inline))

struct json_block {
	__m256i low, high;
};

/* What one block tells of the next one's first bytes, as to bytes that are rare; and what was found
 * in the block that was looked at last. All 0 at first. */
struct json_blocks_rare {
	uint64_t escaped_next; /* 1: the first is behind a backslash */
	uint64_t hex_next;     /* a bit for each that must be a hexadecimal digit */
	uint64_t beyond;       /* not 0: there were bytes that are not ASCII */
	uint64_t wrong;        /* not 0: something was found wrong in one of the blocks */

	uint64_t escaped, controls, blanks; /* blanks: the controls that are white space */
};

/* Look at a block that has backslashes, control characters or bytes that are not ASCII, or is
 * behind such a one. before is the half block before it, NULL at the start. Checks escapes and
 * UTF-8. Returns whether the next block must be looked at in any case. */
bool json_blocks_look(struct json_blocks_rare *r, const char *p, const char *before);

JSON_IN_AVX2 struct json_block json_block_load(const char *p)
{
	return (struct json_block){
	    _mm256_loadu_si256((const __m256i *)(const void *)p),
	    _mm256_loadu_si256((const __m256i *)(const void *)(p + JSON_BLOCK / 2))};
}

/* The highest bits of the bytes. */
JSON_IN_AVX2 uint64_t json_block_mask(__m256i low, __m256i high)
{
	return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
							 << 32;
}

/* What tables of 16 have for the lower half of each byte and for the upper one, and both have. */
JSON_IN_AVX2 __m256i json_block_classes(__m256i v, const uint8_t lower[16], const uint8_t upper[16])
{
	const __m256i half = _mm256_set1_epi8(15);
	__m128i l = _mm_loadu_si128((const __m128i *)(const void *)lower);
	__m128i u = _mm_loadu_si128((const __m128i *)(const void *)upper);

	return _mm256_and_si256(
	    _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(l), _mm256_and_si256(v, half)),
	    _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(u),
				_mm256_and_si256(_mm256_srli_epi16(v, 4), half)));
}

#endif
#endif
