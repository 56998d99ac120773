/* The jobs. */
#include "store_flow.h"
#include "clock.h"
#include "mem.h"
#include "msg.h"
#include "store_flow_state.h"

#include <stdlib.h>
#include <string.h>

/* How often it is looked whether what is waited for has come: ten times as long as looking takes,
 * within these bounds. */
#define LOOK_LEAST (20 * CLOCK_MS)
#define LOOK_MOST  (5 * CLOCK_SEC)

int64_t store_flow_now(void)
{
	return clock_wall() / CLOCK_MS;
}

int64_t store_flow_oldest(const struct store_flow *f, int64_t now)
{
	int64_t limit = f->options.refresh ? f->began : 0;

	if (f->options.ttl > 0 && now - f->options.ttl > limit)
		limit = now - f->options.ttl;
	return limit;
}

struct store_flow *store_flow_new(const struct store_flow_options *options)
{
	struct store_flow *f = mem_zero(1, sizeof *f);

	f->options = *options;
	f->waits = store_waits_new();
	f->last_kept = &f->kept;
	f->version = -1;
	f->began = store_flow_now();
	return f;
}

void store_flow_free(struct store_flow *f)
{
	if (f == NULL)
		return;
	store_waits_free(f->waits);
	buf_free(&f->line);
	buf_free(&f->hex);
	buf_free(&f->text);
	free(f);
}

/* The key of a request, if it is one and has one. */
static bool make_key(struct store_flow *f, const struct record *r, unsigned char *key)
{
	struct buf message = {0};

	if (f->options.store == NULL || f->broken || r->kind != RECORD_REQUEST)
		return false;
	bool made = store_key_make(&f->options.rule, r, key, &message);
	if (!made && message.length > 0 && !f->warned) {
		msg_warn("line %llu: --key: %s; such requests are not cached",
			 (unsigned long long)r->number, buf_string(&message));
		f->warned = true;
	}
	buf_free(&message);
	return made;
}

static void look_up(struct store_flow *f, const struct record *r, uint64_t sequence)
{
	unsigned char key[STORE_KEY];
	int64_t now = store_flow_now();

	if (!make_key(f, r, key)) {
		stage_forward(f->stage, sequence, r->custom_id, r->text, NULL, 0);
		return;
	}
	buf_clear(&f->text);
	int found = store_get(f->options.store, key, store_flow_oldest(f, now), now, &f->text);
	if (found > 0) {
		struct json_span response = {f->text.data, f->text.length};
		store_flow_answer(f, sequence, r, key, response);
	} else if (found < 0) {
		store_flow_cancel(f, sequence, r, "the cache cannot be used");
		store_flow_break(f, store_problem(f->options.store));
	} else if (f->options.read_only) {
		store_flow_forward(f, sequence, r, key);
	} else {
		store_flow_keep_request(f, r, sequence, key);
	}
}

/*
 * Make the line of a request without the marks of a former answer, which would be taken for our
 * own, or for those of a cache in the command. A "miss" that goes into a command stays: it is for
 * the other half of a cache around us. Returns whether there are any.
 */
static bool unmark(const struct store_flow *f, const struct record *r, struct buf *line)
{
	static const struct json_edit edits[] = {{"cache", {NULL, 0}}, {"key", {NULL, 0}}};
	struct json_member lb[] = {JSON_MEMBER("cache"), JSON_MEMBER("key")};

	if (f->options.store == NULL || r->kind != RECORD_REQUEST)
		return false;
	json_find(r->lb, lb, 2);
	bool marked = lb[0].value.at != NULL || lb[1].value.at != NULL;
	if (!marked || (f->options.wraps && json_equals(lb[0].value, "miss")))
		return false;
	record_set(line, r, NULL, 0, edits, 2);
	return true;
}

static void on_request(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		       const void *note, size_t note_length)
{
	struct store_flow *f = context;
	struct buf text = {0};
	struct record own;

	(void)note;
	(void)note_length;
	f->stage = s;
	if (r->lb.at != NULL && unmark(f, r, &text)) {
		struct line line = {text.data, text.length, r->number, text.length};
		record_parse(&own, &line, false);
		r = &own;
	}
	look_up(f, r, sequence);
	buf_free(&text);
}

