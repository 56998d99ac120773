#include "batch.h"
#include "batch_messages.h"
#include "batch_openai.h"
#include "blob.h"
#include "clock.h"
#include "engine.h"
#include "errand.h"
#include "fingerprint.h"
#include "incoming.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE  (4 * CLOCK_MS)
#define PAUSE  (5 * CLOCK_MS) /* between looks at a batch whose requests come due one by one */
#define STRIDE 64             /* items between looks at the clock */

void batch_start(struct batch_list *l, uint64_t seed)
{
	rng_seed(&l->request_rng, rng_scatter(seed + 2));
	rng_seed(&l->poll_rng, rng_scatter(seed + 3));
	memcpy(l->faults_left, l->options->faults.counts, sizeof l->faults_left);
}

void batch_drop(struct batch *b)
{
	blob_drop(b->input);
	blob_drop(b->output);
	blob_drop(b->failures);
	seen_free(&b->ids);
	buf_free(&b->metadata);
	buf_free(&b->model);
	buf_free(&b->errors);
	free(b->items);
	free(b);
}

void batch_free(struct batch_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		batch_drop(l->batches[i]);
	free(l->batches);
	outcome_free(&l->reply);
	buf_free(&l->line);
	buf_free(&l->custom);
}

static void enter(struct batch *b, enum batch_state state, int64_t time)
{
	b->state = state;
	b->at[state] = time;
}

struct batch *batch_new(struct batch_list *l, const struct errand *e, const char *prefix,
			enum batch_state state, struct blob *input)
{
	struct batch *b = mem_zero(1, sizeof *b);
	const char *credential = e->call->credential;
	char id[SERIAL_LENGTH + 1];

	serial_next(l->serial, id);
	snprintf(b->id, sizeof b->id, "%s%s", prefix, id);
	b->anthropic = api_is_anthropic(e->call->route.api);
	b->created = e->time;
	b->expires = e->time + l->options->window;
	enter(b, state, e->time);
	b->unseen = l->options->faults.counts[BATCH_FAULT_BATCH_LATE];
	b->unready = l->options->faults.counts[BATCH_FAULT_OUTPUT_LATE];
	b->has_key = credential != NULL;
	if (b->has_key)
		b->key = fingerprint_of(credential, strlen(credential));
	b->input = blob_share(input);
	b->text = blob_map(input);
	return b;
}

/* The items are done in an order that is not theirs in the input: from the last one on, in steps
 * that come by each of them. */
static size_t find_stride(size_t count)
{
	size_t stride = count / 8 * 5 + 1;

	for (;; stride++) {
		size_t a = count, b = stride;
		while (b != 0) {
			size_t rest = a % b;
			a = b;
			b = rest;
		}
		if (a == 1)
			return stride;
	}
}

void batch_add(struct batch_list *l, struct batch *b)
{
	seen_free(&b->ids);
	if (b->count > 0) {
		b->stride = find_stride(b->count);
		b->next = b->count - 1;
	}
	if (batch_fault_strikes(l->faults_left, BATCH_FAULT_CANCEL))
		b->fate = BATCH_TO_CANCEL;
	else if (batch_fault_strikes(l->faults_left, BATCH_FAULT_EXPIRE))
		b->fate = BATCH_TO_EXPIRE;
	else if (batch_fault_strikes(l->faults_left, BATCH_FAULT_VANISH))
		b->fate = BATCH_TO_VANISH;
	if (l->count == l->capacity) {
		l->capacity = l->capacity > 0 ? l->capacity * 2 : 16;
		l->batches = mem_resize(l->batches, l->capacity, sizeof(struct batch *));
	}
	l->batches[l->count++] = b;
}

void batch_item(struct batch *b, uint64_t offset, uint64_t length)
{
	if (b->count == b->capacity) {
		b->capacity = b->capacity > 0 ? b->capacity * 2 : 64;
		b->items = mem_resize(b->items, b->capacity, sizeof *b->items);
	}
	b->items[b->count++] = (struct batch_item){offset, length};
}

bool batch_ended(const struct batch *b)
{
	return b->state >= BATCH_FAILED;
}

/* The end: the input is not needed any more. */
static void finish(struct batch *b, enum batch_state state, int64_t time)
{
	enter(b, state, time);
	blob_rest(b->input);
	blob_drop(b->input);
	free(b->items);
	b->input = NULL;
	b->text = NULL;
	b->items = NULL;
}

