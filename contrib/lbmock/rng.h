/*
 * rng: seeded pseudo-random numbers (xoshiro256**, Blackman and Vigna), so that a run with --seed
 * makes the same faults and delays again. Not for secrets.
 */
#ifndef RNG_H
#define RNG_H

#include <stdint.h>

struct rng {
	uint64_t state[4];
};

/* Start a sequence; equal seeds give equal sequences. */
void rng_seed(struct rng *r, uint64_t seed);

/* The next 64 bits. */
uint64_t rng_next(struct rng *r);

/* The next number from 0 to below 1, uniform. */
double rng_unit(struct rng *r);

/* The next number of a normal distribution with mean 0 and standard deviation 1. */
double rng_normal(struct rng *r);

/* The output function of splitmix64: a bijection that scatters the bits of x. */
uint64_t rng_scatter(uint64_t x);

#endif
