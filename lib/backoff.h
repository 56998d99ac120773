/*
 * backoff: how long to wait before trying again: exponential backoff with full jitter ("Exponential
 * Backoff And Jitter", AWS Architecture Blog, 2015). Pure: time and random numbers are arguments.
 * All times are in nanoseconds.
 */
#ifndef BACKOFF_H
#define BACKOFF_H

#include <stdint.h>

/* The next of a row of numbers that is good enough for jitter (SplitMix64: Steele, Lea and Flood
 * 2014). Any 64 bits start one. */
uint64_t backoff_random(uint64_t *state);

/* Something between 0 and the lesser of cap and base * 2^step, all as likely, drawn with random,
 * which may be any 64 bits. */
int64_t backoff_jitter(int64_t base, int64_t cap, unsigned step, uint64_t random);

/* The lesser of cap and base * 2^step. */
int64_t backoff_limit(int64_t base, int64_t cap, unsigned step);

/*
 * The time from now on after a wait that is at least floor (what a server asked for, or 0) with the
 * jitter added behind it, so that many who were told the same second do not come back together.
 * Returns INT64_MAX if that is no time.
 */
int64_t backoff_until(int64_t now, int64_t floor, int64_t jitter);

#endif
