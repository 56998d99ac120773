/* Records that are kept back for a time, and their release. */
#include "clock.h"
#include "msg.h"
#include "stage_state.h"

#include <errno.h>
#include <string.h>

size_t stage_held(const struct stage *s)
{
	return hold_count(s->holds);
}

void stage_hold(struct stage *s, uint64_t sequence, struct json_span line, int64_t until,
		const void *note, size_t note_length)
{
	struct record r;
	struct line own = {line.at, line.length, sequence + 1, line.length};

	if (hold_add(s->holds, until, sequence, false, line, note, note_length) == 0)
		return;
	stage_no_room(s, "records that wait");
	record_parse(&r, &own, false);
	stage_cancel(s, sequence, &r, "no room to keep it until it can be sent");
}

/* A held record's time has come, or it is cancelled. */
static void release_one(struct stage *s)
{
	struct buf text = {0};
	struct held held;
	struct record r;

	if (hold_take(s->holds, &held, &text) < 0) {
		msg_warn("temporary file for records that wait: %s", strerror(errno));
		stage_fatal(s, STATUS_SYSTEM);
		goto out;
	}
	struct line line = {text.data, text.length, held.sequence + 1, text.length};
	record_parse(&r, &line, false);
	if (held.forward && (s->stopping || s->dead || s->halted)) {
		struct stage_flight flight = {.sequence = held.sequence,
					      .request = r.text,
					      .note = held.note.data,
					      .note_length = held.note.length};
		stage_lost(s, &flight);
	} else if (held.forward) {
		stage_child_send(s, held.sequence, r.custom_id, r.text, held.note.data,
				 held.note.length);
	} else if (s->stopping) {
		stage_cancel(s, held.sequence, &r, "interrupted while it waited");
	} else {
		s->jobs.request(s, s->context, &r, held.sequence, held.note.data, held.note.length);
	}
out:
	buf_free(&held.note);
	buf_free(&text);
}

int64_t stage_hold_due(const struct stage *s)
{
	int64_t next = hold_next(s->holds), opens;

	if (hold_count(s->holds) == 0 || stage_is_full(s))
		return INT64_MAX;
	if (s->stopping || s->halted)
		return 0;
	if (s->options.command != NULL && !stage_child_has_room(s))
		return INT64_MAX;
	opens = stage_io_opens(s);
	return next > opens ? next : opens;
}

void stage_hold_release(struct stage *s)
{
	int64_t now = clock_now();

	while (!s->fatal && stage_hold_due(s) <= now) {
		bool ending = s->stopping || s->halted;
		if (s->options.command != NULL && !ending && !stage_child_ready(s))
			break;
		release_one(s);
	}
}
