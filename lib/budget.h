/*
 * budget: lets requests pass a stage only when their cost at most can be reserved in a ledger, and
 * settles them by their results.
 *
 * What is to be stored is kept back and stored together: a group is written when the stage is about
 * to wait, or when enough has gathered. A request is forwarded when its reservation is on the disk.
 * While what others have reserved is in the way, requests wait; when one does not fit beside what
 * is spent any more, it fails with budget_exceeded, and so do all that come after it.
 *
 * An answer that has cost more than was reserved for it is told of, once, and later requests have
 * as many times more reserved.
 */
#ifndef BUDGET_H
#define BUDGET_H

#include "cli.h"
#include "ledger.h"
#include "pricing.h"
#include "stage.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct budget;

struct budget_options {
	struct ledger *ledger; /* the caller closes it */
	char *const *command;  /* the stage's; NULL: results come elsewhere, and the reservation
				  travels in lb.reserved */
	bool shared;           /* others may settle, too */
	bool rounds;           /* the stage's */
	int64_t max_wait;      /* without anything being settled, ns */
	int64_t alert_share;   /* millionths */
	const char *alert;     /* command to run when that share is passed, or NULL */
};

struct budget *budget_new(const struct budget_options *options);
void budget_free(struct budget *b);

/* A request that costs bound at most: it is kept back, and forwarded, held or failed when the group
 * is written. */
void budget_request(struct budget *b, struct stage *s, const struct record *r, uint64_t sequence,
		    int64_t bound);

/* Have requests been refused, so that all that come now are? */
bool budget_refuses(const struct budget *b);

/* A result, priced: what its flight's note says is settled, or without a flight what lb.reserved
 * names. name is that of the model if it has no price. */
void budget_result(struct budget *b, struct stage *s, const struct pricing *p,
		   const struct record *r, const struct stage_flight *flight, const char *name);

/* The stage's opens and idle. */
int64_t budget_opens(const struct budget *b);
int64_t budget_idle(struct budget *b, struct stage *s);

/* Store the last results, when the stage has run, and say how many reservations nothing has
 * settled. Returns 0, or -1 after a message. */
int budget_end(struct budget *b);

/* The options that have no letter. */
enum { BUDGET_JOB = CLI_LONG + 32, BUDGET_MAX_WAIT, BUDGET_ALERT };

/* Set what -b, -l, --job, --max-wait and --alert say, or end by cli_misuse. Returns false if it is
 * none of them. */
bool budget_option(struct budget_options *options, struct ledger_options *ledger, int id,
		   const char *argument);

/* End by cli_misuse if one of them is missing that another needs. wraps: around a command. */
void budget_check(const struct budget_options *options, const struct ledger_options *ledger,
		  bool wraps);

/* "5", "5/day" or "5/month". Returns 0, or -1 if it is none of them. */
int budget_parse(const char *text, int64_t *amount, enum ledger_period *period);

/* "80%:COMMAND". Returns the command in it, or NULL if it is not that. */
const char *budget_parse_alert(const char *text, int64_t *millionths);

/* Run a command by sh, its output on stderr. It is not waited for. Returns its process, or -1 after
 * a message. */
pid_t budget_run_alert(const char *command);

#endif
