/*
 * flight: the records that are in a command, found again by their custom_id.
 *
 * A string id is compared by its value, so that a command may spell it with other escapes; any
 * other id by its text.
 */
#ifndef FLIGHT_H
#define FLIGHT_H

#include "buf.h"
#include "json.h"
#include "spool.h"

#include <stdint.h>

struct flight {
	struct flight *next; /* in its chain of the table */
	uint64_t sequence;
	uint64_t hash;
	int64_t since;              /* clock_now time when it was queued for the command */
	uint64_t end;               /* of its line, in all that was queued, bytes */
	struct spool_entry request; /* as forwarded, but with its own custom_id */
	char *own_id; /* when it goes under a made-up id: its own as JSON text, "" for none; else
			 NULL */
	size_t id_length, note_length;
	char id[]; /* its key, and behind that the note */
};

struct flight_table;

struct flight_table *flight_new(struct spool *spool);
void flight_free(struct flight_table *t);

/* How many there are. */
size_t flight_count(const struct flight_table *t);

/* The key for an id. at NULL or null gives an empty one, which is never found. */
void flight_key(struct buf *key, struct json_span custom_id);

/* The record with this key, or NULL. It stays in the table. */
struct flight *flight_find(struct flight_table *t, const struct buf *key);

/* Enter a record, with a note of so many bytes. Returns 0, or -1 with errno when it cannot be
 * spooled. *entered is the table's. */
int flight_add(struct flight_table *t, const struct buf *key, struct json_span request,
	       const void *note, size_t note_length, struct flight **entered);

/* The record's note. */
const void *flight_note(const struct flight *f);

/* Take a record out of the table, its request out of the spool. It is the caller's, for
 * flight_release. */
void flight_remove(struct flight_table *t, struct flight *f);
void flight_release(struct flight *f);

/* Any one of them, or NULL when there are none. */
struct flight *flight_any(struct flight_table *t);

#endif
