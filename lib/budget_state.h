/* budget_state: what the parts of the budget share; for budget*.c only. */
#ifndef BUDGET_STATE_H
#define BUDGET_STATE_H

#include "budget.h"
#include "buf.h"
#include "silence.h"

/* A group is written when this much is in it, if not before. What is reserved ahead of the call is
 * in others' way, and lost to the budget when we are killed, so groups are small; but those that
 * fill up fast are doubled, so as not to wait for the disk all the time. */
#define BUDGET_GROUP_LEAST 16
#define BUDGET_GROUP_MOST  512
#define BUDGET_GROUP_BYTES ((size_t)512 * 1024)

/* A request that is kept back; its line stands in `lines`. */
struct budget_kept {
	uint64_t sequence, id;
	size_t at, length, id_at, id_length; /* of the line, and of its custom_id if it has one */
	int64_t bound, amount;               /* at most; reserved for it */
	enum ledger_answer answer;
};

/* A result that is to be booked. */
struct budget_entry {
	struct ledger_entry entry;
	char *name;    /* of a model without a price, or NULL */
	int64_t bound; /* of the request, or negative: what is reserved is not more than that */
	bool upgraded; /* its pricing's */
};

/* What goes with a request into the command. */
struct budget_ticket {
	uint64_t id;
	int64_t bound, amount;
};

struct budget {
	struct budget_options options;
	struct budget_kept *kept;
	size_t kept_count, kept_most; /* ...of a group */
	int64_t kept_since;           /* when the last group was gone, clock_now time */
	struct buf lines, text;
	struct budget_entry *entries;
	size_t entry_count, entry_room;
	int64_t entries_due; /* clock_now time */
	bool writing;        /* a group is on its way: what comes meanwhile is for the next one */
	bool refuses;
	bool broken;   /* the ledger could not be written, which was said */
	int64_t opens; /* INT64_MAX while a request waits, for a result or a look at the ledger */
	int64_t look;  /* when to look again, clock_now time */
	int64_t waiting_since, settled_then;
	bool waiting;
	struct silence silence;
	double excess; /* the most that an answer has cost of its request's bound, 1 or more */
	bool excess_told;
	bool alert_due;
	pid_t alert_pid;
	uint64_t retried;  /* requests whose other attempts nobody books */
	uint64_t doubtful; /* reservations that stay, since the request may have been billed */
	uint64_t deferred; /* ...since its answer is still to come */
	uint64_t command;  /* hash of the command and the directory */
};

/* Settle and reserve what was kept back, and send it on. */
void budget_write_group(struct budget *b, struct stage *s);

/* See whether what a result cost, which is settled, is more than was reserved for it. */
void budget_note_cost(struct budget *b, const struct budget_entry *e);

/* The first so many results are booked. */
void budget_drop_entries(struct budget *b, size_t count);

/*
 * The key (ledger.h) under which a request's reservation is deferred, and found again by the
 * same command in the same directory: what answers the request another time is what it was given
 * to. r is the request, or a result, which has its members.
 */
int64_t budget_key(const struct budget *b, const struct record *r);

/* The start of it, for all requests of a run. */
uint64_t budget_hash_command(char *const *command);

#endif
