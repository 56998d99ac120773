/* The bucket's promises: never more than burst + rate * T, nothing waits for ever. The clock is a
 * number here. */
#include "bucket.h"
#include "tap.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEC    INT64_C(1000000000)
#define MINUTE (60 * SEC)
#define DAY    (86400 * SEC)
#define START  (INT64_C(1790000000) * SEC) /* a wall clock in 2026 */

/* A generator that is the same everywhere (xorshift64*). */
static uint64_t seed = 88172645463325252;

static int64_t pick(int64_t least, int64_t most)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return least + (int64_t)((seed * UINT64_C(2685821657736338717) >> 11) %
				 (uint64_t)(most - least + 1));
}

static int64_t reserve(struct bucket *b, struct bucket_limit l, int64_t units, int64_t now)
{
	struct bucket_share share = {.bucket = b, .limit = l, .units = units};
	return bucket_reserve(&share, 1, now, now + MINUTE);
}

/* Bookings one after the other: when each may go, in nanoseconds after START. */
struct step {
	int64_t at; /* when it is asked for */
	int64_t units;
	int64_t go; /* -1: after the latest, -2: never */
};

static void run_steps(const char *name, struct bucket_limit l, const struct step *steps,
		      size_t count)
{
	struct bucket b = {0};

	for (size_t i = 0; i < count; i++) {
		int64_t now = START + steps[i].at;
		int64_t left = bucket_left(&b, &l, now);
		int64_t go = reserve(&b, l, steps[i].units, now);
		if (go == BUCKET_NEVER || go > now + MINUTE) {
			tap_int(go == BUCKET_NEVER ? -2 : -1, steps[i].go, "%s: step %zu", name, i);
			tap_int(bucket_left(&b, &l, now), left, "and nothing was taken");
		} else {
			tap_int(go - START, steps[i].go, "%s: step %zu", name, i);
		}
	}
}

#define RUN(name, limit, ...)                                                         \
	run_steps(name, (struct bucket_limit)limit, (const struct step[])__VA_ARGS__, \
		  sizeof((const struct step[])__VA_ARGS__) / sizeof(struct step))
#define LIMIT(units, period, burst)  \
	{                            \
		units, period, burst \
	}

static void test_tables(void)
{
	/* 60 a minute is one a second. */
	RUN("one at a time", LIMIT(60, MINUTE, 1),
	    {{0, 1, 0},
	     {0, 1, SEC},
	     {0, 1, 2 * SEC},
	     {10 * SEC, 1, 10 * SEC},
	     {10 * SEC, 1, 11 * SEC}});
	RUN("a burst of three", LIMIT(60, MINUTE, 3),
	    {{0, 1, 0}, {0, 1, 0}, {0, 1, 0}, {0, 1, SEC}, {SEC + SEC / 2, 1, 2 * SEC}});
	RUN("booked no further than the latest", LIMIT(1, MINUTE, 1),
	    {{0, 1, 0}, {0, 1, MINUTE}, {0, 1, -1}, {0, 1, -1}, {MINUTE, 1, 2 * MINUTE}});
	RUN("a large one goes alone, on a full bucket, and the next waits for the refill",
	    LIMIT(60, MINUTE, 3),
	    {{0, 1, 0}, {0, 10, SEC}, {0, 1, 9 * SEC}, {0, 1, 10 * SEC}, {30 * SEC, 3, 30 * SEC}});
	RUN("small ones do not starve a large one", LIMIT(60, MINUTE, 2),
	    {{0, 2, 0}, {0, 20, 2 * SEC}, {SEC, 1, 21 * SEC}, {2 * SEC, 1, 22 * SEC}});
	RUN("as large as a period is taken, larger is never", LIMIT(60, MINUTE, 1),
	    {{0, 61, -2}, {0, 60, 0}, {0, 1, MINUTE}, {0, 60, -1}, {0, 1000000000, -2}});
	RUN("nothing taken costs nothing", LIMIT(1, MINUTE, 1),
	    {{0, 0, 0}, {0, 1, 0}, {0, 0, 0}, {0, 1, MINUTE}, {0, 0, 0}});
	RUN("100 tokens a minute, 60 and 60 at once", LIMIT(100, MINUTE, 100),
	    {{0, 60, 0}, {0, 60, 12 * SEC}, {0, 41, 36 * SEC + 600 * SEC / 1000}});
}

