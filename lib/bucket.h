/*
 * bucket: a token bucket in one 64-bit word, by the generic cell rate algorithm (GCRA, ITU-T I.371
 * Annex A, virtual scheduling). Pure: the time is an argument, in nanoseconds, not negative, of a
 * clock that all users of a word share.
 *
 * The word holds the theoretical arrival time: the time at which the bucket will be full again. All
 * changes are atomic, so that any number of processes may share a word in mapped memory; there is
 * no lock that a killed one could leave behind.
 *
 * Taking does not poll: bucket_reserve books the next free place, which may lie in the future, and
 * says when it is. So requests go in the order in which they were booked, a large one is not
 * starved by many small ones, and nobody wakes for a place that another one gets.
 *
 * Over any interval T, what is granted is at most burst + T * units / period, whoever books and
 * whatever the clocks of two processes differ by; a request that is larger than a burst counts as
 * the burst. (What is given back may be taken again on top.) Roundings are to the safe side, by
 * less than a nanosecond's worth for each booking.
 */
#ifndef BUCKET_H
#define BUCKET_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct bucket {
	_Atomic int64_t full_at; /* 0 at first: full since ever */
};

/* So many units in each period (ns, at most a day's), of which `burst` may go at once; all are
 * positive. */
struct bucket_limit {
	int64_t units, period, burst;
};

/* One limit's part in a request. */
struct bucket_share {
	struct bucket *bucket;
	struct bucket_limit limit;
	int64_t units;         /* >= 0 */
	int64_t before, after; /* the word, as bucket_reserve found and left it */
};

#define BUCKET_NEVER INT64_MAX

/*
 * Book places for a request that takes some of each of several limits. Returns the time at which it
 * may go, at least now. If that is after latest, nothing was taken; BUCKET_NEVER: it takes more
 * than a limit has in a whole period. One that is larger than a burst goes alone: when the bucket
 * is full, and what follows waits until it has refilled.
 *
 * Books in one bucket after the other. If somebody else books in between, so that the places no
 * longer match, it starts again, and a place that others have built on meanwhile stays empty.
 *
 * A bucket that is to be full later than bookings up to latest could have made it shows that the
 * clock was set back: it starts anew, full. So all who share it look about equally far ahead.
 */
int64_t bucket_reserve(struct bucket_share *shares, size_t count, int64_t now, int64_t latest);

/* Take back what bucket_reserve has just booked: as if it had not been, where nothing else has
 * changed since, else as bucket_give_back. */
void bucket_cancel(const struct bucket_share *shares, size_t count, int64_t now);

/* Give back units that were reserved and not used, or charge (units negative) for more than was. */
void bucket_give_back(struct bucket *b, const struct bucket_limit *l, int64_t units, int64_t now);

/* No more than so many units are left at this time, as somebody else knows: fewer, even less than
 * none, but never more. Neither this nor a charge makes more than a period's worth owing. */
void bucket_tighten(struct bucket *b, const struct bucket_limit *l, int64_t left, int64_t now);

/* The units that could go at once now; negative when places are booked ahead. */
int64_t bucket_left(const struct bucket *b, const struct bucket_limit *l, int64_t now);

/* What a limit allows in so many nanoseconds, in whole units. */
int64_t bucket_refill(const struct bucket_limit *l, int64_t ns);

#endif
