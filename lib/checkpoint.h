/*
 * checkpoint: results on their way into a log (journal.h) and then out through a stage.
 *
 * They gather in a group, until it is large or nothing else is going on. The group is appended by
 * one write, brought to disk if it is time to, and only then written out. What is written out is as
 * it came; the entry lb.checkpoint is for the log, and for what comes out of it.
 *
 * Around a command it is also known what is out: a record that asks the same waits for the same
 * result, and how many are out is noted beside the log. Where something fails it is reported, and
 * the stage's run is ended with status 4.
 */
#ifndef CHECKPOINT_H
#define CHECKPOINT_H

#include "record.h"

#include <stdbool.h>
#include <stdint.h>

#include "journal.h"

struct buf;
struct checkpoint;
struct journal_wait;
struct stage;

#define CHECKPOINT_NEVER INT64_MAX

/* What became of requests without their being asked, or why they were asked again. */
struct checkpoint_count {
	uint64_t joined;  /* wait for one that is out */
	uint64_t changed; /* ask something else than was logged for their id */
	uint64_t shared;  /* ...than another one in this run that has their id */
};

/* sync is the time from an append to having it on disk, ns: 0 for before it is written out,
 * CHECKPOINT_NEVER. With trust_ids what is out is known by its id alone. Nothing is owned. */
struct checkpoint *checkpoint_new(struct stage *s, struct journal *j, int64_t sync, bool trust_ids);
void checkpoint_free(struct checkpoint *c);

/*
 * Send a request to the command, or let it wait for one with the same id and request that is out.
 * found is what the log knows of it. The flight's note is a struct journal_wait *. Counts it.
 */
void checkpoint_ask(struct checkpoint *c, const struct record *r, uint64_t sequence,
		    const struct buf *id, uint64_t request, enum journal_found found,
		    struct checkpoint_count *count);

/* A result for the log. wait is what its flight's note was, NULL in pipe form. id may be empty. */
void checkpoint_log(struct checkpoint *c, const struct record *r, uint64_t sequence,
		    const struct buf *id, uint64_t request, struct journal_wait *wait);

/* Write what the log has out, for a record that has this custom_id (at NULL: none), which the line
 * may have not, where --id makes the id. */
void checkpoint_emit(struct checkpoint *c, uint64_t sequence, const struct journal_result *done,
		     struct json_span custom_id);

/* The work of a stage's idle job. */
int64_t checkpoint_idle(struct checkpoint *c);

/* Bring all that has been gathered to the log, out, and to disk, and let others write to it. */
void checkpoint_pause(struct checkpoint *c);

/*
 * The run has ended. What had come but was not written out, since it was ended early, is logged all
 * the same: it is paid for. Returns 0, or -1 after a message.
 */
int checkpoint_end(struct checkpoint *c);

#endif
