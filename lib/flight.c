#include "flight.h"
#include "fnv.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

struct flight_table {
	struct spool *spool;
	struct flight **chains;
	size_t size; /* a power of two, or 0 */
	size_t count;
	size_t cursor; /* chains before it are empty, for flight_any */
};

struct flight_table *flight_new(struct spool *spool)
{
	struct flight_table *t = mem_zero(1, sizeof *t);
	t->spool = spool;
	return t;
}

void flight_free(struct flight_table *t)
{
	struct flight *f;

	if (t == NULL)
		return;
	while ((f = flight_any(t)) != NULL) {
		flight_remove(t, f);
		flight_release(f);
	}
	free(t->chains);
	free(t);
}

size_t flight_count(const struct flight_table *t)
{
	return t->count;
}

void flight_key(struct buf *key, struct json_span custom_id)
{
	buf_clear(key);
	if (!json_is_set(custom_id))
		return;
	/* The first byte keeps the string "1" and the number 1 apart. */
	bool string = json_type(custom_id) == JSON_STRING;
	buf_addc(key, string ? '"' : '=');
	if (string)
		json_unescape(key, custom_id);
	else
		json_compact(key, custom_id);
}

/* Chains compare whole ids, so a collision costs time only, and ids come from the user's own
 * pipeline. */
static uint64_t hash_key(const struct buf *key)
{
	uint64_t h = fnv_add(FNV_START, key->data, key->length);
	return h ^ h >> 29;
}

struct flight *flight_find(struct flight_table *t, const struct buf *key)
{
	if (t->count == 0 || key->length == 0)
		return NULL;
	uint64_t hash = hash_key(key);
	for (struct flight *f = t->chains[hash & (t->size - 1)]; f != NULL; f = f->next)
		if (f->hash == hash && f->id_length == key->length &&
		    memcmp(f->id, key->data, key->length) == 0)
			return f;
	return NULL;
}

static void grow(struct flight_table *t)
{
	size_t size = t->size > 0 ? t->size * 2 : 64;
	struct flight **chains = mem_zero(size, sizeof *chains);

	for (size_t i = 0; i < t->size; i++) {
		for (struct flight *f = t->chains[i], *next; f != NULL; f = next) {
			next = f->next;
			f->next = chains[f->hash & (size - 1)];
			chains[f->hash & (size - 1)] = f;
		}
	}
	free(t->chains);
	t->chains = chains;
	t->size = size;
	t->cursor = 0;
}

int flight_add(struct flight_table *t, const struct buf *key, struct json_span request,
	       const void *note, size_t note_length, struct flight **entered)
{
	struct flight *f = mem_zero(1, sizeof *f + key->length + note_length);

	if (spool_put(t->spool, request.at, request.length, &f->request) < 0) {
		free(f);
		return -1;
	}
	if (t->count >= t->size)
		grow(t);
	f->hash = hash_key(key);
	f->id_length = key->length;
	f->note_length = note_length;
	memcpy(f->id, key->data, key->length);
	if (note_length > 0)
		memcpy(f->id + key->length, note, note_length);
	size_t chain = f->hash & (t->size - 1);
	f->next = t->chains[chain];
	t->chains[chain] = f;
	if (chain < t->cursor)
		t->cursor = chain;
	t->count++;
	*entered = f;
	return 0;
}

const void *flight_note(const struct flight *f)
{
	return f->id + f->id_length;
}

void flight_remove(struct flight_table *t, struct flight *f)
{
	struct flight **link = &t->chains[f->hash & (t->size - 1)];

	while (*link != f)
		link = &(*link)->next;
	*link = f->next;
	t->count--;
	spool_drop(t->spool, &f->request);
}

void flight_release(struct flight *f)
{
	free(f->own_id);
	free(f);
}

struct flight *flight_any(struct flight_table *t)
{
	if (t->count == 0)
		return NULL;
	while (t->chains[t->cursor] == NULL)
		t->cursor++;
	return t->chains[t->cursor];
}
