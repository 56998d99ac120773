/*
 * wrapper: the least tool that the stage runner can serve, for its tests: what comes in goes to the
 * command, what the command answers goes out.
 *
 * Input: any lines. Output: a line for each. State: none. Each record's note counts how often it
 * has been sent, so that feeding again ends.
 */
#include "buf.h"
#include "cli.h"
#include "clock.h"
#include "mem.h"
#include "record.h"
#include "stage.h"

#include <stdlib.h>
#include <string.h>

/* A record that is kept back until nothing else is going on. */
struct kept {
	struct kept *next;
	uint64_t sequence;
	bool result;
	size_t length;
	char text[];
};

struct wrapper {
	struct cli_shared shared;
	int64_t hold;      /* milliseconds; 0 for none */
	unsigned again;    /* how often a result may be fed again */
	bool all;          /* ...one without an error, too */
	int64_t stop;      /* stop by itself after this many results; 0 for never */
	int64_t pipe_size; /* bytes */
	int64_t halt;      /* halt after this many results; 0 for never */
	int64_t gap;       /* ns from one record taken to the next; 0 for none */
	int64_t opens;     /* clock_now time */
	int64_t hold_most;
	bool keep_back;
	struct kept *kept, **last_kept;
	bool keep_order, rounds, restart;
	int64_t results;
};

enum {
	OPT_HOLD = CLI_LONG,
	OPT_AGAIN,
	OPT_ALL,
	OPT_STOP,
	OPT_ROUNDS,
	OPT_RESTART,
	OPT_PIPE_SIZE,
	OPT_HALT,
	OPT_GAP,
	OPT_HOLD_MOST,
	OPT_KEEP_BACK
};

static const struct cli_option options[] = {
    {OPT_HOLD, "hold", "MS", "hold each record this long, or as its member hold says"},
    {OPT_AGAIN, "again", "N", "send a failed record again, up to N times"},
    {OPT_ALL, "all", NULL, "with --again: whether it failed or not"},
    {OPT_STOP, "stop-after", "N", "stop early after N results"},
    {OPT_ROUNDS, "rounds", NULL, "the command answers only at end of input"},
    {OPT_RESTART, "restart", NULL, "start the command again when it dies"},
    {'k', "keep-order", NULL, "write in input order"},
    {OPT_PIPE_SIZE, "pipe-size", "BYTES", "of the pipe to the command"},
    {OPT_HALT, "halt-after", "N", "halt after N results"},
    {OPT_GAP, "gap", "MS", "take a record only so long after the last one"},
    {OPT_KEEP_BACK, "keep-back", NULL, "send and write records when idle only"},
    {OPT_HOLD_MOST, "hold-most", "N", "read no more while so many are held"},
};

static void set_option(void *context, int id, char *argument)
{
	struct wrapper *w = context;

	switch (id) {
	case OPT_HOLD:
		w->hold = cli_count("--hold", argument, 0, 1000000);
		break;
	case OPT_AGAIN:
		w->again = (unsigned)cli_count("--again", argument, 0, 1000);
		break;
	case OPT_ALL:
		w->all = true;
		break;
	case OPT_STOP:
		w->stop = cli_count("--stop-after", argument, 0, 1000000);
		break;
	case OPT_ROUNDS:
		w->rounds = true;
		break;
	case OPT_RESTART:
		w->restart = true;
		break;
	case 'k':
		w->keep_order = true;
		break;
	case OPT_PIPE_SIZE:
		w->pipe_size = cli_count("--pipe-size", argument, 1, 1 << 20);
		break;
	case OPT_HALT:
		w->halt = cli_count("--halt-after", argument, 1, 1000000);
		break;
	case OPT_GAP:
		w->gap = cli_count("--gap", argument, 1, 1000000) * CLOCK_MS;
		break;
	case OPT_KEEP_BACK:
		w->keep_back = true;
		break;
	case OPT_HOLD_MOST:
		w->hold_most = cli_count("--hold-most", argument, 1, 1000000);
		break;
	}
}

