/*
 * lbcheckpoint: never lose progress.
 *
 * Input: around a command any records; without one, requests to look up, and results to log.
 * Output: the records' results: from the log where it has them, else as they come, once they are in
 * it; in a pipe also the requests that it has no result for. State: LOG, the results, one a line,
 * appended (journal.h); and LOG.inflight while a command runs.
 */
#include "buf.h"
#include "checkpoint.h"
#include "cli.h"
#include "clock.h"
#include "journal.h"
#include "journal_wait.h"
#include "msg.h"
#include "naming.h"
#include "record.h"
#include "stage.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the pipe to the command, bytes: what waits in it counts as in flight. */
#define PIPE_SIZE 4096

struct lbcheckpoint {
	struct cli_shared shared;
	const char *path, *id_text;
	int64_t sync; /* ns from an append to the sync; 0: before anything else */
	bool skip, trust_ids, keep_order, wraps;
	int action; /* OPT_STATUS, OPT_COMPACT, OPT_REPAIR or 0 */

	struct stage *stage;
	struct journal *journal;
	struct naming *naming;
	struct checkpoint *checkpoint;
	bool reads; /* pipe form: requests have come, so this is the left half */
	uint64_t found;
	struct checkpoint_count count;
	struct buf id, line;
};

enum {
	OPT_ID = CLI_LONG,
	OPT_SYNC,
	OPT_TRUST_IDS,
	OPT_STATUS,
	OPT_COMPACT,
	OPT_REPAIR,
};

static const struct cli_option options[] = {
    {OPT_ID, "id", "EXPR", "jq expression for a record's id (.custom_id, .id, or a hash)"},
    {'s', "skip", NULL, "leave out what is done, instead of writing its result again"},
    {OPT_SYNC, "sync", "WHEN", "bring the log to disk: always, never, or so often (250ms)"},
    {OPT_TRUST_IDS, "trust-ids", NULL, "the same id is done, though it asks something else"},
    {'k', "keep-order", NULL, "around a command: results in input order"},
    {OPT_STATUS, "status", NULL, "print what the log holds"},
    {OPT_COMPACT, "compact", NULL, "keep the last line of each id only"},
    {OPT_REPAIR, "repair", NULL, "move lines that cannot be read to LOG.bad"},
};

/* Its jobs, a bit each. */
enum {
	PIPES = 1,
	WRAPS = 2,
	ACTS = 4,
};

static const struct cli_place places[] = {
    {{OPT_ID, 's', OPT_SYNC, OPT_TRUST_IDS}, PIPES | WRAPS, "records that pass"},
    {{'k'}, WRAPS, "work around a command"},
};

static void set_option(void *context, int id, char *argument)
{
	struct lbcheckpoint *t = context;

	switch (id) {
	case OPT_ID:
		t->id_text = argument;
		break;
	case 's':
		t->skip = true;
		break;
	case OPT_SYNC:
		if (strcmp(argument, "always") == 0)
			t->sync = 0;
		else if (strcmp(argument, "never") == 0)
			t->sync = CHECKPOINT_NEVER;
		else
			t->sync = cli_duration("--sync, if not always or never,", argument);
		break;
	case OPT_TRUST_IDS:
		t->trust_ids = true;
		break;
	case 'k':
		t->keep_order = true;
		break;
	default:
		if (t->action != 0)
			cli_misuse("--status, --compact and --repair are for one at a time");
		t->action = id;
	}
}

/* The idle job. */
static int64_t on_idle(struct stage *s, void *context)
{
	struct lbcheckpoint *t = context;

	(void)s;
	return checkpoint_idle(t->checkpoint);
}

/* The record's id, into t->id. */
static void find_id(struct lbcheckpoint *t, const struct record *r)
{
	buf_clear(&t->id);
	/* Most often it is at hand: no look through the record is needed. Pieces of an item have
	 * the item's. */
	if (t->id_text == NULL && r->kind != RECORD_ITEM && json_type(r->custom_id) == JSON_STRING)
		json_text(&t->id, r->custom_id);
	if (t->id.length == 0)
		naming_text(t->naming, r->text, &t->id);
}

/* Requests come: this is the left half of a pipe, and the right one will want to write. Returns 0
 * or -1. */
static int begin_reading(struct lbcheckpoint *t)
{
	if (t->reads)
		return 0;
	t->reads = true;
	checkpoint_pause(t->checkpoint);
	return journal_load(t->journal, t->trust_ids);
}

