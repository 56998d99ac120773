/* Looking batches up: one by its id, and lists by the page. */
#include "batch.h"
#include "engine.h"
#include "errand.h"
#include "incoming.h"
#include "mem.h"
#include "opt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

struct batch *batch_find(struct batch_list *l, struct errand *e)
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

int batch_page(struct batch_list *l, struct errand *e, int64_t most, size_t **members, bool *more)
{
	const struct incoming_query *query = &e->call->query;
	bool anthropic = api_is_anthropic(e->call->route.api);
	bool upwards = query->before != NULL;
	const char *mark = upwards ? query->before : query->after;
	size_t from = l->count;
	int64_t limit = 20;

	if (query->limit != NULL &&
	    (opt_count(query->limit, &limit) < 0 || limit < 1 || limit > most)) {
		errand_complain(e, 400, "limit", "The limit must be from 1 to %d.", (int)most);
		return -1;
	}
	if (mark != NULL) {
		from = find_index(l, anthropic, mark, strlen(mark));
		if (from == l->count) {
			errand_complain(e, 400, upwards ? "before_id" : "after",
					"No batch found with id '%.200s'.", mark);
			return -1;
		}
		from += upwards ? 1 : 0;
	}
	*members = mem_alloc((size_t)limit * sizeof **members);
	return fill(l, anthropic, from, upwards, (int)limit, *members, more);
}
