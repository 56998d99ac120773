/*
 * lbretry: sends what failed again, later or to another model.
 *
 * Input: requests, which go to the command (lbcall, unless another is given); what the command
 * answers is passed on or, if it may go better another time, fed to it again. Output: a result for
 * each. State: none; what waits is in memory, and in a temporary file.
 *
 * A record that waits is held as the array [request, result]: the request as it goes out next, and
 * the result as it comes out should it come to no more attempts.
 */
#include "attempt.h"
#include "backoff.h"
#include "breaker.h"
#include "buf.h"
#include "cli.h"
#include "clock.h"
#include "expr.h"
#include "json.h"
#include "msg.h"
#include "record.h"
#include "retry.h"
#include "stage.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No more of the input is read while so many records wait. */
#define HOLD_MOST 10000

/* How long a retry waits for the budget before it looks again. */
#define BUDGET_PAUSE CLOCK_SEC

/* ...and for how long without a request that would add to it. */
#define BUDGET_PATIENCE (10 * CLOCK_SEC)

#define MODELS_MOST 32

/* Of a reason that stands in all the records that are given up. */
#define REASON_MOST 1000

/* How long the command may be silent at the end of the input before that is remarked. */
#define SILENCE (30 * CLOCK_SEC)

/* Of the pipe to the command: what lies in it has been sent, as far as anybody here can tell, when
 * a quota or an outage shows. */
#define PIPE_SIZE 4096

struct lbretry {
	struct cli_shared shared;
	struct retry_policy policy;
	struct retry_budget budget;
	struct breaker breaker;
	const char *ok_text;
	struct expr *ok;
	char *models[MODELS_MOST]; /* to fall back to, as JSON strings */
	int64_t stop_after;
	bool rounds, keep_order;

	struct stage *stage;
	uint64_t random;
	uint64_t successes;
	int64_t failed_in_row;
	uint64_t next;    /* the sequence number that no line has had yet */
	bool input_ended; /* no first attempts are to come */
	bool forwarding;  /* a record is being given to the command */
	bool warned;      /* that the budget is spent */
	bool ok_warned;   /* that --ok fails on a result */
	bool silence_warned;
	int64_t last_line, last_result; /* clock_now time */
	const char *code;               /* halted: what the rest fails with */
	struct buf reason;              /* ...and why, for its message */
	struct buf line, edit;
};

enum {
	OPT_MAX_WAIT = CLI_LONG,
	OPT_DEADLINE,
	OPT_OK,
	OPT_BUDGET,
	OPT_STOP_AFTER,
	OPT_ROUNDS,
};

static const struct cli_option options[] = {
    {'n', "attempts", "N", "send a record up to N times (5)"},
    {'b', "base", "TIME", "longest first wait, doubled for each further one (1s)"},
    {'m', "max-delay", "TIME", "longest wait of our own (60s)"},
    {OPT_MAX_WAIT, "max-wait", "TIME", "longest wait that a server may ask for (10m)"},
    {OPT_DEADLINE, "deadline", "TIME", "no more attempts so long after a record's first one"},
    {OPT_OK, "ok", "EXPR", "jq expression on the result: if not true, try again"},
    {'f', "fallback", "MODEL,...", "models to try when a record's own has failed"},
    {OPT_BUDGET, "retry-budget", "PERCENT", "retries for each 100 requests, besides 100 (20)"},
    {OPT_STOP_AFTER, "stop-after", "N", "stop when N records in a row have failed"},
    {OPT_ROUNDS, "rounds", NULL, "the command answers only at end of input"},
    {'k', "keep-order", NULL, "write in input order"},
};

/* MODEL[,MODEL...] */
static void set_models(struct lbretry *t, char *argument)
{
	t->policy.models = 0;
	for (char *name; (name = strsep(&argument, ",")) != NULL;) {
		struct buf quoted = {0};
		if (*name == '\0' || json_quote(&quoted, name, strlen(name)))
			cli_misuse("-f wants names of models with commas between them");
		if (t->policy.models == MODELS_MOST)
			cli_misuse("-f takes up to %d models", MODELS_MOST);
		t->models[t->policy.models++] = buf_string(&quoted);
	}
}

