/*
 * lbcost: know, project and stop what requests cost.
 *
 * Input: request and result records (lb-record(5)). Output: the same, results with lb.cost. With a
 * budget a request passes only when the most that it can cost fits. State: none, or with -l a
 * ledger (SQLite, ledger.h) that any number of processes share.
 *
 * Around a command a reservation goes with its request, which is known. In pipe form its name
 * travels in lb.reserved, and the process that sees the result takes it off again.
 */
#include "budget.h"
#include "buf.h"
#include "cli.h"
#include "clock.h"
#include "estimate.h"
#include "ledger.h"
#include "ledger_print.h"
#include "mem.h"
#include "money.h"
#include "msg.h"
#include "prices.h"
#include "pricing.h"
#include "record.h"
#include "stage.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What has passed us is reserved, though the command may take its time to call it: with a small
 * pipe that is not much. */
#define PIPE_SIZE 65536

/* How many models without a price are named at the end. */
#define NAMES_MOST 5

struct lbcost {
	struct cli_shared shared;
	struct price_table *prices;
	const char *tables[16]; /* of -p */
	size_t table_count;
	const char *other; /* --price */
	struct ledger_options ledger_options;
	struct budget_options budget_options;
	struct estimate_options estimate_options;
	const char *plot;
	bool keep_order, rounds, check, forgive, estimate, report, json;

	bool wraps;
	struct ledger *ledger;
	struct budget *budget;
	uint64_t unpriced;
	char *names[NAMES_MOST]; /* of models without a price */
	struct buf line, text;
};

enum {
	OPT_PRICE = CLI_LONG,
	OPT_PRICES_CHECK,
	OPT_JOB,
	OPT_MAX_WAIT,
	OPT_ALERT,
	OPT_FORGIVE,
	OPT_ROUNDS,
	OPT_LATENCY,
	OPT_EXPECT_OUTPUT,
	OPT_REPORT,
	OPT_JSON,
	OPT_PLOT,
};

static const struct cli_option options[] = {
    {'b', "budget", "USD[/day|/month]", "let no more be spent than this"},
    {'l', "ledger", "FILE", "share what is spent and reserved with all who name this file"},
    {OPT_JOB, "job", "NAME", "what to book spends under in the ledger"},
    {'p', "prices", "FILE", "prices before those installed; ours or litellm's"},
    {OPT_PRICE, "price", "IN,OUT", "USD per million tokens for models without a price"},
    {OPT_PRICES_CHECK, "prices-check", NULL, "check a price table (the one in force) and end"},
    {OPT_MAX_WAIT, "max-wait", "TIME", "for others' reservations to be settled (10m)"},
    {OPT_ALERT, "alert", "SHARE:COMMAND", "run a command when a share of the budget is spent"},
    {OPT_FORGIVE, "forgive", NULL, "let go of reservations that nobody is left to settle"},
    {'e', "estimate", NULL, "print what the requests will cost and take, send none, and end"},
    {'c', "concurrency", "N", "with -e: how many at a time (20)"},
    {'r', "rpm", "N", "with -e: requests a minute"},
    {'t', "tpm", "N", "with -e: tokens a minute"},
    {OPT_LATENCY, "latency", "TIME", "with -e: what a request takes (2s)"},
    {OPT_EXPECT_OUTPUT, "expect-output", "N", "with -e: tokens of an answer"},
    {OPT_REPORT, "report", NULL, "print what the ledger holds, and end"},
    {OPT_JSON, "json", NULL, "with -e and --report: as JSON"},
    {OPT_PLOT, "plot", "FILE.svg", "with --report: draw what was spent by day, with gnuplot"},
    {OPT_ROUNDS, "rounds", NULL, "the command answers only at end of input"},
    {'k', "keep-order", NULL, "around a command: results in input order"},
};

static void set_estimate(struct lbcost *t, int id, const char *argument)
{
	struct estimate_options *e = &t->estimate_options;

	switch (id) {
	case 'e':
		t->estimate = true;
		break;
	case 'c':
		e->concurrency = cli_count("-c", argument, 1, 1000000);
		break;
	case 'r':
		e->requests = cli_count("-r", argument, 1, INT64_C(10000000000));
		break;
	case 't':
		e->tokens = cli_count("-t", argument, 1, INT64_C(10000000000));
		break;
	case OPT_LATENCY:
		e->latency = cli_duration("--latency", argument);
		break;
	case OPT_EXPECT_OUTPUT:
		e->output = cli_count("--expect-output", argument, 0, INT64_C(1000000000));
		break;
	}
}

