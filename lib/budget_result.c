/* Results: what they settle, and what is deferred. */
#include "budget_state.h"
#include "clock.h"
#include "fnv.h"
#include "mem.h"
#include "money.h"
#include "msg.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long results may wait for requests to be stored with: less often waiting for the disk. */
#define RESULTS_WAIT (20 * CLOCK_MS)

uint64_t budget_hash_command(char *const *command)
{
	uint64_t h = FNV_START;
	char folder[4096];

	if (getcwd(folder, sizeof folder) != NULL)
		h = fnv_add(h, folder, strlen(folder) + 1);
	for (; command != NULL && *command != NULL; command++)
		h = fnv_add(h, *command, strlen(*command) + 1);
	return h;
}

int64_t budget_key(const struct budget *b, const struct record *r)
{
	const struct json_span parts[] = {r->custom_id, r->url, r->body};
	uint64_t h = b->command;

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		h = fnv_add(h, &parts[i].length, sizeof parts[i].length);
		h = fnv_add(h, parts[i].at, parts[i].length);
	}
	return (int64_t)(h >> 1 | 1);
}

void budget_drop_entries(struct budget *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(b->entries[i].name);
	b->entry_count -= count;
	if (b->entry_count > 0)
		memmove(b->entries, b->entries + count, b->entry_count * sizeof *b->entries);
}

/* The reservation that a result is for. */
static void find_reservation(const struct stage_flight *flight, struct json_span id,
			     struct ledger_entry *e, int64_t *bound)
{
	struct budget_ticket ticket;
	char text[17], *end;

	if (flight != NULL && flight->note_length == sizeof ticket) {
		memcpy(&ticket, flight->note, sizeof ticket);
		e->reserved = true;
		e->id = ticket.id;
		e->amount = ticket.amount;
		*bound = ticket.bound;
	} else if (json_type(id) == JSON_STRING && id.length == 18) {
		memcpy(text, id.at + 1, 16);
		text[16] = '\0';
		e->id = strtoull(text, &end, 16);
		e->reserved = end == text + 16 && e->id <= INT64_MAX;
	}
}

void budget_note_cost(struct budget *b, const struct budget_entry *e)
{
	int64_t cost = e->entry.cost, amount = e->entry.amount;
	int64_t bound = e->bound < 0 ? amount : e->bound;
	struct buf text = {0};

	if (e->entry.outcome != LEDGER_SPENT || !e->entry.reserved || amount < 0 || cost <= amount)
		return;
	if (bound > 0 && (double)cost / (double)bound > b->excess)
		b->excess = (double)cost / (double)bound;
	if (b->excess_told)
		return;
	b->excess_told = true;
	buf_adds(&text, "an answer cost $");
	money_print(&text, cost);
	buf_adds(&text, ", more than the $");
	money_print(&text, amount);
	buf_adds(&text, " reserved for it");
	if (e->upgraded)
		buf_adds(&text, ": its service tier is dearer than the one that was asked for");
	if (b->options.command != NULL)
		buf_adds(&text, "; more is reserved from now on");
	msg_warn("%s", buf_string(&text));
	buf_free(&text);
}

/* Was it asked for several times, since it was reserved for once? What lbbatch asks again has not
 * been done before. */
static bool took_retries(const struct record *r)
{
	int64_t attempts;

	return json_integer(record_lb(r, "attempts"), &attempts) == 0 && attempts > 1 &&
	       !json_is_set(record_lb(r, "batch"));
}

void budget_result(struct budget *b, struct stage *s, const struct pricing *p,
		   const struct record *r, const struct stage_flight *flight, const char *name)
{
	struct ledger_entry e = {.amount = -1, .cost = p->cost, .usage = p->usage};
	struct json_span none = {NULL, 0};
	int64_t bound = -1;
	bool unpriced = p->kind == PRICING_UNPRICED || p->kind == PRICING_UNTOLD;

	silence_break(&b->silence, clock_now());
	find_reservation(flight, flight == NULL ? record_lb(r, "reserved") : none, &e, &bound);
	e.priced = p->kind == PRICING_PRICED || p->kind == PRICING_KNOWN;
	/* One that had a price before it came here is in some ledger already. */
	if (p->kind == PRICING_PRICED || (p->kind == PRICING_KNOWN && e.reserved) ||
	    (unpriced && !e.reserved))
		e.outcome = LEDGER_SPENT;
	else if (unpriced || p->kind == PRICING_DOUBTFUL || p->kind == PRICING_DEFERRED)
		e.outcome = LEDGER_DOUBTFUL;
	else
		e.outcome = LEDGER_FREE;
	if (b->broken || (!e.reserved && e.outcome != LEDGER_SPENT))
		return;
	b->retried += e.reserved && p->kind == PRICING_PRICED && took_retries(r);
	bool deferred = p->kind == PRICING_DEFERRED && b->options.command != NULL;
	if (deferred)
		e.key = budget_key(b, r);
	b->deferred += e.reserved && deferred;
	b->doubtful += e.reserved && e.outcome == LEDGER_DOUBTFUL && !deferred;
	b->opens = 0; /* there may be room now */
	if (b->entry_count == b->entry_room) {
		b->entry_room += BUDGET_GROUP_MOST;
		b->entries = mem_resize(b->entries, b->entry_room, sizeof *b->entries);
	}
	if (b->entry_count == 0)
		b->entries_due = clock_now() + RESULTS_WAIT;
	struct budget_entry *new = &b->entries[b->entry_count++];
	*new = (struct budget_entry){.entry = e, .bound = bound, .upgraded = p->upgraded};
	if (p->model == NULL)
		new->name = mem_copy(name, strlen(name));
	new->entry.model = p->model != NULL ? p->model->name : new->name;
	if (b->entry_count >= BUDGET_GROUP_MOST)
		budget_write_group(b, s);
}
