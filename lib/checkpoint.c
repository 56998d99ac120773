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

struct group {
	struct buf text, out; /* lines as they are logged, and as they are written out */
	size_t count;
	struct journal_line lines[GROUP_COUNT];
	uint64_t sequences[GROUP_COUNT];
	size_t out_ends[GROUP_COUNT];
	struct journal_wait *asked[GROUP_COUNT]; /* NULL in pipe form */
};

/* Where each group is to be on disk before anything of it is written out, it is on its way there
 * while the next one gathers. */
struct checkpoint {
	struct stage *stage;
	struct journal *journal;
	struct journal_waits *waits; /* what is out */
	int64_t sync, sync_due;      /* clock_now time */
	struct group groups[2];
	struct group *gathering, *appended; /* the second is empty but with a sync of 0 */
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
	c->gathering = &c->groups[0];
	c->appended = &c->groups[1];
	return c;
}

void checkpoint_free(struct checkpoint *c)
{
	if (c == NULL)
		return;
	journal_waits_free(c->waits);
	for (size_t i = 0; i < 2; i++) {
		buf_free(&c->groups[i].text);
		buf_free(&c->groups[i].out);
	}
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

void checkpoint_ask(struct checkpoint *c, const struct record *r, uint64_t sequence,
		    const struct buf *id, uint64_t request, enum journal_found found,
		    struct checkpoint_count *count)
{
	bool other;
	struct journal_wait *w = journal_waits_find(c->waits, id, request, &other);

	if (w != NULL) {
		count->joined++;
		journal_waits_join(w, sequence, r->custom_id);
		return;
	}
	if (other || found == JOURNAL_SHARED)
		count->shared++;
	else if (found == JOURNAL_CHANGED)
		count->changed++;
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

/* Append what has gathered. Returns 0, or -1 after a message. */
static int append(struct checkpoint *c)
{
	const struct group *g = c->gathering;

	if (g->count == 0)
		return 0;
	if (journal_lock(c->journal) < 0 ||
	    journal_append(c->journal, g->text.data, g->lines, g->count) < 0)
		return -1;
	if (c->sync > 0 && c->sync != CHECKPOINT_NEVER && c->sync_due == INT64_MAX)
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

static void empty(struct group *g)
{
	g->count = 0;
	buf_clear(&g->text);
	buf_clear(&g->out);
}

/* Write out a group that is in the log, and on disk if it has to be. */
static void emit_group(struct checkpoint *c, struct group *g)
{
	size_t logged = 0, out = 0;

	for (size_t i = 0; i < g->count; i++) {
		const struct journal_line *l = &g->lines[i];
		stage_emit(c->stage, g->sequences[i],
			   (struct json_span){g->out.data + out, g->out_ends[i] - out}, l->failed);
		if (g->asked[i] != NULL)
			emit_waiters(c, g->asked[i],
				     (struct json_span){g->text.data + logged, l->end - 1 - logged},
				     l->failed);
		logged = l->end;
		out = g->out_ends[i];
	}
	empty(g);
}

/* Bring to disk what was appended, and write it out. Returns 0, or -1 with the run ended. */
static int finish_appended(struct checkpoint *c)
{
	if (c->appended->count == 0)
		return 0;
	if (journal_sync(c->journal) == 0) {
		emit_group(c, c->appended);
		return 0;
	}
	empty(c->appended);
	end_run(c);
	return -1;
}

/* The group is full. */
static void flush(struct checkpoint *c)
{
	struct group *g = c->gathering;
	bool fine = finish_appended(c) == 0;

	if (g->count == 0)
		return;
	if (!fine || append(c) < 0) {
		empty(g);
		end_run(c);
	} else if (c->sync != 0) {
		emit_group(c, g);
	} else {
		journal_begin_sync(c->journal);
		c->gathering = c->appended;
		c->appended = g;
	}
}

static void flush_all(struct checkpoint *c)
{
	flush(c);
	finish_appended(c);
}

void checkpoint_emit(struct checkpoint *c, uint64_t sequence, const struct journal_result *done,
		     struct json_span custom_id)
{
	/* It may have been appended just now. */
	if (finish_appended(c) == 0)
		emit(c, sequence, done->text, false, done->custom_id, custom_id);
}

void checkpoint_log(struct checkpoint *c, const struct record *r, uint64_t sequence,
		    const struct buf *id, uint64_t request, struct journal_wait *wait)
{
	struct group *g = c->gathering;

	journal_set_mark(&g->text, r, JOURNAL_LOGGED, id, request);
	buf_addc(&g->text, '\n');
	/* Around a command a mark is that of another log, farther in. */
	if (wait != NULL || !journal_unmark(&g->out, r))
		buf_add(&g->out, r->text.at, r->text.length);
	g->out_ends[g->count] = g->out.length;
	g->sequences[g->count] = sequence;
	g->asked[g->count] = wait;
	g->lines[g->count++] = (struct journal_line){
	    .end = g->text.length,
	    .id = journal_id(id->data, id->length),
	    .request = request,
	    .named = id->length > 0,
	    .failed = record_failed(r),
	};
	if (g->count == GROUP_COUNT || g->text.length >= GROUP_BYTES)
		flush(c);
}

int64_t checkpoint_idle(struct checkpoint *c)
{
	flush_all(c);
	if (journal_trace(c->journal, journal_waits_count(c->waits), true) < 0)
		end_run(c);
	if (c->sync_due <= clock_now() && sync_log(c) < 0)
		end_run(c);
	return c->sync_due;
}

void checkpoint_pause(struct checkpoint *c)
{
	flush_all(c);
	if (sync_log(c) < 0)
		end_run(c);
	journal_unlock(c->journal);
}

int checkpoint_end(struct checkpoint *c)
{
	int result = append(c);

	if (result == 0)
		result = sync_log(c);
	if (journal_waits_count(c->waits) == 0)
		journal_untrace(c->journal);
	return result;
}
