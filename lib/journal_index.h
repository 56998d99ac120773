/*
 * journal_index: where in the log the last line for each id and request is; for journal*.c only.
 *
 * An entry has 24 bytes. Most are in a sorted array, and what came since it was last sorted is in a
 * hash table that is merged in when there is an eighth as much in it; with both and their slack it
 * is never more than 32 bytes a record. Ids and requests are known by hashes of 64 bits: who finds
 * an entry reads its line and compares.
 */
#ifndef JOURNAL_INDEX_H
#define JOURNAL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal_entry {
	uint64_t id, request;
	uint64_t place; /* the offset of its line plus one, times two, plus one if it failed */
};

struct journal_index {
	struct journal_entry *sorted;
	size_t count, capacity;
	struct journal_entry *recent; /* open addressing, linear probing; place 0 is empty */
	size_t recent_count, recent_capacity;
};

void journal_index_free(struct journal_index *x);

static inline struct journal_entry journal_index_entry(uint64_t id, uint64_t request,
						       uint64_t offset, bool failed)
{
	return (struct journal_entry){id, request, (offset + 1) << 1 | failed};
}

static inline uint64_t journal_index_offset(const struct journal_entry *e)
{
	return (e->place >> 1) - 1;
}

static inline bool journal_index_failed(const struct journal_entry *e)
{
	return (e->place & 1) != 0;
}

/* Add while loading: entries are found after the next journal_index_sort only. */
void journal_index_add(struct journal_index *x, struct journal_entry e);

/* Sort, keeping of entries for the same id and request that with the largest offset. */
void journal_index_sort(struct journal_index *x);

/* Add, or replace the one for the same id and request; at any time after sorting. */
void journal_index_put(struct journal_index *x, struct journal_entry e);

/* The entry for an id and a request, or NULL. */
struct journal_entry *journal_index_find(const struct journal_index *x, uint64_t id,
					 uint64_t request);

/* Is there any entry for the id that did not fail? */
bool journal_index_done(const struct journal_index *x, uint64_t id);

/* Is there such an entry of a line at this offset or behind it? Where an id has dozens of entries
 * it has one, for all that is looked at. */
bool journal_index_done_since(const struct journal_index *x, uint64_t id, uint64_t offset);

/* One of the entries for an id, or NULL; there must be no recent ones. */
const struct journal_entry *journal_index_any(const struct journal_index *x, uint64_t id);

/* Keep of all entries for an id the last one only; there must be no recent ones. */
void journal_index_last(struct journal_index *x);

/* The memory in use, in bytes. */
size_t journal_index_size(const struct journal_index *x);

#endif