static void set_option(void *context, int id, char *argument)
{
	struct lbretry *t = context;

	switch (id) {
	case 'n':
		t->policy.attempts = (unsigned)cli_count("-n", argument, 1, 1000000);
		break;
	case 'b':
		t->policy.base = cli_duration("-b", argument);
		break;
	case 'm':
		t->policy.cap = cli_duration("-m", argument);
		break;
	case OPT_MAX_WAIT:
		t->policy.max_wait = cli_duration("--max-wait", argument);
		break;
	case OPT_DEADLINE:
		t->policy.deadline = cli_duration("--deadline", argument);
		break;
	case OPT_OK:
		t->ok_text = argument;
		break;
	case 'f':
		set_models(t, argument);
		break;
	case OPT_BUDGET:
		if (*argument != '\0' && argument[strlen(argument) - 1] == '%')
			argument[strlen(argument) - 1] = '\0';
		t->budget.percent =
		    (uint64_t)cli_count("--retry-budget", argument, 0, INT64_C(1000000));
		break;
	case OPT_STOP_AFTER:
		t->stop_after = cli_count("--stop-after", argument, 1, INT64_MAX);
		break;
	case OPT_ROUNDS:
		t->rounds = true;
		break;
	case 'k':
		t->keep_order = true;
		break;
	}
}

static uint64_t draw(struct lbretry *t)
{
	return backoff_random(&t->random);
}

static struct json_span span_of(const struct buf *b)
{
	return (struct json_span){b->data, b->length};
}

/* Write out a record that is given up with all the rest: its last result, or the request if it was
 * never sent. */
static void emit_rest(struct lbretry *t, struct json_span text, uint64_t sequence)
{
	struct line line = {text.at, text.length, 0, text.length};
	struct record r;

	record_parse(&r, &line, false);
	buf_clear(&t->edit);
	record_fail(&t->edit, &r, t->code, buf_string(&t->reason));
	stage_emit(t->stage, sequence, span_of(&t->edit), true);
}

/* End the run: nothing more is sent. The reason is why, and what the error says. */
static void halt(struct lbretry *t, const char *code, const char *why, struct json_span error)
{
	if (stage_halted(t->stage))
		return;
	t->code = code;
	buf_adds(&t->reason, why);
	json_text(&t->reason, json_get(error, "message"));
	if (t->reason.length > REASON_MOST)
		t->reason.length = REASON_MOST;
	msg_warn("stopped: %s; when that is mended, send the records again that failed as %s",
		 buf_string(&t->reason), t->code);
	stage_halt(t->stage);
}

/* Another attempt has failed, with nothing that succeeded since the last one. */
static void count_failure(struct lbretry *t, struct json_span error)
{
	const char *code = "too_many_failures";

	if (++t->failed_in_row == t->stop_after && !stage_stopping(t->stage))
		halt(t, code, "too many attempts in a row have failed, the last one with: ", error);
}

static void emit_quota(struct lbretry *t, struct json_span line, uint64_t sequence)
{
	const char *code = "quota_exhausted";

	halt(t, code, "the account's quota is exhausted: ", json_get(line, "error"));
	emit_rest(t, line, sequence);
}

/* There are more retries than the budget has: this record's failure stands. */
static void emit_spent(struct lbretry *t, struct json_span line, uint64_t sequence)
{
	if (!t->warned)
		msg_warn("the retry budget is spent (--retry-budget): what fails now is not sent "
			 "again");
	t->warned = true;
	stage_emit(t->stage, sequence, line, true);
}

static void forward(struct lbretry *t, struct json_span request, uint64_t sequence,
		    struct attempt *a)
{
	struct buf note = {0};

	a->state.attempts++;
	a->state.tries++;
	attempt_note(&note, a);
	t->forwarding = true;
	stage_forward(t->stage, sequence, json_get(request, "custom_id"), request, note.data,
		      note.length);
	t->forwarding = false;
	buf_free(&note);
}

