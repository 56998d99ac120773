#include "checkpoint.h"
#include "buf.h"
#include "clock.h"
#include "journal.h"
#include "journal_wait.h"
#include "mem.h"
#include "msg.h"
#include "stage.h"

#include <stdlib.h>
#include <string.h>

/* A group is appended when it has come to either. */
#define GROUP_BYTES ((size_t)64 * 1024)
#define GROUP_COUNT ((size_t)256)

struct checkpoint {
	struct stage *stage;
	struct journal *journal;
	struct journal_waits *waits; /* what is out */
	int64_t sync, sync_due;      /* clock_now time */

	/* The group. */
	struct buf text, out; /* lines as they are logged, and as they are written out */
	size_t count;
	struct journal_line lines[GROUP_COUNT];
	uint64_t sequences[GROUP_COUNT];
	size_t out_ends[GROUP_COUNT];
	struct journal_wait *asked[GROUP_COUNT]; /* NULL in pipe form */

	struct buf line;
};

struct checkpoint *checkpoint_new(struct stage *s, struct journal *j, int64_t sync, bool trust_ids)
{
	struct checkpoint *c = mem_zero(1, sizeof *c);

	c->stage = s;
	c->journal = j;
	c->waits = journal_waits_new(trust_ids);
	c->sync = sync;
	c->sync_due = INT64_MAX;
	return c;
}

void checkpoint_free(struct checkpoint *c)
{
	if (c == NULL)
		return;
	journal_waits_free(c->waits);
	buf_free(&c->text);
	buf_free(&c->out);
	buf_free(&c->line);
	free(c);
}

static void end_run(struct checkpoint *c)
{
	stage_fatal(c->stage, STATUS_SYSTEM);
}

static void emit(struct checkpoint *c, uint64_t sequence, struct json_span line, bool failed,
		 struct json_span theirs, struct json_span own)
{
	struct json_edit edit = {"custom_id", own};

	if (theirs.length != own.length ||
	    (own.length > 0 && memcmp(theirs.at, own.at, own.length) != 0)) {
		buf_clear(&c->line);
		json_set(&c->line, line, &edit, 1);
		line = (struct json_span){c->line.data, c->line.length};
	}
	stage_emit(c->stage, sequence, line, failed);
}

void checkpoint_emit(struct checkpoint *c, uint64_t sequence, const struct journal_result *done,
		     struct json_span custom_id)
{
	emit(c, sequence, done->text, false, done->custom_id, custom_id);
}

void checkpoint_ask(struct checkpoint *c, const struct record *r, uint64_t sequence,
		    const struct buf *id, uint64_t request, bool is_new, uint64_t *joined,
		    uint64_t *changed)
{
	bool other;
	struct journal_wait *w = journal_waits_find(c->waits, id, request, &other);

	if (w != NULL) {
		++*joined;
		journal_waits_join(w, sequence, r->custom_id);
		return;
	}
	if (is_new && other)
		++*changed;
	w = journal_waits_add(c->waits, id, request);
	buf_clear(&c->line);
	if (journal_trace(c->journal, journal_waits_count(c->waits), false) < 0)
		end_run(c);
	else if (journal_unmark(&c->line, r)) /* that of an earlier result does not hold any more */
		stage_forward(c->stage, sequence, r->custom_id,
			      (struct json_span){c->line.data, c->line.length}, &w, sizeof w);
	else
		stage_forward(c->stage, sequence, r->custom_id, r->text, &w, sizeof w);
}

/* Append the group. Returns 0, or -1 after a message. */
static int store(struct checkpoint *c)
{
	if (c->count == 0)
		return 0;
	if (journal_lock(c->journal) < 0 ||
	    journal_append(c->journal, c->text.data, c->lines, c->count) < 0)
		return -1;
	if (c->sync == 0)
		return journal_sync(c->journal);
	if (c->sync_due == INT64_MAX && c->sync != CHECKPOINT_NEVER)
		c->sync_due = clock_now() + c->sync;
	return 0;
}

static int sync_log(struct checkpoint *c)
{
	c->sync_due = INT64_MAX;
	return c->sync == CHECKPOINT_NEVER ? 0 : journal_sync(c->journal);
}

/* Write the result out for those that waited for another's, as it would come from the log. */
static void emit_waiters(struct checkpoint *c, struct journal_wait *w, struct json_span line,
			 bool failed)
{
	struct json_span theirs = {NULL, 0};

	if (w->count > 0)
		theirs = json_get(line, "custom_id");
	for (size_t i = 0; i < w->count; i++) {
		const char *own = w->waiters[i].custom_id;
		size_t length = strlen(own);
		emit(c, w->waiters[i].sequence, line, failed, theirs,
		     (struct json_span){length > 0 ? own : NULL, length});
	}
	journal_waits_remove(c->waits, w);
}

static void empty(struct checkpoint *c)
{
	c->count = 0;
	buf_clear(&c->text);
	buf_clear(&c->out);
}

static void flush(struct checkpoint *c)
{
	size_t logged = 0, out = 0;
	bool stored = store(c) == 0;

	if (!stored)
		end_run(c);
	for (size_t i = 0; stored && i < c->count; i++) {
		const struct journal_line *l = &c->lines[i];
		stage_emit(c->stage, c->sequences[i],
			   (struct json_span){c->out.data + out, c->out_ends[i] - out}, l->failed);
		if (c->asked[i] != NULL)
			emit_waiters(c, c->asked[i],
				     (struct json_span){c->text.data + logged, l->end - 1 - logged},
				     l->failed);
		logged = l->end;
		out = c->out_ends[i];
	}
	empty(c);
}

void checkpoint_log(struct checkpoint *c, const struct record *r, uint64_t sequence,
		    const struct buf *id, uint64_t request, struct journal_wait *wait)
{
	journal_set_mark(&c->text, r, JOURNAL_LOGGED, id, request);
	buf_addc(&c->text, '\n');
	/* Around a command a mark is that of another log, farther in. */
	if (wait != NULL || !journal_unmark(&c->out, r))
		buf_add(&c->out, r->text.at, r->text.length);
	c->out_ends[c->count] = c->out.length;
	c->sequences[c->count] = sequence;
	c->asked[c->count] = wait;
	c->lines[c->count++] = (struct journal_line){
	    .end = c->text.length,
	    .id = journal_id(id->data, id->length),
	    .request = request,
	    .named = id->length > 0,
	    .failed = record_failed(r),
	};
	if (c->count == GROUP_COUNT || c->text.length >= GROUP_BYTES)
		flush(c);
}

int64_t checkpoint_idle(struct checkpoint *c)
{
	flush(c);
	if (journal_trace(c->journal, journal_waits_count(c->waits), true) < 0)
		end_run(c);
	if (c->sync_due <= clock_now() && sync_log(c) < 0)
		end_run(c);
	return c->sync_due;
}

void checkpoint_pause(struct checkpoint *c)
{
	flush(c);
	if (sync_log(c) < 0)
		end_run(c);
	journal_unlock(c->journal);
}

int checkpoint_end(struct checkpoint *c)
{
	int result = store(c);

	empty(c);
	if (result == 0)
		result = sync_log(c);
	if (journal_waits_count(c->waits) == 0)
		journal_untrace(c->journal);
	return result;
}
