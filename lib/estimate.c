#include "estimate.h"
#include "buf.h"
#include "clock.h"
#include "line.h"
#include "mem.h"
#include "money.h"
#include "msg.h"
#include "price.h"
#include "record.h"
#include "tokens.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sum {
	const struct price_model *model; /* NULL for those without a price */
	int64_t requests, input, output;
	int64_t cost, batch, most;
	int64_t unbounded; /* requests for which there is no most */
};

struct estimate {
	const struct price_table *prices;
	const struct estimate_options *options;
	struct sum *sums;
	size_t count, room;
	struct sum total;
	int64_t counted; /* tokens, as limits count them */
	uint64_t bad, others;
	int64_t now;
};

void estimate_option(struct estimate_options *e, int id, const char *argument)
{
	switch (id) {
	case 'c':
		e->concurrency = cli_count("-c", argument, 1, 1000000);
		break;
	case 'r':
		e->requests = cli_count("-r", argument, 1, INT64_C(10000000000));
		break;
	case 't':
		e->tokens = cli_count("-t", argument, 1, INT64_C(10000000000));
		break;
	case ESTIMATE_LATENCY:
		e->latency = cli_duration("--latency", argument);
		break;
	case ESTIMATE_OUTPUT:
		e->output = cli_count("--expect-output", argument, 0, INT64_C(1000000000));
		break;
	}
}

static struct sum *sum_of(struct estimate *e, const struct price_model *m)
{
	for (size_t i = 0; i < e->count; i++)
		if (e->sums[i].model == m)
			return &e->sums[i];
	if (e->count == e->room) {
		e->room = e->room * 2 + 16;
		e->sums = mem_resize(e->sums, e->room, sizeof *e->sums);
	}
	e->sums[e->count] = (struct sum){.model = m};
	return &e->sums[e->count++];
}

static void add_sum(struct sum *to, const struct sum *s)
{
	to->requests = money_sum(to->requests, s->requests);
	to->input = money_sum(to->input, s->input);
	to->output = money_sum(to->output, s->output);
	to->cost = money_sum(to->cost, s->cost);
	to->batch = money_sum(to->batch, s->batch);
	to->most = money_sum(to->most, s->most);
	to->unbounded += s->unbounded;
}

/* The tokens of an answer, and those that a limit on tokens counts. */
static int64_t expect_output(const struct estimate *e, const struct tokens_request *r,
			     const struct price_model *m, int64_t *counted)
{
	int64_t cap = r->output;

	if (cap < 0 && m != NULL)
		cap = m->rates.output == 0 ? 0 : m->max_output;
	if (cap < 0)
		cap = 0;
	int64_t output = cap;
	if (e->options->output >= 0 && (r->output < 0 || e->options->output < r->output))
		output = m != NULL && m->rates.output == 0 ? 0 : e->options->output;
	*counted = (r->output >= 0 ? cap : output) * r->answers;
	return output * r->answers;
}

static void add_request(struct estimate *e, struct json_span body)
{
	struct tokens_request r;
	struct price_bound bound;
	struct price_terms terms = {.time = e->now};
	const char *why;
	int64_t counted;

	tokens_request(body, &r);
	const struct price_model *m = price_find_json(e->prices, r.model);
	if (m == NULL)
		m = price_other(e->prices);
	struct sum s = {.requests = 1, .input = r.input};
	s.output = expect_output(e, &r, m, &counted);
	e->counted = money_sum(e->counted, money_sum(r.input, counted));
	if (m != NULL) {
		struct provider_usage usage = {.input = s.input, .output = s.output};
		s.cost = price_cost(m, &usage, &terms);
		terms.factors[PRICE_BATCH] = true;
		s.batch = price_cost(m, &usage, &terms);
		s.unbounded = price_worst(m, body, &bound, &why) < 0;
		s.most = s.unbounded ? 0 : bound.cost;
	}
	add_sum(sum_of(e, m), &s);
	add_sum(&e->total, &s);
}

