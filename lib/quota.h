/*
 * quota: a lane of requests under a provider's limits: requests a minute, tokens a minute, requests
 * a day. What is known of the lane lies in one page: in memory, or in a file that any number of
 * processes map, which then share the quota.
 *
 * All access to the page is by atomics, so a process that is killed leaves nothing behind but the
 * places it had booked. Times are of the wall clock (clock_wall), so that a file means the same
 * after a reboot; bucket.h says what becomes of a clock that is set back.
 *
 * A result is settled with the ticket that its request was given. It gives back what was reserved
 * and not used, and teaches: how this model's tokens differ from the estimate, and from the
 * rate-limit headers (lb.ratelimit) what the provider's limits are and how much of them is left.
 */
#ifndef QUOTA_H
#define QUOTA_H

#include "json.h"
#include "record.h"

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct quota;

#define QUOTA_MOST       INT64_C(10000000000) /* of a limit */
#define QUOTA_BURST_MOST INT64_C(100000000)
#define QUOTA_AHEAD      INT64_C(60000000000) /* no place is booked further ahead, ns */

/* 0: not given. */
struct quota_limits {
	int64_t requests, tokens; /* a minute */
	int64_t day;              /* requests a day */
	int64_t burst;            /* requests that may go at once */
	bool adaptive;            /* take limits from results where none are given */
};

/*
 * Open a lane. path is that of its file, which is made (0600) if there is none, or NULL for a lane
 * of this process alone. Limits that are given are entered in the page, for all that share it.
 * Returns NULL after appending what is wrong to problem: it cannot be opened, is a link, no regular
 * file, another user's, or no state file of a version known here. It is not touched then. The
 * caller closes.
 */
struct quota *quota_open(const char *path, const struct quota_limits *limits, struct buf *problem);
void quota_close(struct quota *q);

/* Has the file been cut short since? Nothing is known of the lane then, and what was answered last
 * means nothing. SIGBUS is caught for this. */
bool quota_is_lost(const struct quota *q);

/* Is any limit known or being looked for? Are tokens limited, or may they come to be? */
bool quota_is_limited(const struct quota *q);
bool quota_counts_tokens(const struct quota *q);

/* The tokens that may go in a minute, 0 for any number. */
int64_t quota_tokens(const struct quota *q);

/* What a request takes, by tokens_request. */
struct quota_need {
	int64_t input;          /* estimate */
	int64_t output;         /* cap, -1 for none */
	struct json_span model; /* with its quotes, or at NULL */
};

/* What a request was given, for settling it: plain data. */
struct quota_ticket {
	int64_t at;     /* when it may go */
	int64_t order;  /* requests in the lane before it, and tokens */
	int64_t before; /* ... */
	int64_t tokens; /* reserved */
	int64_t input;  /* estimate of the prompt, uncorrected */
	int64_t capped; /* 1 if the request sets a cap on its answer */
	int64_t model;  /* hash of its name */

	/* When all tokens taken up to and with these will have come in again; 0 if none were taken,
	 * INT64_MAX if that is not known. */
	int64_t full_at;
};

enum quota_answer {
	QUOTA_GO,    /* at the time *at */
	QUOTA_LATER, /* nothing is taken: ask again at *at */
	QUOTA_NEVER  /* it takes more tokens than there are in a minute */
};

/*
 * Book a place. One in the minute to come is booked; beyond that the answer is QUOTA_LATER. The
 * tokens are the input, corrected by what the model's results have reported, and the cap on the
 * answer, or without one the mean of such answers. With nothing known and `adaptive` one request at
 * a time goes, until results show limits or that they show none.
 */
enum quota_answer quota_reserve(struct quota *q, const struct quota_need *need, int64_t now,
				struct quota_ticket *ticket, int64_t *at);

/*
 * Look again at a place that is waited for; *ticket and *at change with it. When the lane has been
 * closed meanwhile it moves behind the hold. When others have given back it comes nearer, unless
 * somebody has booked behind it, who would then be before it. Answers as quota_reserve.
 */
enum quota_answer quota_move(struct quota *q, int64_t now, struct quota_ticket *ticket,
			     int64_t *at);

/* When the lane is open: now, or at the end of a hold that a 429 has put on it. */
int64_t quota_opens(const struct quota *q, int64_t now);

/* Give a place back that was not used. */
void quota_give_back(struct quota *q, const struct quota_ticket *ticket, int64_t now);

/*
 * The request has become this result. Tokens not used are given back, all of the place if the
 * request surely never reached the provider; but no tokens that have come in again meanwhile, while
 * nobody waited for any. A 429 that will pass holds the whole lane until the time it names
 * (Retry-After, or in the body), or until what is used up is full again, or for a second; for an
 * hour at most.
 */
void quota_settle(struct quota *q, const struct quota_ticket *ticket, const struct record *r,
		  int64_t now);

/* A ticket as a JSON object, and back. Returns 0, or -1 if it is none, or none for now. */
void quota_write_ticket(struct buf *out, const struct quota_ticket *ticket);
int quota_read_ticket(struct json_span value, int64_t now, struct quota_ticket *ticket);

#endif
