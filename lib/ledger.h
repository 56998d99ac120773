/*
 * ledger: what was spent, and what is reserved for requests that are on their way. In memory for
 * one process, or in a file (SQLite, through db.h) that any number of processes share.
 *
 * A reservation is the most that a request can cost. It is on the disk before the request leaves,
 * and is taken away when the outcome is known, so that
 *
 *     spent + reserved + what is asked for <= budget
 *
 * is true at every moment, whoever is killed. A reservation belongs to the process that will settle
 * it, or, where results pass another process than requests, to the process group of the pipeline.
 * When nobody of these is left it counts as spent until it is forgiven; so does one of whose
 * request it is not known whether it was billed. One whose answer is still to come has a key, by
 * which the same request finds it again, instead of reserving once more.
 *
 * All work on a file is done in groups, each of which is one transaction and comes to one fsync.
 * Money is nano-dollars, times are seconds since 1970, days are those of UTC.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include "price.h"

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct ledger;

enum ledger_period { LEDGER_EVER, LEDGER_DAY, LEDGER_MONTH };

struct ledger_options {
	const char *path;          /* NULL: in memory */
	const char *job;           /* what spends are booked under; "" for none */
	int64_t budget;            /* -1: none, nothing is reserved */
	enum ledger_period period; /* what it is for; LEDGER_EVER in memory */
	bool passes;               /* another process of the pipeline settles */
	bool must_exist;
};

/* Open a ledger, or make one. Returns NULL after appending what is wrong to problem. The caller
 * closes. */
struct ledger *ledger_open(const struct ledger_options *options, struct buf *problem);
void ledger_close(struct ledger *l);

/* What went wrong in the last function that failed. */
const char *ledger_problem(const struct ledger *l);

/* Begin a group, at this time. Returns 0, or -1. */
int ledger_begin(struct ledger *l, int64_t now);

/* End the group: all of it is done. Returns 0; or -1, and then nothing of it is in the file. */
int ledger_commit(struct ledger *l);

/* ...or end it with nothing done. */
void ledger_rollback(struct ledger *l);

enum ledger_answer {
	LEDGER_RESERVED,
	LEDGER_LATER, /* only what others have reserved, and may settle for less, is in the way */
	LEDGER_NEVER, /* it does not fit beside what is spent */
	LEDGER_BROKEN /* ledger_problem says why */
};

/*
 * Reserve an amount for a request, in a group. *id names the reservation. If one of just this
 * amount was deferred under the key (from 1 to INT64_MAX; 0 for none), in the budget's period,
 * that one is taken over.
 */
enum ledger_answer ledger_reserve(struct ledger *l, int64_t amount, int64_t key, uint64_t *id);

/* Is anything deferred, as of the last group? */
bool ledger_has_deferred(const struct ledger *l);

enum ledger_outcome {
	LEDGER_SPENT,
	LEDGER_FREE,    /* not billed */
	LEDGER_DOUBTFUL /* perhaps billed: the reservation counts as spent until it is forgiven */
};

struct ledger_entry {
	enum ledger_outcome outcome;
	bool reserved;     /* there is a reservation */
	uint64_t id;       /* ...with this name */
	int64_t amount;    /* ...of this amount; negative: ledger_settle finds it in the file */
	int64_t key;       /* if doubtful: deferred under this key, or 0 */
	const char *model; /* a name */
	bool priced;       /* is cost known? */
	int64_t cost;
	struct provider_usage usage;
};

/* Settle a reservation, or book what was spent without one, in a group. A reservation that is not
 * there any more was settled before: nothing is booked. Returns 0, or -1. */
int ledger_settle(struct ledger *l, struct ledger_entry *entry);

/* As of the last group: what counts as spent in the budget's period, what is reserved, and how many
 * reservations were ever settled. */
int64_t ledger_spent(const struct ledger *l);
int64_t ledger_reserved(const struct ledger *l);
int64_t ledger_settled(const struct ledger *l);

/* Has this share of the budget, in millionths, been passed for the first time in its period? To be
 * asked in a group, since it is remembered. Returns 1, 0, or -1 on failure. */
int ledger_alert(struct ledger *l, int64_t share);

/* Let go of the reservations that nobody is left to settle. *count and *amount are what they were.
 * Returns 0, or -1. */
int ledger_forgive(struct ledger *l, int64_t *count, int64_t *amount);

/* What a report lists by. */
enum ledger_by { LEDGER_BY_MODEL, LEDGER_BY_DAY, LEDGER_BY_JOB, LEDGER_TOTAL };

struct ledger_line {
	struct json_span name; /* without quotes; valid until the next line */
	int64_t requests, unpriced, input, cached, cache_write, output, spent;
};

/* Call line for each line of a report, in the order of names. Returns 0, or -1. */
int ledger_report(struct ledger *l, enum ledger_by by,
		  void (*line)(void *context, const struct ledger_line *line), void *context);

/* Call point for the times at which something was spent, in order, with what was spent from each on
 * for *step seconds. step is set to a minute, or more so that there are a few hundred points at
 * most. Returns 0, or -1. */
struct ledger_point {
	int64_t at, requests, spent;
};
int ledger_pace(struct ledger *l, int64_t *step,
		void (*point)(void *context, const struct ledger_point *point), void *context);

/* What is reserved: on its way, and with nobody left to settle it; their numbers and amounts. */
struct ledger_open_items {
	int64_t pending, pending_amount, orphaned, orphaned_amount;
};
int ledger_reservations(struct ledger *l, struct ledger_open_items *items);

#endif
