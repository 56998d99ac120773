/*
 * latency: how long a reply takes. "200ms" is constant; "800ms±300ms" (or 800ms+-300ms) has that
 * mean and that standard deviation, log-normal: no negative values and a long tail, as services
 * have.
 */
#ifndef LATENCY_H
#define LATENCY_H

#include <stdint.h>

struct rng;

/* A zeroed struct is no latency. */
struct latency {
	int64_t constant; /* ns; used where sigma is 0 */
	double mu;        /* of the logarithm of nanoseconds */
	double sigma;
};

/* Read the value of --latency. Returns 0, or -1 if it is none. */
int latency_parse(struct latency *l, const char *value);

/* The next delay in ns. Draws from r only where there is a spread. */
int64_t latency_draw(const struct latency *l, struct rng *r);

#endif
