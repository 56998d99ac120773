/* resend_state: what a run of resend keeps; for resend*.c only. */
#ifndef RESEND_STATE_H
#define RESEND_STATE_H

#include "breaker.h"
#include "buf.h"
#include "resend.h"
#include "silence.h"
#include "stage.h"

struct resend {
	const struct resend_options *options;
	struct retry_budget budget;
	struct breaker breaker;
	struct stage *stage;
	uint64_t random;
	uint64_t successes;
	int64_t failed_in_row;
	uint64_t next;    /* the sequence number that no line has had yet */
	bool input_ended; /* no first attempts are to come */
	bool forwarding;  /* a record is being given to the command */
	bool spent_told, ok_told;
	int64_t last_line; /* clock_now time */
	struct silence silence;
	const char *code;  /* halted: what the rest fails with */
	struct buf reason; /* ...and why, for its message */
	struct buf line, edit;
};

/* Write out a record that is given up with all the rest: its last result, or the request if it was
 * never sent. */
void resend_emit_rest(struct resend *t, struct json_span text, uint64_t sequence);

/* A result says that the account has no more: end the run, and write it out. */
void resend_emit_quota(struct resend *t, struct json_span line, uint64_t sequence);

/* There are more retries than the budget has: this record's failure stands. */
void resend_emit_spent(struct resend *t, struct json_span line, uint64_t sequence);

/* Another attempt has failed, with nothing that succeeded since the last one; this may end the run.
 */
void resend_count_failure(struct resend *t, struct json_span error);

#endif
