/* hold: the earliest comes first, equal times in the order of arrival, with all that came with
 * them. */
#include "hold.h"
#include "tap.h"

#include <stdlib.h>

/* A generator of its own, so that every run is the same. */
static uint32_t next_random(void)
{
	static uint32_t state = 12345;
	state = state * 1664525 + 1013904223;
	return state >> 8;
}

static void test_order(void)
{
	enum { COUNT = 5000 };
	struct spool *spool = spool_new(20000); /* so that most are on disk */
	struct hold_queue *q = hold_new(spool);
	struct held held, last = {.until = -1};
	struct buf text = {0};
	int wrong = 0, unstable = 0, torn = 0;
	char line[32];

	tap_ok(hold_next(q) == INT64_MAX && hold_count(q) == 0, "an empty one is never due");
	for (int i = 0; i < COUNT; i++) {
		int n = snprintf(line, sizeof line, "line %d", i);
		hold_add(q, next_random() % 100, (uint64_t)i, i % 3 == 0,
			 (struct json_span){line, (size_t)n}, &i, sizeof i);
	}
	tap_int((long long)hold_count(q), COUNT, "all are counted");
	while (hold_count(q) > 0) {
		int64_t due = hold_next(q);
		int i;
		buf_clear(&text);
		if (hold_take(q, &held, &text) < 0 || held.until != due || due < last.until)
			wrong++;
		if (held.until == last.until && held.sequence < last.sequence)
			unstable++;
		snprintf(line, sizeof line, "line %d", (int)held.sequence);
		memcpy(&i, held.note.data, sizeof i);
		if (strcmp(buf_string(&text), line) != 0 || i != (int)held.sequence ||
		    held.note.length != sizeof i || held.forward != (i % 3 == 0))
			torn++;
		buf_free(&held.note);
		last = held;
	}
	tap_int(wrong, 0, "the earliest comes first");
	tap_int(unstable, 0, "equal times come in the order of arrival");
	tap_int(torn, 0, "line, note and the rest belong together");
	/* What is left inside goes with the queue. */
	hold_add(q, 1, 1, false, JSON_LITERAL("x"), "note", 4);
	buf_free(&text);
	hold_free(q);
	hold_free(NULL);
	spool_free(spool);
}

static void test_failure(void)
{
	struct spool *spool = spool_new(0);
	struct hold_queue *q = hold_new(spool);

	setenv("TMPDIR", "/nonexistent", 1);
	tap_int(hold_add(q, 1, 1, false, JSON_LITERAL("x"), NULL, 0), -1, "no room: -1");
	tap_int((long long)hold_count(q), 0, "and nothing is held");
	hold_free(q);
	spool_free(spool);
}

int main(void)
{
	test_order();
	test_failure();
	return tap_done();
}
