/* Waits before another try: how they grow, how they are spread, and what a server's word adds. */
#include "backoff.h"
#include "clock.h"
#include "tap.h"

static void test_limits(void)
{
	static const struct {
		int64_t base, cap;
		unsigned step;
		int64_t want;
	} cases[] = {
	    {CLOCK_SEC, 60 * CLOCK_SEC, 0, CLOCK_SEC},
	    {CLOCK_SEC, 60 * CLOCK_SEC, 1, 2 * CLOCK_SEC},
	    {CLOCK_SEC, 60 * CLOCK_SEC, 5, 32 * CLOCK_SEC},
	    {CLOCK_SEC, 60 * CLOCK_SEC, 6, 60 * CLOCK_SEC},
	    {CLOCK_SEC, 60 * CLOCK_SEC, 4000000000u, 60 * CLOCK_SEC},
	    {3, 7, 1, 6},
	    {3, 7, 2, 7},
	    {CLOCK_SEC, CLOCK_MS, 0, CLOCK_MS},
	    {0, 60 * CLOCK_SEC, 4000000000u, 0},
	    {CLOCK_SEC, 0, 3, 0},
	    {1, INT64_MAX, 62, INT64_C(1) << 62},
	    {1, INT64_MAX, 63, INT64_MAX},
	    {1, INT64_MAX, 64, INT64_MAX},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		tap_int(backoff_limit(cases[i].base, cases[i].cap, cases[i].step), cases[i].want,
			"limit of %lld, %lld, step %u", (long long)cases[i].base,
			(long long)cases[i].cap, cases[i].step);
}

static void test_jitter(void)
{
	tap_int(backoff_jitter(100, 1000, 1, 0), 0, "full jitter begins at 0");
	tap_int(backoff_jitter(100, 1000, 1, 200), 200, "...and ends at base * 2^step");
	tap_int(backoff_jitter(100, 1000, 1, 201), 0, "...never above");
	tap_int(backoff_jitter(0, 1000, 9, UINT64_MAX), 0, "no base, no wait");
	tap_int(backoff_jitter(1, INT64_MAX, 63, UINT64_MAX), INT64_MAX,
		"the largest limit does not overflow");

	/* A thousand waiters fill each tenth of the range. */
	uint64_t seed = 1;
	unsigned tenths[10] = {0};
	for (int i = 0; i < 1000; i++) {
		uint64_t random = backoff_random(&seed);
		int64_t wait = backoff_jitter(CLOCK_SEC, 60 * CLOCK_SEC, 2, random);
		tenths[wait * 10 / (4 * CLOCK_SEC + 1)]++;
	}
	for (int i = 0; i < 10; i++)
		tap_ok(tenths[i] > 50 && tenths[i] < 200, "tenth %d of the range gets its share",
		       i);
}

/* The first numbers for seed 0, as the generator's reference implementation has them. */
static void test_random(void)
{
	uint64_t seed = 0;

	tap_ok(backoff_random(&seed) == UINT64_C(0xe220a8397b1dcdaf), "first number");
	tap_ok(backoff_random(&seed) == UINT64_C(0x6e789e6aa1b965f4), "second number");
}

static void test_until(void)
{
	tap_int(backoff_until(1000, 0, 7), 1007, "without a server's word: the jitter");
	tap_int(backoff_until(1000, 30, 7), 1037,
		"the jitter comes on top of what the server asks");
	tap_int(backoff_until(1000, 30, 0), 1030, "never sooner than asked");
	tap_int(backoff_until(INT64_MAX - 5, 6, 0), INT64_MAX, "a floor beyond all time");
	tap_int(backoff_until(INT64_MAX - 5, 3, 3), INT64_MAX, "a jitter beyond all time");
	tap_int(backoff_until(INT64_MAX - 5, 3, 2), INT64_MAX, "the last moment");
}

int main(void)
{
	test_limits();
	test_jitter();
	test_random();
	test_until();
	return tap_done();
}
