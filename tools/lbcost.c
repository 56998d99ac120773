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
#include "money.h"
#include "msg.h"
#include "prices.h"
#include "pricing.h"
#include "stage.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* What has passed us is reserved, though the command may take its time to call it: with a small
 * pipe that is not much. */
#define PIPE_SIZE 16384

/* What it can do; those from the third on pass nothing on. */
enum job { PIPES = 1, WRAPS = 2, ESTIMATES = 4, REPORTS = 8, FORGIVES = 16, CHECKS = 32 };

struct lbcost {
	struct cli_shared shared;
	struct price_table *prices;
	const char *tables[16]; /* of -p */
	size_t table_count;
	struct ledger_options ledger_options;
	struct budget_options budget_options;
	struct estimate_options estimate_options;
	const char *plot;
	bool keep_order, rounds, json;
	unsigned asked; /* jobs, bits of enum job, that an option asked for */

	bool wraps;
	struct ledger *ledger;
	struct budget *budget;
	struct pricing_gaps gaps;
	struct buf line, text, request;
};

enum {
	OPT_PRICE = CLI_LONG,
	OPT_PRICES_CHECK,
	OPT_FORGIVE,
	OPT_ROUNDS,
	OPT_REPORT,
	OPT_JSON,
	OPT_PLOT,
};

static const struct cli_option options[] = {
    {'b', "budget", "USD[/day|/month]", "let no more be spent: by this run, or with -l by all"},
    {'l', "ledger", "FILE", "share what is spent and reserved with all who name this file"},
    {BUDGET_JOB, "job", "NAME", "what to book spends under in the ledger"},
    {'p', "prices", "FILE", "prices before those installed; ours or litellm's"},
    {OPT_PRICE, "price", "IN,OUT", "USD per million tokens for models without a price"},
    {OPT_PRICES_CHECK, "prices-check", NULL, "check a price table (the one in force) and end"},
    {BUDGET_MAX_WAIT, "max-wait", "TIME", "for others' reservations to be settled (10m)"},
    {BUDGET_ALERT, "alert", "SHARE:COMMAND", "run a command when a share of the budget is spent"},
    {OPT_FORGIVE, "forgive", NULL, "let go of reservations that nobody is left to settle"},
    {'e', "estimate", NULL, "print what requests will cost and how long they take; send none"},
    {'c', "concurrency", "N", "with -e: how many at a time (20)"},
    {'r', "rpm", "N", "with -e: requests a minute"},
    {'t', "tpm", "N", "with -e: tokens a minute"},
    {ESTIMATE_LATENCY, "latency", "TIME", "with -e: how long a request takes (2s)"},
    {ESTIMATE_OUTPUT, "expect-output", "N",
     "with -e: tokens of an answer (as many as are allowed)"},
    {OPT_REPORT, "report", NULL, "print what the ledger holds, and end"},
    {OPT_JSON, "json", NULL, "with -e and --report: as JSON"},
    {OPT_PLOT, "plot", "FILE.svg", "with --report: draw spend and throughput, with gnuplot"},
    {OPT_ROUNDS, "rounds", NULL, "the command answers only at end of input"},
    {'k', "keep-order", NULL, "around a command: results in input order"},
};

static const struct cli_place places[] = {
    {{'b', BUDGET_JOB, BUDGET_MAX_WAIT, BUDGET_ALERT}, PIPES | WRAPS, "records that pass"},
    {{'l'}, PIPES | WRAPS | REPORTS | FORGIVES, "records that pass, --report and --forgive"},
    {{'p', OPT_PRICE}, PIPES | WRAPS | ESTIMATES, "records that pass, and -e"},
    {{'c', 'r', 't', ESTIMATE_LATENCY, ESTIMATE_OUTPUT}, ESTIMATES, "-e"},
    {{OPT_JSON}, ESTIMATES | REPORTS, "-e and --report"},
    {{OPT_PLOT}, REPORTS, "--report"},
    {{OPT_ROUNDS, 'k'}, WRAPS, "work around a command"},
};

