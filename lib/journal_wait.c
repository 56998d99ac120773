#include "journal_wait.h"
#include "buf.h"
#include "journal.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#define CHAINS_FIRST ((size_t)256)

struct journal_waits {
	struct journal_wait **chains;
	size_t size; /* a power of two */
	size_t count;
	bool trust_ids;
};

struct journal_waits *journal_waits_new(bool trust_ids)
{
	struct journal_waits *t = mem_zero(1, sizeof *t);

	t->trust_ids = trust_ids;
	t->size = CHAINS_FIRST;
	t->chains = mem_zero(t->size, sizeof *t->chains);
	return t;
}

static void free_wait(struct journal_wait *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->waiters[i].custom_id);
	free(w->waiters);
	free(w);
}

void journal_waits_free(struct journal_waits *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->size; i++) {
		for (struct journal_wait *w = t->chains[i], *next; w != NULL; w = next) {
			next = w->next;
			free_wait(w);
		}
	}
	free(t->chains);
	free(t);
}

size_t journal_waits_count(const struct journal_waits *t)
{
	return t->count;
}

static struct journal_wait **chain(const struct journal_waits *t, uint64_t hash)
{
	return &t->chains[hash & (t->size - 1)];
}

struct journal_wait *journal_waits_find(const struct journal_waits *t, const struct buf *id,
					uint64_t request, bool *other)
{
	uint64_t hash = journal_id(id->data, id->length);

	*other = false;
	for (struct journal_wait *w = *chain(t, hash); w != NULL; w = w->next) {
		if (w->hash != hash || w->id_length != id->length ||
		    memcmp(w->id, id->data, id->length) != 0)
			continue;
		if (w->request == request || t->trust_ids)
			return w;
		*other = true;
	}
	return NULL;
}

static void grow(struct journal_waits *t)
{
	struct journal_waits larger = *t;

	larger.size = t->size * 2;
	larger.chains = mem_zero(larger.size, sizeof *larger.chains);

	for (size_t i = 0; i < t->size; i++) {
		for (struct journal_wait *w = t->chains[i], *next; w != NULL; w = next) {
			struct journal_wait **to = chain(&larger, w->hash);
			next = w->next;
			w->next = *to;
			*to = w;
		}
	}
	free(t->chains);
	*t = larger;
}

struct journal_wait *journal_waits_add(struct journal_waits *t, const struct buf *id,
				       uint64_t request)
{
	struct journal_wait *w = mem_alloc(sizeof *w + id->length);

	if (t->count == t->size)
		grow(t);
	*w = (struct journal_wait){
	    .hash = journal_id(id->data, id->length), .request = request, .id_length = id->length};
	memcpy(w->id, id->data, id->length);
	struct journal_wait **to = chain(t, w->hash);
	w->next = *to;
	*to = w;
	t->count++;
	return w;
}

void journal_waits_join(struct journal_wait *w, uint64_t sequence, struct json_span custom_id)
{
	/* Room is doubled whenever the count is a power of two. */
	if ((w->count & (w->count - 1)) == 0)
		w->waiters =
		    mem_resize(w->waiters, w->count > 0 ? w->count * 2 : 1, sizeof *w->waiters);
	w->waiters[w->count++] = (struct journal_waiter){
	    sequence,
	    mem_copy(custom_id.at, custom_id.length),
	};
}

void journal_waits_remove(struct journal_waits *t, struct journal_wait *w)
{
	struct journal_wait **link = chain(t, w->hash);

	while (*link != w)
		link = &(*link)->next;
	*link = w->next;
	t->count--;
	free_wait(w);
}
