#include "hold.h"
#include "mem.h"

#include <stdlib.h>

/* A binary heap: heap[0] is the earliest. */
struct hold_queue {
	struct spool *spool;
	struct held *heap;
	size_t count, capacity;
	uint64_t arrivals;
};

struct hold_queue *hold_new(struct spool *spool)
{
	struct hold_queue *q = mem_zero(1, sizeof *q);
	q->spool = spool;
	return q;
}

void hold_free(struct hold_queue *q)
{
	if (q == NULL)
		return;
	for (size_t i = 0; i < q->count; i++) {
		spool_drop(q->spool, &q->heap[i].line);
		buf_free(&q->heap[i].note);
	}
	free(q->heap);
	free(q);
}

size_t hold_count(const struct hold_queue *q)
{
	return q->count;
}

int64_t hold_next(const struct hold_queue *q)
{
	return q->count > 0 ? q->heap[0].until : INT64_MAX;
}

static bool before(const struct held *a, const struct held *b)
{
	return a->until < b->until || (a->until == b->until && a->arrival < b->arrival);
}

static void swap(struct held *a, struct held *b)
{
	struct held c = *a;
	*a = *b;
	*b = c;
}

int hold_add(struct hold_queue *q, int64_t until, uint64_t sequence, bool forward,
	     struct json_span line, const void *note, size_t note_length)
{
	struct held held = {.until = until, .sequence = sequence, .forward = forward};

	if (spool_put(q->spool, line.at, line.length, &held.line) < 0)
		return -1;
	held.arrival = q->arrivals++;
	buf_add(&held.note, note, note_length);
	if (q->count == q->capacity) {
		q->capacity = q->capacity > 0 ? q->capacity * 2 : 64;
		q->heap = mem_resize(q->heap, q->capacity, sizeof *q->heap);
	}
	size_t i = q->count++;
	q->heap[i] = held;
	for (; i > 0 && before(&q->heap[i], &q->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&q->heap[i], &q->heap[(i - 1) / 2]);
	return 0;
}

int hold_take(struct hold_queue *q, struct held *held, struct buf *text)
{
	*held = q->heap[0];
	q->heap[0] = q->heap[--q->count];
	for (size_t i = 0;;) {
		size_t least = i;
		for (size_t j = 2 * i + 1; j <= 2 * i + 2 && j < q->count; j++)
			if (before(&q->heap[j], &q->heap[least]))
				least = j;
		if (least == i)
			break;
		swap(&q->heap[i], &q->heap[least]);
		i = least;
	}
	int result = spool_get(&held->line, text);
	spool_drop(q->spool, &held->line);
	return result;
}