static void test_shares(void)
{
	struct bucket requests = {0}, tokens = {0};
	struct bucket_share shares[2] = {
	    {.bucket = &requests, .limit = {60, MINUTE, 1}, .units = 1},
	    {.bucket = &tokens, .limit = {600, MINUTE, 10}, .units = 100}};

	tap_int(bucket_reserve(shares, 2, START, START + MINUTE), START,
		"two limits: both are free");
	tap_int(bucket_reserve(shares, 2, START, START + MINUTE), START + 10 * SEC,
		"the one that is due later decides");
	tap_int(bucket_left(&requests, &shares[0].limit, START + 10 * SEC), 0,
		"and the other books for that time too");
	bucket_cancel(shares, 2, START);
	tap_int(bucket_left(&requests, &shares[0].limit, START + SEC), 1,
		"cancelled: as if it had not been, for the one that was not due");
	tap_int(bucket_reserve(shares, 2, START, START + MINUTE), START + 10 * SEC,
		"nor for the other");
	bucket_give_back(&tokens, &shares[1].limit, 90, START);
	bucket_cancel(shares, 2, START);
	tap_int(bucket_reserve(shares, 2, START, START + MINUTE), START + SEC,
		"cancelled after somebody gave back: the place is nearer");
	tap_int(tokens.full_at, START + 11 * SEC, "by what he gave");
	shares[1].units = 601;
	tap_int(bucket_reserve(shares, 2, START, INT64_MAX), BUCKET_NEVER, "one is never: never");
	shares[1].units = 600;
	tap_ok(bucket_reserve(shares, 2, START, START + SEC) > START + SEC, "one is late: late");
	tap_int(bucket_left(&requests, &shares[0].limit, START + 2 * SEC), 1,
		"and nothing is taken of the other");
}

static void test_changes(void)
{
	struct bucket_limit l = {60, MINUTE, 10};
	struct bucket b = {0};

	reserve(&b, l, 10, START);
	bucket_give_back(&b, &l, 4, START);
	tap_int(bucket_left(&b, &l, START), 4, "what is given back can be taken");
	bucket_give_back(&b, &l, 1000, START);
	tap_int(bucket_left(&b, &l, START), 10, "but never more than the bucket holds");
	bucket_give_back(&b, &l, -15, START);
	tap_int(bucket_left(&b, &l, START), -5, "a charge may leave less than nothing");
	bucket_give_back(&b, &l, -1000000, START);
	tap_int(bucket_left(&b, &l, START), -60, "but delays by a period at most");
	tap_int(reserve(&b, l, 1, START), START + 61 * SEC, "so the next one waits no longer");

	b = (struct bucket){0};
	bucket_tighten(&b, &l, 20, START);
	tap_int(bucket_left(&b, &l, START), 10, "tightening to more than there is changes nothing");
	bucket_tighten(&b, &l, 3, START);
	tap_int(bucket_left(&b, &l, START), 3, "tightening leaves so many");
	bucket_tighten(&b, &l, 7, START);
	tap_int(bucket_left(&b, &l, START), 3, "and is never loosened");
	tap_int(reserve(&b, l, 3, START), START, "which can be taken at once");
	tap_int(reserve(&b, l, 1, START), START + SEC, "and no more");
	bucket_tighten(&b, &l, -20, START);
	tap_int(bucket_left(&b, &l, START), -20, "to less than nothing");
	bucket_tighten(&b, &l, -1000000, START);
	tap_int(reserve(&b, l, 1, START), START + 61 * SEC, "delays by a period at most");
	tap_int(bucket_left(&b, &l, START + 2 * MINUTE), 10, "and passes");

	/* Fixed capacity over a decayed rate: 33 hours. Here the word is a time already. */
	b = (struct bucket){0};
	l = (struct bucket_limit){1000, MINUTE, 1000};
	reserve(&b, l, 1000, START);
	reserve(&b, l, 1000, START);
	l = (struct bucket_limit){10, MINUTE, 10};
	tap_ok(reserve(&b, l, 1, START + 61 * SEC) <= START + 2 * MINUTE,
	       "a limit lowered a hundredfold while booked ahead: a minute's wait, no more");
	tap_int(bucket_refill(&l, 61 * SEC), 10, "what a limit allows, in whole units");
}

