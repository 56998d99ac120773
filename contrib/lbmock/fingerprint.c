#include "fingerprint.h"
#include "rng.h"

/* Eight bytes, little-endian whatever the machine; written out so that compilers make it one load.
 */
static uint64_t load(const unsigned char *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
	       (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
	       (uint64_t)p[7] << 56;
}

uint64_t fingerprint_of(const void *data, size_t n)
{
	const unsigned char *p = data;
	uint64_t h = rng_scatter(n);

	/* A multiply and a fold per word; scatter at the end spreads what is left. */
	for (; n >= 8; n -= 8, p += 8) {
		h = (h ^ load(p)) * UINT64_C(0x9fb21c651e98df25);
		h ^= h >> 32;
	}
	uint64_t tail = 0;
	for (size_t i = 0; i < n; i++)
		tail |= (uint64_t)p[i] << 8 * i;
	return rng_scatter(h ^ tail);
}
