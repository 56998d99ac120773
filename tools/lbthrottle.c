/*
 * lbthrottle: stay under a provider's rate limits.
 *
 * Input: request records (lb-record(5)), and in pipe form results. Output: the same; a request
 * waits until it may go. State: none, or with -f a file that any number of processes share, in
 * which the limits, the places taken and what results have taught are kept (quota.h).
 *
 * Around a command a result is settled with its request, which is known. In pipe form the ticket of
 * the request travels in lb.throttle, and the process that sees the result takes it off again.
 */
#include "buf.h"
#include "cli.h"
#include "clock.h"
#include "msg.h"
#include "quota.h"
#include "record.h"
#include "stage.h"
#include "tokens.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What has passed us is in a pipe before it is called: the smaller the pipe, the smaller the burst
 * when a command that was busy goes on. */
#define PIPE_SIZE 4096

struct lbthrottle {
	struct cli_shared shared;
	struct quota_limits limits;
	const char *file;
	bool keep_order, wraps;

	struct quota *quota;
	/* The one request that is held, with its place if it has one. */
	bool waits;
	uint64_t sequence;
	struct quota_ticket ticket;
	int64_t opens; /* when it may go, or ask again: clock_now time, 0 for now */
	bool dead;     /* the command: what follows fails, and need not wait for that */
	bool warned, lost;
	struct buf line, entry;
};

/* How often a place that is waited for is looked at again, with others to share the limits. */
#define LOOK_AGAIN (20 * CLOCK_MS)

enum { OPT_BURST = CLI_LONG };

static const struct cli_option options[] = {
    {'r', "rpm", "N", "requests a minute"},
    {'t', "tpm", "N", "tokens a minute, of prompts and answers"},
    {'d', "rpd", "N", "requests a day"},
    {OPT_BURST, "burst", "N", "requests that may go at once (a second's worth)"},
    {'f', "file", "STATE", "share the limits with all who name this file"},
    {'a', "adaptive", NULL, "take the limits from the results' headers"},
    {'k', "keep-order", NULL, "around a command: results in input order"},
};

static void set_option(void *context, int id, char *argument)
{
	struct lbthrottle *t = context;

	switch (id) {
	case 'r':
		t->limits.requests = cli_count("-r", argument, 1, QUOTA_MOST);
		break;
	case 't':
		t->limits.tokens = cli_count("-t", argument, 1, QUOTA_MOST);
		break;
	case 'd':
		t->limits.day = cli_count("-d", argument, 1, QUOTA_MOST);
		break;
	case OPT_BURST:
		t->limits.burst = cli_count("--burst", argument, 1, QUOTA_BURST_MOST);
		break;
	case 'f':
		t->file = argument;
		break;
	case 'a':
		t->limits.adaptive = true;
		break;
	case 'k':
		t->keep_order = true;
		break;
	}
}

/* Make the edits that take off a request's lb what would let its answer pass for a stored one,
 * which took nothing. One that was a result before may have it, or a stranger's. A "miss" is a
 * store's left half's, for its right half. Returns how many edits there are. */
static size_t unmark(const struct record *r, struct json_edit *edits)
{
	size_t count = 0;

	if (json_equals(record_lb(r, "cache"), "hit"))
		edits[count++] = (struct json_edit){"cache", {NULL, 0}};
	if (json_is_set(record_lb(r, "checkpoint")))
		edits[count++] = (struct json_edit){"checkpoint", {NULL, 0}};
	return count;
}

/* Its time has come. */
static void send_request(struct lbthrottle *t, struct stage *s, const struct record *r,
			 uint64_t sequence, const struct quota_ticket *ticket)
{
	struct json_span line = r->text;
	struct json_edit edits[3];
	size_t count = t->wraps || t->file != NULL ? unmark(r, edits) : 0;

	if (!t->wraps && t->file != NULL) {
		buf_clear(&t->entry);
		quota_write_ticket(&t->entry, ticket);
		edits[count++] = (struct json_edit){"throttle", {t->entry.data, t->entry.length}};
	}
	if (count > 0) {
		buf_clear(&t->line);
		record_set(&t->line, r, NULL, 0, edits, count);
		line = (struct json_span){t->line.data, t->line.length};
	}
	stage_forward(s, sequence, r->custom_id, line, ticket, sizeof *ticket);
}

/* It goes, or asks again, at this time of the wall clock, now being the other. */
static void set_opens(struct lbthrottle *t, int64_t at, int64_t now)
{
	int64_t wait = at - now;

	if (t->file != NULL && t->ticket.at > 0 && wait > LOOK_AGAIN)
		wait = LOOK_AGAIN;
	t->opens = wait > 0 ? clock_now() + wait : 0;
}

