/* journal_index: each id and request has its last place, in at most 32 bytes a record. */
#include "journal_index.h"
#include "mem.h"
#include "tap.h"

#include <stdlib.h>

/* A number that looks random (SplitMix64, Steele and others, 2014). */
static uint64_t spread(uint64_t n)
{
	n += UINT64_C(0x9e3779b97f4a7c15);
	n = (n ^ n >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	n = (n ^ n >> 27) * UINT64_C(0x94d049bb133111eb);
	return n ^ n >> 31;
}

static bool is_at(const struct journal_index *x, uint64_t id, uint64_t request, uint64_t offset)
{
	const struct journal_entry *e = journal_index_find(x, id, request);
	return e != NULL && journal_index_offset(e) == offset;
}

static void test_empty(void)
{
	struct journal_index x = {0};

	journal_index_sort(&x);
	tap_ok(journal_index_find(&x, 0, 0) == NULL && !journal_index_done(&x, 0) &&
		   journal_index_any(&x, 0) == NULL,
	       "an empty index has nothing");
	journal_index_put(&x, journal_index_entry(0, 0, 0, false));
	tap_ok(is_at(&x, 0, 0, 0), "hash 0 at offset 0 is an entry like any other");
	tap_ok(journal_index_find(&x, 0, 1) == NULL && journal_index_find(&x, 1, 0) == NULL,
	       "another request or id is not");
	journal_index_free(&x);
}

/* Entries of the kind, count times: id and request of entry i. */
enum shape { SPREAD, ONE_ID, ONE_REQUEST, LOW, FEW_IDS, SHAPES };

static const char *const shape_names[] = {"spread", "one id", "one request", "small numbers",
					  "few ids"};

static uint64_t id_of(enum shape shape, uint64_t i)
{
	switch (shape) {
	case ONE_ID:
		return 77;
	case LOW:
		return i;
	case FEW_IDS:
		return spread(i % 7);
	default:
		return spread(i);
	}
}

static uint64_t request_of(enum shape shape, uint64_t i)
{
	return shape == ONE_REQUEST ? 5 : spread(i + 1000000);
}

static void test_found(void)
{
	enum { COUNT = 20000 };

	for (enum shape shape = 0; shape < SHAPES; shape++) {
		/* Ones that fit the array and the table each differently. */
		for (uint64_t loaded = 0; loaded <= COUNT; loaded += COUNT / 4) {
			struct journal_index x = {0};
			int wrong = 0;
			for (uint64_t i = 0; i < loaded; i++)
				journal_index_add(&x, journal_index_entry(id_of(shape, i),
									  request_of(shape, i), i,
									  i % 3 == 0));
			journal_index_sort(&x);
			for (uint64_t i = loaded; i < COUNT; i++)
				journal_index_put(&x, journal_index_entry(id_of(shape, i),
									  request_of(shape, i), i,
									  i % 3 == 0));
			for (uint64_t i = 0; i < COUNT; i++)
				wrong += !is_at(&x, id_of(shape, i), request_of(shape, i), i);
			for (uint64_t i = 0; i < COUNT; i++)
				wrong += journal_index_find(&x, id_of(shape, i), spread(i)) != NULL;
			tap_int(wrong, 0, "%s: all found, nothing else, with %d of %d loaded",
				shape_names[shape], (int)loaded, COUNT);
			journal_index_free(&x);
		}
	}
}

static void test_last_wins(void)
{
	enum { COUNT = 5000, TIMES = 7 };
	struct journal_index x = {0};
	int wrong = 0;

	for (uint64_t n = 0; n < TIMES; n++)
		for (uint64_t i = 0; i < COUNT; i++)
			journal_index_add(
			    &x, journal_index_entry(spread(i), 1, n * COUNT + i, n + 1 < TIMES));
	journal_index_sort(&x);
	tap_int((long long)x.count, COUNT, "one entry stays for an id and request");
	for (uint64_t i = 0; i < COUNT; i++)
		wrong += !is_at(&x, spread(i), 1, (TIMES - 1) * COUNT + i) ||
			 !journal_index_done(&x, spread(i));
	tap_int(wrong, 0, "it is the last one");
	journal_index_put(&x, journal_index_entry(spread(3), 1, 1000000, true));
	tap_ok(is_at(&x, spread(3), 1, 1000000) && !journal_index_done(&x, spread(3)),
	       "one that is put later takes its place");
	journal_index_put(&x, journal_index_entry(spread(3), 2, 1000001, true));
	tap_ok(!journal_index_done(&x, spread(3)), "failures do not make an id done");
	journal_index_put(&x, journal_index_entry(spread(3), 2, 1000002, false));
	tap_ok(journal_index_done_since(&x, spread(3), UINT64_MAX >> 2),
	       "what is recent is behind any offset that was loaded");
	tap_ok(journal_index_done(&x, spread(3)) && is_at(&x, spread(3), 1, 1000000),
	       "a success with another request does, and leaves the first alone");
	journal_index_free(&x);

	x = (struct journal_index){0};
	for (uint64_t i = 0; i < COUNT; i++)
		for (uint64_t n = 0; n < 3; n++)
			journal_index_add(
			    &x, journal_index_entry(spread(i), spread(n), 3 * i + n, false));
	journal_index_sort(&x);
	journal_index_last(&x);
	for (uint64_t i = 0; i < COUNT; i++) {
		const struct journal_entry *e = journal_index_any(&x, spread(i));
		wrong += e == NULL || journal_index_offset(e) != 3 * i + 2;
	}
	tap_ok(wrong == 0 && x.count == COUNT, "of several requests the last one can be kept");
	journal_index_free(&x);
}

/* The most that was in use at any moment, in bytes a record, from so many records on. */
static double worst(uint64_t loaded, uint64_t put)
{
	struct journal_index x = {0};
	double most = 0;

	for (uint64_t i = 0; i < loaded; i++) {
		journal_index_add(&x, journal_index_entry(spread(i), spread(~i), i, false));
		double now = (double)journal_index_size(&x) / (double)(i + 1);
		if (i >= 100000 && now > most)
			most = now;
	}
	journal_index_sort(&x);
	for (uint64_t i = loaded; i < loaded + put; i++) {
		/* While it is merged the array has grown, and the table is still there. */
		size_t table = x.recent_capacity * sizeof *x.recent;
		size_t array = x.capacity;
		journal_index_put(&x, journal_index_entry(spread(i), spread(~i), i, false));
		size_t peak = journal_index_size(&x) + (x.capacity > array ? table : 0);
		double now = (double)peak / (double)(i + 1);
		if (i >= 100000 && now > most)
			most = now;
	}
	journal_index_free(&x);
	return most;
}

static void test_memory(void)
{
	double loading = worst(1000000, 0);
	double running = worst(1000, 999000);
	double both = worst(500000, 500000);

	tap_ok(loading <= 32, "loading a million takes at most 32 bytes each: %.1f", loading);
	tap_ok(running <= 32, "so do a million in one run: %.1f", running);
	tap_ok(both <= 32, "so do half of both: %.1f", both);
}

int main(void)
{
	test_empty();
	test_found();
	test_last_wins();
	test_memory();
	return tap_done();
}
