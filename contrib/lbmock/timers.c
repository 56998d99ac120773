#include "timers.h"
#include "mem.h"

#include <stdlib.h>

static void put(struct timers *t, size_t slot, struct timer *timer)
{
	t->heap[slot] = timer;
	timer->slot = slot;
}

static void sift_up(struct timers *t, size_t slot, struct timer *timer)
{
	while (slot > 0 && t->heap[(slot - 1) / 2]->due > timer->due) {
		put(t, slot, t->heap[(slot - 1) / 2]);
		slot = (slot - 1) / 2;
	}
	put(t, slot, timer);
}

static void sift_down(struct timers *t, size_t slot, struct timer *timer)
{
	for (;;) {
		size_t child = 2 * slot + 1;
		if (child >= t->count)
			break;
		if (child + 1 < t->count && t->heap[child + 1]->due < t->heap[child]->due)
			child++;
		if (t->heap[child]->due >= timer->due)
			break;
		put(t, slot, t->heap[child]);
		slot = child;
	}
	put(t, slot, timer);
}

void timers_add(struct timers *t, struct timer *timer, int64_t due, void *owner)
{
	if (t->count == t->capacity) {
		t->capacity = t->capacity > 0 ? t->capacity * 2 : 64;
		t->heap = mem_resize(t->heap, t->capacity, sizeof *t->heap);
	}
	timer->due = due;
	timer->owner = owner;
	sift_up(t, t->count++, timer);
}

void timers_remove(struct timers *t, struct timer *timer)
{
	size_t slot = timer->slot;
	struct timer *last = t->heap[--t->count];

	if (last == timer)
		return;
	if (slot > 0 && t->heap[(slot - 1) / 2]->due > last->due)
		sift_up(t, slot, last);
	else
		sift_down(t, slot, last);
}

struct timer *timers_first(const struct timers *t)
{
	return t->count > 0 ? t->heap[0] : NULL;
}

void timers_free(struct timers *t)
{
	free(t->heap);
	*t = (struct timers){0};
}
