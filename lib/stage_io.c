/* What a stage waits for, reads and writes. */
#include "clock.h"
#include "interrupt.h"
#include "meter.h"
#include "msg.h"
#include "stage_state.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

int64_t stage_io_opens(const struct stage *s)
{
	return s->jobs.opens == NULL || s->stopping || s->halted ? 0 : s->jobs.opens(s->context);
}

void stage_io_idle(struct stage *s)
{
	if (s->jobs.idle != NULL && !s->fatal)
		s->idle_due = s->jobs.idle(s, s->context);
}

/* Is there room for the outcome of another line? */
static bool has_room(const struct stage *s)
{
	if (s->input_ended || s->cut_off || s->fatal || out_pending(&s->out) >= OUT_FULL)
		return false;
	if (s->options.hold_most > 0 && !s->stopping && !s->halted &&
	    hold_count(s->holds) >= s->options.hold_most)
		return false;
	if (s->options.engine != NULL && s->options.engine->room(s->context) == 0)
		return false;
	return s->options.command == NULL || stage_child_has_room(s);
}

bool stage_io_wants_input(const struct stage *s)
{
	return has_room(s) && (s->jobs.opens == NULL || stage_io_opens(s) <= clock_now());
}

/* A read of the input. */
static void read_input(struct stage *s)
{
	const struct stage_engine *engine = s->options.engine;
	size_t most = LINE_READ_BULK;

	/* With requests in flight, not much more is read than there is room for: what waits here
	 * has passed any limit on the rate that stands before us. */
	if (engine != NULL && engine->in_flight(s->context) > 0) {
		most = engine->room(s->context) * 1024;
		if (most < LINE_READ_PAGE)
			most = LINE_READ_PAGE;
		if (most > LINE_READ_BULK)
			most = LINE_READ_BULK;
	}
	if (line_fill(&s->in, most) < 0) {
		msg_warn("stdin: %s", strerror(errno));
		stage_raise(s, STATUS_SYSTEM);
		line_stop(&s->in);
	}
	s->hungry = false;
}

/* A filter with nothing else to look after may wait in its writes, which is cheaper than waiting
 * for each page that the reader frees. */
static enum out_mode write_mode(const struct stage *s)
{
	bool engine_idle =
	    s->options.engine == NULL || s->options.engine->in_flight(s->context) == 0;
	bool alone = s->options.command == NULL && engine_idle && hold_count(s->holds) == 0;
	return alone ? OUT_WAIT : OUT_TRY;
}

/* Write all, unless nobody reads. */
static void write_last(struct stage *s)
{
	struct pollfd ready = {STDOUT_FILENO, POLLOUT, 0};

	while (s->unwritten == 0 && out_write(&s->out, OUT_TRY) == 0 && out_pending(&s->out) > 0)
		if (poll(&ready, 1, 1000) == 0)
			break;
	if (s->out.error == 0) {
		s->unwritten += out_pending(&s->out);
		out_drop(&s->out);
	}
}

void stage_io_write(struct stage *s)
{
	if (s->giving_up)
		write_last(s);
	else
		out_write(&s->out, write_mode(s));
	if (s->out.error == 0)
		return;
	if (s->out.error != EPIPE)
		msg_warn("stdout: %s", strerror(s->out.error));
	stage_fatal(s, STATUS_SYSTEM);
}

void stage_io_finish(struct stage *s)
{
	struct out *out = &s->out;
	bool reported = out->error != 0;

	while (out->error == 0 && out_pending(out) > 0 && interrupt_count() < 2)
		out_write(out, OUT_WAIT);
	write_last(s);
	if (s->unwritten > 0) {
		msg_warn("stdout: nobody reads; %zu bytes were not written", s->unwritten);
		stage_raise(s, STATUS_SYSTEM);
	}
	if (out_close(out) == 0)
		return;
	if (!reported && errno != EPIPE)
		msg_warn("stdout: %s", strerror(errno));
	stage_raise(s, STATUS_SYSTEM);
}

