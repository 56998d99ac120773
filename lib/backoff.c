#include "backoff.h"

uint64_t backoff_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int64_t backoff_limit(int64_t base, int64_t cap, unsigned step)
{
	int64_t limit = base < cap ? base : cap;

	for (; step > 0 && limit > 0 && limit < cap; step--)
		limit = limit > cap / 2 ? cap : limit * 2;
	return limit;
}

int64_t backoff_jitter(int64_t base, int64_t cap, unsigned step, uint64_t random)
{
	uint64_t limit = (uint64_t)backoff_limit(base, cap, step);

	return (int64_t)(random % (limit + 1));
}

int64_t backoff_until(int64_t now, int64_t floor, int64_t jitter)
{
	if (floor > INT64_MAX - now || jitter > INT64_MAX - now - floor)
		return INT64_MAX;
	return now + floor + jitter;
}
