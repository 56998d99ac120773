/* Reserving and settling. */
#include "ledger.h"
#include "ledger_state.h"
#include "mem.h"
#include "money.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A cost that is more comes from numbers that make no sense; sums of this can be held. */
#define COST_MOST   (INT64_C(1000000) * MONEY_DOLLAR)
#define TOKENS_MOST INT64_C(1000000000000)
#define NAME_MOST   200

void ledger_day_text(int64_t seconds, bool first_of_month, char day[LEDGER_DAY_SIZE])
{
	time_t time = (time_t)seconds;
	struct tm tm;

	gmtime_r(&time, &tm);
	if (first_of_month)
		tm.tm_mday = 1;
	strftime(day, LEDGER_DAY_SIZE, "%Y-%m-%d", &tm);
}

void ledger_forget_sums(struct ledger *l)
{
	while (l->sum_count > 0)
		free(l->sums[--l->sum_count].model);
}

const char *ledger_problem(const struct ledger *l)
{
	return db_problem(l->db);
}

int64_t ledger_spent(const struct ledger *l)
{
	return l->spent;
}

int64_t ledger_reserved(const struct ledger *l)
{
	return l->reserved;
}

int64_t ledger_settled(const struct ledger *l)
{
	return l->settled;
}

bool ledger_has_deferred(const struct ledger *l)
{
	return l->has_deferred;
}

/* The first day of the period that now is in. */
static void period_start(const struct ledger *l, char day[LEDGER_DAY_SIZE])
{
	if (l->period == LEDGER_EVER)
		memcpy(day, "0000-00-00", LEDGER_DAY_SIZE);
	else
		ledger_day_text(l->now, l->period == LEDGER_MONTH, day);
}

static int read_totals(struct ledger *l)
{
	char day[LEDGER_DAY_SIZE];

	period_start(l, day);
	db_set_bytes(l->db, LEDGER_SQL_SPENT, 1, day, LEDGER_DAY_SIZE - 1);
	if (db_step(l->db, LEDGER_SQL_SPENT) < 1)
		return -1;
	l->spent = db_integer(l->db, LEDGER_SQL_SPENT, 0);
	db_reset(l->db, LEDGER_SQL_SPENT);
	int result = db_step(l->db, LEDGER_SQL_TOTALS);
	if (result == 0)
		return db_damaged(l->db, "it has no totals");
	if (result < 0)
		return -1;
	l->reserved = db_integer(l->db, LEDGER_SQL_TOTALS, 0);
	l->settled = db_integer(l->db, LEDGER_SQL_TOTALS, 1);
	l->has_deferred = db_integer(l->db, LEDGER_SQL_TOTALS, 2) != 0;
	db_reset(l->db, LEDGER_SQL_TOTALS);
	if (l->spent < 0 || l->reserved < 0)
		return db_damaged(l->db, "a sum of money is negative");
	return 0;
}

int ledger_begin(struct ledger *l, int64_t now)
{
	l->now = now;
	l->orphans_known = false;
	if (l->db == NULL)
		return 0;
	l->reserved_change = l->settled_change = 0;
	if (db_begin(l->db) < 0)
		return -1;
	if (read_totals(l) == 0)
		return 0;
	db_rollback(l->db);
	return -1;
}

void ledger_rollback(struct ledger *l)
{
	if (l->db == NULL)
		return;
	db_rollback(l->db);
	ledger_forget_sums(l);
}

/* When the period that now is in began. */
static int64_t period_since(const struct ledger *l)
{
	struct tm tm;
	time_t time = (time_t)l->now;

	if (l->period == LEDGER_EVER)
		return INT64_MIN;
	gmtime_r(&time, &tm);
	int64_t since = l->now - l->now % 86400;
	return l->period == LEDGER_MONTH ? since - (int64_t)(tm.tm_mday - 1) * 86400 : since;
}

/* How much of what is reserved nobody will settle. */
static int find_orphans(struct ledger *l)
{
	if (l->orphans_known)
		return 0;
	l->orphans_known = true;
	return ledger_owner_orphans(l, period_since(l), &l->orphans, &l->orphans_before);
}

/* Can the amount be reserved? */
static enum ledger_answer judge(struct ledger *l, int64_t amount)
{
	int64_t taken = money_sum(l->spent, l->reserved);

	if (money_sum(taken, amount) <= l->budget)
		return LEDGER_RESERVED;
	if (l->db == NULL) {
		l->orphans = l->orphans_before = 0;
	} else if (find_orphans(l) < 0) {
		return LEDGER_BROKEN;
	}
	if (money_sum(taken - l->orphans_before, amount) <= l->budget)
		return LEDGER_RESERVED;
	if (money_sum(money_sum(l->spent, l->orphans), amount) > l->budget)
		return LEDGER_NEVER;
	return LEDGER_LATER;
}

