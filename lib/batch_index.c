#include "batch_index.h"
#include "hash.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

struct entry {
	uint64_t hash;
	uint32_t part; /* its place in parts */
	uint32_t index;
};

struct batch_index {
	struct batch_state *state;
	struct entry *entries; /* sorted */
	uint32_t *used; /* of the first of those with one hash: how many of them were asked for */
	size_t count, room;
	struct batch_part **parts;
	uint32_t part_count;
	struct buf text, line;
};

/* What makes two requests one, in one text. */
static void add_question(struct buf *out, const struct record *r)
{
	const struct json_span parts[] = {r->custom_id, r->method, r->url, r->body};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		buf_add(out, parts[i].at, parts[i].length);
		buf_addc(out, '\0');
	}
	buf_addc(out, r->params ? 'p' : 'b');
}

static uint64_t hash_of(struct batch_index *x, const struct record *r)
{
	unsigned char digest[HASH_SIZE];

	buf_clear(&x->text);
	add_question(&x->text, r);
	hash_bytes(x->text.data, x->text.length, digest);
	return hash_number(digest);
}

static void enter(void *context, struct batch_part *p, uint64_t index, const struct record *r)
{
	struct batch_index *x = context;

	if (batch_part_is_dead(p, index))
		return;
	if (x->count == x->room) {
		x->room = x->room > 0 ? 2 * x->room : 4096;
		x->entries = mem_resize(x->entries, x->room, sizeof *x->entries);
	}
	x->entries[x->count++] = (struct entry){hash_of(x, r), x->part_count - 1, (uint32_t)index};
}

static int compare(const void *a, const void *b)
{
	const struct entry *e = a, *f = b;

	if (e->hash != f->hash)
		return e->hash < f->hash ? -1 : 1;
	if (e->part != f->part)
		return e->part < f->part ? -1 : 1;
	return e->index < f->index ? -1 : e->index > f->index;
}

struct batch_index *batch_index_new(struct batch_state *state)
{
	struct batch_index *x = mem_zero(1, sizeof *x);

	x->state = state;
	for (struct batch_part *p = state->parts; p != NULL; p = p->next) {
		if (p->phase < BATCH_CREATING || p->phase > BATCH_COLLECTED)
			continue;
		x->parts = mem_resize(x->parts, x->part_count + 1, sizeof *x->parts);
		x->parts[x->part_count++] = p;
		if (batch_state_load(state, p, enter, x) < 0) {
			batch_index_free(x);
			return NULL;
		}
	}
	if (x->count > 0)
		qsort(x->entries, x->count, sizeof *x->entries, compare);
	x->used = mem_zero(x->count, sizeof *x->used);
	return x;
}

void batch_index_free(struct batch_index *x)
{
	if (x == NULL)
		return;
	buf_free(&x->text);
	buf_free(&x->line);
	free(x->parts);
	free(x->entries);
	free(x->used);
	free(x);
}

/* The first entry with this hash, or where it would be. */
static size_t find(const struct batch_index *x, uint64_t hash)
{
	size_t low = 0, high = x->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (x->entries[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Is the request in x->line the same one, and not only of the same hash? */
static bool is_same(struct batch_index *x, const struct record *r)
{
	struct line line = {x->line.data, x->line.length, 0, x->line.length};
	struct record other;

	if (record_parse(&other, &line, false) != RECORD_REQUEST)
		return false;
	buf_clear(&x->text);
	add_question(&x->text, r);
	size_t n = x->text.length;
	add_question(&x->text, &other);
	return x->text.length == 2 * n && memcmp(x->text.data, x->text.data + n, n) == 0;
}

enum batch_found batch_index_claim(struct batch_index *x, const struct record *r, uint64_t sequence,
				   struct batch_part **part)
{
	uint64_t hash = hash_of(x, r);
	size_t first = find(x, hash);

	if (first == x->count || x->entries[first].hash != hash)
		return BATCH_NEW;
	size_t at = first + x->used[first];
	if (at >= x->count || x->entries[at].hash != hash)
		return BATCH_NEW;
	const struct entry *e = &x->entries[at];
	struct batch_part *p = x->parts[e->part];
	if (batch_state_line(x->state, p, e->index, &x->line) < 0)
		return BATCH_FAULT;
	if (!is_same(x, r))
		return BATCH_NEW;
	bool differs = x->line.length != r->text.length ||
		       memcmp(x->line.data, r->text.at, r->text.length) != 0;
	if (differs && batch_state_replace(x->state, p, e->index, r->text) < 0)
		return BATCH_FAULT;
	p->items[e->index].sequence = sequence;
	p->claimed++;
	x->used[first]++;
	*part = p;
	return BATCH_FOUND;
}
