/* store_waits: the records that wait for the answer to a question that was asked already, by
 * question; spooled, with about 100 bytes of memory for each. */
#ifndef STORE_WAITS_H
#define STORE_WAITS_H

#include "json.h"
#include "store.h"

struct buf;
struct store_waits;

/* A question for which records wait. */
struct store_wait {
	struct store_wait *next; /* of all of them */
	struct store_wait *previous, *chain;
	struct store_waiter *first, *last;
	unsigned char key[STORE_KEY];
};

struct store_waits *store_waits_new(void);
void store_waits_free(struct store_waits *w);

/* How many records wait, and the first of the questions, or NULL. */
size_t store_waits_count(const struct store_waits *w);
struct store_wait *store_waits_first(const struct store_waits *w);

/* The question with this key, or NULL if nobody waits for it. */
struct store_wait *store_waits_find(const struct store_waits *w,
				    const unsigned char key[STORE_KEY]);

/* Let a record wait behind those that do. Returns 0, or -1 with errno when it cannot be spooled. */
int store_waits_add(struct store_waits *w, const unsigned char key[STORE_KEY], uint64_t sequence,
		    struct json_span line);

/* Take the first record of a question out; its line is appended. With the last one the question
 * goes. Returns 0, or -1 with errno when its line cannot be read; it is taken out all the same. */
int store_waits_take(struct store_waits *w, struct store_wait *question, uint64_t *sequence,
		     struct buf *line);

#endif