static void keep(struct wrapper *w, const struct record *r, uint64_t sequence, bool result)
{
	struct kept *k = mem_alloc(sizeof *k + r->text.length);

	*k = (struct kept){NULL, sequence, result, r->text.length};
	memcpy(k->text, r->text.at, r->text.length);
	*w->last_kept = k;
	w->last_kept = &k->next;
}

static int64_t idle(struct stage *s, void *context)
{
	struct wrapper *w = context;
	unsigned sent = 0;

	for (struct kept *k = w->kept, *next; k != NULL; k = next) {
		struct json_span text = {k->text, k->length};
		next = k->next;
		if (k->result)
			stage_emit(s, k->sequence, text, json_is_set(json_get(text, "error")));
		else
			stage_forward(s, k->sequence, json_get(text, "custom_id"), text, &sent,
				      sizeof sent);
		free(k);
	}
	w->kept = NULL;
	w->last_kept = &w->kept;
	return INT64_MAX;
}

static int64_t opens(void *context)
{
	return ((const struct wrapper *)context)->opens;
}

static void fail(struct stage *s, const struct record *r, uint64_t sequence)
{
	struct buf text = {0};

	record_fail(&text, r, "halted", "not sent");
	stage_emit(s, sequence, (struct json_span){text.data, text.length}, true);
	buf_free(&text);
}

static void on_request(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		       const void *note, size_t note_length)
{
	struct wrapper *w = context;
	int64_t hold = w->hold;
	unsigned sent = 0;

	(void)note_length;
	if (stage_halted(s)) {
		fail(s, r, sequence);
		return;
	}
	w->opens = clock_now() + w->gap;
	if (w->keep_back) {
		keep(w, r, sequence, false);
		return;
	}
	if (hold > 0)
		json_integer(json_get(r->text, "hold"), &hold);
	if (hold > 0 && note == NULL)
		stage_hold(s, sequence, r->text, clock_now() + hold * CLOCK_MS, "", 1);
	else
		stage_forward(s, sequence, r->custom_id, r->text, &sent, sizeof sent);
}

static void on_result(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		      const struct stage_flight *flight)
{
	struct wrapper *w = context;
	unsigned sent = 0;

	if (++w->results == w->stop)
		stage_stop(s);
	if (w->results == w->halt)
		stage_halt(s);
	if (flight != NULL)
		memcpy(&sent, flight->note, sizeof sent);
	bool wanted = w->all || record_failed(r);
	if (flight == NULL || stage_stopping(s) || stage_halted(s) || !wanted ||
	    sent++ >= w->again) {
		if (w->keep_back)
			keep(w, r, sequence, true);
		else
			stage_emit_record(s, sequence, r);
		return;
	}
	struct json_span id = json_get(flight->request, "custom_id");
	stage_forward(s, sequence, id, flight->request, &sent, sizeof sent);
}

int main(int argc, char **argv)
{
	static const struct cli_tool tool = {
	    .synopsis = "[options] [command [argument ...]]",
	    .purpose = "Send lines through a command.",
	    .options = options,
	    .count = sizeof options / sizeof *options,
	    .set = set_option,
	};
	struct wrapper w = {0};
	struct stage_jobs jobs = {.request = on_request, .result = on_result};

	int operand = cli_start(argc, argv, &tool, &w, &w.shared);
	struct stage_options stage_options = {
	    .command = operand < argc ? argv + operand : NULL,
	    .max_line = (size_t)w.shared.max_line,
	    .keep_order = w.keep_order,
	    .feeds_again = w.again > 0,
	    .rounds = w.rounds,
	    .restart = w.restart,
	    .pipe_size = (int)w.pipe_size,
	    .hold_most = (size_t)w.hold_most,
	    .meter = &w.shared.meter,
	};
	w.last_kept = &w.kept;
	if (w.keep_back)
		jobs.idle = idle;
	if (w.gap > 0)
		jobs.opens = opens;
	struct stage *s = stage_new(&stage_options, &jobs, &w);
	int status = stage_run(s);
	stage_free(s);
	return status;
}
