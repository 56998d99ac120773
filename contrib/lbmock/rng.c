#include "rng.h"

#include <math.h>

static uint64_t rotate(uint64_t x, unsigned k)
{
	return x << k | x >> (64 - k);
}

uint64_t rng_scatter(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

void rng_seed(struct rng *r, uint64_t seed)
{
	/* Filled by splitmix64, as the authors advise: the state must not be all zero. */
	for (unsigned i = 0; i < 4; i++)
		r->state[i] = rng_scatter(seed + i * UINT64_C(0x9e3779b97f4a7c15));
}

uint64_t rng_next(struct rng *r)
{
	uint64_t *s = r->state;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

double rng_unit(struct rng *r)
{
	return (double)(rng_next(r) >> 11) * 0x1p-53;
}

double rng_normal(struct rng *r)
{
	/* Box-Muller; 1 - unit is never 0, so the logarithm is finite. */
	double radius = sqrt(-2 * log(1 - rng_unit(r)));
	return radius * cos(6.283185307179586 * rng_unit(r));
}