/* Pass a request on, with what the right half must know of it. */
static void pass(struct lbcheckpoint *t, const struct record *r, uint64_t sequence,
		 uint64_t request, enum journal_found found)
{
	t->count.changed += found == JOURNAL_CHANGED;
	t->count.shared += found == JOURNAL_SHARED;
	buf_clear(&t->line);
	journal_set_mark(&t->line, r, JOURNAL_ASKED, &t->id, request);
	stage_forward(t->stage, sequence, r->custom_id,
		      (struct json_span){t->line.data, t->line.length}, NULL, 0);
}

/* The request job. */
static void on_request(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		       const void *note, size_t note_length)
{
	struct lbcheckpoint *t = context;
	struct journal_result logged;

	(void)note;
	(void)note_length;
	if (!t->wraps && begin_reading(t) < 0) {
		stage_fatal(s, STATUS_SYSTEM);
		return;
	}
	find_id(t, r);
	uint64_t request = journal_request(r);
	enum journal_found found = journal_find(t->journal, &t->id, request, &logged);
	t->found += found == JOURNAL_DONE;
	if (found == JOURNAL_FAULT)
		stage_fatal(s, STATUS_SYSTEM);
	else if (found == JOURNAL_DONE && t->skip)
		stage_skip(s, sequence);
	else if (found == JOURNAL_DONE)
		checkpoint_emit(t->checkpoint, sequence, &logged, r->custom_id);
	else if (t->wraps)
		checkpoint_ask(t->checkpoint, r, sequence, &t->id, request, found, &t->count);
	else
		pass(t, r, sequence, request, found);
}

/* The result job around a command. */
static void on_answer(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		      const struct stage_flight *flight)
{
	struct lbcheckpoint *t = context;
	struct journal_wait *w;

	(void)s;
	memcpy(&w, flight->note, sizeof w);
	buf_clear(&t->id);
	buf_add(&t->id, w->id, w->id_length);
	checkpoint_log(t->checkpoint, r, sequence, &t->id, w->request, w);
}

/* The result job in a pipe: what is not in the log goes there, if it succeeded. A left half leaves
 * alone what no left half has passed: the right one will log that. */
static void on_result(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		      const struct stage_flight *flight)
{
	struct lbcheckpoint *t = context;
	uint64_t request;
	bool asked = journal_mark(r, JOURNAL_ASKED, &request, &t->id);

	(void)flight;
	buf_clear(&t->line);
	if (json_is_set(record_lb(r, JOURNAL_LOGGED)) || (!asked && t->reads)) {
		stage_emit_record(s, sequence, r);
		return;
	}
	if (record_failed(r)) {
		bool had = journal_unmark(&t->line, r);
		struct json_span line = {t->line.data, t->line.length};
		stage_emit(s, sequence, had ? line : r->line, true);
		return;
	}
	if (!asked && t->id_text != NULL)
		find_id(t, r);
	if (request == 0)
		request = journal_request(r);
	checkpoint_log(t->checkpoint, r, sequence, &t->id, request, NULL);
}

static int print_status(struct lbcheckpoint *t)
{
	struct journal_count count;

	if (journal_status(t->journal, &count) < 0)
		return STATUS_SYSTEM;
	printf("done        %10" PRIu64 "\n", count.done);
	printf("failed      %10" PRIu64 "\n", count.failed);
	printf("in flight   %10" PRIu64 "  %s\n", count.in_flight,
	       count.running ? "(another process is writing)"
			     : "(when last stopped; possibly billed)");
	printf("lines       %10" PRIu64 "\n", count.lines);
	printf("superseded  %10" PRIu64 "  (lines whose id has a later one)\n", count.superseded);
	if (count.torn > 0)
		printf("torn        %10" PRIu64 "  (bytes at the end)\n", count.torn);
	return STATUS_OK;
}

/* What is done instead of a run. Returns the exit status. */
static int act(struct lbcheckpoint *t)
{
	uint64_t lines = 0;
	int status = STATUS_SYSTEM;

	t->journal = journal_open(t->path, t->action == OPT_STATUS ? JOURNAL_READ : JOURNAL_WRITE);
	if (t->journal == NULL)
		return STATUS_SYSTEM;
	if (t->action == OPT_STATUS) {
		status = print_status(t);
	} else if (journal_lock(t->journal) < 0) {
		goto out;
	} else if (t->action == OPT_COMPACT && journal_compact(t->journal, &lines) == 0) {
		printf("superseded lines removed: %" PRIu64 "\n", lines);
		status = STATUS_OK;
	} else if (t->action == OPT_REPAIR && journal_repair(t->journal, &lines) == 0) {
		printf("lines moved to %s.bad: %" PRIu64 "\n", t->path, lines);
		status = STATUS_OK;
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		msg_warn("stdout: it cannot be written to");
		status = STATUS_SYSTEM;
	}
out:
	journal_free(t->journal);
	return status;
}

