/* The circuit breaker: its states one by one, and an outage on a simulated clock. */
#include "breaker.h"
#include "clock.h"
#include "tap.h"

#define NOW  (1000 * CLOCK_SEC)
#define BASE CLOCK_SEC
#define CAP  (60 * CLOCK_SEC)

static struct breaker closed(void)
{
	return (struct breaker){.base = BASE, .cap = CAP};
}

/* Open, with so many left in flight, until NOW + half a second (half the base, no jitter). */
static struct breaker opened(size_t left)
{
	struct breaker b = closed();

	for (int i = 0; i < BREAKER_TRIP; i++)
		breaker_result(&b, false, left, NOW, 0);
	return b;
}

static void test_closed(void)
{
	struct breaker b = closed();

	tap_int(breaker_opens(&b, 10000), 0, "closed: any number goes at once");
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < BREAKER_TRIP - 1; i++)
			breaker_result(&b, false, 30, NOW, 0);
		breaker_result(&b, true, 30, NOW, 0);
	}
	tap_int(b.state, BREAKER_CLOSED, "failures with a success now and then do not open it");
	for (int i = 0; i < BREAKER_TRIP; i++) {
		tap_int(breaker_opens(&b, 30), 0, "%d failures in a row: still closed", i);
		breaker_result(&b, false, 30, NOW, 0);
	}
	tap_int(b.state, BREAKER_OPEN, "one more opens it");
}

static void test_open(void)
{
	struct breaker b = opened(3);
	int64_t half = BASE / 2;

	tap_int(breaker_opens(&b, 3), NOW + half, "open: nothing goes for half the base");
	tap_int(breaker_opens(&b, 0), NOW + half, "...whatever is in flight");
	tap_ok(breaker_overtook(&b, NOW - 1), "what was on its way is overtaken");
	tap_ok(!breaker_overtook(&b, NOW + half), "the probe is not");
	breaker_result(&b, false, 2, NOW + 1, 0);
	tap_int(breaker_opens(&b, 2), NOW + half,
		"a failure of what was in flight does not make it longer");
	tap_int(breaker_opens(&b, 3), INT64_MAX,
		"with the probe on its way nothing goes before a result");
	breaker_result(&b, false, 2, NOW + half, 0);
	tap_int(breaker_opens(&b, 2), NOW + half + 2 * half,
		"the probe's failure opens it for twice as long");
	tap_ok(breaker_overtook(&b, NOW - 1), "what was on its way still is overtaken");
	breaker_result(&b, true, 2, NOW + half, 0);
	tap_ok(!breaker_overtook(&b, NOW - 1), "when something has succeeded, nothing is");

	b = opened(0);
	for (int i = 0; i < 20; i++)
		breaker_result(&b, false, 0, b.until, 0);
	tap_int(breaker_opens(&b, 0) - NOW > 0, 1, "after many probes it is still open");
	int64_t before = b.until;
	breaker_result(&b, false, 0, before, 0);
	tap_int(b.until - before, CAP / 2, "the wait is never above half the cap...");
	before = b.until;
	breaker_result(&b, false, 0, before, (uint64_t)CAP / 2);
	tap_int(b.until - before, CAP, "...and as much again of jitter");
	b = opened(7);
	tap_int(breaker_opens(&b, 0), b.until, "the probe does not wait for a hung record");
}

static void test_slow(void)
{
	struct breaker b = opened(3); /* four were in flight */

	breaker_result(&b, true, 0, NOW + 1, 0);
	tap_int(breaker_opens(&b, 0), 0, "a success: one may go at once");
	tap_int(breaker_opens(&b, 1), INT64_MAX, "...a second not before a result");
	breaker_result(&b, true, 0, NOW, 0);
	tap_int(breaker_opens(&b, 1), 0, "another success: two in flight");
	tap_int(breaker_opens(&b, 2), INT64_MAX, "...and no more");
	breaker_result(&b, false, 1, NOW, 0);
	tap_int(b.state, BREAKER_SLOW, "one failure of two does not open it");
	breaker_result(&b, true, 0, NOW, 0);
	tap_int(breaker_opens(&b, 2), 0, "three");
	breaker_result(&b, true, 2, NOW, 0);
	tap_int(breaker_opens(&b, 1000), 0, "as many as when it opened: it is closed");

	for (int i = 0; i < BREAKER_TRIP; i++)
		breaker_result(&b, false, 3, NOW, 0);
	tap_int(breaker_opens(&b, 3), NOW + BASE / 2,
		"once closed, it opens for as short as the first time");

	b = opened(0);
	b.target = 10;
	breaker_result(&b, true, 0, NOW, 0);
	breaker_result(&b, false, 0, NOW, 0);
	tap_int(breaker_opens(&b, 0), NOW + BASE,
		"a window of failures opens it again, for twice as long");
	tap_int((long long)b.target, 10, "...and what it is to reach stays");
}