/* Names that cannot be guessed, so that no record can settle another's reservation: the lower half
 * is random (splitmix64, from S. Vigna's page on it, over a random start). The upper half goes up,
 * so that a group's rows stand together in the file and little of it is written. */
static uint64_t next_id(struct ledger *l)
{
	uint64_t z = l->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	l->sequence = (l->sequence + 1) & INT32_MAX;
	return (uint64_t)l->sequence << 32 | (z ^ (z >> 31)) >> 32;
}

static size_t name_length(const char *name)
{
	size_t n = strlen(name);

	return n < NAME_MOST ? n : NAME_MOST;
}

/* Give a reservation to an owner, 0 for nobody. */
static int pass_on(struct ledger *l, uint64_t id, int64_t owner)
{
	db_set_integer(l->db, LEDGER_SQL_PASS_ON, 1, (int64_t)id);
	db_set_integer(l->db, LEDGER_SQL_PASS_ON, 2, owner);
	return db_run(l->db, LEDGER_SQL_PASS_ON);
}

/* Take over a reservation that is deferred. One of the amount that is asked for now, so that a key
 * that two requests share does no harm; and of this period, since it has its place in the budget
 * already. Returns 1, 0 if there is none, or -1. */
static int take_over(struct ledger *l, int64_t amount, int64_t key, uint64_t *id)
{
	db_set_integer(l->db, LEDGER_SQL_DEFERRED, 1, -key);
	db_set_integer(l->db, LEDGER_SQL_DEFERRED, 2, amount);
	db_set_integer(l->db, LEDGER_SQL_DEFERRED, 3, period_since(l));
	int found = db_step(l->db, LEDGER_SQL_DEFERRED);
	if (found != 1)
		return found;
	*id = (uint64_t)db_integer(l->db, LEDGER_SQL_DEFERRED, 0);
	db_reset(l->db, LEDGER_SQL_DEFERRED);
	l->orphans_known = false;
	return pass_on(l, *id, l->owner) < 0 ? -1 : 1;
}

enum ledger_answer ledger_reserve(struct ledger *l, int64_t amount, int64_t key, uint64_t *id)
{
	if (amount > COST_MOST)
		amount = COST_MOST;
	int found = key != 0 && l->db != NULL ? take_over(l, amount, key, id) : 0;
	if (found != 0)
		return found > 0 ? LEDGER_RESERVED : LEDGER_BROKEN;
	enum ledger_answer answer = judge(l, amount);
	if (answer != LEDGER_RESERVED)
		return answer;
	*id = 0;
	if (l->db != NULL) {
		*id = next_id(l);
		db_set_integer(l->db, LEDGER_SQL_RESERVE, 1, (int64_t)*id);
		db_set_integer(l->db, LEDGER_SQL_RESERVE, 2, l->owner);
		db_set_integer(l->db, LEDGER_SQL_RESERVE, 3, l->now);
		db_set_integer(l->db, LEDGER_SQL_RESERVE, 4, amount);
		if (db_run(l->db, LEDGER_SQL_RESERVE) < 0)
			return LEDGER_BROKEN;
		l->reserved_change += amount;
	}
	l->reserved += amount;
	return LEDGER_RESERVED;
}

/* Gather what was spent, for the end of the group. */
static void gather(struct ledger *l, const struct ledger_entry *e, int64_t cost)
{
	struct ledger_sum *sum = NULL;

	for (size_t i = l->sum_count; i > 0 && sum == NULL; i--)
		if (strncmp(l->sums[i - 1].model, e->model, NAME_MOST) == 0)
			sum = &l->sums[i - 1];
	if (sum == NULL) {
		if (l->sum_count == l->sum_room) {
			l->sum_room = l->sum_room * 2 + 8;
			l->sums = mem_resize(l->sums, l->sum_room, sizeof *l->sums);
		}
		sum = &l->sums[l->sum_count++];
		*sum = (struct ledger_sum){.model = mem_copy(e->model, name_length(e->model))};
	}
	const struct provider_usage *u = &e->usage;
	const struct {
		int64_t *sum, value;
	} counts[] = {{&sum->input, u->input},
		      {&sum->cached, u->cached},
		      {&sum->cache_write, u->cache_write + u->cache_write_1h},
		      {&sum->output, u->output}};
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		*counts[i].sum += counts[i].value < TOKENS_MOST ? counts[i].value : TOKENS_MOST;
	sum->requests++;
	sum->unpriced += !e->priced;
	sum->cost += cost;
}

/* Take a reservation out of the file; its amount is read there if it is negative. Returns 1, 0 if
 * the reservation is not there, or -1. */
