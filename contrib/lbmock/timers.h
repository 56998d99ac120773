/*
 * timers: a binary heap of deadlines. The timers stand inside their owners; the heap holds
 * pointers, so that adding and removing take O(log n) and no allocation of their own.
 */
#ifndef TIMERS_H
#define TIMERS_H

#include <stddef.h>
#include <stdint.h>

struct timer {
	int64_t due; /* on the monotonic clock, in ns */
	size_t slot; /* its place in the heap */
	void *owner;
};

/* A zeroed struct is an empty heap. */
struct timers {
	struct timer **heap;
	size_t count;
	size_t capacity;
};

/* Add a timer, which must not be in the heap and must stay where it is until it is removed. */
void timers_add(struct timers *t, struct timer *timer, int64_t due, void *owner);

/* Remove a timer that is in the heap. */
void timers_remove(struct timers *t, struct timer *timer);

/* The timer that is due first, or NULL. */
struct timer *timers_first(const struct timers *t);

/* Free the heap, not the timers. */
void timers_free(struct timers *t);

#endif
