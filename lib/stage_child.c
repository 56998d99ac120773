/* The command that a stage is wrapped around: starting, feeding, reading. */
#include "clock.h"
#include "interrupt.h"
#include "mem.h"
#include "msg.h"
#include "stage_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Is it a file with input, given as other filters take it? */
static bool is_input(const char *name)
{
	struct stat file;

	return stat(name, &file) == 0 && S_ISREG(file.st_mode) && access(name, X_OK) < 0;
}

int stage_child_start(struct stage *s)
{
	char *const *argv = s->options.command;

	if (child_start(&s->child, argv, s->options.pipe_size) < 0) {
		const char *reason = strerror(errno);
		if (is_input(argv[0]))
			msg_warn("cannot run %s: it is a file that is not executable: input is "
				 "read from stdin, < %s",
				 argv[0], argv[0]);
		else
			msg_warn("cannot run %s: %s", argv[0], reason);
		return -1;
	}
	out_init(&s->feed, s->child.in);
	/* Lines may have grown on their way through the command: what it writes is limited only so
	 * that memory is bounded. */
	size_t max =
	    s->options.max_line > (size_t)256 << 20 ? s->options.max_line : (size_t)256 << 20;
	line_init(&s->from, s->child.out, max);
	s->answers = 0;
	s->end = 0;
	s->left_others = false;
	s->queued = s->written = 0;
	return 0;
}

bool stage_child_is_there(const struct stage *s)
{
	return s->child.pid > 0 || s->child.out >= 0;
}

bool stage_child_is_losing(const struct stage *s)
{
	return s->child.out < 0 && flight_count(s->flights) > 0;
}

bool stage_child_has_room(const struct stage *s)
{
	size_t ahead = s->options.pipe_size > 0 ? (size_t)s->options.pipe_size : OUT_FULL;

	if (stage_child_is_losing(s))
		return false;
	if (s->dead || s->child_halted || !stage_child_is_there(s))
		return true;
	return s->child.in >= 0 && out_pending(&s->feed) < ahead;
}

bool stage_child_ready(struct stage *s)
{
	if (!stage_child_is_there(s) && !s->dead && !stage_child_is_losing(s) &&
	    stage_child_start(s) < 0) {
		s->dead = true;
		stage_raise(s, STATUS_SYSTEM);
	}
	return stage_child_has_room(s);
}

void stage_child_close(struct stage *s)
{
	if (s->child.in >= 0)
		s->written = s->queued - out_pending(&s->feed);
	buf_free(&s->feed.pending);
	s->feed.sent = 0;
	child_close_in(&s->child);
}

/* Append the line with another custom_id, one that is not in flight, and make its key. */
static void make_up_id(struct stage *s, struct json_span line, struct buf *renamed)
{
	char id[64];
	struct json_edit edit = {"custom_id", {id, 0}};

	do {
		edit.value.length = (size_t)snprintf(id, sizeof id, "\"lb-%ld-%" PRIu64 "\"",
						     (long)getpid(), ++s->made_up);
		flight_key(&s->key, edit.value);
	} while (flight_find(s->flights, &s->key) != NULL);
	json_set(renamed, line, &edit, 1);
}

void stage_child_send(struct stage *s, uint64_t sequence, struct json_span custom_id,
		      struct json_span line, const void *note, size_t note_length)
{
	struct stage_flight unsent = {
	    .sequence = sequence, .request = line, .note = note, .note_length = note_length};
	struct buf renamed = {0};
	struct flight *f;

	if (s->dead || s->child_halted || json_type(line) != JSON_OBJECT) {
		stage_lost(s, &unsent);
		return;
	}
	if (s->child.in < 0) {
		if (hold_add(s->holds, 0, sequence, true, line, note, note_length) < 0)
			goto full;
		return;
	}
	flight_key(&s->key, custom_id);
	bool rename = s->key.length == 0 || flight_find(s->flights, &s->key) != NULL;
	if (rename)
		make_up_id(s, line, &renamed);
	if (flight_add(s->flights, &s->key, line, note, note_length, &f) < 0)
		goto full;
	f->sequence = sequence;
	f->since = clock_now();
	if (rename) {
		f->own_id = mem_copy(custom_id.at, custom_id.length);
		line = (struct json_span){renamed.data, renamed.length};
	}
	out_line(&s->feed, line.at, line.length);
	s->queued += line.length + 1;
	f->end = s->queued;
	buf_free(&renamed);
	return;
full:
	stage_no_room(s, "records in flight");
	stage_lost(s, &unsent);
	buf_free(&renamed);
}