static int take_out(struct ledger *l, struct ledger_entry *e)
{
	int result;

	if (e->amount < 0) {
		db_set_integer(l->db, LEDGER_SQL_FIND, 1, (int64_t)e->id);
		int found = db_step(l->db, LEDGER_SQL_FIND);
		if (found != 1)
			return found;
		e->amount = db_integer(l->db, LEDGER_SQL_FIND, 0);
		db_reset(l->db, LEDGER_SQL_FIND);
	}
	if (e->outcome == LEDGER_DOUBTFUL) {
		result = pass_on(l, e->id, -e->key);
	} else {
		db_set_integer(l->db, LEDGER_SQL_DROP, 1, (int64_t)e->id);
		result = db_run(l->db, LEDGER_SQL_DROP);
	}
	return result < 0 ? -1 : db_changes(l->db) > 0;
}

int ledger_settle(struct ledger *l, struct ledger_entry *e)
{
	int64_t cost = e->cost < COST_MOST ? e->cost : COST_MOST;
	int found = 1;

	if (e->reserved && l->db != NULL)
		found = take_out(l, e);
	if (found <= 0)
		return found;
	int64_t amount = e->amount < COST_MOST ? e->amount : COST_MOST;
	if (e->reserved && (e->outcome != LEDGER_DOUBTFUL || l->db == NULL)) {
		l->reserved -= amount;
		l->reserved_change -= amount;
	}
	if (e->reserved) {
		l->settled++;
		l->settled_change++;
	}
	if (e->reserved && e->outcome == LEDGER_DOUBTFUL && l->db == NULL)
		l->spent = money_sum(l->spent, amount);
	if (e->outcome != LEDGER_SPENT)
		return 0;
	l->spent = money_sum(l->spent, cost);
	if (l->db != NULL)
		gather(l, e, cost);
	return 0;
}

/* Write what was gathered. */
static int book(struct ledger *l)
{
	char day[LEDGER_DAY_SIZE];
	int64_t requests = 0, cost = 0;

	ledger_day_text(l->now, false, day);
	for (size_t i = 0; i < l->sum_count; i++) {
		const struct ledger_sum *s = &l->sums[i];
		const int64_t numbers[] = {s->requests,    s->unpriced, s->input, s->cached,
					   s->cache_write, s->output,   s->cost};
		db_set_bytes(l->db, LEDGER_SQL_BOOK, 1, day, LEDGER_DAY_SIZE - 1);
		db_set_bytes(l->db, LEDGER_SQL_BOOK, 2, s->model, strlen(s->model));
		db_set_bytes(l->db, LEDGER_SQL_BOOK, 3, l->job, name_length(l->job));
		for (int j = 0; j < 7; j++)
			db_set_integer(l->db, LEDGER_SQL_BOOK, 4 + j, numbers[j]);
		if (db_run(l->db, LEDGER_SQL_BOOK) < 0)
			return -1;
		requests += s->requests;
		cost = money_sum(cost, s->cost);
	}
	ledger_forget_sums(l);
	if (requests == 0)
		return 0;
	db_set_integer(l->db, LEDGER_SQL_BOOK_MINUTE, 1, l->now - l->now % 60);
	db_set_integer(l->db, LEDGER_SQL_BOOK_MINUTE, 2, requests);
	db_set_integer(l->db, LEDGER_SQL_BOOK_MINUTE, 3, cost);
	return db_run(l->db, LEDGER_SQL_BOOK_MINUTE);
}

int ledger_commit(struct ledger *l)
{
	if (l->db == NULL)
		return 0;
	int result = book(l);
	if (result == 0 && (l->reserved_change != 0 || l->settled_change != 0)) {
		db_set_integer(l->db, LEDGER_SQL_ADJUST, 1, l->reserved_change);
		db_set_integer(l->db, LEDGER_SQL_ADJUST, 2, l->settled_change);
		result = db_run(l->db, LEDGER_SQL_ADJUST);
	}
	if (result == 0)
		result = db_commit(l->db);
	if (result < 0)
		ledger_rollback(l);
	return result;
}

int ledger_alert(struct ledger *l, int64_t share)
{
	char day[LEDGER_DAY_SIZE];
	int64_t part = l->budget / PRICE_ONE * share + l->budget % PRICE_ONE * share / PRICE_ONE;

	if (l->budget < 0 || l->alerted || l->spent < part)
		return 0;
	l->alerted = l->period == LEDGER_EVER;
	if (l->db == NULL)
		return 1;
	period_start(l, day);
	db_set_bytes(l->db, LEDGER_SQL_ALERT, 1, day, LEDGER_DAY_SIZE - 1);
	db_set_integer(l->db, LEDGER_SQL_ALERT, 2, share);
	db_set_integer(l->db, LEDGER_SQL_ALERT, 3, l->budget);
	if (db_run(l->db, LEDGER_SQL_ALERT) < 0)
		return -1;
	return db_changes(l->db) > 0;
}
