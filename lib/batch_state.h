/*
 * batch_state: a job of lbbatch on disk: the journal, and the parts as it has them.
 *
 * Functions that return -1 have given a message; it is status 4 then.
 */
#ifndef BATCH_STATE_H
#define BATCH_STATE_H

#include "batch_part.h"

struct batch_state {
	struct batch_journal *journal;
	struct batch_part *parts, **end; /* in order of their numbers, but for new ones */
	uint64_t next;                   /* the next part's number */
	uint64_t *strays;                /* numbers of which there are files and no part */
	size_t stray_count;

	const struct batch_part *reading; /* the part whose N.requests is open, or NULL */
	int requests;                     /* its descriptor */
	int apart; /* descriptor of lines that differ from those in N.requests, or -1 */
	uint64_t apart_end;
	struct buf text;
};

/* Open a job and read its journal; to write to it, make it where there is none. NULL after a
 * message. */
struct batch_state *batch_state_open(const char *path, bool write);
void batch_state_free(struct batch_state *s);

/* Enter a part whose files are whole; it is the job's then. Returns 0 or -1. */
int batch_state_add(struct batch_state *s, struct batch_part *p);

/* Note that a part has come to a phase; its members say the rest. Returns 0 or -1, and the part is
 * where it was. */
int batch_state_move(struct batch_state *s, struct batch_part *p, enum batch_phase phase);

/* Note that the provider would not begin the part's batch: it is uploaded, again. 0 or -1. */
int batch_state_refuse(struct batch_state *s, struct batch_part *p);

/* Go through the requests of an earlier run's part: find their places, for batch_state_line, and
 * call visit for each. Returns 0, or -1, also if the file is not as it was. */
int batch_state_load(struct batch_state *s, struct batch_part *p,
		     void (*visit)(void *context, struct batch_part *p, uint64_t index,
				   const struct record *r),
		     void *context);

/* The line that asks for a request, or the one in N.requests if it is not asked for; into line,
 * which is cleared first. Returns 0 or -1. */
int batch_state_line(struct batch_state *s, struct batch_part *p, uint64_t index, struct buf *line);

/* From now on another line asks for this one. Returns 0 or -1. */
int batch_state_replace(struct batch_state *s, struct batch_part *p, uint64_t index,
			struct json_span line);

/* Remove what was never sent: the parts of earlier runs that are spooled or uploaded only, and
 * files of no part. Returns 0 or -1. */
int batch_state_drop(struct batch_state *s);

/* How many requests of earlier runs are with the provider, or back and not yet looked at, that no
 * line of this one asks for; and in how many parts. */
uint64_t batch_state_unclaimed(const struct batch_state *s, uint64_t *parts);

#endif