static void set_option(void *context, int id, char *argument)
{
	struct lbcost *t = context;

	switch (id) {
	case 'b':
		if (budget_parse(argument, &t->ledger_options.budget, &t->ledger_options.period) <
		    0)
			cli_misuse("-b wants an amount such as 5, 0.50, 5/day or 5/month, not '%s'",
				   argument);
		break;
	case 'l':
		t->ledger_options.path = argument;
		break;
	case OPT_JOB:
		t->ledger_options.job = argument;
		break;
	case 'p':
		if (t->table_count == sizeof t->tables / sizeof *t->tables)
			cli_misuse("-p: too many tables");
		t->tables[t->table_count++] = argument;
		break;
	case OPT_PRICE:
		t->other = argument;
		break;
	case OPT_PRICES_CHECK:
		t->check = true;
		break;
	case OPT_MAX_WAIT:
		t->budget_options.max_wait = cli_duration("--max-wait", argument);
		break;
	case OPT_ALERT:
		t->budget_options.alert =
		    budget_parse_alert(argument, &t->budget_options.alert_share);
		if (t->budget_options.alert == NULL)
			cli_misuse("--alert wants a share and a command, such as 80%%:COMMAND, not "
				   "'%s'",
				   argument);
		break;
	case OPT_FORGIVE:
		t->forgive = true;
		break;
	case OPT_ROUNDS:
		t->rounds = true;
		break;
	case OPT_REPORT:
		t->report = true;
		break;
	case OPT_JSON:
		t->json = true;
		break;
	case OPT_PLOT:
		t->plot = argument;
		break;
	default:
		set_estimate(t, id, argument);
		break;
	case 'k':
		t->keep_order = true;
		break;
	}
}

static void fail(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		 const char *code, const char *message)
{
	struct lbcost *t = context;

	buf_clear(&t->line);
	record_fail(&t->line, r, code, message);
	stage_emit(s, sequence, (struct json_span){t->line.data, t->line.length}, true);
}

/* The request job without a budget. */
static void pass_request(struct stage *s, void *context, const struct record *r, uint64_t sequence,
			 const void *note, size_t note_length)
{
	(void)context;
	(void)note;
	(void)note_length;
	stage_forward(s, sequence, r->custom_id, r->text, NULL, 0);
}

/* The request job with one. */
static void on_request(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		       const void *note, size_t note_length)
{
	struct lbcost *t = context;
	struct json_span name = json_get(r->body, "model");
	struct price_bound bound;
	const char *why;

	(void)note;
	(void)note_length;
	if (budget_refuses(t->budget)) {
		fail(s, t, r, sequence, "budget_exceeded", "the budget is spent");
		return;
	}
	if (r->kind == RECORD_RESULT) { /* around a command */
		stage_forward(s, sequence, r->custom_id, r->text, NULL, 0);
		return;
	}
	if (r->kind != RECORD_REQUEST) {
		fail(s, t, r, sequence, "not_a_request",
		     "not a request: what it may cost is not known");
		return;
	}
	const struct price_model *m = price_find_json(t->prices, name);
	if (m == NULL)
		m = price_other(t->prices);
	if (m == NULL) {
		buf_clear(&t->text);
		buf_adds(&t->text, "no price is known for the model ");
		pricing_name(&t->text, r, (struct json_span){NULL, 0});
		buf_adds(&t->text, ": add it with -p, or give --price");
		fail(s, t, r, sequence, "unpriced_model", buf_string(&t->text));
	} else if (price_worst(m, r->body, &bound, &why) < 0) {
		fail(s, t, r, sequence, "unbounded_cost", why);
	} else {
		budget_request(t->budget, s, r, sequence, bound.cost, m->name);
	}
}

/* Remember the name of a model without a price. */
static void count_unpriced(struct lbcost *t, const char *name)
{
	t->unpriced++;
	for (size_t i = 0; i < NAMES_MOST; i++) {
		if (t->names[i] == NULL) {
			t->names[i] = mem_copy(name, strlen(name));
			return;
		}
		if (strcmp(t->names[i], name) == 0)
			return;
	}
}