static void set_option(void *context, int id, char *argument)
{
	struct lbcost *t = context;

	switch (id) {
	case 'p':
		if (t->table_count == sizeof t->tables / sizeof *t->tables)
			cli_misuse("-p: too many tables");
		t->tables[t->table_count++] = argument;
		break;
	case OPT_PRICE:
		if (price_set_other(t->prices, argument) < 0)
			cli_misuse("--price wants IN,OUT in USD per million tokens, such as "
				   "0.15,0.60, not '%s'",
				   argument);
		break;
	case OPT_PRICES_CHECK:
		t->asked |= CHECKS;
		break;
	case OPT_FORGIVE:
		t->asked |= FORGIVES;
		break;
	case OPT_ROUNDS:
		t->rounds = true;
		break;
	case 'e':
		t->asked |= ESTIMATES;
		break;
	case OPT_REPORT:
		t->asked |= REPORTS;
		break;
	case OPT_JSON:
		t->json = true;
		break;
	case OPT_PLOT:
		t->plot = argument;
		break;
	case 'k':
		t->keep_order = true;
		break;
	default:
		if (!budget_option(&t->budget_options, &t->ledger_options, id, argument))
			estimate_option(&t->estimate_options, id, argument);
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

/* The request without what would pass for its answer's; clean is room for it. */
static const struct record *unmark(struct lbcost *t, const struct record *r, struct record *clean)
{
	buf_clear(&t->request);
	if (r->kind != RECORD_REQUEST || !pricing_unmark(&t->request, r))
		return r;
	struct line line = {t->request.data, t->request.length, r->number, t->request.length};
	record_parse(clean, &line, false);
	return clean;
}

/* The request job without a budget. */
static void pass_request(struct stage *s, void *context, const struct record *r, uint64_t sequence,
			 const void *note, size_t note_length)
{
	struct record clean;

	(void)note;
	(void)note_length;
	r = unmark(context, r, &clean);
	stage_forward(s, sequence, r->custom_id, r->text, NULL, 0);
}

/* The request job with one. */
static void on_request(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		       const void *note, size_t note_length)
{
	struct lbcost *t = context;
	struct record clean;
	const char *code;
	int64_t bound;

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
	r = unmark(t, r, &clean);
	buf_clear(&t->text);
	if (pricing_request(t->prices, r, &bound, &code, &t->text) < 0)
		fail(s, t, r, sequence, code, buf_string(&t->text));
	else
		budget_request(t->budget, s, r, sequence, bound);
}

/* The result job. */
static void on_result(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		      const struct stage_flight *flight)
{
	struct lbcost *t = context;
	struct json_span request = {NULL, 0}, reserved = {NULL, 0};
	struct pricing p;

	if (flight != NULL)
		request = flight->request;
	else
		reserved = record_lb(r, "reserved");
	pricing_result(t->prices, r, request, clock_wall() / CLOCK_SEC, &p);
	/* What the command never read was not sent; of anything else that it lost nobody knows. */
	if (flight != NULL && flight->lost)
		p.kind = flight->since == 0 ? PRICING_FREE : PRICING_DOUBTFUL;
	buf_clear(&t->text);
	if (p.model == NULL)
		pricing_name(&t->text, r, request);
	const char *name = buf_string(&t->text);
	if (t->budget != NULL)
		budget_result(t->budget, s, &p, r, flight, name);
	pricing_note_gap(&t->gaps, &p, name);
	buf_clear(&t->line);
	if (pricing_mark(&t->line, r, &p, reserved.at != NULL))
		stage_emit(s, sequence, (struct json_span){t->line.data, t->line.length},
			   record_failed(r));
	else
		stage_emit_record(s, sequence, r);
}

static int64_t opens(void *context)
{
	return budget_opens(((const struct lbcost *)context)->budget);
}

static int64_t idle(struct stage *s, void *context)
{
	return budget_idle(((struct lbcost *)context)->budget, s);
}

static void load_prices(struct lbcost *t)
{
	struct buf problem = {0};

	if (prices_load_all(t->prices, t->tables, t->table_count, &problem) < 0)
		msg_die(STATUS_USAGE, "%s", buf_string(&problem));
	if (problem.length > 0)
		msg_warn("%s", buf_string(&problem));
	buf_free(&problem);
}

static void open_all(struct lbcost *t)
{
	struct buf problem = {0};

	budget_check(&t->budget_options, &t->ledger_options, t->wraps);
	load_prices(t);
	if (t->ledger_options.budget < 0 && t->ledger_options.path == NULL)
		return;
	t->ledger_options.passes = !t->wraps;
	t->ledger = ledger_open(&t->ledger_options, &problem);
	if (t->ledger == NULL)
		msg_die(STATUS_SYSTEM, "%s", buf_string(&problem));
	t->budget_options.ledger = t->ledger;
	t->budget_options.shared = t->ledger_options.path != NULL;
	t->budget_options.rounds = t->rounds;
	t->budget = budget_new(&t->budget_options);
}

static void close_all(struct lbcost *t)
{
	budget_free(t->budget);
	ledger_close(t->ledger);
	price_free(t->prices);
	pricing_forget_gaps(&t->gaps);
	buf_free(&t->line);
	buf_free(&t->text);
	buf_free(&t->request);
}

/* Is this the half of a pipe that sees requests? What was done, and what it cost, the other one
 * sees, and there is room for one meter only. */
static bool is_left(const struct lbcost *t)
{
	struct stat out;

	return !t->wraps && fstat(STDOUT_FILENO, &out) == 0 && S_ISFIFO(out.st_mode);
}

/* Find out what to do, and that the options are of it. */
static void choose_job(struct lbcost *t)
{
	if ((t->asked & (t->asked - 1)) != 0)
		cli_misuse("-e, --report, --forgive and --prices-check are one at a time");
	if (t->asked == CHECKS && t->table_count > 0)
		cli_misuse("--prices-check wants the table without -p: --prices-check FILE");
	unsigned job = t->asked != 0 ? t->asked : t->wraps ? WRAPS : PIPES;
	cli_check_places(places, sizeof places / sizeof *places, job,
			 job == PIPES       ? "without a command,"
			 : job == WRAPS     ? "around a command"
			 : job == ESTIMATES ? "with -e"
			 : job == REPORTS   ? "with --report"
			 : job == FORGIVES  ? "with --forgive"
					    : "with --prices-check");
}

/* The jobs that pass nothing on. */
static int look(struct lbcost *t, const char *operand)
{
	signal(SIGPIPE, SIG_IGN);
	if (t->asked == CHECKS)
		return prices_check(operand);
	if (operand != NULL)
		cli_misuse("no command or file is wanted here; -e reads < '%s'", operand);
	if (t->asked != ESTIMATES && t->ledger_options.path == NULL)
		cli_misuse("--report and --forgive are for a ledger: -l is missing");
	if (t->asked != ESTIMATES)
		return ledger_print_file(t->ledger_options.path, t->asked == FORGIVES, t->json,
					 t->plot);
	load_prices(t);
	t->estimate_options.max_line = (size_t)t->shared.max_line;
	t->estimate_options.json = t->json;
	return estimate_run(t->prices, &t->estimate_options);
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
	    .prices = price_new(),
	    .ledger_options = {.budget = -1, .job = ""},
	    .budget_options = {.max_wait = 600 * CLOCK_SEC},
	    .estimate_options = {.concurrency = 20, .latency = 2 * CLOCK_SEC, .output = -1}};

	int operand = cli_start(argc, argv, &tool, &t, &t.shared);
	t.wraps = operand < argc;
	t.budget_options.command = t.wraps ? argv + operand : NULL;
	choose_job(&t);
	if (t.asked != 0) {
		int status = look(&t, argv[operand]);
		close_all(&t);
		return status;
	}
	open_all(&t);
	bool limited = t.ledger_options.budget >= 0;
	t.shared.meter.progress |= meter_has_room() && !(limited && is_left(&t));
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
	    .command = t.budget_options.command,
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
	pricing_report_gaps(&t.gaps);
	close_all(&t);
	return status;
}