static void test_clock_set_back(void)
{
	struct bucket_limit minute = {60, MINUTE, 1}, day = {1000, DAY, 1000};
	struct bucket b = {0};

	for (int i = 0; i < 30; i++)
		reserve(&b, minute, 1, START);
	tap_int(reserve(&b, minute, 1, START - 10 * SEC), START + 30 * SEC,
		"clock set back by ten seconds: the bookings stay");
	tap_int(reserve(&b, minute, 1, START - DAY), START - DAY,
		"clock set back by a day: the bucket starts anew");
	tap_int(reserve(&b, minute, 1, START - DAY), START - DAY + SEC, "and is held to its limit");

	b = (struct bucket){0};
	for (int i = 0; i < 1000; i++)
		reserve(&b, day, 1, START);
	tap_ok(reserve(&b, day, 1, START) > START + MINUTE, "a day's requests are used up");
	tap_ok(reserve(&b, day, 1, START - 3600 * SEC) > START,
	       "clock set back by an hour: they stay so");
	tap_int(reserve(&b, day, 1, START - 2 * DAY), START - 2 * DAY, "by two days: anew");
	b = (struct bucket){0};
	reserve(&b, minute, 1, START + 1000 * DAY);
	tap_int(reserve(&b, minute, 1, START), START, "a word from years ahead does not block");
	b.full_at = INT64_MIN;
	tap_int(bucket_left(&b, &minute, START), 1, "a word that no date makes is a full bucket");
	b.full_at = INT64_MAX;
	tap_int(reserve(&b, minute, 1, START), START, "at the other end, too");
}

static void test_extremes(void)
{
	static const int64_t counts[] = {1, 7, 60, 999999937, 10000000000};
	static const int64_t periods[] = {MINUTE, DAY};
	int64_t last = 0;
	bool forward = true, exact = true;

	for (size_t i = 0; i < 5 * 5 * 5 * 2; i++) {
		struct bucket_limit l = {counts[i % 5], periods[i / 125], counts[i / 5 % 5]};
		int64_t units = counts[i / 25 % 5];
		struct bucket b = {0};
		for (int n = 0; n < 100; n++) {
			int64_t go = reserve(&b, l, units, START);
			forward &= go >= START && (n == 0 || go >= last);
			last = go;
		}
		bucket_give_back(&b, &l, -1000000000, START);
		bucket_tighten(&b, &l, -1000000000, START);
		bucket_tighten(&b, &l, 10000000000, START);
		forward &= bucket_left(&b, &l, START) <= l.burst;
		bucket_give_back(&b, &l, 10000000000, START);
		b = (struct bucket){0};
		if (units > l.units || units > l.burst || l.burst / l.units > 1000)
			continue;
		reserve(&b, l, units, START);
		int64_t spare = l.burst - units - bucket_left(&b, &l, START);
		exact &= spare == 0 || spare == 1;
	}
	tap_ok(forward, "limits and requests from 1 to 10^10: time never runs backwards");
	tap_ok(exact, "and what is left is what was not taken, or, by rounding, one less");
}

/* Grants, and the most units that any interval that begins and ends with one has beyond its due. */
struct grant {
	int64_t go, units;
};

static int by_time(const void *a, const void *b)
{
	const struct grant *x = a, *y = b;
	return (x->go > y->go) - (x->go < y->go);
}

/* Is there an interval with more than burst + rate * T? With the units of grants summed up, S, one
 * is sum(j) - sum(i-1) > burst + (go(j) - go(i)) * rate: compare with the best i so far. */
static bool never_over(struct grant *grants, size_t count, struct bucket_limit l, int64_t largest)
{
	long double rate = (long double)l.units / (long double)l.period;
	long double burst = (long double)(l.burst > largest ? l.burst : largest);
	long double sum = 0, lowest = 0;

	qsort(grants, count, sizeof *grants, by_time);
	for (size_t i = 0; i < count; i++) {
		long double due = (long double)(grants[i].go - grants[0].go) * rate;
		if (i == 0 || sum - due < lowest)
			lowest = sum - due;
		sum += (long double)grants[i].units;
		if (sum - due - lowest > burst + 1e-6L)
			return false;
	}
	return true;
}

/* Random limits, requests and pauses; clocks that differ by up to a second, with a step back now
 * and then. */