/* The line of a result with edits to its lb, without looking through its answer if it has one. */
static void edit_lb(struct lbcost *t, const struct record *r, const struct json_edit *edits,
		    size_t count)
{
	const char *end = r->text.at + r->text.length, *rest = r->lb.at + r->lb.length;

	buf_clear(&t->line);
	if (json_type(r->lb) != JSON_OBJECT) {
		record_set(&t->line, r, NULL, 0, edits, count);
		return;
	}
	buf_add(&t->line, r->text.at, (size_t)(r->lb.at - r->text.at));
	json_set(&t->line, r->lb, edits, count);
	buf_add(&t->line, rest, (size_t)(end - rest));
}

/* The result job. */
static void on_result(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		      const struct stage_flight *flight)
{
	struct lbcost *t = context;
	struct json_span request = {NULL, 0}, reserved = {NULL, 0};
	struct json_edit edits[2];
	struct pricing p;
	size_t count = 0;

	if (flight != NULL)
		request = flight->request;
	else
		reserved = record_lb(r, "reserved");
	pricing_result(t->prices, r, request, clock_wall() / CLOCK_SEC, &p);
	if (flight != NULL && flight->lost && p.kind == PRICING_FREE)
		p.kind = PRICING_DOUBTFUL;
	buf_clear(&t->text);
	if (p.model == NULL)
		pricing_name(&t->text, r, request);
	const char *name = buf_string(&t->text);
	if (t->budget != NULL)
		budget_result(t->budget, s, &p, flight, reserved, name);
	if (p.kind == PRICING_UNPRICED) {
		count_unpriced(t, name);
		edits[count++] = (struct json_edit){"unpriced", JSON_LITERAL("true")};
	}
	if (p.kind == PRICING_PRICED) {
		buf_clear(&t->text);
		money_print(&t->text, p.cost);
		edits[count++] = (struct json_edit){"cost", {t->text.data, t->text.length}};
	}
	if (reserved.at != NULL)
		edits[count++] = (struct json_edit){"reserved", {NULL, 0}};
	if (count == 0 || json_type(r->text) != JSON_OBJECT) {
		stage_emit_record(s, sequence, r);
		return;
	}
	edit_lb(t, r, edits, count);
	stage_emit(s, sequence, (struct json_span){t->line.data, t->line.length}, record_failed(r));
}

static int64_t opens(void *context)
{
	return budget_opens(((const struct lbcost *)context)->budget);
}

static int64_t idle(struct stage *s, void *context)
{
	return budget_idle(((struct lbcost *)context)->budget, s);
}

/* The prices: those in force, before them those of -p, and for all others --price. */
static void load_prices(struct lbcost *t)
{
	struct buf problem = {0};

	t->prices = price_new();
	bool others = t->table_count > 0 || t->other != NULL;
	if (prices_load(t->prices, NULL, &problem) < 0 && !others)
		msg_die(STATUS_USAGE, "no prices: %s", buf_string(&problem));
	if (problem.length > 0)
		msg_warn("no prices but those given: %s", buf_string(&problem));
	buf_clear(&problem);
	for (size_t i = 0; i < t->table_count; i++)
		if (prices_load(t->prices, t->tables[i], &problem) < 0)
			msg_die(STATUS_USAGE, "-p: %s", buf_string(&problem));
	if (t->other != NULL && price_set_other(t->prices, t->other) < 0)
		cli_misuse("--price wants IN,OUT in USD per million tokens, such as 0.15,0.60, "
			   "not '%s'",
			   t->other);
	buf_free(&problem);
}

static void open_ledger(struct lbcost *t)
{
	struct buf problem = {0};

	t->ledger = ledger_open(&t->ledger_options, &problem);
	if (t->ledger == NULL)
		msg_die(STATUS_SYSTEM, "%s", buf_string(&problem));
	buf_free(&problem);
}

/* --report and --forgive */
static int look_at_ledger(struct lbcost *t)
{
	if (t->ledger_options.path == NULL)
		cli_misuse("--report and --forgive are for a ledger: -l is missing");
	t->ledger_options.must_exist = true;
	t->ledger_options.budget = -1;
	open_ledger(t);
	signal(SIGPIPE, SIG_IGN);
	int status = t->forgive ? ledger_print_forgiven(t->ledger)
				: ledger_print(t->ledger, t->json, t->plot);
	ledger_close(t->ledger);
	return status;
}

/* -e */
static int estimate(struct lbcost *t)
{
	t->estimate_options.max_line = (size_t)t->shared.max_line;
	t->estimate_options.json = t->json;
	signal(SIGPIPE, SIG_IGN);
	load_prices(t);
	int status = estimate_run(t->prices, &t->estimate_options);
	price_free(t->prices);
	return status;
}