/* A command with 100 slots, a provider that takes 50 ms, and an outage of a minute. */
struct world {
	struct breaker b;
	int64_t ends[100]; /* when each call is answered; 0: the slot is free */
	bool fails[100];
	size_t in_flight;
	uint64_t random;
	int sent;
};

#define BEGIN   (5 * CLOCK_SEC)
#define END     (65 * CLOCK_SEC)
#define LATENCY (50 * CLOCK_MS)

static uint64_t draw(struct world *w)
{
	w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return w->random >> 8;
}

/* One millisecond: answers come in, then as many requests go as may. */
static void tick(struct world *w, int64_t now)
{
	for (size_t i = 0; i < 100; i++) {
		if (w->ends[i] == 0 || w->ends[i] > now)
			continue;
		w->ends[i] = 0;
		w->in_flight--;
		breaker_result(&w->b, !w->fails[i], w->in_flight, now, draw(w));
	}
	for (size_t i = 0; i < 100; i++) {
		if (w->ends[i] != 0 || breaker_opens(&w->b, w->in_flight) > now)
			continue;
		w->ends[i] = now + LATENCY;
		w->fails[i] = now >= BEGIN && now < END;
		w->in_flight++;
		w->sent++;
	}
}

static void test_outage(uint64_t seed)
{
	struct world w = {.b = closed(), .random = seed};
	int64_t now = CLOCK_SEC;
	size_t most[6] = {0}; /* in flight, in each round trip after the end */

	for (; now < BEGIN; now += CLOCK_MS)
		tick(&w, now);
	tap_int((long long)w.in_flight, 100, "before the outage all slots are busy");
	w.sent = 0;
	for (; now < END; now += CLOCK_MS)
		tick(&w, now);
	tap_ok(w.sent <= 150 && w.sent > 20,
	       "an outage of 60 s sees few requests besides the 100 in flight: %d", w.sent);
	while (w.b.state == BREAKER_OPEN && now < END + 2 * CAP) {
		tick(&w, now);
		now += CLOCK_MS;
	}
	tap_ok(now < END + CAP + LATENCY + CLOCK_MS, "it is over at most one wait after its end");
	for (size_t trip = 0; trip < 6; trip++) {
		for (int64_t end = now + LATENCY; now < end; now += CLOCK_MS) {
			tick(&w, now);
			if (w.in_flight > most[trip])
				most[trip] = w.in_flight;
		}
		tap_ok(most[trip] <= (size_t)2 << trip,
		       "round trip %zu after it has at most twice as many in flight: %zu", trip,
		       most[trip]);
	}
	for (int64_t end = now + CLOCK_SEC; now < end; now += CLOCK_MS)
		tick(&w, now);
	tap_int(w.b.state, BREAKER_CLOSED, "a second later it is closed");
	tap_int((long long)w.in_flight, 100, "...and all slots are busy");
}

/* Every tenth call fails for itself, outage or not. */
static void test_noise(void)
{
	struct world w = {.b = closed(), .random = 3};
	bool opened_once = false;

	for (int64_t now = 1; now < 5000; now++) {
		breaker_result(&w.b, draw(&w) % 10 != 0, 50, now, 0);
		opened_once = opened_once || w.b.state != BREAKER_CLOSED;
	}
	tap_ok(!opened_once, "one failure in ten does not open it");
}

int main(void)
{
	test_closed();
	test_open();
	test_slow();
	for (uint64_t seed = 1; seed <= 5; seed++)
		test_outage(seed);
	test_noise();
	return tap_done();
}