/* No more requests are done: those that are left count as late or as called off. */
static void end_with(struct batch *b, enum batch_state ending, int64_t time)
{
	b->ending = ending;
	enter(b, ending == BATCH_CANCELLED ? BATCH_CANCELLING : BATCH_FINALIZING, time);
}

void batch_cancel(struct batch *b, int64_t time)
{
	end_with(b, BATCH_CANCELLED, time);
}

/* How many requests a batch should have done at a time, if nothing comes between. */
static size_t due_at(const struct batch_list *l, const struct batch *b, int64_t time)
{
	int64_t whole = l->options->duration;
	int64_t into = time - b->created - whole / 10;

	if (into < 0)
		return 0;
	if (into >= whole / 10 * 8)
		return b->count;
	return (size_t)((double)b->count * (double)into / ((double)whole * 0.8));
}

/* Do requests until done is reached. Returns false when the slice is over before. */
static bool run_until(struct batch_list *l, struct batch *b, size_t done, enum batch_result wanted,
		      int64_t time, int64_t stop)
{
	while (b->done < done) {
		batch_run(l, b, wanted, time);
		if (b->done % STRIDE == 0 && clock_now() >= stop)
			return b->done >= done;
	}
	return true;
}

/* Each step works on a batch in one state until the slice is over or nothing is due. It returns
 * when to come again: at or before time for at once. */

static int64_t step_validating(struct batch_list *l, struct batch *b, int64_t time, int64_t stop)
{
	int64_t due = b->created + l->options->duration / 10;
	bool expires = b->expires < due;

	while (!batch_openai_check(l, b, STRIDE))
		if (clock_now() >= stop)
			return time;
	if (expires)
		due = b->expires;
	if (time < due)
		return due;
	seen_free(&b->ids);
	if (expires) {
		end_with(b, BATCH_EXPIRED, time);
		return time;
	}
	batch_openai_admit(l, b);
	if (b->error_count > 0) {
		finish(b, BATCH_FAILED, time);
		return INT64_MAX;
	}
	enter(b, BATCH_IN_PROGRESS, time);
	return time;
}

static int64_t step_in_progress(struct batch_list *l, struct batch *b, int64_t time, int64_t stop)
{
	bool halts = b->fate == BATCH_TO_CANCEL || b->fate == BATCH_TO_EXPIRE;
	size_t most = halts ? b->count / 2 : b->count;
	size_t due = due_at(l, b, time < b->expires ? time : b->expires);

	if (due > most)
		due = most;
	if (!run_until(l, b, due, BATCH_SUCCEEDED, time, stop))
		return time;
	if (halts && due == most)
		end_with(b, b->fate == BATCH_TO_CANCEL ? BATCH_CANCELLED : BATCH_EXPIRED, time);
	else if (b->done == b->count)
		end_with(b, b->results[BATCH_LATE] > 0 ? BATCH_EXPIRED : BATCH_COMPLETED, time);
	else if (time >= b->expires)
		end_with(b, BATCH_EXPIRED, time);
	else
		return time + PAUSE < b->expires ? time + PAUSE : b->expires;
	return time;
}

static int64_t step_ending(struct batch_list *l, struct batch *b, int64_t time, int64_t stop)
{
	enum batch_result left = b->ending == BATCH_CANCELLED ? BATCH_CALLED_OFF : BATCH_LATE;
	int64_t due = b->created + l->options->duration;

	if (b->state == BATCH_CANCELLING)
		due = b->at[BATCH_CANCELLING] + l->options->duration / 10;
	else if (b->ending == BATCH_EXPIRED)
		due = time;
	if (!run_until(l, b, b->count, left, time, stop))
		return time;
	if (time < due)
		return due;
	blob_rest(b->output);
	blob_rest(b->failures);
	if (!b->anthropic)
		batch_openai_file(l, b, time);
	finish(b, b->ending, time);
	return INT64_MAX;
}

static int64_t step(struct batch_list *l, struct batch *b, int64_t time, int64_t stop)
{
	switch (b->state) {
	case BATCH_VALIDATING:
		return step_validating(l, b, time, stop);
	case BATCH_IN_PROGRESS:
		return step_in_progress(l, b, time, stop);
	case BATCH_FINALIZING:
	case BATCH_CANCELLING:
		return step_ending(l, b, time, stop);
	default:
		return INT64_MAX;
	}
}

int64_t batch_work(struct batch_list *l, int64_t time)
{
	int64_t stop = clock_now() + SLICE;
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < l->count; i++) {
		int64_t due = time;
		while (due <= time && clock_now() < stop)
			due = step(l, l->batches[i], time, stop);
		if (due < next)
			next = due;
	}
	return next;
}
