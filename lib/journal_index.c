#include "journal_index.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

#define LEAST    ((size_t)1024) /* room for so many is not worth saving */
#define FEW      256            /* up to so many are sorted by insertion, not by 256 counters */
#define KEY_SIZE 16             /* bytes of id and request */

/* Of an id's entries so many are looked at for one at or behind an offset. */
#define SINCE_MOST 64

void journal_index_free(struct journal_index *x)
{
	free(x->sorted);
	free(x->recent);
	*x = (struct journal_index){0};
}

size_t journal_index_size(const struct journal_index *x)
{
	return (x->capacity + x->recent_capacity) * sizeof *x->sorted;
}

void journal_index_add(struct journal_index *x, struct journal_entry e)
{
	if (x->count == x->capacity) {
		/* For what is large this moves pages, not bytes: both are never there at once. */
		x->capacity += x->capacity / 8 + LEAST;
		x->sorted = mem_resize(x->sorted, x->capacity, sizeof e);
	}
	x->sorted[x->count++] = e;
}

static int compare(const struct journal_entry *a, uint64_t id, uint64_t request)
{
	if (a->id != id)
		return a->id < id ? -1 : 1;
	if (a->request != request)
		return a->request < request ? -1 : 1;
	return 0;
}

static void sort_few(struct journal_entry *e, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct journal_entry moved = e[i];
		size_t to = i;
		for (; to > 0 && compare(&e[to - 1], moved.id, moved.request) > 0; to--)
			e[to] = e[to - 1];
		e[to] = moved;
	}
}

/* A byte of the key, the most significant one first. */
static inline unsigned key_byte(const struct journal_entry *e, unsigned level)
{
	uint64_t half = level < 8 ? e->id : e->request;
	return (unsigned)(half >> (56 - 8 * (level & 7))) & 255;
}

/* Radix sort in place from the first byte on ("American flag sort", McIlroy, Bostic and McIlroy,
 * 1993): no second array, and no more than KEY_SIZE calls deep. */
static void sort_entries(struct journal_entry *e, size_t n, unsigned level)
{
	size_t next[256] = {0}, end[256];
	size_t sum = 0;

	if (n <= FEW) {
		sort_few(e, n);
		return;
	}
	if (level == KEY_SIZE)
		return;
	for (size_t i = 0; i < n; i++)
		next[key_byte(&e[i], level)]++;
	for (unsigned b = 0; b < 256; b++) {
		sum += next[b];
		next[b] = sum - next[b];
		end[b] = sum;
	}
	for (unsigned b = 0; b < 256; b++) {
		while (next[b] < end[b]) {
			unsigned home = key_byte(&e[next[b]], level);
			struct journal_entry here = e[next[b]];
			e[next[b]] = e[next[home]];
			e[next[home]++] = here;
		}
	}
	for (unsigned b = 0; b < 256; b++) {
		size_t start = b > 0 ? end[b - 1] : 0;
		sort_entries(e + start, end[b] - start, level + 1);
	}
}

/* Of neighbours that are alike keep the one that came last. */
static void keep_last(struct journal_index *x, bool by_id)
{
	size_t kept = 0;

	for (size_t i = 0; i < x->count; i++) {
		struct journal_entry *e = &x->sorted[i];
		struct journal_entry *last = kept > 0 ? &x->sorted[kept - 1] : NULL;
		if (last == NULL || last->id != e->id || (!by_id && last->request != e->request))
			x->sorted[kept++] = *e;
		else if (e->place > last->place)
			*last = *e;
	}
	x->count = kept;
}

void journal_index_sort(struct journal_index *x)
{
	sort_entries(x->sorted, x->count, 0);
	keep_last(x, false);
	x->capacity = x->count;
	x->sorted = mem_resize(x->sorted, x->capacity, sizeof *x->sorted);
}

void journal_index_last(struct journal_index *x)
{
	keep_last(x, true);
}

/* Where a key is to be expected, since hashes are spread evenly: from the start, then from the
 * entry that is there. Each look misses the cache, so that is worth more than halving. */
static size_t expect(const struct journal_index *x, uint64_t id)
{
	double guess = (double)id * 0x1p-64 * (double)x->count;
	size_t at = 0;

	for (int i = 0; i < 3; i++) {
		at = guess < 0 ? 0 : (size_t)guess;
		if (at >= x->count)
			return x->count;
		guess += (double)(int64_t)(id - x->sorted[at].id) * 0x1p-64 * (double)x->count;
	}
	return at;
}

/* The first entry that is not below the key: between two that enclose it, in steps that grow from
 * where it is expected. */