void stage_child_settle(struct stage *s, struct flight *f, const struct record *answer)
{
	struct buf request = {0};
	bool was_read = answer != NULL || f->end <= s->written;
	struct stage_flight flight = {.sequence = f->sequence, .since = was_read ? f->since : 0};

	if (spool_get(&f->request, &request) < 0) {
		msg_warn("temporary file for records in flight: %s", strerror(errno));
		stage_fatal(s, STATUS_SYSTEM);
	}
	flight_remove(s->flights, f);
	flight.request = (struct json_span){request.data, request.length};
	flight.note = flight_note(f);
	flight.note_length = f->note_length;
	if (!s->fatal && answer == NULL)
		stage_lost(s, &flight);
	else if (!s->fatal)
		s->jobs.result(s, s->context, answer, flight.sequence, &flight);
	buf_free(&request);
	flight_release(f);
}

/* A record that went under a made-up id gets its own back. */
static void settle_renamed(struct stage *s, struct flight *f, const struct record *r)
{
	struct json_edit edit = {"custom_id", {NULL, 0}};
	struct buf own = {0};
	struct record renamed;

	if (f->own_id[0] != '\0')
		edit.value = (struct json_span){f->own_id, strlen(f->own_id)};
	json_set(&own, r->text, &edit, 1);
	struct line line = {own.data, own.length, r->number, own.length};
	record_parse(&renamed, &line, false);
	stage_child_settle(s, f, &renamed);
	buf_free(&own);
}

static void stray_line(struct stage *s, const struct record *r, const char *why)
{
	/* It was cut off in the middle of a line. */
	if (s->child_halted || s->giving_up || s->replacing)
		return;
	if (s->strays++ < 3)
		msg_warn("%s wrote a line that %s, left out: %.*s", s->options.command[0], why,
			 r->text.length < 60 ? (int)r->text.length : 60, r->text.at);
}

static void handle_answer(struct stage *s, const struct line *line, bool too_long)
{
	struct record r;

	if (record_parse(&r, line, too_long) == RECORD_BAD) {
		stray_line(s, &r, "is no record");
		return;
	}
	flight_key(&s->key, r.custom_id);
	struct flight *f = flight_find(s->flights, &s->key);
	if (f == NULL) {
		stray_line(s, &r, "answers no record it was given");
		return;
	}
	s->answers++;
	if (f->own_id != NULL)
		settle_renamed(s, f, &r);
	else
		stage_child_settle(s, f, &r);
}

void stage_child_read(struct stage *s)
{
	struct line line;
	enum line_state state;

	if (line_fill(&s->from, LINE_READ_BULK) < 0) {
		msg_warn("reading from %s: %s", s->options.command[0], strerror(errno));
		stage_fatal(s, STATUS_SYSTEM);
		return;
	}
	while (!s->fatal && (state = line_next(&s->from, &line)) != LINE_NONE) {
		if (state == LINE_END) {
			stage_child_end(s);
			return;
		}
		handle_answer(s, &line, state == LINE_TOO_LONG);
	}
}

void stage_child_feed(struct stage *s, bool about_to_wait)
{
	if (s->child.in < 0)
		return;
	bool last = s->finished && hold_count(s->holds) == 0;
	/* What is held waits for results, which come at the end of its input only. */
	bool round = s->options.rounds && hold_count(s->holds) > 0 &&
		     flight_count(s->flights) > 0 && stage_io_opens(s) == INT64_MAX;
	if ((last || round || out_pending(&s->feed) >= OUT_FULL || about_to_wait) &&
	    out_write(&s->feed, OUT_TRY) < 0) {
		stage_child_close(
		    s); /* it reads no more; its end will show what it made of the rest */
		return;
	}
	bool more = s->options.feeds_again && !s->options.rounds && !s->stopping &&
		    flight_count(s->flights) > 0;
	if (round && out_pending(&s->feed) == 0) {
		stage_child_close(s);
		return;
	}
	if (!last || out_pending(&s->feed) > 0 || more)
		return;
	stage_io_idle(s);
	if (hold_count(s->holds) == 0 && out_pending(&s->feed) == 0)
		stage_child_close(s);
}

void stage_child_halt(struct stage *s)
{
	s->child_halted = true;
	stage_child_close(s);
	if (s->child.pid > 0)
		interrupt_ask(s->child.pid);
}

void stage_discount(struct stage *s)
{
	if (s->answers > 0)
		s->answers--;
}

void stage_replace(struct stage *s)
{
	if (s->child.pid <= 0 || s->replacing || s->child_halted)
		return;
	s->replacing = true;
	stage_child_close(s);
	interrupt_ask(s->child.pid);
}