/* A line of the input. */
static void take_line(struct lbretry *t, const struct record *r, uint64_t sequence)
{
	struct attempt a = {.state.first = clock_now()};

	t->last_line = a.state.first;
	t->next = sequence + 1;
	if (r->kind == RECORD_RESULT) { /* somebody has answered it */
		stage_emit_record(t->stage, sequence, r);
	} else if (stage_halted(t->stage)) {
		emit_rest(t, r->text, sequence);
	} else {
		t->budget.requests++;
		forward(t, r->text, sequence, &a);
	}
}

/* A retry that is not in the budget waits, as long as requests may come that add to it. */
static void wait_for_budget(struct lbretry *t, struct json_span joined, uint64_t sequence,
			    struct attempt *a)
{
	size_t held = stage_held(t->stage);
	/* The more there are, the less often: each look brings the record out of the spool. */
	int64_t pause = BUDGET_PAUSE / 2 * (int64_t)(1 + held / 1000);
	int64_t jitter = backoff_jitter(BUDGET_PAUSE, BUDGET_PAUSE, 0, draw(t));
	/* Nothing comes any more: who feeds us may be waiting for this very record. */
	bool quiet = stage_in_flight(t->stage) == 0 && clock_now() - t->last_line > BUDGET_PATIENCE;
	struct buf note = {0};

	if (t->input_ended || quiet || held + 1 >= HOLD_MOST) {
		emit_spent(t, attempt_result(joined), sequence);
		return;
	}
	attempt_note(&note, a);
	stage_hold(t->stage, sequence, joined, backoff_until(clock_now(), pause, jitter), note.data,
		   note.length);
	buf_free(&note);
}

/* The request job: a line, or a record that has waited. */
static void on_request(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		       const void *note, size_t note_length)
{
	struct lbretry *t = context;
	struct attempt a;

	if (note == NULL) {
		take_line(t, r, sequence);
		return;
	}
	attempt_read(&a, note, note_length);
	int64_t age = clock_now() - a.state.first;
	if (stage_halted(s))
		emit_rest(t, attempt_result(r->text), sequence);
	else if (t->policy.deadline > 0 && age > t->policy.deadline)
		stage_emit(t->stage, sequence, attempt_result(r->text), true);
	else if (a.state.granted || retry_take(&t->budget))
		forward(t, attempt_request(r->text), sequence, &a);
	else
		wait_for_budget(t, r->text, sequence, &a);
}

static void on_finish(struct stage *s, void *context, bool stopped)
{
	struct lbretry *t = context;

	(void)s;
	(void)stopped;
	t->input_ended = true;
	t->last_result = clock_now();
}

/* The stage gives a record up: one that waits has a result already. */
static void on_fail(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		    const char *code, const char *message)
{
	struct lbretry *t = context;

	if (sequence < t->next) {
		stage_emit(s, sequence, attempt_result(r->text), true);
		return;
	}
	buf_clear(&t->edit);
	record_fail(&t->edit, r, code, message);
	stage_emit(s, sequence, span_of(&t->edit), true);
}

/* Let the record wait for its next attempt. */
static void hold(struct lbretry *t, const struct stage_flight *flight, struct attempt *a,
		 unsigned old_model, int64_t until)
{
	struct json_span request = flight->request;
	struct buf note = {0}, edited = {0}, joined = {0};

	if (a->state.model != old_model) {
		const char *name = t->models[a->state.model - 1];
		attempt_change_model(&edited, a, request, (struct json_span){name, strlen(name)},
				     old_model > 0);
		request = span_of(&edited);
	}
	attempt_note(&note, a);
	attempt_join(&joined, request, span_of(&t->line));
	stage_hold(t->stage, flight->sequence, span_of(&joined), until, note.data, note.length);
	buf_free(&joined);
	buf_free(&edited);
	buf_free(&note);
}

/* Is the expression of --ok true of the result? One that fails on it is not. */
static bool is_ok(struct lbretry *t, const struct record *r)
{
	struct buf message = {0};
	bool value = false;

	if (t->ok == NULL)
		return true;
	bool known = expr_test(t->ok, r->text, &value, &message) > 0;
	if (!known && message.length > 0 && !t->ok_warned) {
		msg_warn("--ok: %s", buf_string(&message));
		t->ok_warned = true;
	}
	buf_free(&message);
	return known && value;
}