static void check_options(const struct lbcheckpoint *t)
{
	if (t->path == NULL)
		cli_misuse("LOG is missing");
	if (!t->wraps)
		cli_check_file("LOG", t->path);
	if (t->action != 0 && t->wraps)
		cli_misuse("--status, --compact and --repair take no command");
	if (t->action != 0)
		cli_check_places(places, sizeof places / sizeof *places, ACTS,
				 "with --status, --compact and --repair");
	else
		cli_check_places(places, sizeof places / sizeof *places, t->wraps ? WRAPS : PIPES,
				 t->wraps ? "around a command" : "in a pipe");
}

/* Open and read the log. Returns the exit status. */
static int open_all(struct lbcheckpoint *t)
{
	char *error = NULL;

	t->naming = naming_new(t->id_text, &error);
	if (t->naming == NULL)
		cli_misuse("--id: %s", error);
	t->journal = journal_open(t->path, JOURNAL_CREATE);
	if (t->journal == NULL)
		return STATUS_SYSTEM;
	if (journal_is_file(t->journal, STDOUT_FILENO)) {
		msg_warn("%s is the standard output, too: the two must be different files",
			 t->path);
		return STATUS_USAGE;
	}
	if (t->wraps &&
	    (journal_lock(t->journal) < 0 || journal_load(t->journal, t->trust_ids) < 0))
		return STATUS_SYSTEM;
	return STATUS_OK;
}

/* With ids that several records have, --trust-ids would give one's result to all of them. */
static void say_doubtful_ids(const struct checkpoint_count *count)
{
	if (count->changed > 0)
		msg_warn("asking something else than was logged for their id, and asked again: "
			 "%" PRIu64 "%s",
			 count->changed,
			 count->shared > 0 ? "" : " (--trust-ids takes the logged results)");
	if (count->shared > 0)
		msg_warn("sharing their id with another record that asks something else: %" PRIu64
			 " (ids should be unique; see --id)",
			 count->shared);
}

static int run(struct lbcheckpoint *t)
{
	int status = stage_run(t->stage);

	if (checkpoint_end(t->checkpoint) < 0)
		status = STATUS_SYSTEM;
	say_doubtful_ids(&t->count);
	if (t->shared.meter.verbose)
		msg_warn("done before%s: %" PRIu64 "; the same as one in flight: %" PRIu64,
			 t->skip ? " and left out" : "", t->found, t->count.joined);
	return status;
}

static void close_all(struct lbcheckpoint *t)
{
	stage_free(t->stage);
	naming_free(t->naming);
	journal_free(t->journal);
	checkpoint_free(t->checkpoint);
	buf_free(&t->id);
	buf_free(&t->line);
}

int main(int argc, char **argv)
{
	static const struct cli_tool tool = {
	    .synopsis = "[options] LOG [command [argument ...]]\n"
			"       lbcheckpoint --status | --compact | --repair LOG",
	    .purpose = "Log results, and do nothing twice.",
	    .options = options,
	    .count = sizeof options / sizeof *options,
	    .set = set_option,
	};
	static struct lbcheckpoint t = {.sync = 250 * CLOCK_MS};

	int operand = cli_start(argc, argv, &tool, &t, &t.shared);
	t.path = operand < argc ? argv[operand++] : NULL;
	t.wraps = operand < argc;
	check_options(&t);
	if (t.action != 0)
		return act(&t);
	int status = open_all(&t);
	struct stage_jobs jobs = {
	    .request = on_request,
	    .result = t.wraps ? on_answer : on_result,
	    .idle = on_idle,
	};
	struct stage_options stage_options = {
	    .command = t.wraps ? argv + operand : NULL,
	    .max_line = (size_t)t.shared.max_line,
	    /* In a pipe nothing overtakes what waits to be logged. */
	    .keep_order = t.keep_order || !t.wraps,
	    .pipe_size = PIPE_SIZE,
	    .meter = &t.shared.meter,
	};
	if (status == STATUS_OK) {
		t.stage = stage_new(&stage_options, &jobs, &t);
		t.checkpoint = checkpoint_new(t.stage, t.journal, t.sync, t.trust_ids);
		status = run(&t);
	}
	close_all(&t);
	return status;
}