/* Milliseconds until something is due, rounded up; -1 for never. */
static int time_left(const struct stage *s)
{
	int64_t due = meter_deadline(s->options.meter);
	int64_t opens = stage_io_opens(s);

	if (stage_hold_due(s) < due)
		due = stage_hold_due(s);
	if (s->jobs.opens != NULL && has_room(s) && opens > clock_now() && opens < due)
		due = opens;
	if (s->options.engine != NULL) {
		int64_t deadline = s->options.engine->deadline(s->context);
		due = deadline < due ? deadline : due;
	}
	if (s->idle_due < due)
		due = s->idle_due;
	if (due == INT64_MAX)
		return -1;
	int64_t left = due - clock_now();
	if (left <= 0)
		return 0;
	int64_t ms = (left + CLOCK_MS - 1) / CLOCK_MS;
	return ms < 60000 ? (int)ms : 60000;
}

enum { POLL_SIGNAL, POLL_IN, POLL_OUT, POLL_FEED, POLL_FROM, POLL_ENGINE, POLL_COUNT };

/* What to wait for, apart from the outputs. */
static void fill_poll(const struct stage *s, struct pollfd fds[POLL_COUNT])
{
	for (int i = 0; i < POLL_COUNT; i++)
		fds[i] = (struct pollfd){-1, POLLIN, 0};
	fds[POLL_SIGNAL].fd = interrupt_fd();
	if (s->hungry && stage_io_wants_input(s))
		fds[POLL_IN].fd = STDIN_FILENO;
	if (s->child.out >= 0 && out_pending(&s->out) < OUT_FULL)
		fds[POLL_FROM].fd = s->child.out;
	if (s->options.engine != NULL)
		fds[POLL_ENGINE].fd = s->options.engine->descriptor(s->context);
	/* Without POLLOUT it still shows that the reader has gone. */
	fds[POLL_OUT] = (struct pollfd){STDOUT_FILENO, 0, 0};
}

/* Can something be done without waiting for anybody? */
static bool has_work(const struct stage *s)
{
	if (s->cut_off && !s->input_ended)
		return true;
	if (!s->hungry && stage_io_wants_input(s)) /* lines that are in memory */
		return true;
	bool ready = stage_child_is_losing(s) || (s->order != NULL && order_ready(s->order));
	return ready && !stage_is_full(s);
}

/* Poll; before it comes to waiting, what has gathered is written. */
static int poll_or_write(struct stage *s, struct pollfd fds[POLL_COUNT])
{
	if (out_pending(&s->out) > 0 || out_pending(&s->feed) > 0) {
		int ready = poll(fds, POLL_COUNT, 0);
		if (ready != 0)
			return ready;
		stage_io_write(s);
		if (s->options.command != NULL)
			stage_child_feed(s, true);
		fill_poll(s, fds); /* there may be room again for what was held back */
		if (out_pending(&s->out) > 0)
			fds[POLL_OUT].events = POLLOUT;
		if (s->child.in >= 0 && out_pending(&s->feed) > 0)
			fds[POLL_FEED] = (struct pollfd){s->child.in, POLLOUT, 0};
	}
	/* What was written has made room. */
	return s->fatal || has_work(s) ? 0 : poll(fds, POLL_COUNT, time_left(s));
}

void stage_io_wait(struct stage *s)
{
	struct pollfd fds[POLL_COUNT];

	fill_poll(s, fds);
	if (s->jobs.idle != NULL && !has_work(s) && poll(fds, POLL_COUNT, 0) == 0) {
		stage_io_idle(s);
		fill_poll(s, fds);
	}
	if (poll_or_write(s, fds) < 0) {
		if (errno == EINTR)
			return;
		msg_warn("poll: %s", strerror(errno));
		stage_fatal(s, STATUS_SYSTEM);
		return;
	}
	/* The descriptor was not looked at if it did not come to waiting. */
	if (fds[POLL_SIGNAL].revents != 0 || interrupt_count() > s->signals) {
		stage_handle_signals(s);
		stage_child_reap(s);
	}
	if ((fds[POLL_OUT].revents & (POLLERR | POLLHUP)) != 0)
		stage_fatal(s, STATUS_SYSTEM);
	if (fds[POLL_IN].revents != 0 && stage_io_wants_input(s))
		read_input(s);
	if (fds[POLL_FROM].revents != 0 && !s->fatal && s->child.out >= 0)
		stage_child_read(s);
}
