/* Opening and closing a ledger: its tables and statements. */
#include "ledger.h"
#include "ledger_state.h"
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* The magic is "lbsp". */
enum { MAGIC = 0x6c627370, VERSION = 2 };

#define MINUTES                                                                   \
	"CREATE TABLE minutes(at INTEGER PRIMARY KEY, requests INTEGER NOT NULL," \
	" nano INTEGER NOT NULL);"
/* Nobody's have the owner 0, or if they are deferred their key as a negative number. */
#define RESERVATIONS                                                                \
	"CREATE TABLE reservations(id INTEGER PRIMARY KEY, owner INTEGER NOT NULL," \
	" at INTEGER NOT NULL, nano INTEGER NOT NULL);"                             \
	"CREATE INDEX deferred ON reservations(owner) WHERE owner < 0;"

static const char schema[] =
    "CREATE TABLE spends(day TEXT NOT NULL, model TEXT NOT NULL, job TEXT NOT NULL,"
    " requests INTEGER NOT NULL, unpriced INTEGER NOT NULL, input INTEGER NOT NULL,"
    " cached INTEGER NOT NULL, cache_write INTEGER NOT NULL, output INTEGER NOT NULL,"
    " nano INTEGER NOT NULL, PRIMARY KEY(day, model, job)) WITHOUT ROWID;" MINUTES RESERVATIONS
    "CREATE TABLE owners(id INTEGER PRIMARY KEY, pid INTEGER NOT NULL, start INTEGER NOT NULL,"
    " boot TEXT NOT NULL);"
    "CREATE TABLE totals(reserved INTEGER NOT NULL, settled INTEGER NOT NULL);"
    "INSERT INTO totals VALUES(0, 0);"
    "CREATE TABLE alerts(period TEXT NOT NULL, share INTEGER NOT NULL, budget INTEGER NOT NULL,"
    " PRIMARY KEY(period, share, budget)) WITHOUT ROWID;";

/* Version 1 had no minutes, and kept of a reservation what nobody asked for. */
static const char upgrade[] = "ALTER TABLE reservations RENAME TO version_1;" RESERVATIONS
			      "INSERT INTO reservations SELECT id, owner, at, nano FROM version_1;"
			      "DROP TABLE version_1;" MINUTES;

#define SUMS                                                                                     \
	" sum(requests), sum(unpriced), sum(input), sum(cached), sum(cache_write), sum(output)," \
	" sum(nano) FROM spends"

