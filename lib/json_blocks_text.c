/*
 * Blocks that have more in them than plain ASCII: escapes, and UTF-8, by three tables of half bytes
 * (Keiser and Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte", 2021).
 */
#include "json_blocks.h"

#ifdef JSON_BLOCKS

/* The bytes that are c. */
JSON_IN_AVX2 uint64_t equal(const struct json_block *b, char c)
{
	__m256i all = _mm256_set1_epi8(c);
	return json_block_mask(_mm256_cmpeq_epi8(b->low, all), _mm256_cmpeq_epi8(b->high, all));
}

/* A byte has one of the bits 1 to 8 set, by its upper half, if it may stand behind a backslash, and
 * one of the others if it is a hexadecimal digit. */
#define ESCAPE 15
#define HEX    48

JSON_IN_AVX2 uint64_t with_class(const struct json_block *b, char bits)
{
	static const uint8_t upper[16] = {0, 0, 1, 16, 32, 2, 4 | 32, 8};
	static const uint8_t lower[16] = {
	    16, 48, 1 | 4 | 8 | 48, 48, 8 | 48, 8 | 48, 4 | 48, 16, 16, 16, 0, 0, 2, 0, 4, 1};
	__m256i wanted = _mm256_set1_epi8(bits), none = _mm256_setzero_si256();
	__m256i low = _mm256_and_si256(json_block_classes(b->low, lower, upper), wanted);
	__m256i high = _mm256_and_si256(json_block_classes(b->high, lower, upper), wanted);

	return ~json_block_mask(_mm256_cmpeq_epi8(low, none), _mm256_cmpeq_epi8(high, none));
}

/* Which bytes are escaped; and check the escapes. */
JSON_IN_AVX2 void find_escaped(struct json_blocks_rare *r, const struct json_block *b)
{
	const uint64_t odd = UINT64_C(0xaaaaaaaaaaaaaaaa);
	uint64_t backslashes = equal(b, '\\');

	r->escaped = 0;
	if ((backslashes | r->escaped_next | r->hex_next) == 0)
		return;
	/* In a run of backslashes every other one escapes what follows. To subtract the first of a
	 * run from the odd places behind it turns them over as far as the run goes. */
	uint64_t first = backslashes & ~r->escaped_next;
	uint64_t behind = (((first << 1) | odd) - first) ^ odd;
	r->escaped = behind ^ (backslashes | r->escaped_next);
	r->escaped_next = (behind & backslashes) >> 63;

	uint64_t u = r->escaped & equal(b, 'u');
	uint64_t hex = u << 1 | u << 2 | u << 3 | u << 4 | r->hex_next;
	r->hex_next = u >> 63 | u >> 62 | u >> 61 | u >> 60;
	r->wrong |= (r->escaped & ~with_class(b, ESCAPE)) | (hex & ~with_class(b, HEX));
}

/* The bytes that stand n bytes before those of v, where those of before stand before v. */
#define EARLIER(v, before, n) \
	_mm256_alignr_epi8(v, _mm256_permute2x128_si256(before, v, 0x21), 16 - (n))

/* What is wrong with UTF-8, as a bit: of two bytes, by the halves of the first and the upper half
 * of the second. Where all three tables have it it is so. */
enum {
	TOO_SHORT = 1,   /* a character begins, and something else than its rest follows */
	TOO_LONG = 2,    /* something follows on ASCII that must not */
	OVERLONG_3 = 4,  /* E0 80 to E0 9F */
	TOO_LARGE = 8,   /* F4 90 and above */
	SURROGATE = 16,  /* ED A0 and above */
	OVERLONG_2 = 32, /* C0, C1 */
	LARGE_OR_4 = 64, /* F5 80 and above, F0 80 to F0 8F */
	TWO_MORE = 128,  /* a second one that follows: right behind E0 and above only */
	ANY_LOW = TOO_SHORT | TOO_LONG | TWO_MORE,
	ANY_LARGE = ANY_LOW | TOO_LARGE | LARGE_OR_4
};

