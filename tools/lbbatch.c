/*
 * lbbatch: requests to results, through a provider's Batch API, at half the price.
 *
 * Input: request records (lb-record(5)). Results pass through untouched; anything else fails.
 * Output: for each request its result, when its batch has come back, or with -k in input order.
 * State: a directory with the requests, a journal of what was asked of the provider, and what came
 * back (batch_state.h).
 */
#include "access.h"
#include "batch_flow.h"
#include "batch_report.h"
#include "cli.h"
#include "clock.h"
#include "msg.h"
#include "record.h"
#include "stage.h"

#include <stdint.h>

/* Calls in flight: as many as do any good. */
enum { CALLS = 8, CALLS_MOST = 64 };

/* What it can do: its work, or look after it. */
enum job { SENDS = 1, LOOKS = 2 };

struct lbbatch {
	struct cli_shared shared;
	struct access access;
	struct batch_flow_options flow_options;
	const char *path;
	bool keep_order, status, cancel, json;
};

enum {
	OPT_ROUNDS = ACCESS_NEXT,
	OPT_POLL,
	OPT_ENQUEUED,
	OPT_REQUESTS,
	OPT_BYTES,
	OPT_SUBMIT,
	OPT_STATUS,
	OPT_CANCEL,
	OPT_JSON
};

static const struct cli_option options[] = {
    {'s', "state", "DIRECTORY", "where the job is kept; made if it is not there"},
    {'c', "concurrency", "N", "HTTP requests in flight, 1 to 10000 (8; never above 64)"},
    {'k', "keep-order", NULL, "write results in input order"},
    {OPT_REQUESTS, "max-requests", "N", "most requests in a batch (the provider's limit)"},
    {OPT_BYTES, "max-bytes", "SIZE", "largest batch to send (the provider's limit)"},
    {OPT_ENQUEUED, "enqueued", "N", "most prompt tokens of a model in batches at a time"},
    {OPT_ROUNDS, "rounds", "N", "how often to ask again what expired (3)"},
    {OPT_POLL, "poll", "TIME", "shortest time between looks at a batch (1s)"},
    {OPT_SUBMIT, "submit", NULL, "end when all batches are made; results come another time"},
    {OPT_STATUS, "status", NULL, "print how the batches are doing, and read nothing"},
    {OPT_CANCEL, "cancel", NULL, "cancel the batches that go on, and read nothing"},
    {OPT_JSON, "json", NULL, "with --status and --cancel: print JSON"},
    ACCESS_OPTIONS,
};

/* With --submit nothing is refused: the same command without it fetches the results. */
static const struct cli_place places[] = {
    {{'k', OPT_REQUESTS, OPT_BYTES, OPT_ENQUEUED, OPT_ROUNDS, OPT_POLL}, SENDS, "sending requests"},
    {{OPT_JSON}, LOOKS, "--status and --cancel"},
};

static void set_limit(struct lbbatch *t, int id, const char *argument)
{
	struct batch_limits *limits = &t->flow_options.limits;

	if (id == OPT_REQUESTS)
		limits->requests = (uint64_t)cli_count("--max-requests", argument, 1, INT32_MAX);
	else if (id == OPT_BYTES)
		limits->bytes = (uint64_t)cli_size("--max-bytes", argument, 1, INT64_C(1) << 40);
	else
		limits->tokens = (uint64_t)cli_count("--enqueued", argument, 1, INT64_MAX);
}

static void set_option(void *context, int id, char *argument)
{
	struct lbbatch *t = context;
	size_t calls;

	switch (id) {
	case 's':
		t->path = argument;
		break;
	case 'c':
		/* lbcall's, so that its command line serves. */
		calls = (size_t)cli_count("-c", argument, 1, 10000);
		t->access.http.concurrency = calls < CALLS_MOST ? calls : CALLS_MOST;
		break;
	case 'k':
		t->keep_order = true;
		break;
	case OPT_REQUESTS:
	case OPT_BYTES:
	case OPT_ENQUEUED:
		set_limit(t, id, argument);
		break;
	case OPT_ROUNDS:
		t->flow_options.rounds = (unsigned)cli_count("--rounds", argument, 0, 1000);
		break;
	case OPT_POLL:
		t->flow_options.poll = cli_duration("--poll", argument);
		if (t->flow_options.poll < CLOCK_MS || t->flow_options.poll > 3600 * CLOCK_SEC)
			cli_misuse("--poll wants 1ms to 1h, not '%s'", argument);
		break;
	case OPT_SUBMIT:
		t->flow_options.submit = true;
		break;
	case OPT_STATUS:
		t->status = true;
		break;
	case OPT_CANCEL:
		t->cancel = true;
		break;
	case OPT_JSON:
		t->json = true;
		break;
	default:
		access_set(&t->access, id, argument);
		break;
	}
}

