/* order: lines leave by their numbers, whatever the order in which they come. */
#include "order.h"
#include "out.h"
#include "spool.h"
#include "tap.h"

#include <stdlib.h>

static struct buf text;

/* Put the numbers of the list, a character each; upper case has no line, and from ! on none waits
 * for its turn. */
static const char *put(const char *list, size_t memory)
{
	struct out out = {.fd = -1, .try_fd = -1};
	struct spool *spool = spool_new(memory);
	struct order *o = order_new(&out, spool);

	for (; *list != '\0'; list++) {
		if (*list == '!') {
			order_give_up(o);
			continue;
		}
		bool none = *list < 'a';
		char c = (char)(none ? *list - 'A' + 'a' : *list);
		order_put(o, (uint64_t)(c - 'a'), (struct json_span){none ? NULL : list, !none});
	}
	order_release(o);
	bool ready = order_ready(o);
	order_free(o);
	spool_free(spool);
	buf_clear(&text);
	for (size_t i = 0; i < out.pending.length; i++)
		if (out.pending.data[i] != '\n')
			buf_addc(&text, out.pending.data[i]);
	buf_free(&out.pending);
	if (ready)
		buf_adds(&text, " and more");
	return buf_string(&text);
}

static void test_many(void)
{
	enum { COUNT = 10007 };
	struct out out = {.fd = -1, .try_fd = -1};
	struct spool *spool = spool_new(1000);
	struct order *o = order_new(&out, spool);
	struct buf want = {0}, got = {0};
	char line[32];
	int wrong = 0;
	size_t most = 0;

	/* 7919 has no divisor in common with 10007, so each number comes once. */
	for (int i = 0; i < COUNT; i++) {
		int n = snprintf(line, sizeof line, "line %d", i * 7919 % COUNT);
		wrong += order_put(o, (uint64_t)(i * 7919 % COUNT),
				   (struct json_span){line, (size_t)n}) < 0;
	}
	for (int i = 0; i < COUNT; i++)
		buf_addf(&want, "line %d\n", i);
	tap_int(wrong, 0, "all are taken");
	/* The reader comes late: most lines are ready by then. */
	for (;;) {
		most = out.pending.length > most ? out.pending.length : most;
		buf_add(&got, out.pending.data, out.pending.length);
		buf_clear(&out.pending);
		if (!order_ready(o))
			break;
		order_release(o);
	}
	tap_ok(most < OUT_FULL + sizeof line, "no more is let out than is to be written at once");
	tap_bytes(got.data, got.length, want.data, want.length,
		  "ten thousand shuffled lines come in order, from disk as well");
	order_free(o);
	spool_free(spool);
	buf_free(&want);
	buf_free(&got);
	buf_free(&out.pending);
}

int main(void)
{
	static const struct {
		const char *comes, *leaves;
	} cases[] = {
	    {"abcd", "abcd"},
	    {"dcba", "abcd"},
	    {"badc", "abcd"},
	    {"bcd", ""},
	    {"acd", "a"},
	    {"Abc", "bc"},
	    {"bcA", "bc"},
	    {"CBa", "a"},
	    {"cBad", "acd"},
	    {"DCBA", ""},
	    {"zyxwvutsrqponmlkjihgfedcba", "abcdefghijklmnopqrstuvwxyz"},
	    {"", ""},
	    {"ec!", "ce"},
	    {"ac!b", "abc"},
	    {"cE!da", "dac"},
	    {"!cab", "cab"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		tap_is(put(cases[i].comes, 1000), cases[i].leaves, "%s in memory", cases[i].comes);
		tap_is(put(cases[i].comes, 0), cases[i].leaves, "%s on disk", cases[i].comes);
	}
	test_many();
	order_free(NULL);
	buf_free(&text);
	return tap_done();
}
