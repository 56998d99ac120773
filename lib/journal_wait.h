/*
 * journal_wait: what is out and not yet logged, by id and request, and the records that ask the
 * same and wait for the same answer.
 */
#ifndef JOURNAL_WAIT_H
#define JOURNAL_WAIT_H

#include "json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct journal_waits;

/* A record that waits: its place in the input, and its custom_id, "" if it has none. */
struct journal_waiter {
	uint64_t sequence;
	char *custom_id;
};

struct journal_wait {
	struct journal_wait *next; /* in its chain of the table */
	uint64_t hash;             /* of the id */
	uint64_t request;
	struct journal_waiter *waiters;
	size_t count;
	size_t id_length;
	char id[];
};

/* With trust_ids requests are not told apart. */
struct journal_waits *journal_waits_new(bool trust_ids);
void journal_waits_free(struct journal_waits *t);

/* How many there are. */
size_t journal_waits_count(const struct journal_waits *t);

/* The one with this id and request, or NULL; *other says whether there is one with the id and
 * another request. */
struct journal_wait *journal_waits_find(const struct journal_waits *t, const struct buf *id,
					uint64_t request, bool *other);

/* Enter one. It stays the table's, where it is. */
struct journal_wait *journal_waits_add(struct journal_waits *t, const struct buf *id,
				       uint64_t request);

/* Let another record wait for it. */
void journal_waits_join(struct journal_wait *w, uint64_t sequence, struct json_span custom_id);

/* Take it out of the table and free it. */
void journal_waits_remove(struct journal_waits *t, struct journal_wait *w);

#endif
