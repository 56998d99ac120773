/* The loop: input, output, signals, and the end. */
#include "stage.h"
#include "clock.h"
#include "interrupt.h"
#include "mem.h"
#include "meter.h"
#include "msg.h"
#include "stage_state.h"
#include "tempfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct stage *stage_new(const struct stage_options *options, const struct stage_jobs *jobs,
			void *context)
{
	struct stage *s = mem_zero(1, sizeof *s);

	s->options = *options;
	s->jobs = *jobs;
	s->context = context;
	s->child = CHILD_NONE;
	s->idle_due = INT64_MAX;
	line_init(&s->in, STDIN_FILENO, options->max_line);
	out_init(&s->out, STDOUT_FILENO);
	out_widen(&s->out);
	s->spool = spool_new(SPOOL_MEMORY);
	s->holds = hold_new(s->spool);
	s->flights = flight_new(s->spool);
	if (options->keep_order)
		s->order = order_new(&s->out, s->spool);
	return s;
}

void stage_free(struct stage *s)
{
	if (s == NULL)
		return;
	order_free(s->order);
	flight_free(s->flights);
	hold_free(s->holds);
	spool_free(s->spool);
	line_free(&s->from);
	line_free(&s->in);
	buf_free(&s->feed.pending);
	buf_free(&s->out.pending);
	buf_free(&s->key);
	free(s);
}

void stage_raise(struct stage *s, int status)
{
	/* A wrong command line matters more than that it was stopped then. */
	static const int weights[] = {
	    [STATUS_FAILED] = 1, [STATUS_STOPPED] = 2, [STATUS_USAGE] = 3, [STATUS_SYSTEM] = 4};

	if (weights[status] > weights[s->status])
		s->status = status;
}

void stage_fatal(struct stage *s, int status)
{
	stage_raise(s, status);
	s->fatal = true;
}

bool stage_stopping(const struct stage *s)
{
	return s->stopping;
}

bool stage_halted(const struct stage *s)
{
	return s->halted;
}

bool stage_is_full(const struct stage *s)
{
	return out_pending(&s->out) >= OUT_FULL;
}

size_t stage_in_flight(const struct stage *s)
{
	return flight_count(s->flights);
}

/* What waits for its turn can be kept no longer. The answers are paid for: they come out of order.
 */
static void give_up_order(struct stage *s, struct json_span line)
{
	msg_warn("temporary file for records that wait for their turn: %s; "
		 "the rest comes out of order",
		 strerror(errno));
	order_give_up(s->order);
	order_put(s->order, 0, line);
	stage_stop(s);
	stage_raise(s, STATUS_SYSTEM);
}

/* A line for stdout, in its turn. */
static void put_line(struct stage *s, uint64_t sequence, struct json_span line)
{
	if (s->order == NULL) {
		if (line.at != NULL)
			out_line(&s->out, line.at, line.length);
	} else if (order_put(s->order, sequence, line) < 0) {
		give_up_order(s, line);
	}
}

void stage_emit(struct stage *s, uint64_t sequence, struct json_span line, bool failed)
{
	struct meter *m = s->options.meter;
	struct json_span lb = {NULL, 0};

	if (m->progress || m->verbose)
		lb = json_get(line, "lb");
	meter_count(m, failed, lb);
	put_line(s, sequence, line);
}

void stage_emit_record(struct stage *s, uint64_t sequence, const struct record *r)
{
	meter_count(s->options.meter, record_failed(r), r->lb);
	put_line(s, sequence, r->line);
}

void stage_skip(struct stage *s, uint64_t sequence)
{
	put_line(s, sequence, (struct json_span){NULL, 0});
}

void stage_forward(struct stage *s, uint64_t sequence, struct json_span custom_id,
		   struct json_span line, const void *note, size_t note_length)
{
	if (s->options.command != NULL)
		stage_child_send(s, sequence, custom_id, line, note, note_length);
	else
		stage_emit(s, sequence, line, false);
}

/* Is it surely a request or result of these tools, rather than an item with members of such names?
 * An item that failed before has an error, but no response. */
static bool is_ours(const struct record *r)
{
	if (r->custom_id.at == NULL)
		return false;
	bool answered = r->response.at != NULL || json_type(r->custom_id) == JSON_NULL;
	return r->kind == RECORD_REQUEST || (r->kind == RECORD_RESULT && answered);
}

/* Is the record this tool's request, if it comes on stdin? */
static bool is_request(const struct stage *s, const struct record *r)
{
	if (s->options.command != NULL)
		return true;
	if (s->options.items)
		return !is_ours(r);
	return r->kind == RECORD_REQUEST;
}

static void reject(struct stage *s, const struct record *r, uint64_t sequence)
{
	const char *hint = s->sequence == 1 ? record_hint(r) : NULL;
	struct buf text = {0};

	if (hint != NULL)
		msg_warn("line %llu: %s", (unsigned long long)r->number, hint);
	record_reject(&text, r, hint);
	stage_emit(s, sequence, (struct json_span){text.data, text.length}, true);
	buf_free(&text);
}

static void cancel_line(struct stage *s, uint64_t sequence, const struct record *r)
{
	s->cut_off = true;
	stage_cancel(s, sequence, r, "interrupted before it was sent");
}

