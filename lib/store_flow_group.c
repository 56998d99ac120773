/* What is kept back to be written in a group, and what becomes of it. */
#include "mem.h"
#include "msg.h"
#include "store_flow_state.h"

#include <stdlib.h>
#include <string.h>

/* A group is written when this much has gathered: so many requests, or results, or bytes. */
#define GROUP_RECORDS 1024
#define GROUP_BYTES   ((size_t)2 << 20)

enum fate {
	UNDECIDED,
	STORED,
	NOT_STORED,
	FOUND,
	CLAIMED,
	WAITS,
};

struct store_kept {
	struct store_kept *next;
	uint64_t sequence;
	bool result, good; /* good: an answer to be stored */
	bool looked_up;    /* in vain, since the group before was written */
	enum fate fate;
	unsigned char key[STORE_KEY];
	struct buf response; /* the answer that was found */
	struct record record;
	char text[];
};

static struct store_kept *keep(struct store_flow *f, const struct record *r, uint64_t sequence,
			       const unsigned char *key)
{
	struct store_kept *k = mem_alloc(sizeof *k + r->text.length);

	*k = (struct store_kept){.sequence = sequence, .record = *r};
	memcpy(k->key, key, STORE_KEY);
	memcpy(k->text, r->text.at, r->text.length);
	record_move(&k->record, k->text);
	*f->last_kept = k;
	f->last_kept = &k->next;
	f->kept_bytes += r->text.length;
	return k;
}

static void flush_if_full(struct store_flow *f)
{
	if (f->kept_requests >= GROUP_RECORDS || f->kept_results >= GROUP_RECORDS ||
	    f->kept_bytes >= GROUP_BYTES)
		store_flow_flush(f);
}

void store_flow_keep_request(struct store_flow *f, const struct record *r, uint64_t sequence,
			     const unsigned char *key)
{
	keep(f, r, sequence, key)->looked_up = true;
	f->kept_requests++;
	flush_if_full(f);
}

void store_flow_keep_result(struct store_flow *f, const struct record *r, uint64_t sequence,
			    const unsigned char *key, bool good)
{
	struct store_kept *k = keep(f, r, sequence, key);

	k->result = true;
	k->good = good;
	f->kept_results++;
	flush_if_full(f);
}

static struct store_kept *take_kept(struct store_flow *f)
{
	struct store_kept *list = f->kept;

	f->kept = NULL;
	f->last_kept = &f->kept;
	f->kept_requests = f->kept_results = f->kept_bytes = 0;
	return list;
}

static void free_kept(struct store_kept *k)
{
	buf_free(&k->response);
	free(k);
}

int store_flow_take(struct store_flow *f, struct store_wait *question, uint64_t *sequence,
		    struct record *r)
{
	buf_clear(&f->text);
	if (store_waits_take(f->waits, question, sequence, &f->text) < 0) {
		store_flow_break_waiting(f);
		stage_fatal(f->stage, STATUS_SYSTEM);
		return -1;
	}
	struct line line = {f->text.data, f->text.length, *sequence + 1, f->text.length};
	record_parse(r, &line, false);
	return 0;
}

void store_flow_wake(struct store_flow *f, struct store_wait *question)
{
	unsigned char key[STORE_KEY];
	struct record r;
	uint64_t sequence;

	memcpy(key, question->key, STORE_KEY);
	if (store_flow_take(f, question, &sequence, &r) == 0)
		keep(f, &r, sequence, key);
}

/* All that wait for an answer get it. */
static void serve(struct store_flow *f, const unsigned char *key, struct json_span response)
{
	struct store_wait *question;
	struct record r;
	uint64_t sequence;

	while ((question = store_waits_find(f->waits, key)) != NULL &&
	       store_flow_take(f, question, &sequence, &r) == 0)
		store_flow_answer(f, sequence, &r, key, response);
}

/*
 * Was the question of a result asked, by whichever process? In pipe form a claim says so; when that
 * has been forgotten, the record may say it itself. A result that carries another question's key is
 * not stored. Returns 1, 0 or -1.
 */
static int was_asked(const struct store_flow *f, const struct store_kept *k)
{
	unsigned char key[STORE_KEY];
	struct buf message = {0};
	int claimed = f->options.wraps ? 1 : store_is_claimed(f->options.store, k->key);

	if (claimed != 0)
		return claimed;
	bool same = json_type(k->record.body) == JSON_OBJECT &&
		    store_key_make(&f->options.rule, &k->record, key, &message) &&
		    memcmp(key, k->key, STORE_KEY) == 0;
	buf_free(&message);
	return same;
}

/* Has the group answered this question? It says so of a few others as well. */
static bool *answered(struct store_flow *f, const unsigned char *key)
{
	return &f->answered[hash_number(key) % STORE_FLOW_ANSWERED];
}

