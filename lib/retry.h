/*
 * retry: what becomes of a record after an attempt: whether it is done, has failed for good, or is
 * sent again, when, and to which model. Pure: times (clock_now's, in nanoseconds) and random
 * numbers are arguments.
 */
#ifndef RETRY_H
#define RETRY_H

#include "json.h"
#include "provider.h"

#include <stdbool.h>
#include <stdint.h>

struct retry_policy {
	unsigned attempts; /* for each model */
	unsigned models;   /* to fall back to, besides the record's own */
	int64_t base, cap; /* of the backoff */
	int64_t max_wait;  /* the most that a server's word adds to it */
	int64_t deadline;  /* for all of it, from the first sending on; 0: none */
};

/* What is remembered of a record between its attempts. Zeroed at its first. */
struct retry_state {
	unsigned attempts;  /* so far, of all models */
	unsigned tries;     /* of the present one */
	unsigned model;     /* 0: its own, else the fallback's number */
	unsigned repeats;   /* how often in a row status 500 came with the same error */
	uint64_t error;     /* its fingerprint */
	uint64_t successes; /* of other records, when it came last */
	int64_t first;      /* when the record was first sent */
	int64_t cost;       /* of all attempts, nano-dollars */
	bool granted;       /* the next attempt is in the retry budget */
};

/* How an attempt ended. */
struct retry_outcome {
	enum provider_class class;
	bool rejected; /* answered, but not as the user wants it */
	long status;
	uint64_t error; /* fingerprint of what failed */
	int64_t asked;  /* how long the server asks to wait, 0 if it does not */
};

/* The same error again and again counts as permanent after so many times. */
#define RETRY_REPEATS 3

/*
 * Read an outcome off a result: its response, its error, and its lb.ratelimit; each may be at NULL.
 * The server's wait is ratelimit's retry_after, else what the body asks (provider_retry_delay),
 * else on a 429 the latest reset of what is used up. wall is for dates.
 */
void retry_read(struct retry_outcome *o, struct json_span response, struct json_span error,
		struct json_span ratelimit, int64_t wall);

/* A number that is equal for equal errors: of the code, and of the words of the message without
 * those with digits in them, since ids and times stand there. */
uint64_t retry_fingerprint(struct json_span error);

enum retry_verdict {
	RETRY_DONE,
	RETRY_FAILED, /* for good */
	RETRY_QUOTA,  /* ...and so will all others */
	RETRY_AGAIN
};

/*
 * Decide. state has the attempt counted in; if there was none, the next one need not wait. On
 * RETRY_AGAIN it is the next one's, with another model perhaps, and *until is when that may be
 * sent. successes counts the records that succeeded so far: a 500 that repeats while none does is
 * an outage, not the record's own.
 */
enum retry_verdict retry_decide(const struct retry_policy *policy, struct retry_state *state,
				const struct retry_outcome *o, uint64_t successes, int64_t now,
				uint64_t random, int64_t *until);

/* A bound on retries, as a share of the requests, so that an outage is not answered with a storm.
 */
struct retry_budget {
	uint64_t percent;
	uint64_t requests; /* first attempts */
	uint64_t retries;
};

/* So many retries go besides the share. */
#define RETRY_FREE 100

/* Take a retry out of the budget. Returns whether there was one left. */
bool retry_take(struct retry_budget *b);

#endif
