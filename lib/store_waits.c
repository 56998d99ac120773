#include "store_waits.h"
#include "buf.h"
#include "mem.h"
#include "spool.h"

#include <stdlib.h>
#include <string.h>

struct store_waiter {
	struct store_waiter *next;
	uint64_t sequence;
	struct spool_entry line;
};

struct store_waits {
	struct spool *spool;
	struct store_wait **table; /* chains, by the first bytes of the key */
	size_t size, questions, records;
	struct store_wait *all;
};

struct store_waits *store_waits_new(void)
{
	struct store_waits *w = mem_zero(1, sizeof *w);

	w->spool = spool_new(SPOOL_MEMORY);
	w->size = 64;
	w->table = mem_zero(w->size, sizeof(struct store_wait *));
	return w;
}

static struct store_wait **chain_of(const struct store_waits *w, const unsigned char *key)
{
	return &w->table[hash_number(key) & (w->size - 1)];
}

/* Take a question without records out. */
static void drop_question(struct store_waits *w, struct store_wait *q)
{
	struct store_wait **at = chain_of(w, q->key);

	while (*at != q)
		at = &(*at)->chain;
	*at = q->chain;
	if (q->previous != NULL)
		q->previous->next = q->next;
	else
		w->all = q->next;
	if (q->next != NULL)
		q->next->previous = q->previous;
	w->questions--;
	free(q);
}

static void drop_first(struct store_waits *w, struct store_wait *q)
{
	struct store_waiter *waiter = q->first;

	q->first = waiter->next;
	w->records--;
	spool_drop(w->spool, &waiter->line);
	free(waiter);
	if (q->first == NULL)
		drop_question(w, q);
}

void store_waits_free(struct store_waits *w)
{
	if (w == NULL)
		return;
	while (w->all != NULL)
		drop_first(w, w->all);
	spool_free(w->spool);
	free(w->table);
	free(w);
}

size_t store_waits_count(const struct store_waits *w)
{
	return w->records;
}

struct store_wait *store_waits_first(const struct store_waits *w)
{
	return w->all;
}

struct store_wait *store_waits_find(const struct store_waits *w, const unsigned char key[STORE_KEY])
{
	struct store_wait *q = *chain_of(w, key);

	while (q != NULL && memcmp(q->key, key, STORE_KEY) != 0)
		q = q->chain;
	return q;
}

static void grow(struct store_waits *w)
{
	free(w->table);
	w->size *= 4;
	w->table = mem_zero(w->size, sizeof(struct store_wait *));
	for (struct store_wait *q = w->all; q != NULL; q = q->next) {
		struct store_wait **chain = chain_of(w, q->key);
		q->chain = *chain;
		*chain = q;
	}
}

static struct store_wait *add_question(struct store_waits *w, const unsigned char *key)
{
	struct store_wait *q = mem_zero(1, sizeof *q);

	if (w->questions >= w->size)
		grow(w);
	struct store_wait **chain = chain_of(w, key);
	memcpy(q->key, key, STORE_KEY);
	q->chain = *chain;
	*chain = q;
	q->next = w->all;
	if (w->all != NULL)
		w->all->previous = q;
	w->all = q;
	w->questions++;
	return q;
}

int store_waits_add(struct store_waits *w, const unsigned char key[STORE_KEY], uint64_t sequence,
		    struct json_span line)
{
	struct spool_entry entry;

	if (spool_put(w->spool, line.at, line.length, &entry) < 0)
		return -1;
	struct store_waiter *waiter = mem_alloc(sizeof *waiter);
	struct store_wait *q = store_waits_find(w, key);
	*waiter = (struct store_waiter){NULL, sequence, entry};
	if (q == NULL)
		q = add_question(w, key);
	if (q->first == NULL)
		q->first = waiter;
	else
		q->last->next = waiter;
	q->last = waiter;
	w->records++;
	return 0;
}

int store_waits_take(struct store_waits *w, struct store_wait *question, uint64_t *sequence,
		     struct buf *line)
{
	int result = spool_get(&question->first->line, line);

	*sequence = question->first->sequence;
	drop_first(w, question);
	return result;
}
