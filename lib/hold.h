/* hold: records that wait for a time, spooled; the earliest first. */
#ifndef HOLD_H
#define HOLD_H

#include "buf.h"
#include "json.h"
#include "spool.h"

#include <stdbool.h>
#include <stdint.h>

struct held {
	int64_t until;    /* clock_now time */
	uint64_t arrival; /* equal times come in the order of arrival */
	uint64_t sequence;
	bool forward; /* its request job is done: it only waits to be sent */
	struct spool_entry line;
	struct buf note;
};

struct hold_queue;

struct hold_queue *hold_new(struct spool *spool);
void hold_free(struct hold_queue *q);

size_t hold_count(const struct hold_queue *q);

/* When the earliest is due, INT64_MAX if there is none. */
int64_t hold_next(const struct hold_queue *q);

/* Enter a record. Returns 0, or -1 with errno when it cannot be spooled. */
int hold_add(struct hold_queue *q, int64_t until, uint64_t sequence, bool forward,
	     struct json_span line, const void *note, size_t note_length);

/* Take the earliest out: its line goes to text, and what else is known to *held, whose note the
 * caller frees. Returns 0, or -1 with errno. */
int hold_take(struct hold_queue *q, struct held *held, struct buf *text);

#endif