static void test_random(void)
{
	enum { RUNS = 300, MOST = 2000 };
	static struct grant grants[2][MOST];
	bool held = true, busy = true;

	for (int run = 0; run < RUNS; run++) {
		struct bucket buckets[2] = {{0}, {0}};
		struct bucket_limit l[2];
		size_t count = 0;
		int64_t now = START, largest[2];
		for (int k = 0; k < 2; k++) {
			l[k] = (struct bucket_limit){pick(1, 100000), run % 3 ? MINUTE : DAY, 1};
			l[k].burst = pick(1, l[k].units);
			largest[k] = pick(1, run % 2 ? l[k].burst : l[k].units);
		}
		for (int i = 0; i < MOST; i++) {
			struct bucket_share shares[2];
			int64_t units[2] = {pick(0, largest[0]), pick(0, largest[1])};
			for (int k = 0; k < 2; k++)
				shares[k] = (struct bucket_share){
				    .bucket = &buckets[k], .limit = l[k], .units = units[k]};
			now += pick(0, 9) ? 0 : pick(0, l[0].period / 10);
			int64_t clock = now - pick(0, SEC);
			int64_t go = bucket_reserve(shares, 2, clock, clock + MINUTE);
			if (go > clock + MINUTE)
				continue;
			held &= go >= clock;
			for (int k = 0; k < 2; k++)
				grants[k][count] = (struct grant){go, units[k]};
			count++;
		}
		for (int k = 0; k < 2; k++)
			held &= never_over(grants[k], count, l[k], largest[k]);
		busy &= count > 10;
	}
	tap_ok(busy, "600,000 random bookings: some are granted in each run");
	tap_ok(held, "over any interval no more than burst + rate * T");
}

/* Processes that book in the same words as fast as they can, on a clock that they all push on. */
enum { PROCESSES = 8, BOOKINGS = 20000 };

struct shared {
	struct bucket buckets[2];
	_Atomic int64_t now;
	_Atomic int started;
	_Atomic size_t counts[PROCESSES];
	struct grant grants[2][PROCESSES][BOOKINGS];
};

static const struct bucket_limit hammer_limits[2] = {{60000, MINUTE, 50}, {3000000, MINUTE, 2000}};

static void hammer(struct shared *s, int self)
{
	seed += (uint64_t)self * 977;
	s->started++;
	while (s->started < PROCESSES)
		continue;
	for (int i = 0; i < BOOKINGS; i++) {
		int64_t now = atomic_fetch_add(&s->now, pick(0, 200000));
		int64_t units[2] = {1, pick(0, 100)};
		struct bucket_share shares[2];
		for (int k = 0; k < 2; k++)
			shares[k] = (struct bucket_share){
			    .bucket = &s->buckets[k], .limit = hammer_limits[k], .units = units[k]};
		int64_t go = bucket_reserve(shares, 2, now, now + 10000000);
		if (go > now + 10000000)
			continue;
		size_t n = s->counts[self]++;
		for (int k = 0; k < 2; k++)
			s->grants[k][self][n] = (struct grant){go, units[k]};
	}
}

static void test_processes(void)
{
	struct shared *s =
	    mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	size_t count = 0;
	bool fine = true;

	atomic_store(&s->now, START);
	fflush(stdout);
	for (int i = 0; i < PROCESSES; i++) {
		if (fork() == 0) {
			hammer(s, i);
			_exit(0);
		}
	}
	for (int i = 0, status; i < PROCESSES; i++)
		fine &= wait(&status) > 0 && status == 0;
	tap_ok(fine, "8 processes book 20,000 times each in the same two words");
	struct grant *all = calloc(PROCESSES * BOOKINGS, sizeof *all);
	for (int k = 0; k < 2; k++) {
		count = 0;
		for (int i = 0; i < PROCESSES; i++)
			for (size_t n = 0; n < s->counts[i]; n++)
				all[count++] = s->grants[k][i][n];
		tap_ok(never_over(all, count, hammer_limits[k], 0),
		       "and are never granted more than burst + rate * T together (limit %d)", k);
	}
	double seconds = (double)(s->now - START) / 1e9, due = seconds * 1000;
	tap_ok((double)count > due * 0.9, "nor much less (%zu of %.0f)", count, due);
	free(all);
	munmap(s, sizeof *s);
}

int main(void)
{
	test_tables();
	test_shares();
	test_changes();
	test_clock_set_back();
	test_extremes();
	test_random();
	test_processes();
	return tap_done();
}