/* The key that a result was asked under, if this cache is to do something about it. */
static bool asked_under(const struct store_flow *f, const struct record *r,
			const struct stage_flight *flight, unsigned char *key)
{
	if (f->options.store == NULL)
		return false;
	if (flight == NULL)
		return json_equals(record_lb(r, "cache"), "miss") &&
		       store_key_read(record_lb(r, "key"), key);
	if (flight->note_length != STORE_KEY)
		return false;
	memcpy(key, flight->note, STORE_KEY);
	return true;
}

static void on_result(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		      const struct stage_flight *flight)
{
	struct store_flow *f = context;
	unsigned char key[STORE_KEY];

	f->stage = s;
	if (!asked_under(f, r, flight, key))
		stage_emit_record(s, sequence, r);
	else if (f->options.read_only || f->broken)
		store_flow_emit(f, sequence, r, "\"miss\"", key);
	else
		store_flow_keep_result(f, r, sequence, key, store_is_good(r));
}

static void on_finish(struct stage *s, void *context, bool stopped)
{
	(void)s;
	(void)stopped;
	((struct store_flow *)context)->finished = true;
}

static void cancel_waiting(struct store_flow *f)
{
	struct store_wait *question;
	struct record r;
	uint64_t sequence;

	while ((question = store_waits_first(f->waits)) != NULL &&
	       store_flow_take(f, question, &sequence, &r) == 0)
		store_flow_cancel(f, sequence, &r,
				  f->broken ? "the cache cannot be used"
					    : "interrupted while it waited");
}

/* Look whether what is waited for has come, or is asked by nobody any more. */
static void look(struct store_flow *f)
{
	int64_t began = clock_now(), now = store_flow_now();
	int64_t oldest = store_flow_oldest(f, now);
	struct store_wait *next;

	for (struct store_wait *q = store_waits_first(f->waits); q != NULL; q = next) {
		next = q->next;
		int settled = store_is_settled(f->options.store, q->key, oldest, now);
		if (settled > 0)
			store_flow_wake(f, q);
		if (settled < 0) {
			store_flow_break(f, store_problem(f->options.store));
			break;
		}
	}
	store_flow_flush(f);
	int64_t ended = clock_now(), pause = 10 * (ended - began);
	if (pause < LOOK_LEAST)
		pause = LOOK_LEAST;
	f->next_look = ended + (pause < LOOK_MOST ? pause : LOOK_MOST);
}

/*
 * When nothing else is left, the stage would end: a record that is held keeps it running. Not
 * before, since the command's input stays open for held records, and it may be one that answers
 * only at its end: others may wait for those answers, and we for theirs.
 */
static void stay(struct store_flow *f)
{
	struct store_wait *question = store_waits_first(f->waits);
	struct record r;
	uint64_t sequence;

	if (!f->finished || question == NULL || stage_in_flight(f->stage) > 0 ||
	    stage_held(f->stage) > 0)
		return;
	if (store_flow_take(f, question, &sequence, &r) == 0)
		stage_hold(f->stage, sequence, r.text, f->next_look, "", 1);
}

static int64_t on_idle(struct stage *s, void *context)
{
	struct store_flow *f = context;

	f->stage = s;
	if (f->options.store == NULL)
		return INT64_MAX;
	store_flow_flush(f);
	if (stage_stopping(s))
		cancel_waiting(f);
	else if (store_waits_first(f->waits) != NULL && clock_now() >= f->next_look)
		look(f);
	if (!f->broken && store_rest(f->options.store) < 0)
		store_flow_break(f, store_problem(f->options.store));
	stay(f);
	return store_waits_first(f->waits) != NULL ? f->next_look : INT64_MAX;
}

const struct stage_jobs store_flow_jobs = {
    .request = on_request,
    .result = on_result,
    .finish = on_finish,
    .idle = on_idle,
};