#define FOUR(x) (x), (x), (x), (x)

static const uint8_t first_lower[16] = {ANY_LOW | OVERLONG_3 | OVERLONG_2 | LARGE_OR_4,
					ANY_LOW | OVERLONG_2,
					ANY_LOW,
					ANY_LOW,
					ANY_LOW | TOO_LARGE,
					ANY_LARGE,
					ANY_LARGE,
					ANY_LARGE,
					FOUR(ANY_LARGE),
					ANY_LARGE,
					ANY_LARGE | SURROGATE,
					ANY_LARGE,
					ANY_LARGE};
static const uint8_t first_upper[16] = {FOUR(TOO_LONG),
					FOUR(TOO_LONG),
					FOUR(TWO_MORE),
					TOO_SHORT | OVERLONG_2,
					TOO_SHORT,
					TOO_SHORT | OVERLONG_3 | SURROGATE,
					TOO_SHORT | TOO_LARGE | LARGE_OR_4};
static const uint8_t second_lower[16] = {FOUR(255), FOUR(255), FOUR(255), FOUR(255)};
static const uint8_t second_upper[16] = {FOUR(TOO_SHORT),
					 FOUR(TOO_SHORT),
					 TOO_LONG | OVERLONG_2 | TWO_MORE | OVERLONG_3 | LARGE_OR_4,
					 TOO_LONG | OVERLONG_2 | TWO_MORE | OVERLONG_3 | TOO_LARGE,
					 TOO_LONG | OVERLONG_2 | TWO_MORE | SURROGATE | TOO_LARGE,
					 TOO_LONG | OVERLONG_2 | TWO_MORE | SURROGATE | TOO_LARGE,
					 FOUR(TOO_SHORT)};

JSON_IN_AVX2 __m256i malformed(__m256i v, __m256i before)
{
	__m256i pair =
	    _mm256_and_si256(json_block_classes(EARLIER(v, before, 1), first_lower, first_upper),
			     json_block_classes(v, second_lower, second_upper));
	/* Two behind E0 and above, and three behind F0 and above, TWO_MORE is what must be. */
	__m256i third = _mm256_subs_epu8(EARLIER(v, before, 2), _mm256_set1_epi8(0xe0 - 0x80));
	__m256i fourth = _mm256_subs_epu8(EARLIER(v, before, 3), _mm256_set1_epi8(0xf0 - 0x80));
	__m256i must =
	    _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)TWO_MORE));

	return _mm256_xor_si256(pair, must);
}

JSON_IN_AVX2 void check_utf8(struct json_blocks_rare *r, const struct json_block *b, __m256i before)
{
	uint64_t beyond = json_block_mask(b->low, b->high);

	if ((beyond | r->beyond) != 0) {
		__m256i found =
		    _mm256_or_si256(malformed(b->low, before), malformed(b->high, b->low));
		r->wrong |= !_mm256_testz_si256(found, found);
	}
	r->beyond = beyond;
}

JSON_AVX2 bool json_blocks_look(struct json_blocks_rare *r, const char *p, const char *before)
{
	struct json_block b = json_block_load(p);
	__m256i most = _mm256_set1_epi8(0x1f), last = _mm256_setzero_si256();

	if (before != NULL)
		last = _mm256_loadu_si256((const __m256i *)(const void *)before);
	find_escaped(r, &b);
	check_utf8(r, &b, last);
	r->blanks = 0;
	r->controls = json_block_mask(_mm256_cmpeq_epi8(_mm256_min_epu8(b.low, most), b.low),
				      _mm256_cmpeq_epi8(_mm256_min_epu8(b.high, most), b.high));
	if (r->controls != 0)
		r->blanks = equal(&b, '\t') | equal(&b, '\n') | equal(&b, '\r');
	return (r->escaped_next | r->hex_next | r->beyond) != 0;
}

#endif