static size_t lower_bound(const struct journal_index *x, uint64_t id, uint64_t request)
{
	size_t low = expect(x, id), high = low;

	for (size_t step = 4; low > 0 && compare(&x->sorted[low - 1], id, request) >= 0; step *= 4)
		low = low > step ? low - step : 0;
	for (size_t step = 4; high < x->count && compare(&x->sorted[high], id, request) < 0;
	     step *= 4)
		high = x->count - high > step ? high + step : x->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare(&x->sorted[middle], id, request) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct journal_entry *journal_index_any(const struct journal_index *x, uint64_t id)
{
	size_t at = lower_bound(x, id, 0);
	return at < x->count && x->sorted[at].id == id ? &x->sorted[at] : NULL;
}

static struct journal_entry *find_sorted(const struct journal_index *x, uint64_t id,
					 uint64_t request)
{
	size_t at = lower_bound(x, id, request);
	bool found = at < x->count && compare(&x->sorted[at], id, request) == 0;
	return found ? &x->sorted[at] : NULL;
}

/* Where a search for an id begins in the table, and where it goes on. The table is never full. */
static size_t first_slot(const struct journal_index *x, uint64_t id)
{
	return (size_t)((id >> 32) * x->recent_capacity >> 32);
}

static size_t next_slot(const struct journal_index *x, size_t at)
{
	return at + 1 < x->recent_capacity ? at + 1 : 0;
}

/* The slot that an id and a request have, or the empty one that they would get. */
static struct journal_entry *find_slot(const struct journal_index *x, uint64_t id, uint64_t request)
{
	size_t at = first_slot(x, id);

	while (x->recent[at].place != 0 && compare(&x->recent[at], id, request) != 0)
		at = next_slot(x, at);
	return &x->recent[at];
}

struct journal_entry *journal_index_find(const struct journal_index *x, uint64_t id,
					 uint64_t request)
{
	struct journal_entry *e = find_sorted(x, id, request);

	if (e != NULL || x->recent == NULL)
		return e;
	e = find_slot(x, id, request);
	return e->place != 0 ? e : NULL;
}

/* Is there a success for the id among the recent ones? */
static bool is_recent(const struct journal_index *x, uint64_t id)
{
	if (x->recent == NULL)
		return false;
	for (size_t at = first_slot(x, id); x->recent[at].place != 0; at = next_slot(x, at))
		if (x->recent[at].id == id && !journal_index_failed(&x->recent[at]))
			return true;
	return false;
}

bool journal_index_done(const struct journal_index *x, uint64_t id)
{
	for (size_t at = lower_bound(x, id, 0); at < x->count && x->sorted[at].id == id; at++)
		if (!journal_index_failed(&x->sorted[at]))
			return true;
	return is_recent(x, id);
}

bool journal_index_done_since(const struct journal_index *x, uint64_t id, uint64_t offset)
{
	size_t start = lower_bound(x, id, 0);

	for (size_t at = start; at < x->count && x->sorted[at].id == id; at++)
		if (at - start == SINCE_MOST || (!journal_index_failed(&x->sorted[at]) &&
						 journal_index_offset(&x->sorted[at]) >= offset))
			return true;
	return is_recent(x, id);
}

/* Merge what is recent into the sorted array, from the back, where there is room for it. */
static void merge(struct journal_index *x)
{
	size_t n = 0, left = x->count;

	for (size_t i = 0; i < x->recent_capacity; i++)
		if (x->recent[i].place != 0)
			x->recent[n++] = x->recent[i];
	sort_entries(x->recent, n, 0);
	x->count += n;
	x->capacity = x->count;
	x->sorted = mem_resize(x->sorted, x->capacity, sizeof *x->sorted);
	for (size_t to = x->count; n > 0; to--) {
		const struct journal_entry *next = &x->recent[n - 1];
		if (left > 0 && compare(&x->sorted[left - 1], next->id, next->request) > 0)
			x->sorted[to - 1] = x->sorted[--left];
		else
			x->sorted[to - 1] = x->recent[--n];
	}
	free(x->recent);
	x->recent = NULL;
	x->recent_count = x->recent_capacity = 0;
}

void journal_index_put(struct journal_index *x, struct journal_entry e)
{
	struct journal_entry *there = journal_index_find(x, e.id, e.request);

	if (there != NULL) {
		*there = e;
		return;
	}
	if (x->recent == NULL) {
		/* Three quarters full it holds an eighth of what is sorted. */
		x->recent_capacity = x->count / 6 > LEAST ? x->count / 6 : LEAST;
		x->recent = mem_zero(x->recent_capacity, sizeof e);
	}
	*find_slot(x, e.id, e.request) = e;
	if (++x->recent_count >= x->recent_capacity / 4 * 3)
		merge(x);
}