/* A line that is no request. The first one may tell what is wrong with all of them. */
static void note_other(struct estimate *e, const struct record *r)
{
	bool first = e->bad + e->others == 0 && e->total.requests == 0;
	const char *hint = first ? record_hint(r) : NULL;

	if (hint != NULL)
		msg_warn("line %" PRIu64 ": %s", r->number, hint);
	if (r->kind == RECORD_BAD)
		e->bad++;
	else
		e->others++;
}

static int read_requests(struct estimate *e)
{
	struct line_reader in;
	struct line line;
	enum line_state state;
	int status = STATUS_OK;

	line_init(&in, STDIN_FILENO, e->options->max_line);
	while ((state = line_next(&in, &line)) != LINE_END) {
		struct record r;
		if (state == LINE_NONE) {
			if (line_fill(&in, LINE_READ_BULK) == 0)
				continue;
			msg_warn("stdin: %s", strerror(errno));
			status = STATUS_SYSTEM;
			break;
		}
		if (record_parse(&r, &line, state == LINE_TOO_LONG) == RECORD_REQUEST)
			add_request(e, r.body);
		else
			note_other(e, &r);
	}
	line_free(&in);
	return status;
}

/* Seconds that the requests take: one after the other, or as they may go at once. */
static double time_of(const struct estimate *e, bool at_once)
{
	double latency = (double)e->options->latency / (double)CLOCK_SEC;
	double n = (double)e->total.requests;
	int64_t rounds = e->total.requests;

	if (at_once)
		rounds = (rounds + e->options->concurrency - 1) / e->options->concurrency;
	double seconds = (double)rounds * latency;
	if (e->options->requests > 0 && n / (double)e->options->requests * 60 > seconds)
		seconds = n / (double)e->options->requests * 60;
	double tokens = (double)e->counted;
	if (e->options->tokens > 0 && tokens / (double)e->options->tokens * 60 > seconds)
		seconds = tokens / (double)e->options->tokens * 60;
	return seconds;
}