static void on_request(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		       const void *note, size_t note_length)
{
	(void)s;
	(void)note;
	(void)note_length;
	batch_flow_request(context, r, sequence);
}

static void on_finish(struct stage *s, void *context, bool stopped)
{
	(void)s;
	batch_flow_finish(context, stopped);
}

/* Neither request nor result: nothing that can be sent. */
static void on_other(struct stage *s, void *context, const struct record *r, uint64_t sequence)
{
	const char *hint = sequence == 0 ? record_hint(r) : NULL;
	struct buf text = {0};

	(void)context;
	record_fail(
	    &text, r, "not_a_request",
	    hint != NULL ? hint : "not a request: it has no body; lbchunk makes requests of items");
	stage_emit(s, sequence, (struct json_span){text.data, text.length}, true);
	buf_free(&text);
}

static void check_options(const struct lbbatch *t)
{
	if (t->path == NULL)
		cli_misuse("-s DIRECTORY is missing: it is where the job is kept");
	if (t->status + t->cancel + t->flow_options.submit > 1)
		cli_misuse("--submit, --status and --cancel exclude each other");
	cli_check_places(places, sizeof places / sizeof *places,
			 t->status || t->cancel ? LOOKS : SENDS,
			 t->status   ? "with --status"
			 : t->cancel ? "with --cancel"
				     : "sending requests,");
}

/* Run the stage. Returns the exit status. */
static int run(struct lbbatch *t)
{
	struct stage_jobs jobs = {.request = on_request, .finish = on_finish, .other = on_other};
	struct stage_options stage_options = {
	    .max_line = (size_t)t->shared.max_line,
	    .keep_order = t->keep_order,
	    .meter = &t->shared.meter,
	    .engine = &batch_flow_engine,
	};

	t->flow_options.access = &t->access;
	t->flow_options.verbose = t->shared.meter.verbose;
	struct batch_flow *flow = batch_flow_new(&t->flow_options);
	if (flow == NULL)
		return STATUS_SYSTEM;
	/* The engine has the jobs' context. */
	struct stage *stage = stage_new(&stage_options, &jobs, flow);
	batch_flow_attach(flow, stage);
	int status = stage_run(stage);
	stage_free(stage);
	batch_flow_free(flow);
	return status;
}

int main(int argc, char **argv)
{
	static const struct cli_tool tool = {
	    .synopsis = "-s DIRECTORY [options] < requests > results",
	    .purpose = "Send requests to an LLM provider in batches, at half the price.",
	    .options = options,
	    .count = sizeof options / sizeof *options,
	    .set = set_option,
	};
	struct lbbatch t = {.flow_options = {.rounds = 3, .poll = CLOCK_SEC}};
	int status = STATUS_SYSTEM;

	access_init(&t.access);
	t.access.http.concurrency = CALLS;
	int operand = cli_start(argc, argv, &tool, &t, &t.shared);
	if (operand < argc)
		cli_misuse("unexpected operand '%s': lbbatch reads stdin and wraps no command",
			   argv[operand]);
	check_options(&t);
	access_open(&t.access);
	bool looks = t.status || t.cancel;
	t.flow_options.state = batch_state_open(t.path, !looks);
	if (t.flow_options.state != NULL && looks)
		status = batch_report(t.flow_options.state, &t.access,
				      t.cancel ? BATCH_REPORT_CANCEL : BATCH_REPORT_STATUS, t.json);
	else if (t.flow_options.state != NULL)
		status = run(&t);
	batch_state_free(t.flow_options.state);
	access_free(&t.access);
	return status;
}