static const char *const statements[LEDGER_SQL_COUNT] = {
    [LEDGER_SQL_SPENT] = "SELECT coalesce(sum(nano), 0) FROM spends WHERE day >= CAST(?1 AS TEXT)",
    [LEDGER_SQL_TOTALS] = "SELECT reserved, settled, EXISTS"
			  " (SELECT 1 FROM reservations WHERE owner < 0) FROM totals",
    [LEDGER_SQL_RESERVE] = "INSERT INTO reservations VALUES(?1, ?2, ?3, ?4)",
    [LEDGER_SQL_FIND] = "SELECT nano FROM reservations WHERE id = ?1",
    [LEDGER_SQL_DROP] = "DELETE FROM reservations WHERE id = ?1",
    [LEDGER_SQL_DEFERRED] = "SELECT id FROM reservations"
			    " WHERE owner = ?1 AND owner < 0 AND nano = ?2 AND at >= ?3 LIMIT 1",
    [LEDGER_SQL_PASS_ON] = "UPDATE reservations SET owner = ?2 WHERE id = ?1",
    [LEDGER_SQL_BOOK] =
	"INSERT INTO spends VALUES(CAST(?1 AS TEXT), CAST(?2 AS TEXT), CAST(?3 AS TEXT),"
	" ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT(day, model, job) DO UPDATE SET"
	" requests = requests + excluded.requests, unpriced = unpriced + excluded.unpriced,"
	" input = input + excluded.input, cached = cached + excluded.cached,"
	" cache_write = cache_write + excluded.cache_write, output = output + excluded.output,"
	" nano = nano + excluded.nano",
    [LEDGER_SQL_BOOK_MINUTE] =
	"INSERT INTO minutes VALUES(?1, ?2, ?3) ON CONFLICT(at) DO UPDATE SET"
	" requests = requests + excluded.requests, nano = nano + excluded.nano",
    [LEDGER_SQL_SPAN] = "SELECT coalesce(max(at) - min(at), 0) FROM minutes",
    [LEDGER_SQL_PACE] = "SELECT at / ?1 * ?1, sum(requests), sum(nano) FROM minutes"
			" GROUP BY 1 ORDER BY 1",
    [LEDGER_SQL_ADJUST] = "UPDATE totals SET reserved = reserved + ?1, settled = settled + ?2",
    [LEDGER_SQL_ALERT] = "INSERT OR IGNORE INTO alerts VALUES(CAST(?1 AS TEXT), ?2, ?3)",
    [LEDGER_SQL_OWNERS] = "SELECT id, pid, start, boot FROM owners",
    [LEDGER_SQL_OWNER_ADD] =
	"INSERT INTO owners(pid, start, boot) VALUES(?1, ?2, CAST(?3 AS TEXT))",
    [LEDGER_SQL_OWNER_DROP] = "DELETE FROM owners WHERE id = ?1 AND NOT EXISTS"
			      " (SELECT 1 FROM reservations WHERE owner = ?1)",
    [LEDGER_SQL_BY_OWNER] =
	"SELECT pid, start, boot, count(*), sum(nano),"
	" sum(CASE WHEN at >= ?1 THEN nano ELSE 0 END), max(owner, 0)"
	" FROM reservations LEFT JOIN owners ON owners.id = owner GROUP BY max(owner, 0)",
    [LEDGER_SQL_FORGIVE] = "DELETE FROM reservations WHERE max(owner, 0) = ?1",
    [LEDGER_SQL_BY_MODEL] = "SELECT model," SUMS " GROUP BY model",
    [LEDGER_SQL_BY_DAY] = "SELECT day," SUMS " GROUP BY day",
    [LEDGER_SQL_BY_JOB] = "SELECT job," SUMS " GROUP BY job",
    [LEDGER_SQL_TOTAL] = "SELECT ''," SUMS " HAVING count(*) > 0",
};

static struct ledger *open_file(struct ledger *l, const struct ledger_options *o,
				struct buf *problem)
{
	const struct db_options options = {
	    .path = o->path,
	    .tool = "lbcost",
	    .magic = MAGIC,
	    .version = VERSION,
	    .schema = schema,
	    .upgrade = upgrade,
	    .sql = statements,
	    .count = LEDGER_SQL_COUNT,
	    .must_exist = o->must_exist,
	    .durable = true,
	};

	if (getrandom(&l->random, sizeof l->random, 0) != (ssize_t)sizeof l->random ||
	    getrandom(&l->sequence, sizeof l->sequence, 0) != (ssize_t)sizeof l->sequence) {
		buf_addf(problem, "getrandom: %s", strerror(errno));
		ledger_close(l);
		return NULL;
	}
	l->db = db_open(&options, problem);
	if (l->db != NULL && o->budget >= 0 && ledger_owner_enter(l, o->passes) < 0) {
		buf_adds(problem, db_problem(l->db));
		db_close(l->db);
		l->db = NULL;
	}
	if (l->db != NULL)
		return l;
	ledger_close(l);
	return NULL;
}

struct ledger *ledger_open(const struct ledger_options *o, struct buf *problem)
{
	struct ledger *l = mem_zero(1, sizeof *l);

	l->job = mem_copy(o->job, strlen(o->job));
	l->budget = o->budget;
	l->period = o->period;
	return o->path != NULL ? open_file(l, o, problem) : l;
}

void ledger_close(struct ledger *l)
{
	if (l == NULL)
		return;
	if (l->db != NULL)
		ledger_owner_leave(l);
	db_close(l->db);
	ledger_forget_sums(l);
	free(l->sums);
	free(l->job);
	free(l);
}
