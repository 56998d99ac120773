/*
 * Why the bound holds, in whatever order the bookings come: one for the time `go` that costs c puts
 * the word at max(word, go) + c, and only if that is no later than a burst's cost after go. So
 * those that go between s and s + T raise it, by their costs, from s at least to s + T and a
 * burst's cost at most.
 */
#include "bucket.h"

#include <stdbool.h>

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "words in shared memory must need no lock");

/* Costs stop at 36 years and dates at 146, so that sums fit. */
#define COST_MOST (INT64_C(1) << 60)
#define DATE_MOST (INT64_C(1) << 62)

/*
 * n * by / over, rounded down or up, COST_MOST at most. The product may have 128 bits: what n
 * leaves over is multiplied and divided digit by digit, 16 bits each. over < 2^47 (a day has fewer
 * nanoseconds) and by < 2^48.
 */
static int64_t scale(int64_t n, int64_t by, int64_t over, bool up)
{
	uint64_t d = (uint64_t)over, rest = (uint64_t)n % d, whole = (uint64_t)n / d;
	uint64_t quotient = 0, remainder = 0;

	if (whole >= (uint64_t)(COST_MOST / by))
		return COST_MOST;
	for (int shift = 32; shift >= 0; shift -= 16) {
		remainder = (remainder << 16) + rest * ((uint64_t)by >> shift & 0xffff);
		quotient = (quotient << 16) + remainder / d;
		remainder %= d;
	}
	return (int64_t)(whole * (uint64_t)by + quotient + (up && remainder > 0));
}

/* The time in which so many units come in. */
static int64_t cost(const struct bucket_limit *l, int64_t units, bool up)
{
	return scale(units, l->period, l->units, up);
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* How far from now, or from a booked place, a bucket may be from being full: it lacks a burst, and
 * owes a period's worth. */
static int64_t reach(const struct bucket_limit *l)
{
	return l->period + cost(l, l->burst, true);
}

/* A word as it counts: one that no date makes (the page is damaged) is a full bucket. */
static int64_t sane(int64_t word)
{
	return word < 0 || word > DATE_MOST + 2 * COST_MOST ? 0 : word;
}

/* The first time at which the request may go, if the bucket is full at the time `full_at`. */
static int64_t earliest(const struct bucket_share *share, int64_t full_at)
{
	const struct bucket_limit *l = &share->limit;

	if (share->units == 0)
		return 0;
	if (share->units >= l->burst)
		return full_at;
	return full_at + cost(l, share->units, true) - cost(l, l->burst, false);
}

/* The word as it counts for this request: full, if no booking can have put it where it is. */
static int64_t judge(const struct bucket_share *share, int64_t word, int64_t latest)
{
	int64_t most = reach(&share->limit);

	word = sane(word);
	return word > smaller(latest, DATE_MOST) + most + most / 8 ? 0 : word;
}

/* Put the word back as it was, if nobody has changed it. */
static bool undo(const struct bucket_share *share)
{
	int64_t after = share->after;
	return share->units == 0 ||
	       atomic_compare_exchange_strong(&share->bucket->full_at, &after, share->before);
}

/*
 * Book the request for the time `go`. Returns whether all buckets had a place then. If not, places
 * already booked are undone, but for those behind which others have booked: to take them away
 * afterwards would count the time since as refilling, though the bucket may have been full.
 */
static bool book(struct bucket_share *shares, size_t count, int64_t go, int64_t latest)
{
	for (size_t i = 0; i < count; i++) {
		struct bucket_share *share = &shares[i];
		_Atomic int64_t *word = &share->bucket->full_at;
		if (share->units == 0)
			continue;
		share->before = atomic_load(word);
		do {
			int64_t full_at = judge(share, share->before, latest);
			if (earliest(share, full_at) > go) {
				while (i-- > 0)
					undo(&shares[i]);
				return false;
			}
			share->after =
			    larger(full_at, go) + cost(&share->limit, share->units, true);
		} while (!atomic_compare_exchange_weak(word, &share->before, share->after));
	}
	return true;
}

int64_t bucket_reserve(struct bucket_share *shares, size_t count, int64_t now, int64_t latest)
{
	int64_t go;

	for (size_t i = 0; i < count; i++)
		if (shares[i].units > shares[i].limit.units)
			return BUCKET_NEVER;
	do {
		go = now;
		for (size_t i = 0; i < count; i++) {
			int64_t word = atomic_load(&shares[i].bucket->full_at);
			go = larger(go, earliest(&shares[i], judge(&shares[i], word, latest)));
		}
	} while (go <= latest && !book(shares, count, go, latest));
	return go;
}

void bucket_cancel(const struct bucket_share *shares, size_t count, int64_t now)
{
	for (size_t i = 0; i < count; i++)
		if (!undo(&shares[i]))
			bucket_give_back(shares[i].bucket, &shares[i].limit, shares[i].units, now);
}

void bucket_give_back(struct bucket *b, const struct bucket_limit *l, int64_t units, int64_t now)
{
	int64_t word = atomic_load(&b->full_at);
	int64_t after;

	do {
		int64_t full_at = sane(word);
		if (units >= 0)
			after = larger(full_at - cost(l, units, false), 0);
		else
			after = smaller(larger(full_at, now) + cost(l, -units, true),
					larger(full_at, now + reach(l)));
	} while (!atomic_compare_exchange_weak(&b->full_at, &word, after));
}

void bucket_tighten(struct bucket *b, const struct bucket_limit *l, int64_t left, int64_t now)
{
	int64_t full_at = now + cost(l, l->burst, false);
	int64_t word = atomic_load(&b->full_at);

	full_at += left >= 0 ? -cost(l, left, true) : cost(l, -left, true);
	full_at = smaller(full_at, now + reach(l));
	while (sane(word) < full_at && !atomic_compare_exchange_weak(&b->full_at, &word, full_at))
		continue;
}

int64_t bucket_left(const struct bucket *b, const struct bucket_limit *l, int64_t now)
{
	int64_t full_at = sane(atomic_load(&b->full_at));
	int64_t slack = now + cost(l, l->burst, false) - full_at;

	if (full_at <= now)
		return l->burst;
	if (slack < 0)
		return -scale(-slack, l->units, l->period, true);
	return smaller(scale(slack, l->units, l->period, false), l->burst);
}

int64_t bucket_refill(const struct bucket_limit *l, int64_t ns)
{
	return scale(ns, l->units, l->period, false);
}
