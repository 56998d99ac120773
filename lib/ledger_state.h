/* ledger_state: what the parts of the ledger share; for ledger*.c only. */
#ifndef LEDGER_STATE_H
#define LEDGER_STATE_H

#include "buf.h"
#include "db.h"
#include "ledger.h"

/* The SQL that a ledger runs. Text is set as bytes, hence the casts. */
enum ledger_statement {
	LEDGER_SQL_SPENT,
	LEDGER_SQL_TOTALS,
	LEDGER_SQL_RESERVE,
	LEDGER_SQL_FIND,
	LEDGER_SQL_DROP,
	LEDGER_SQL_DEFERRED,
	LEDGER_SQL_PASS_ON,
	LEDGER_SQL_BOOK,
	LEDGER_SQL_BOOK_MINUTE,
	LEDGER_SQL_SPAN,
	LEDGER_SQL_PACE,
	LEDGER_SQL_ADJUST,
	LEDGER_SQL_ALERT,
	LEDGER_SQL_OWNERS,
	LEDGER_SQL_OWNER_ADD,
	LEDGER_SQL_OWNER_DROP,
	LEDGER_SQL_BY_OWNER,
	LEDGER_SQL_FORGIVE,
	LEDGER_SQL_BY_MODEL,
	LEDGER_SQL_BY_DAY,
	LEDGER_SQL_BY_JOB,
	LEDGER_SQL_TOTAL,
	LEDGER_SQL_COUNT
};

/* What was spent on a model, gathered in a group. */
struct ledger_sum {
	char *model;
	int64_t requests, unpriced, input, cached, cache_write, output, cost;
};

struct ledger {
	struct db *db; /* NULL in memory */
	char *job;
	int64_t budget;
	enum ledger_period period;
	int64_t owner; /* our row among the owners, 0 if there is none */

	int64_t spent, reserved, settled; /* as the group sees them */
	int64_t reserved_change, settled_change;
	int64_t now;
	bool orphans_known;              /* the next two hold for this group */
	int64_t orphans, orphans_before; /* in the period, and before it */
	struct ledger_sum *sums;
	size_t sum_count, sum_room;
	bool alerted;
	bool has_deferred;
	uint64_t random; /* where the names of reservations come from */
	uint32_t sequence;
};

/* A day as it stands in the file, "2026-11-22" with a NUL; of the first of its month if that is
 * asked for. */
#define LEDGER_DAY_SIZE 11
void ledger_day_text(int64_t seconds, bool first_of_month, char day[LEDGER_DAY_SIZE]);

/* Forget what was gathered in a group. */
void ledger_forget_sums(struct ledger *l);

/* Enter this process, or with passes its process group, among the owners; forget those of whom
 * nothing is left. */
int ledger_owner_enter(struct ledger *l, bool passes);
void ledger_owner_leave(struct ledger *l);

/* Sum up what belongs to owners that are gone: reserved from a time on, and before. In a group. */
int ledger_owner_orphans(struct ledger *l, int64_t since, int64_t *after, int64_t *before);

#endif
