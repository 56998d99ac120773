/*
 * limit: requests and tokens per minute, for each key on its own.
 *
 * Two token buckets a key, refilled continuously, full at first. One holds the requests of a
 * minute, or as many as --burst says, the other the tokens of a minute. A call takes one request
 * and the tokens that it may cost at most. A call that is turned away for tokens has still taken
 * its request, as failed requests count at OpenAI; one that is turned away for requests takes
 * nothing. A call that wants more tokens than a minute has is always turned away.
 */
#ifndef LIMIT_H
#define LIMIT_H

#include <stddef.h>
#include <stdint.h>

struct limit_table;

/* A table for the limits, 0 for none; burst 0 means rpm. The caller frees with limit_free. */
struct limit_table *limit_new(int64_t rpm, int64_t tpm, int64_t burst);

void limit_free(struct limit_table *t);

/* A bucket as headers tell of it. limit is 0 where there is no such limit. */
struct limit_bucket_state {
	int64_t limit;     /* per minute */
	int64_t remaining; /* whole units left */
	int64_t reset;     /* ns until it is full */
};

struct limit_verdict {
	enum { LIMIT_PASS, LIMIT_REQUESTS, LIMIT_TOKENS, LIMIT_TOO_LARGE } outcome;
	int64_t wait; /* ns until the call would pass; 0 if it passes, or never does */
	struct limit_bucket_state requests;
	struct limit_bucket_state tokens;
};

/* Ask to make a call of so many tokens with a key (its hash) at the time now (monotonic, ns). */
struct limit_verdict limit_take(struct limit_table *t, uint64_t key, int64_t tokens, int64_t now);

/* Write a duration as Go does and OpenAI's headers have it, rounded up to milliseconds: "12ms",
 * "1.5s", "6m0s", "1h16m0.667s". */
void limit_format_duration(char *out, size_t size, int64_t ns);

#endif
