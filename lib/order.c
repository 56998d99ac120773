#include "order.h"
#include "buf.h"
#include "mem.h"
#include "out.h"
#include "spool.h"

#include <stdlib.h>
#include <string.h>

struct slot {
	struct spool_entry entry;
	bool filled;
};

/* slots is a ring: the slot of the number next is at first. */
struct order {
	struct out *out;
	struct spool *spool;
	uint64_t next;
	struct slot *slots;
	size_t first, capacity;
	size_t waiting; /* slots that are filled */
	bool given_up;
	struct buf line;
};

struct order *order_new(struct out *out, struct spool *spool)
{
	struct order *o = mem_zero(1, sizeof *o);
	o->out = out;
	o->spool = spool;
	return o;
}

void order_free(struct order *o)
{
	if (o == NULL)
		return;
	for (size_t i = 0; i < o->capacity; i++)
		spool_drop(o->spool, &o->slots[i].entry);
	free(o->slots);
	buf_free(&o->line);
	free(o);
}

static void grow(struct order *o, uint64_t distance)
{
	size_t capacity = o->capacity > 0 ? o->capacity : 64;

	while (capacity <= distance)
		capacity *= 2;
	struct slot *slots = mem_zero(capacity, sizeof *slots);
	for (size_t i = 0; i < o->capacity; i++)
		slots[i] = o->slots[(o->first + i) % o->capacity];
	free(o->slots);
	o->slots = slots;
	o->first = 0;
	o->capacity = capacity;
}

/* Let out what a slot holds. */
static int release_slot(struct order *o, struct slot *slot)
{
	slot->filled = false;
	o->waiting--;
	if (slot->entry.length == 0)
		return 0;
	buf_clear(&o->line);
	int result = spool_get(&slot->entry, &o->line);
	if (result == 0)
		out_line(o->out, o->line.data, o->line.length);
	spool_drop(o->spool, &slot->entry);
	return result;
}

bool order_ready(const struct order *o)
{
	return o->waiting > 0 && (o->given_up || o->slots[o->first].filled);
}

int order_release(struct order *o)
{
	while (order_ready(o) && out_pending(o->out) < OUT_FULL) {
		struct slot *slot = &o->slots[o->first];
		if (slot->filled && release_slot(o, slot) < 0)
			return -1;
		o->first = (o->first + 1) % o->capacity;
		o->next++;
	}
	return 0;
}

void order_give_up(struct order *o)
{
	o->given_up = true;
}

int order_put(struct order *o, uint64_t sequence, struct json_span line)
{
	uint64_t distance = sequence - o->next;

	if (o->given_up) {
		if (line.at != NULL)
			out_line(o->out, line.at, line.length);
		return 0;
	}
	if (distance == 0) {
		if (line.at != NULL)
			out_line(o->out, line.at, line.length);
		o->next++;
		if (o->capacity > 0)
			o->first = (o->first + 1) % o->capacity;
		return order_release(o);
	}
	if (distance >= o->capacity)
		grow(o, distance);
	struct slot *slot = &o->slots[(o->first + distance) % o->capacity];
	if (line.at != NULL && spool_put(o->spool, line.at, line.length, &slot->entry) < 0)
		return -1;
	slot->filled = true;
	o->waiting++;
	return 0;
}