/* What a result has given back, or taught, changes what the next request waits for. */
static void look_again(struct lbthrottle *t, int64_t now)
{
	int64_t at = now;

	if (t->ticket.at > 0)
		quota_move(t->quota, now, &t->ticket, &at);
	set_opens(t, quota_is_lost(t->quota) ? now : at, now);
}

/* Without the state nothing more can go. */
static bool is_lost(struct lbthrottle *t, struct stage *s)
{
	if (!t->lost && quota_is_lost(t->quota)) {
		t->lost = true;
		msg_warn("%s: the state file was cut short while in use", t->file);
		stage_raise(s, STATUS_SYSTEM);
		stage_stop(s);
	}
	return t->lost;
}

static void fail_record(struct lbthrottle *t, struct stage *s, const struct record *r,
			uint64_t sequence, const char *code, const char *message)
{
	buf_clear(&t->line);
	record_fail(&t->line, r, code, message);
	stage_emit(s, sequence, (struct json_span){t->line.data, t->line.length}, true);
}

static void refuse_request(struct lbthrottle *t, struct stage *s, const struct record *r,
			   uint64_t sequence)
{
	char message[200];

	snprintf(message, sizeof message,
		 "the request takes about %" PRId64 " tokens with its answer, and the limit is "
		 "%" PRId64 " a minute",
		 t->ticket.tokens, quota_tokens(t->quota));
	fail_record(t, s, r, sequence, "exceeds_rate_limit", message);
}

static struct quota_need need_of(const struct lbthrottle *t, const struct record *r)
{
	struct quota_need need = {0, -1, {NULL, 0}};
	struct tokens_request tokens;

	if (!quota_counts_tokens(t->quota) || json_type(r->body) != JSON_OBJECT)
		return need;
	tokens_request(r->body, &tokens);
	need.input = tokens.input;
	need.model = tokens.model;
	need.output = tokens.output;
	if (tokens.output > 0 && tokens.answers > 1)
		need.output = tokens.output < QUOTA_MOST / tokens.answers
				  ? tokens.output * tokens.answers
				  : QUOTA_MOST;
	return need;
}

static void warn_unlimited(struct lbthrottle *t)
{
	if (t->warned || quota_is_limited(t->quota))
		return;
	t->warned = true;
	msg_warn("%s knows no limits yet, so nothing waits: give -r, -t, -d or -a", t->file);
}

/* The request job: take a place, and wait for it. A note says that it has waited already. */
static void on_request(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		       const void *note, size_t note_length)
{
	struct lbthrottle *t = context;
	int64_t now = clock_wall(), at = now;
	enum quota_answer answer = QUOTA_GO;

	(void)note_length;
	/* Around a command, a result takes no call any more. */
	if (r->kind == RECORD_RESULT || t->dead) {
		t->waits = false;
		stage_forward(s, sequence, r->custom_id, r->text, NULL, 0);
		return;
	}
	t->waits = false;
	if (note != NULL && t->ticket.at > 0) {
		answer = quota_move(t->quota, now, &t->ticket, &at);
	} else {
		warn_unlimited(t);
		struct quota_need need = need_of(t, r);
		answer = quota_reserve(t->quota, &need, now, &t->ticket, &at);
	}
	if (is_lost(t, s)) {
		fail_record(t, s, r, sequence, "cancelled", "the state file cannot be used");
	} else if (answer == QUOTA_NEVER) {
		refuse_request(t, s, r, sequence);
	} else if (answer == QUOTA_GO && at <= now) {
		send_request(t, s, r, sequence, &t->ticket);
	} else {
		t->waits = true;
		t->sequence = sequence;
		set_opens(t, at, now);
		stage_hold(s, sequence, r->text, 0, "", 1); /* on_opens says how long */
	}
}

/* Until when the stage keeps it, and reads nothing new. */
static int64_t on_opens(void *context)
{
	struct lbthrottle *t = context;

	if (!t->waits)
		return 0;
	if (t->opens > 0 && t->opens <= clock_now())
		look_again(t, clock_wall());
	return t->opens;
}

/* The stage gives a request up, which may be the one that waits. */
static void on_fail(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		    const char *code, const char *message)
{
	struct lbthrottle *t = context;

	if (t->waits && t->sequence == sequence) {
		t->waits = false;
		if (t->ticket.at > 0)
			quota_give_back(t->quota, &t->ticket, clock_wall());
	}
	fail_record(t, s, r, sequence, code, message);
}