/* Decide what becomes of a result, in a group. Returns 0 or -1. */
static int decide_result(struct store_flow *f, struct store_kept *k, int64_t now)
{
	struct store *store = f->options.store;
	int asked = k->good ? was_asked(f, k) : 0;

	k->fate = asked > 0 ? STORED : NOT_STORED;
	if (asked > 0) {
		*answered(f, k->key) = true;
		return store_put(store, k->key, k->record.response, now);
	}
	return asked < 0 ? -1 : store_release(store, k->key);
}

/* ...and of a request. */
static int decide_request(struct store_flow *f, struct store_kept *k, int64_t now)
{
	struct store *store = f->options.store;
	int64_t oldest = store_flow_oldest(f, now);
	int found = 0;

	/* What was looked up in vain need not be again, unless somebody has stored it since. */
	if (!k->looked_up || f->others_wrote || *answered(f, k->key))
		found = store_get(store, k->key, oldest, now, &k->response);
	if (found < 0)
		return -1;
	if (found > 0) {
		k->fate = FOUND;
		return 0;
	}
	if (stage_stopping(f->stage))
		return 0;
	int claimed = store_claim(store, k->key, now);
	k->fate = claimed > 0 ? CLAIMED : WAITS;
	return claimed < 0 ? -1 : 0;
}

/*
 * Notice whether other processes have written since the group before, in a group. What is kept was
 * looked up after that one: if nobody has, only answers of this group can be news. Returns 0 or -1.
 */
static int note_version(struct store_flow *f)
{
	int64_t version = store_version(f->options.store);

	f->others_wrote = version != f->version;
	f->version = version;
	return version < 0 ? -1 : 0;
}

/* Decide about all of them; or about the results, if nothing can be asked any more. */
static int decide_all(struct store_flow *f, struct store_kept *list, bool results_only)
{
	struct store *store = f->options.store;
	int64_t now = store_flow_now();

	if (store_begin(store) < 0)
		return -1;
	int result = note_version(f);
	memset(f->answered, 0, sizeof f->answered);
	for (struct store_kept *k = list; result == 0 && k != NULL; k = k->next) {
		if (k->result)
			result = decide_result(f, k, now);
		else if (!results_only)
			result = decide_request(f, k, now);
	}
	if (result == 0)
		return store_commit(store);
	store_rollback(store);
	return -1;
}

/* A result has come out: the next one that waits may have to ask. */
static void carry_on(struct store_flow *f, const struct store_kept *k)
{
	struct store_wait *question = store_waits_find(f->waits, k->key);

	if (question != NULL && !f->broken)
		store_flow_wake(f, question);
}

static void carry_out(struct store_flow *f, struct store_kept *k)
{
	struct json_span response = {k->response.data, k->response.length};

	switch (k->fate) {
	case STORED:
		store_flow_emit(f, k->sequence, &k->record, "\"stored\"", k->key);
		carry_on(f, k);
		break;
	case NOT_STORED:
		store_flow_emit(f, k->sequence, &k->record, "\"miss\"", k->key);
		carry_on(f, k);
		break;
	case FOUND:
		store_flow_answer(f, k->sequence, &k->record, k->key, response);
		serve(f, k->key, response);
		break;
	case CLAIMED:
		store_flow_forward(f, k->sequence, &k->record, k->key);
		break;
	case WAITS:
		if (store_waits_add(f->waits, k->key, k->sequence, k->record.text) == 0)
			break;
		store_flow_cancel(f, k->sequence, &k->record, "it could not be kept waiting");
		store_flow_break_waiting(f);
		break;
	case UNDECIDED:
		store_flow_cancel(f, k->sequence, &k->record,
				  f->broken ? "the cache cannot be used"
					    : "interrupted before it was sent");
		break;
	}
}

void store_flow_flush(struct store_flow *f)
{
	struct store_kept *list, *next;

	if (f->flushing)
		return;
	f->flushing = true;
	while ((list = take_kept(f)) != NULL) {
		if (f->broken || decide_all(f, list, false) < 0) {
			for (struct store_kept *k = list; k != NULL; k = k->next)
				k->fate = k->result ? NOT_STORED : UNDECIDED;
			store_flow_break(f, store_problem(f->options.store));
		}
		for (; list != NULL; list = next) {
			next = list->next;
			carry_out(f, list);
			free_kept(list);
		}
	}
	f->flushing = false;
}

int store_flow_save(struct store_flow *f)
{
	struct store_kept *list = take_kept(f), *next;
	int result = 0;

	if (list != NULL && !f->broken && decide_all(f, list, true) < 0) {
		msg_warn("%s", store_problem(f->options.store));
		result = -1;
	}
	for (; list != NULL; list = next) {
		next = list->next;
		free_kept(list);
	}
	return result;
}