static void add_time(struct buf *out, double seconds)
{
	uint64_t s = (uint64_t)(seconds + 0.5);

	if (s >= 3600)
		buf_addf(out, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	else if (s >= 60)
		buf_addf(out, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else
		buf_addf(out, "%" PRIu64 "s", s);
}

/* Dollars with four decimals, rounded up, so that something never looks like nothing. */
static void add_dollars(struct buf *out, int64_t nano)
{
	int64_t units = nano / 100000 + (nano % 100000 > 0);

	buf_addf(out, "%" PRId64 ".%04d", units / 10000, (int)(units % 10000));
}

static void add_row(struct buf *out, const char *name, const struct sum *s, int64_t cost,
		    const char *time)
{
	struct buf dollars = {0};

	add_dollars(&dollars, cost);
	buf_addf(out, "%-28.60s %9" PRId64 " %13" PRId64 " %13" PRId64 " %12s %10s\n", name,
		 s->requests, s->input, s->output, buf_string(&dollars), time);
	buf_free(&dollars);
}

/* What the user knows better. */
static void add_assumptions(const struct estimate *e, struct buf *out)
{
	buf_addf(out, "A request is taken to last %gs (--latency), and its answer to have ",
		 (double)e->options->latency / (double)CLOCK_SEC);
	if (e->options->output < 0)
		buf_adds(out, "as many tokens\nas are allowed: --expect-output tells how many.\n");
	else
		buf_addf(out, "%" PRId64 " tokens\nor as many as are allowed (--expect-output).\n",
			 e->options->output);
}

static void print_table(const struct estimate *e, struct buf *out)
{
	struct buf name = {0}, time = {0};

	buf_addf(out, "%-28s %9s %13s %13s %12s %10s\n", "", "requests", "input tokens",
		 "output tokens", "USD", "time");
	for (size_t i = 0; i < e->count; i++)
		add_row(out, e->sums[i].model != NULL ? e->sums[i].model->name : "without a price",
			&e->sums[i], e->sums[i].cost, "");
	add_time(&time, time_of(e, false));
	add_row(out, "one at a time", &e->total, e->total.cost, buf_string(&time));
	buf_clear(&time);
	add_time(&time, time_of(e, true));
	buf_addf(&name, "%" PRId64 " at a time", e->options->concurrency);
	add_row(out, buf_string(&name), &e->total, e->total.cost, buf_string(&time));
	add_row(out, "as a batch", &e->total, e->total.batch, "up to 24h");
	buf_clear(&time);
	add_dollars(&time, e->total.most);
	buf_addf(out, "%-28s %50s\n", "at most", buf_string(&time));
	add_assumptions(e, out);
	buf_free(&name);
	buf_free(&time);
}

static void add_member(struct buf *out, const char *name, int64_t value)
{
	buf_addf(out, "\"%s\":%" PRId64 ",", name, value);
}

static void add_money(struct buf *out, const char *name, int64_t nano)
{
	buf_addf(out, "\"%s\":", name);
	money_print(out, nano);
	buf_addc(out, ',');
}

static void add_members(struct buf *out, const struct sum *s)
{
	add_member(out, "requests", s->requests);
	add_member(out, "input_tokens", s->input);
	add_member(out, "output_tokens", s->output);
	add_money(out, "usd", s->cost);
	add_money(out, "usd_batch", s->batch);
	add_money(out, "usd_at_most", s->most);
	add_member(out, "unbounded", s->unbounded);
}

static void print_json(const struct estimate *e, struct buf *out)
{
	buf_addc(out, '{');
	add_members(out, &e->total);
	buf_addf(out, "\"concurrency\":%" PRId64 ",", e->options->concurrency);
	buf_addf(out, "\"seconds\":{\"one\":%.3f,\"concurrent\":%.3f},\"models\":[",
		 time_of(e, false), time_of(e, true));
	for (size_t i = 0; i < e->count; i++) {
		const struct price_model *m = e->sums[i].model;
		buf_adds(out, i > 0 ? ",{" : "{");
		add_members(out, &e->sums[i]);
		buf_adds(out, "\"model\":");
		if (m != NULL)
			json_quote(out, m->name, strlen(m->name));
		else
			buf_adds(out, "null");
		buf_addc(out, '}');
	}
	buf_adds(out, "]}\n");
}

/* Say what is not in the numbers. */
static int report(const struct estimate *e)
{
	const struct sum *s = NULL;

	for (size_t i = 0; i < e->count && s == NULL; i++)
		if (e->sums[i].model == NULL)
			s = &e->sums[i];
	if (s != NULL)
		msg_warn("%" PRId64 " requests have no price and count as 0: give --price or -p",
			 s->requests);
	if (e->total.unbounded > 0)
		msg_warn("%" PRId64 " requests have no bound and are not in \"at most\"",
			 e->total.unbounded);
	if (e->others > 0)
		msg_warn("%" PRIu64 " lines are no requests; lbchunk(1) makes them of items",
			 e->others);
	if (e->bad > 0)
		msg_warn("%" PRIu64 " lines are no JSON, or too long", e->bad);
	if (e->total.requests == 0)
		msg_warn("there are no requests to estimate");
	return e->bad + e->others > 0 ? STATUS_FAILED : STATUS_OK;
}

int estimate_run(const struct price_table *prices, const struct estimate_options *options)
{
	struct estimate e = {.prices = prices, .options = options, .now = clock_wall() / CLOCK_SEC};
	struct buf out = {0};
	int status = read_requests(&e);

	if (options->json)
		print_json(&e, &out);
	else if (e.total.requests > 0)
		print_table(&e, &out);
	if (fputs(buf_string(&out), stdout) < 0 || fflush(stdout) != 0) {
		msg_warn("stdout: %s", strerror(errno));
		status = STATUS_SYSTEM;
	}
	int reported = report(&e);
	buf_free(&out);
	free(e.sums);
	return status > reported ? status : reported;
}