/* Did it come back at once, since the command has died too often? */
static bool never_sent(const struct lbretry *t, const struct stage_flight *flight)
{
	return flight->lost && t->forwarding;
}

/* A failure that another attempt may mend; the next one is planned. */
static void again(struct lbretry *t, const struct stage_flight *flight, struct attempt *a,
		  unsigned old_model, bool for_length, int64_t until)
{
	if (stage_halted(t->stage)) {
		emit_rest(t, span_of(&t->line), flight->sequence);
		return;
	}
	if (never_sent(t, flight) || stage_stopping(t->stage)) {
		stage_emit(t->stage, flight->sequence, span_of(&t->line), true);
		return;
	}
	/* A longer window is another question, not the same one again; and the command's end is no
	 * sign of an outage. */
	a->state.granted = for_length || flight->lost || retry_take(&t->budget);
	if (!a->state.granted && t->input_ended)
		emit_spent(t, span_of(&t->line), flight->sequence);
	else
		hold(t, flight, a, old_model, until);
}

/*
 * A wrapper whose own command has died fails all that it is given. It says command_died as we
 * would, and must go, so that both are started anew.
 */
static bool has_lost_its_command(const struct record *r)
{
	return json_equals(json_get(r->error, "code"), "command_died");
}

/* The request itself came back: a command that calls nobody, like lbthrottle without lbcall. */
static bool is_unanswered(const struct record *r, const struct stage_flight *flight)
{
	return r->kind == RECORD_REQUEST && json_is_set(json_get(flight->request, "body"));
}

static void emit_unanswered(struct lbretry *t, const struct record *r, uint64_t sequence)
{
	buf_clear(&t->edit);
	record_fail(&t->edit, r, "unanswered",
		    "the request came back as it was: is lbcall missing behind the command?");
	stage_emit(t->stage, sequence, span_of(&t->edit), true);
}

/* Tell the breaker of a result, and the user if it opens: what follows may take its time. */
static void tell_breaker(struct lbretry *t, const struct record *r, bool ok, int64_t now)
{
	bool was_closed = t->breaker.state == BREAKER_CLOSED;
	struct buf code = {0};

	breaker_result(&t->breaker, ok, stage_in_flight(t->stage), now, draw(t));
	if (!was_closed || t->breaker.state != BREAKER_OPEN || t->rounds || stage_halted(t->stage))
		return;
	json_text(&code, json_get(r->error, "code"));
	msg_warn(
	    "%d failures in a row, the last one %s: until one succeeds, requests go one by one "
	    "(--stop-after ends such a run)",
	    BREAKER_TRIP, buf_string(&code));
	buf_free(&code);
}

/* The result job. */
static void on_result(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		      const struct stage_flight *flight)
{
	struct lbretry *t = context;
	struct retry_outcome o;
	struct attempt a;
	int64_t now = clock_now();
	int64_t until = now;

	t->last_result = now;
	if (is_unanswered(r, flight)) {
		emit_unanswered(t, r, sequence);
		return;
	}
	attempt_read(&a, flight->note, flight->note_length);
	if (never_sent(t, flight)) {
		a.state.attempts--;
		a.state.tries--;
	}
	unsigned model = a.state.model;
	retry_read(&o, r->response, r->error, record_lb(r, "ratelimit"), clock_wall());
	o.rejected = o.class == PROVIDER_OK && !is_ok(t, r);
	/* Neither the command's end nor a refusal to send says anything of the provider. */
	bool tells = o.class <= PROVIDER_TRANSIENT || json_is_set(r->response);
	if (!flight->lost && has_lost_its_command(r))
		stage_replace(s);
	else if (!flight->lost && tells)
		tell_breaker(t, r, o.class != PROVIDER_TRANSIENT, now);
	bool failed = o.rejected || (o.class != PROVIDER_OK && !flight->lost);
	buf_clear(&t->line);
	attempt_line(&t->line, &a, r, flight->request, o.rejected);
	switch (retry_decide(&t->policy, &a.state, &o, t->successes, now, draw(t), &until)) {
	case RETRY_DONE:
		t->successes++;
		t->failed_in_row = 0;
		stage_emit(s, sequence, span_of(&t->line), false);
		break;
	case RETRY_FAILED:
		if (stage_halted(s) &&
		    (flight->lost || json_equals(json_get(r->error, "code"), "cancelled")))
			emit_rest(t, span_of(&t->line), sequence);
		else
			stage_emit(t->stage, sequence, span_of(&t->line), true);
		break;
	case RETRY_QUOTA:
		emit_quota(t, span_of(&t->line), sequence);
		break;
	case RETRY_AGAIN:
		again(t, flight, &a, model, o.class == PROVIDER_LENGTH, until);
		break;
	}
	if (failed)
		count_failure(t, r->error);
}