static void handle_line(struct stage *s, const struct line *line, bool too_long)
{
	struct record r;
	uint64_t sequence = s->sequence++;

	if (record_parse(&r, line, too_long) == RECORD_BAD)
		reject(s, &r, sequence);
	else if (is_request(s, &r) && s->stopping)
		cancel_line(s, sequence, &r);
	else if (is_request(s, &r))
		s->jobs.request(s, s->context, &r, sequence, NULL, 0);
	else if (r.kind == RECORD_RESULT && s->jobs.result != NULL)
		s->jobs.result(s, s->context, &r, sequence, NULL);
	else if (r.kind == RECORD_ITEM && s->jobs.other != NULL)
		s->jobs.other(s, s->context, &r, sequence);
	else
		stage_emit_record(s, sequence, &r);
}

static void end_input(struct stage *s)
{
	s->input_ended = true;
	if (s->finished)
		return;
	s->finished = true;
	if (s->jobs.finish != NULL)
		s->jobs.finish(s, s->context, s->stopping);
}

/* Read no more. What was read but not begun is cancelled. */
static void cut_input(struct stage *s)
{
	struct line line;
	enum line_state state;

	while ((state = line_next(&s->in, &line)) == LINE_OK || state == LINE_TOO_LONG)
		handle_line(s, &line, state == LINE_TOO_LONG);
	end_input(s);
}

/* Does it pass results on that others had in flight, and has nothing in flight itself? */
static bool passes_results(const struct stage *s)
{
	return s->options.command == NULL && s->options.engine == NULL && s->jobs.result != NULL &&
	       !isatty(STDIN_FILENO);
}

/*
 * A filter goes on after the first signal for as long as results come in: they are what others, in
 * a pipeline that was interrupted as a whole, had in flight. It ends with the first request. Jobs
 * call this too, in the middle of their work: the input is cut when they are through.
 */
void stage_stop(struct stage *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	stage_raise(s, STATUS_STOPPED);
	if (!passes_results(s))
		s->cut_off = true;
}

void stage_no_room(struct stage *s, const char *what)
{
	if (s->status != STATUS_SYSTEM)
		msg_warn("temporary file for %s: %s; no more is sent", what, strerror(errno));
	stage_stop(s);
	stage_raise(s, STATUS_SYSTEM);
}

void stage_halt(struct stage *s)
{
	if (s->halted)
		return;
	s->halted = true;
	stage_raise(s, STATUS_STOPPED);
	if (s->options.command != NULL)
		stage_child_halt(s);
}

/* Take the lines that are in memory. */
static void take_lines(struct stage *s)
{
	struct line line;
	enum line_state state;

	while (stage_io_wants_input(s) && interrupt_count() <= s->signals) {
		state = line_next(&s->in, &line);
		s->hungry = state == LINE_NONE;
		if (state == LINE_NONE)
			break;
		if (state == LINE_END)
			end_input(s);
		else
			handle_line(s, &line, state == LINE_TOO_LONG);
	}
	if (s->cut_off && !s->input_ended)
		cut_input(s);
}

void stage_handle_signals(struct stage *s)
{
	interrupt_drain();
	s->signals = interrupt_count();
	if (interrupt_count() >= 1)
		stage_stop(s);
	/* An order at once behind it might be lost. */
	if (interrupt_asked() && interrupt_count() < 2 && s->options.command != NULL)
		stage_child_halt(s);
	if (interrupt_count() >= 2 && !s->giving_up) {
		s->giving_up = true;
		cut_input(s);
		if (s->options.command != NULL)
			stage_child_give_up(s);
		if (s->options.engine != NULL)
			s->options.engine->cancel(s->context);
	}
}

/* There is room again for lines whose turn has come. */
static void release_ordered(struct stage *s)
{
	if (s->order != NULL && order_release(s->order) < 0) {
		msg_warn("temporary file for records that wait for their turn: %s",
			 strerror(errno));
		stage_fatal(s, STATUS_SYSTEM);
	}
}

/* Has everything come out that can? */
static bool is_done(const struct stage *s)
{
	if (s->order != NULL && order_ready(s->order))
		return false;
	if (!s->finished || hold_count(s->holds) > 0 || stage_child_is_there(s) ||
	    flight_count(s->flights) > 0)
		return false;
	return s->options.engine == NULL || s->options.engine->in_flight(s->context) == 0;
}

int stage_run(struct stage *s)
{
	struct meter *m = s->options.meter;

	interrupt_init();
	/* Better now than when a hundred answers have been paid for. */
	if ((s->options.command != NULL || s->order != NULL || s->options.items) &&
	    tempfile_check() < 0) {
		msg_warn("TMPDIR: no temporary files can be made in %s: %s", tempfile_folder(),
			 strerror(errno));
		return STATUS_USAGE;
	}
	meter_start(m, clock_now());
	if (s->options.command != NULL && stage_child_start(s) < 0)
		return STATUS_USAGE;
	while (!s->fatal) {
		stage_hold_release(s); /* what has waited goes before what is new */
		take_lines(s);
		if (s->options.engine != NULL)
			s->options.engine->run(s->context);
		if (s->options.command != NULL)
			stage_child_feed(s, false);
		stage_child_end_outlived(s);
		stage_child_lose(s);
		if (stage_is_full(s))
			stage_io_write(s);
		release_ordered(s);
		meter_tick(m, clock_now());
		if (is_done(s) || s->idle_due <= clock_now())
			stage_io_idle(s);
		if (s->fatal || is_done(s))
			break;
		stage_io_wait(s);
	}
	if (s->fatal)
		child_stop(&s->child);
	stage_io_finish(s);
	meter_end(m, clock_now());
	stage_raise(s, m->failed > 0 ? STATUS_FAILED : STATUS_OK);
	return s->status;
}