/* The line without its ticket. Only lb is looked through for it, not the answer. */
static void take_ticket_off(struct lbthrottle *t, const struct record *r)
{
	struct json_edit edit = {"throttle", {NULL, 0}};
	const char *end = r->text.at + r->text.length, *rest = r->lb.at + r->lb.length;

	buf_clear(&t->line);
	buf_add(&t->line, r->text.at, (size_t)(r->lb.at - r->text.at));
	json_set(&t->line, r->lb, &edit, 1);
	buf_add(&t->line, rest, (size_t)(end - rest));
}

/* The result job in pipe form. */
static void settle_line(struct lbthrottle *t, struct stage *s, const struct record *r,
			uint64_t sequence)
{
	struct json_span throttle = record_lb(r, "throttle");
	struct quota_ticket ticket;
	int64_t now = clock_wall();

	if (throttle.at == NULL) {
		stage_emit_record(s, sequence, r);
		return;
	}
	if (quota_read_ticket(throttle, now, &ticket) == 0)
		quota_settle(t->quota, &ticket, r, now);
	is_lost(t, s);
	take_ticket_off(t, r);
	stage_emit(s, sequence, (struct json_span){t->line.data, t->line.length}, record_failed(r));
}

/* The result job. One that was lost in the command, which had read it, may have been called: it
 * keeps its place. */
static void on_result(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		      const struct stage_flight *flight)
{
	struct lbthrottle *t = context;
	struct quota_ticket ticket;
	int64_t now;

	if (flight == NULL) {
		settle_line(t, s, r, sequence);
		return;
	}
	if (flight->lost) {
		t->dead = true;
		t->opens = 0;
	}
	if ((!flight->lost || flight->since == 0) && flight->note_length == sizeof ticket) {
		now = clock_wall();
		memcpy(&ticket, flight->note, sizeof ticket);
		quota_settle(t->quota, &ticket, r, now);
		if (!is_lost(t, s) && t->waits)
			look_again(t, now);
	}
	stage_emit_record(s, sequence, r);
}

static void open_quota(struct lbthrottle *t)
{
	const struct quota_limits *l = &t->limits;
	bool given = l->requests > 0 || l->tokens > 0 || l->day > 0 || l->adaptive;
	struct buf problem = {0};

	if (!given && t->file == NULL)
		cli_misuse("no limit is given: -r, -t, -d, -a, or -f with a file that knows them");
	if (l->burst > 0 && l->requests == 0 && !l->adaptive && t->file == NULL)
		cli_misuse("--burst is about requests a minute: -r is missing");
	if (l->adaptive && !t->wraps && t->file == NULL)
		cli_misuse("-a learns from results: without a command it needs -f, here and where "
			   "they pass");
	if (t->keep_order && !t->wraps)
		cli_misuse("-k is for the wrap form, around a command");
	t->quota = quota_open(t->file, l, &problem);
	if (t->quota == NULL)
		msg_die(STATUS_SYSTEM, "%s", buf_string(&problem));
	if (t->wraps && !quota_is_limited(t->quota))
		msg_die(STATUS_USAGE, "%s knows no limits yet: give -r, -t, -d or -a", t->file);
}

int main(int argc, char **argv)
{
	static const struct cli_tool tool = {
	    .synopsis = "[-r N] [-t N] [-d N] [-f STATE] [-a] [options] [command [argument ...]]",
	    .purpose = "Let requests go as a provider's rate limits allow.",
	    .options = options,
	    .count = sizeof options / sizeof *options,
	    .set = set_option,
	};
	struct lbthrottle t = {.file = NULL};

	int operand = cli_start(argc, argv, &tool, &t, &t.shared);
	t.wraps = operand < argc;
	open_quota(&t);
	struct stage_jobs jobs = {
	    .request = on_request,
	    .result = t.wraps || t.file != NULL ? on_result : NULL,
	    .fail = on_fail,
	    .opens = on_opens,
	};
	struct stage_options stage_options = {
	    .command = t.wraps ? argv + operand : NULL,
	    .max_line = (size_t)t.shared.max_line,
	    .keep_order = t.keep_order,
	    .hold_most = 1,
	    .pipe_size = PIPE_SIZE,
	    .meter = &t.shared.meter,
	};
	struct stage *s = stage_new(&stage_options, &jobs, &t);
	int status = stage_run(s);
	stage_free(s);
	quota_close(t.quota);
	buf_free(&t.line);
	buf_free(&t.entry);
	return status;
}
