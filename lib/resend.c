#include "resend.h"
#include "attempt.h"
#include "backoff.h"
#include "clock.h"
#include "expr.h"
#include "json.h"
#include "msg.h"
#include "record.h"
#include "resend_state.h"

#include <string.h>
#include <unistd.h>

/* No more of the input is read while so many records wait. */
#define HOLD_MOST 10000

/* How long a retry waits for the budget before it looks again. */
#define BUDGET_PAUSE CLOCK_SEC

/* ...and for how long without a request that would add to it. */
#define BUDGET_PATIENCE (10 * CLOCK_SEC)

/* Of the pipe to the command: what lies in it has been sent, as far as anybody here can tell, when
 * a quota or an outage shows. */
#define PIPE_SIZE 4096

static uint64_t draw(struct resend *t)
{
	return backoff_random(&t->random);
}

static struct json_span span_of(const struct buf *b)
{
	return (struct json_span){b->data, b->length};
}

static void forward(struct resend *t, struct json_span request, uint64_t sequence,
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
static void take_line(struct resend *t, const struct record *r, uint64_t sequence)
{
	struct attempt a = {.state.first = clock_now()};

	t->last_line = a.state.first;
	t->next = sequence + 1;
	if (r->kind == RECORD_RESULT) { /* somebody has answered it */
		stage_emit_record(t->stage, sequence, r);
	} else if (stage_halted(t->stage)) {
		resend_emit_rest(t, r->text, sequence);
	} else {
		t->budget.requests++;
		forward(t, r->text, sequence, &a);
	}
}

/* A retry that is not in the budget waits, as long as requests may come that add to it. */
static void wait_for_budget(struct resend *t, struct json_span joined, uint64_t sequence,
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
		resend_emit_spent(t, attempt_result(joined), sequence);
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
	struct resend *t = context;
	struct attempt a;

	if (note == NULL) {
		take_line(t, r, sequence);
		return;
	}
	attempt_read(&a, note, note_length);
	int64_t age = clock_now() - a.state.first;
	if (stage_halted(s))
		resend_emit_rest(t, attempt_result(r->text), sequence);
	else if (t->options->policy.deadline > 0 && age > t->options->policy.deadline)
		stage_emit(t->stage, sequence, attempt_result(r->text), true);
	else if (a.state.granted || retry_take(&t->budget))
		forward(t, attempt_request(r->text), sequence, &a);
	else
		wait_for_budget(t, r->text, sequence, &a);
}

static void on_finish(struct stage *s, void *context, bool stopped)
{
	struct resend *t = context;

	(void)s;
	(void)stopped;
	t->input_ended = true;
	silence_break(&t->silence, clock_now());
}

/* The stage gives a record up: one that waits has a result already. */
static void on_fail(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		    const char *code, const char *message)
{
	struct resend *t = context;

	if (sequence < t->next) {
		stage_emit(s, sequence, attempt_result(r->text), true);
		return;
	}
	buf_clear(&t->edit);
	record_fail(&t->edit, r, code, message);
	stage_emit(s, sequence, span_of(&t->edit), true);
}

/* Let the record wait for its next attempt. */
static void hold(struct resend *t, const struct stage_flight *flight, struct attempt *a,
		 unsigned old_model, int64_t until)
{
	struct json_span request = flight->request;
	struct buf note = {0}, edited = {0}, joined = {0};

	if (a->state.model != old_model) {
		const char *name = t->options->models[a->state.model - 1];
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
static bool is_ok(struct resend *t, const struct record *r)
{
	struct buf message = {0};
	bool value = false;

	if (t->options->ok == NULL)
		return true;
	bool known = expr_test(t->options->ok, r->text, &value, &message) > 0;
	if (!known && message.length > 0 && !t->ok_told) {
		msg_warn("--ok: %s", buf_string(&message));
		t->ok_told = true;
	}
	buf_free(&message);
	return known && value;
}

/* Did it come back at once, since the command has died too often? */
static bool never_sent(const struct resend *t, const struct stage_flight *flight)
{
	return flight->lost && t->forwarding;
}

/* A failure that another attempt may mend; the next one is planned, and if free not in the budget.
 */
static void again(struct resend *t, const struct stage_flight *flight, struct attempt *a,
		  unsigned old_model, bool free, int64_t until)
{
	if (stage_halted(t->stage)) {
		resend_emit_rest(t, span_of(&t->line), flight->sequence);
		return;
	}
	if (never_sent(t, flight) || stage_stopping(t->stage)) {
		stage_emit(t->stage, flight->sequence, span_of(&t->line), true);
		return;
	}
	a->state.granted = free || retry_take(&t->budget);
	if (!a->state.granted && t->input_ended)
		resend_emit_spent(t, span_of(&t->line), flight->sequence);
	else
		hold(t, flight, a, old_model, until);
}

static bool has_code(const struct record *r, const char *code)
{
	return json_equals(json_get(r->error, "code"), code);
}

/*
 * Has the record come back for want of a command, and not for its own sake or the provider's? A
 * wrapper whose own command has died fails all that it is given, with command_died as we would; and
 * what it holds when it is asked to end for that comes back cancelled.
 */
static bool is_returned(const struct record *r, const struct stage_flight *flight)
{
	bool given_up = has_code(r, "cancelled") && !json_is_set(r->response);

	return flight->lost || has_code(r, "command_died") || given_up;
}

/* Had the command not read it when it died, or the one inside a wrapper? Then that was no attempt.
 */
static bool was_unread(const struct record *r, const struct stage_flight *flight)
{
	if (flight->lost)
		return flight->since == 0;
	return has_code(r, "command_died") && !json_is_set(record_lb(r, "ms"));
}

/* The command works no more, as a returned record shows: both it and its own are started anew. */
static void start_anew(struct stage *s, const struct record *r)
{
	stage_discount(s);
	if (has_code(r, "command_died"))
		stage_replace(s);
}

/* The request itself came back: a command that calls nobody, like lbthrottle without lbcall. */
static bool is_unanswered(const struct record *r, const struct stage_flight *flight)
{
	return r->kind == RECORD_REQUEST && json_is_set(json_get(flight->request, "body"));
}

static void emit_unanswered(struct resend *t, const struct record *r, uint64_t sequence)
{
	buf_clear(&t->edit);
	record_fail(&t->edit, r, "unanswered",
		    "the request came back as it was: is lbcall missing behind the command?");
	stage_emit(t->stage, sequence, span_of(&t->edit), true);
}

/* Tell the breaker of a result, and the user if it opens: what follows may take its time. */
static void tell_breaker(struct resend *t, const struct record *r, bool ok, int64_t now)
{
	bool was_closed = t->breaker.state == BREAKER_CLOSED;
	struct buf code = {0};

	breaker_result(&t->breaker, ok, stage_in_flight(t->stage), now, draw(t));
	if (!was_closed || t->breaker.state != BREAKER_OPEN || t->options->rounds ||
	    stage_halted(t->stage))
		return;
	json_text(&code, json_get(r->error, "code"));
	msg_warn(
	    "%d failures in a row, the last one %s: until one succeeds, requests go one by one "
	    "(--stop-after ends such a run)",
	    BREAKER_TRIP, buf_string(&code));
	buf_free(&code);
}

/* What becomes of the record, whose result is in t->line; its next attempt is free of the budget or
 * not. */
static void act(struct resend *t, const struct stage_flight *flight, struct attempt *a,
		const struct retry_outcome *o, bool returned, bool free, int64_t now)
{
	unsigned model = a->state.model;
	int64_t until = now;

	switch (
	    retry_decide(&t->options->policy, &a->state, o, t->successes, now, draw(t), &until)) {
	case RETRY_DONE:
		t->successes++;
		t->failed_in_row = 0;
		stage_emit(t->stage, flight->sequence, span_of(&t->line), false);
		break;
	case RETRY_FAILED:
		if (stage_halted(t->stage) && returned)
			resend_emit_rest(t, span_of(&t->line), flight->sequence);
		else
			stage_emit(t->stage, flight->sequence, span_of(&t->line), true);
		break;
	case RETRY_QUOTA:
		resend_emit_quota(t, span_of(&t->line), flight->sequence);
		break;
	case RETRY_AGAIN:
		again(t, flight, a, model, free, until);
		break;
	}
}

/* The result job. */
static void on_result(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		      const struct stage_flight *flight)
{
	struct resend *t = context;
	struct retry_outcome o;
	struct attempt a;
	int64_t now = clock_now();

	silence_break(&t->silence, now);
	if (is_unanswered(r, flight)) {
		emit_unanswered(t, r, sequence);
		return;
	}
	attempt_read(&a, flight->note, flight->note_length);
	if (never_sent(t, flight) || was_unread(r, flight)) {
		a.state.attempts--;
		a.state.tries--;
	}
	retry_read(&o, r->response, r->error, record_lb(r, "ratelimit"), clock_wall());
	o.rejected = o.class == PROVIDER_OK && !is_ok(t, r);
	bool returned = is_returned(r, flight);
	bool overtaken = !t->options->rounds && breaker_overtook(&t->breaker, flight->since);
	/* Neither the command's end nor a refusal to send says anything of the provider. */
	bool tells = o.class <= PROVIDER_TRANSIENT || json_is_set(r->response);
	if (returned)
		o.class = PROVIDER_TRANSIENT;
	if (returned && !flight->lost)
		start_anew(s, r);
	else if (!returned && tells)
		tell_breaker(t, r, o.class != PROVIDER_TRANSIENT, now);
	bool failed = o.rejected || (o.class != PROVIDER_OK && !returned);
	/* A longer window is another question, not the same one again; the command's end is no
	 * sign of an outage; and what an outage finds on its way, in the pipes of the tools behind,
	 * the breaker lets out slowly once that is over. */
	bool free = returned || overtaken || o.class == PROVIDER_LENGTH;
	buf_clear(&t->line);
	attempt_line(&t->line, &a, r, flight->request, o.rejected);
	act(t, flight, &a, &o, returned, free, now);
	if (failed)
		resend_count_failure(t, r->error);
}

/* When the next record may go. */
static int64_t opens(void *context)
{
	struct resend *t = context;
	return breaker_opens(&t->breaker, stage_in_flight(t->stage));
}

/* At the end of the input the command's stays open for retries. */
static int64_t idle(struct stage *s, void *context)
{
	struct resend *t = context;

	if (!t->input_ended)
		return INT64_MAX;
	return silence_check(&t->silence, stage_in_flight(s), clock_now());
}

int resend_run(const struct resend_options *options, const struct stage_options *given)
{
	struct resend t = {
	    .options = options,
	    .budget.percent = options->budget,
	    .breaker = {.base = options->policy.base, .cap = options->policy.cap},
	    .random = (uint64_t)clock_wall() ^ (uint64_t)getpid() << 40,
	};
	/* What answers at its end cannot be probed. */
	struct stage_jobs jobs = {
	    .request = on_request,
	    .result = on_result,
	    .finish = on_finish,
	    .fail = on_fail,
	    .opens = options->rounds ? NULL : opens,
	    .idle = options->rounds ? NULL : idle,
	};
	struct stage_options stage_options = *given;

	stage_options.feeds_again = true;
	stage_options.rounds = options->rounds;
	stage_options.restart = true;
	stage_options.hold_most = HOLD_MOST;
	stage_options.pipe_size = PIPE_SIZE;
	t.stage = stage_new(&stage_options, &jobs, &t);
	int status = stage_run(t.stage);
	stage_free(t.stage);
	buf_free(&t.reason);
	buf_free(&t.line);
	buf_free(&t.edit);
	return status;
}