/* When the next record may go. */
static int64_t opens(void *context)
{
	struct lbretry *t = context;
	return breaker_opens(&t->breaker, stage_in_flight(t->stage));
}

/*
 * The command's input stays open for retries. One that waits for its end, or has dropped a line,
 * and we would wait for each other without a word.
 */
static int64_t idle(struct stage *s, void *context)
{
	struct lbretry *t = context;
	int64_t due = t->last_result + SILENCE;

	if (!t->input_ended || t->silence_warned || stage_in_flight(s) == 0)
		return INT64_MAX;
	if (clock_now() < due)
		return due;
	msg_warn("no answer for %d s, with %zu records in the command: if it answers only at the "
		 "end of its input, or drops lines, use --rounds",
		 (int)(SILENCE / CLOCK_SEC), stage_in_flight(s));
	t->silence_warned = true;
	return INT64_MAX;
}

static void open_all(struct lbretry *t)
{
	char *error = NULL;

	t->random = (uint64_t)clock_wall() ^ (uint64_t)getpid() << 40;
	t->breaker.base = t->policy.base;
	t->breaker.cap = t->policy.cap;
	if (t->ok_text == NULL)
		return;
	t->ok = expr_new(t->ok_text, &error);
	if (t->ok == NULL)
		cli_misuse("--ok: %s", error);
}

static void close_all(struct lbretry *t)
{
	stage_free(t->stage);
	expr_free(t->ok);
	for (size_t i = 0; i < t->policy.models; i++)
		free(t->models[i]);
	buf_free(&t->reason);
	buf_free(&t->line);
	buf_free(&t->edit);
}

int main(int argc, char **argv)
{
	static const struct cli_tool tool = {
	    .synopsis = "[options] [command [argument ...]]",
	    .purpose = "Send LLM requests through a command (lbcall), and what fails again.",
	    .options = options,
	    .count = sizeof options / sizeof *options,
	    .set = set_option,
	};
	static char *const lbcall[] = {"lbcall", NULL};
	struct lbretry t = {
	    .policy = {.attempts = 5,
		       .base = CLOCK_SEC,
		       .cap = 60 * CLOCK_SEC,
		       .max_wait = 600 * CLOCK_SEC},
	    .budget.percent = 20,
	};

	int operand = cli_start(argc, argv, &tool, &t, &t.shared);
	open_all(&t);
	struct stage_jobs jobs = {
	    .request = on_request,
	    .result = on_result,
	    .finish = on_finish,
	    .fail = on_fail,
	    .opens = t.rounds ? NULL : opens, /* what answers at its end cannot be probed */
	    .idle = t.rounds ? NULL : idle,
	};
	struct stage_options stage_options = {
	    .command = operand < argc ? argv + operand : lbcall,
	    .max_line = (size_t)t.shared.max_line,
	    .keep_order = t.keep_order,
	    .feeds_again = true,
	    .rounds = t.rounds,
	    .restart = true,
	    .hold_most = HOLD_MOST,
	    .pipe_size = PIPE_SIZE,
	    .meter = &t.shared.meter,
	};
	t.stage = stage_new(&stage_options, &jobs, &t);
	int status = stage_run(t.stage);
	close_all(&t);
	return status;
}
