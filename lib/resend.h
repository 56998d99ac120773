/*
 * resend: runs a command on requests, and gives it again, later or with another model, what failed
 * and may go better another time. lbretry, without its options.
 *
 * A record that waits is held as the array [request, result] (attempt_join): the request as it goes
 * out next, and the result as it comes out should it come to no more attempts.
 */
#ifndef RESEND_H
#define RESEND_H

#include "retry.h"

#include <stdbool.h>
#include <stdint.h>

struct expr;
struct stage_options;

#define RESEND_MODELS 32

/* All of it is the caller's, and must stay until resend_run returns. */
struct resend_options {
	struct retry_policy policy;
	uint64_t budget;             /* retries for each 100 requests, besides RETRY_FREE */
	struct expr *ok;             /* an answer of which it is not true has failed; or NULL */
	char *models[RESEND_MODELS]; /* to fall back to, policy.models of them, as JSON strings */
	int64_t stop_after;          /* failed attempts in a row that end the run; 0: none */
	bool rounds;                 /* the command answers only at end of input */
};

/*
 * Run from stdin to stdout, with the command, the order, the limit of a line and the meter that
 * are given; the rest of the stage's options is set here. Returns the exit status.
 */
int resend_run(const struct resend_options *options, const struct stage_options *given);

#endif
