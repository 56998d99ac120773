/* Answering calls for batches: the way that all providers' calls go. */
#include "batch.h"
#include "batch_messages.h"
#include "batch_openai.h"
#include "engine.h"
#include "errand.h"
#include "incoming.h"
#include "mem.h"
#include "opt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 20 /* batches, if the query does not say */

/* Does it exist for a provider's callers? */
static bool exists(const struct batch *b, bool anthropic)
{
	bool gone = b->fate == BATCH_TO_VANISH && batch_ended(b);
	return b->anthropic == anthropic && !gone;
}

/* The index of a batch, or count if there is none with this id. */
static size_t find_index(const struct batch_list *l, bool anthropic, const char *id, size_t n)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct batch *b = l->batches[i];
		if (exists(b, anthropic) && strlen(b->id) == n && memcmp(b->id, id, n) == 0)
			return i;
	}
	return l->count;
}

/* A look-up may fail although the batch is there. Returns whether it does. */
static bool meets_fault(struct batch_list *l, struct errand *e, struct batch *b)
{
	struct fault fault = fault_draw(&l->options->faults.polls, &l->poll_rng);

	if (fault.kind == FAULT_STATUS) {
		struct engine_task task = {.api = e->call->route.api, .reply = e->reply};
		engine_fault(l->engine, &task, fault);
		errand_status(e, "poll-", fault.status);
		return true;
	}
	if (b == NULL || b->unseen == 0)
		return false;
	b->unseen--;
	errand_fault(e, batch_fault_name(BATCH_FAULT_BATCH_LATE));
	errand_complain(e, 404, NULL, "No batch found with id '%s'.", b->id);
	return true;
}

/* The batch that a call names; NULL after an answer that there is none. A look-up of the batch
 * itself can meet the faults of one. */
static struct batch *find(struct batch_list *l, struct errand *e)
{
	const struct api_route *route = &e->call->route;
	size_t i = find_index(l, api_is_anthropic(route->api), route->id, route->id_length);
	struct batch *b = i < l->count ? l->batches[i] : NULL;

	snprintf(e->batch, sizeof e->batch, "%.*s", (int)route->id_length, route->id);
	if ((route->api == API_BATCH || route->api == API_MESSAGE_BATCH) && meets_fault(l, e, b))
		return NULL;
	if (b == NULL)
		errand_complain(e, 404, NULL, "No batch found with id '%s'.", e->batch);
	return b;
}

/* Fill a page with up to most batches: from index from on, downwards to the oldest or, for a page
 * that ends before a batch, upwards to the newest. Returns how many. */
static int fill(const struct batch_list *l, bool anthropic, size_t from, bool upwards, int most,
		size_t *members, bool *more)
{
	int count = 0;

	*more = false;
	while (upwards ? from < l->count : from > 0) {
		size_t i = upwards ? from++ : --from;
		if (!exists(l->batches[i], anthropic))
			continue;
		*more = count == most;
		if (*more)
			break;
		members[count++] = i;
	}
	for (int low = 0, high = count - 1; upwards && low < high; low++, high--) {
		size_t swapped = members[low];
		members[low] = members[high];
		members[high] = swapped;
	}
	return count;
}

/* Where a page of a list begins, as fill takes it; or false after an answer that the query makes no
 * sense. */
static bool find_page(struct batch_list *l, struct errand *e, int64_t most, size_t *from,
		      int64_t *limit)
{
	const struct incoming_query *query = &e->call->query;
	bool upwards = query->before != NULL;
	const char *mark = upwards ? query->before : query->after;

	*from = l->count;
	*limit = PAGE;
	if (query->limit != NULL &&
	    (opt_count(query->limit, limit) < 0 || *limit < 1 || *limit > most)) {
		errand_complain(e, 400, "limit", "The limit must be from 1 to %d.", (int)most);
		return false;
	}
	if (mark == NULL)
		return true;
	*from = find_index(l, api_is_anthropic(e->call->route.api), mark, strlen(mark));
	if (*from == l->count) {
		errand_complain(e, 400, upwards ? "before_id" : "after",
				"No batch found with id '%.200s'.", mark);
		return false;
	}
	*from += upwards ? 1 : 0;
	return true;
}

/* The page of a list, newest first, that a call asks for. */
static void list(struct batch_list *l, struct errand *e, const struct batch_provider *p)
{
	struct buf *out = &e->reply->body;
	size_t from;
	int64_t limit;
	bool more;

	if (!find_page(l, e, p->page, &from, &limit))
		return;
	size_t *members = mem_alloc((size_t)limit * sizeof *members);
	int count = fill(l, api_is_anthropic(e->call->route.api), from,
			 e->call->query.before != NULL, (int)limit, members, &more);
	buf_adds(out, p->list);
	for (int i = 0; i < count; i++) {
		if (i > 0)
			buf_addc(out, ',');
		p->add_object(out, e, l->batches[members[i]]);
	}
	buf_addc(out, ']');
	errand_string(out, "first_id", count > 0 ? l->batches[members[0]]->id : "");
	errand_string(out, "last_id", count > 0 ? l->batches[members[count - 1]]->id : "");
	buf_addf(out, ",\"has_more\":%s}", more ? "true" : "false");
	free(members);
}

/* Make a batch; the connection may be reset before it, or behind. */
static void create(struct batch_list *l, struct errand *e, const struct batch_provider *p)
{
	enum batch_fault fault = BATCH_FAULT_CREATE_BEFORE;

	if (!batch_fault_strikes(l->faults_left, fault)) {
		p->create(l, e);
		fault = BATCH_FAULT_CREATE_AFTER;
		if (e->reply->status != 200 || !batch_fault_strikes(l->faults_left, fault))
			return;
	}
	errand_fault(e, batch_fault_name(fault));
	e->reply->way = OUTCOME_RESET;
}

static void look_up(struct errand *e, struct batch *b, const struct batch_provider *p)
{
	p->add_object(&e->reply->body, e, b);
	if (batch_ended(b) && b->unready > 0) {
		b->unready--;
		errand_fault(e, batch_fault_name(BATCH_FAULT_OUTPUT_LATE));
	}
}

static void cancel(struct errand *e, struct batch *b, const struct batch_provider *p)
{
	if (batch_ended(b)) {
		p->refuse_cancel(e, b);
		return;
	}
	if (b->state != BATCH_CANCELLING)
		batch_cancel(b, e->time);
	p->add_object(&e->reply->body, e, b);
}

void batch_answer(struct batch_list *l, struct errand *e)
{
	enum api api = e->call->route.api;
	const struct batch_provider *p = api_is_anthropic(api) ? &batch_messages : &batch_openai;
	struct batch *b = NULL;

	if (api == API_BATCH_CREATE || api == API_MESSAGE_BATCH_CREATE)
		create(l, e, p);
	else if (api == API_BATCH_LIST || api == API_MESSAGE_BATCH_LIST)
		list(l, e, p);
	else if ((b = find(l, e)) == NULL)
		return;
	else if (api == API_BATCH || api == API_MESSAGE_BATCH)
		look_up(e, b, p);
	else if (api == API_MESSAGE_BATCH_RESULTS)
		batch_messages_results(e, b);
	else
		cancel(e, b, p);
}