static void check_options(const struct lbcost *t)
{
	bool limited = t->ledger_options.budget >= 0;

	if (limited && t->ledger_options.path == NULL && !t->wraps)
		cli_misuse("-b without a command needs -l LEDGER, here and where results pass");
	if (limited && t->ledger_options.path == NULL && t->ledger_options.period != LEDGER_EVER)
		cli_misuse("a budget for a day or a month needs -l LEDGER");
	if (t->budget_options.alert != NULL && !limited)
		cli_misuse("--alert is about a share of the budget: -b is missing");
	if (t->rounds && !t->wraps)
		cli_misuse("--rounds is for the wrap form, around a command");
	if (t->keep_order && !t->wraps)
		cli_misuse("-k is for the wrap form, around a command");
}

static void report_unpriced(struct lbcost *t)
{
	if (t->unpriced == 0)
		return;
	buf_clear(&t->text);
	for (size_t i = 0; i < NAMES_MOST && t->names[i] != NULL; i++)
		buf_addf(&t->text, "%s%s", i > 0 ? ", " : "", t->names[i]);
	msg_warn("%llu results have no price (lb.unpriced): no price is known for %s",
		 (unsigned long long)t->unpriced, buf_string(&t->text));
}

static void open_all(struct lbcost *t)
{
	check_options(t);
	load_prices(t);
	if (t->ledger_options.budget < 0 && t->ledger_options.path == NULL)
		return;
	t->ledger_options.passes = !t->wraps;
	open_ledger(t);
	t->budget_options.ledger = t->ledger;
	t->budget_options.shared = t->ledger_options.path != NULL;
	t->budget_options.passes = !t->wraps;
	t->budget = budget_new(&t->budget_options);
}

static void close_all(struct lbcost *t)
{
	budget_free(t->budget);
	ledger_close(t->ledger);
	price_free(t->prices);
	for (size_t i = 0; i < NAMES_MOST; i++)
		free(t->names[i]);
	buf_free(&t->line);
	buf_free(&t->text);
}

int main(int argc, char **argv)
{
	static const struct cli_tool tool = {
	    .synopsis = "[-b USD[/day|/month]] [-l LEDGER] [options] [command [argument ...]]\n"
			"       lbcost -e [options] < requests\n"
			"       lbcost -l LEDGER --report [--json] [--plot FILE.svg]\n"
			"       lbcost -l LEDGER --forgive\n"
			"       lbcost --prices-check [FILE]",
	    .purpose = "Know, project and stop what LLM requests cost.",
	    .options = options,
	    .count = sizeof options / sizeof *options,
	    .set = set_option,
	};
	struct lbcost t = {
	    .ledger_options = {.budget = -1, .job = ""},
	    .budget_options = {.max_wait = 600 * CLOCK_SEC},
	    .estimate_options = {.concurrency = 20, .latency = 2 * CLOCK_SEC, .output = -1}};

	int operand = cli_start(argc, argv, &tool, &t, &t.shared);
	if (t.check)
		return prices_check(argv[operand]);
	if (t.forgive || t.report)
		return look_at_ledger(&t);
	if (t.estimate)
		return estimate(&t);
	t.wraps = operand < argc;
	open_all(&t);
	bool limited = t.ledger_options.budget >= 0;
	t.shared.meter.progress |= isatty(STDERR_FILENO) != 0;
	if (limited)
		t.shared.meter.budget = (double)t.ledger_options.budget / (double)MONEY_DOLLAR;
	struct stage_jobs jobs = {
	    .request = limited ? on_request : pass_request,
	    .result = on_result,
	    .fail = fail,
	    .opens = t.budget != NULL ? opens : NULL,
	    .idle = t.budget != NULL ? idle : NULL,
	};
	struct stage_options stage_options = {
	    .command = t.wraps ? argv + operand : NULL,
	    .max_line = (size_t)t.shared.max_line,
	    .keep_order = t.keep_order,
	    .rounds = t.rounds,
	    .hold_most = 1,
	    .pipe_size = limited ? PIPE_SIZE : 0,
	    .meter = &t.shared.meter,
	};
	struct stage *s = stage_new(&stage_options, &jobs, &t);
	int status = stage_run(s);
	stage_free(s);
	if (t.budget != NULL && budget_end(t.budget) < 0)
		status = STATUS_SYSTEM;
	report_unpriced(&t);
	close_all(&t);
	return status;
}
