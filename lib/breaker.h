/*
 * breaker: keeps an outage from being answered with a storm, and its end from being answered with a
 * herd.
 *
 *   closed   everything goes; after BREAKER_TRIP transient failures in a row it opens
 *   open     nothing goes for a while (which doubles each time), then one record as a probe; its
 *            failure opens again, a success of any record goes on to
 *   slow     slow start, as TCP's (RFC 5681): up to `window` records in flight, one at first and
 *            one more for each success, until it is as many as when it opened; then closed. A
 *            whole window of failures in a row opens again.
 *
 * A run of failures is all that counts: some failures among successes, such as a rate limit's, do
 * not open it. Pure: time (clock_now's, in nanoseconds) and random numbers are arguments.
 */
#ifndef BREAKER_H
#define BREAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BREAKER_TRIP 20

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_SLOW };

/* Zeroed but for base and cap, it is closed. */
struct breaker {
	int64_t base, cap; /* ns: the first wait is up to base, none is above cap */
	enum breaker_state state;
	unsigned failures; /* in a row */
	unsigned step;     /* how often it opened since it was closed */
	int64_t opened;    /* open: since when, probes or not */
	int64_t until;     /* open: when the probe goes */
	size_t left;       /* open: records that were in flight before the probe */
	size_t window;     /* slow: records that may be in flight */
	size_t target;     /* ...and at how many it closes */
};

/* From when on the next record may be sent, with so many in flight: 0 for at once, INT64_MAX for
 * not before a result has come (never so with none in flight). */
int64_t breaker_opens(const struct breaker *b, size_t in_flight);

/* Was a record that was sent at this time on its way already when the breaker opened, and is that
 * still open? Before breaker_result is told of it. */
bool breaker_overtook(const struct breaker *b, int64_t sent);

/* A result has come, ok or a transient failure, and so many are still in flight. An answer that
 * says no for good is ok: somebody is there. */
void breaker_result(struct breaker *b, bool ok, size_t in_flight, int64_t now, uint64_t random);

#endif
