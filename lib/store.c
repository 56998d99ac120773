/* Answers: finding, storing, and forgetting what has not been used for longest. */
#include "store.h"
#include "mem.h"
#include "store_state.h"

#include <stdlib.h>
#include <string.h>

/* How often the use of an answer is noted, ms: finding one must not cost a write each time. */
#define TOUCH_EVERY (INT64_C(60) * 60 * 1000)

#define TOUCHED_MOST ((size_t)1024 * STORE_KEY)
#define ROOM         (INT64_C(32) << 10) /* bytes */
#define READS_MOST   256

/* "lbca" */
#define MAGIC   0x6c626361
#define VERSION 1

/* Answers' texts stand apart, so that looking for one and noting its use touch few pages. */
static const char schema[] =
    "CREATE TABLE answers(key BLOB PRIMARY KEY, place INTEGER NOT NULL, stored INTEGER NOT NULL,"
    " used INTEGER NOT NULL, size INTEGER NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE responses(place INTEGER PRIMARY KEY, response TEXT NOT NULL);"
    "CREATE TABLE claims(key BLOB PRIMARY KEY, owner INTEGER NOT NULL, start INTEGER NOT NULL,"
    " family INTEGER NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE halves(process INTEGER PRIMARY KEY, start INTEGER NOT NULL,"
    " family INTEGER NOT NULL);";

/* The answers that were not used for longest. */
#define OLD "ORDER BY used, place LIMIT (SELECT count(*) / 16 + 1 FROM answers)"

static const char *const sql[SQL_COUNT] = {
    /* Not a join, so that responses are opened only if there is one. */
    [SQL_GET] = "SELECT used, sum,"
		" (SELECT response FROM responses WHERE responses.place = answers.place)"
		" FROM answers WHERE key = ?1 AND stored BETWEEN ?2 AND ?3",
    [SQL_TIMES] = "SELECT stored FROM answers WHERE key = ?1 AND stored BETWEEN ?2 AND ?3",
    [SQL_PUT_RESPONSE] = "INSERT INTO responses(response) VALUES(?1)",
    [SQL_DROP_RESPONSE] = "DELETE FROM responses WHERE place ="
			  " (SELECT place FROM answers WHERE key = ?1)",
    [SQL_PUT] = "INSERT INTO answers(key, place, stored, used, size, sum)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
    [SQL_DROP] = "DELETE FROM answers WHERE key = ?1",
    [SQL_TOUCH] = "UPDATE answers SET used = ?2 WHERE key = ?1",
    [SQL_CLAIM] = "SELECT owner, start, family, since FROM claims WHERE key = ?1",
    [SQL_PUT_CLAIM] = "INSERT INTO claims(key, owner, start, family, since)"
		      " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    [SQL_DROP_CLAIM] = "DELETE FROM claims WHERE key = ?1",
    [SQL_OWNERS] = "SELECT DISTINCT owner, start, family FROM claims",
    [SQL_DROP_OWNER] =
	"DELETE FROM claims WHERE owner = ?1 AND start = ?2 AND since NOT BETWEEN ?3 AND ?4",
    [SQL_HALVES] = "SELECT process, start FROM halves WHERE family = ?1",
    [SQL_PUT_HALF] = "INSERT OR REPLACE INTO halves(process, start, family) VALUES(?1, ?2, ?3)",
    [SQL_DROP_HALF] = "DELETE FROM halves WHERE process = ?1",
    [SQL_VERSION] = "PRAGMA data_version",
    [SQL_PAGES] = "PRAGMA page_count",
    [SQL_FREE_PAGES] = "PRAGMA freelist_count",
    [SQL_OLD_RESPONSES] =
	"DELETE FROM responses WHERE place IN (SELECT place FROM answers " OLD ")",
    [SQL_OLD] = "DELETE FROM answers WHERE key IN (SELECT key FROM answers " OLD ")",
    [SQL_PURGE_RESPONSES] = "DELETE FROM responses WHERE place IN"
			    " (SELECT place FROM answers WHERE stored < ?1)",
    [SQL_PURGE] = "DELETE FROM answers WHERE stored < ?1",
    [SQL_TOTALS] = "SELECT count(*), sum(size), min(stored), max(stored) FROM answers",
    [SQL_CLAIMS] = "SELECT count(*) FROM claims",
    [SQL_EXPORT] = "SELECT key, stored, used, sum, response FROM answers"
		   " JOIN responses USING(place) ORDER BY key",
};

struct store *store_open(const struct store_options *o, int64_t now, struct buf *problem)
{
	struct db_options options = {
	    .path = o->path,
	    .tool = "lbcache",
	    .magic = MAGIC,
	    .version = VERSION,
	    .schema = schema,
	    .sql = sql,
	    .count = SQL_COUNT,
	    .read_only = o->read_only,
	    .must_exist = o->must_exist,
	};
	struct db *db = db_open(&options, problem);

	if (db == NULL)
		return NULL;
	struct store *s = mem_zero(1, sizeof *s);
	s->db = db;
	s->read_only = o->read_only;
	s->max_size = o->max_size;
	s->own = store_claim_owner(o->half);
	int result = db_once(db, "PRAGMA page_size", &s->page_size);
	if (result == 0 && !s->read_only)
		result = store_claim_sweep(s, now);
	if (result == 0 && !s->read_only && o->half)
		result = store_claim_enter(s);
	if (result < 0) {
		buf_adds(problem, store_problem(s));
		store_close(s);
		return NULL;
	}
	return s;
}

void store_close(struct store *s)
{
	if (s == NULL)
		return;
	/* Nothing of this matters enough to fail for. */
	if (s->touched.length > 0 && store_begin(s) == 0)
		store_commit(s);
	if (s->entered)
		store_claim_leave(s);
	buf_free(&s->touched);
	db_close(s->db);
	free(s);
}

const char *store_problem(const struct store *s)
{
	return db_problem(s->db);
}

int store_rest(struct store *s)
{
	if (s->mode != STORE_READS)
		return 0;
	s->mode = STORE_RESTS;
	s->reads = 0;
	if (db_commit(s->db) == 0)
		return 0;
	db_rollback(s->db);
	return -1;
}

int store_enter(struct store *s)
{
	if (s->mode == STORE_READS && ++s->reads >= READS_MOST && store_rest(s) < 0)
		return -1;
	if (s->mode != STORE_RESTS)
		return 0;
	if (db_begin_reading(s->db) < 0)
		return -1;
	s->mode = STORE_READS;
	return 0;
}

int store_begin(struct store *s)
{
	if (store_rest(s) < 0 || db_begin(s->db) < 0)
		return -1;
	s->mode = STORE_WRITES;
	s->room = 0; /* others have written */
	return 0;
}

void store_rollback(struct store *s)
{
	s->mode = STORE_RESTS;
	db_rollback(s->db);
}

/* Note the use of the answers that were found. */
static int write_touched(struct store *s)
{
	for (size_t i = 0; i < s->touched.length; i += STORE_KEY) {
		db_set_bytes(s->db, SQL_TOUCH, 1, s->touched.data + i, STORE_KEY);
		db_set_integer(s->db, SQL_TOUCH, 2, s->touched_at);
		if (db_run(s->db, SQL_TOUCH) < 0)
			return -1;
	}
	buf_clear(&s->touched);
	return 0;
}

/* The number that a statement yields, or -1. */
static int64_t read_number(struct store *s, size_t statement)
{
	int64_t n = -1;

	if (db_step(s->db, statement) > 0)
		n = db_integer(s->db, statement, 0);
	db_reset(s->db, statement);
	return n;
}

int64_t store_version(struct store *s)
{
	return read_number(s, SQL_VERSION);
}

/* Forget old answers until so many bytes more fit into what was allowed. */
static int make_room(struct store *s, int64_t need)
{
	if (write_touched(s) < 0)
		return -1;
	for (;;) {
		int64_t pages = read_number(s, SQL_PAGES);
		int64_t unused = read_number(s, SQL_FREE_PAGES);
		if (pages < 0 || unused < 0)
			return -1;
		if ((pages - unused) * s->page_size + need <= s->max_size)
			return 0;
		if (db_run(s->db, SQL_OLD_RESPONSES) < 0 || db_run(s->db, SQL_OLD) < 0)
			return -1;
		if (db_changes(s->db) == 0)
			return 0;
	}
}

int store_book(struct store *s, int64_t need)
{
	if (s->max_size == 0)
		return 0;
	if (s->room < need) {
		if (make_room(s, need + ROOM) < 0)
			return -1;
		s->room = need + ROOM;
	}
	s->room -= need;
	return 0;
}

int store_commit(struct store *s)
{
	if (write_touched(s) < 0 || db_commit(s->db) < 0) {
		store_rollback(s);
		return -1;
	}
	s->mode = STORE_RESTS;
	return 0;
}

int64_t store_sum(const unsigned char key[STORE_KEY], const void *response, size_t n)
{
	unsigned char digest[HASH_SIZE];

	hash_bytes(response, n, digest);
	return (int64_t)(hash_number(digest) ^ hash_number(key));
}

static void touch(struct store *s, const unsigned char key[STORE_KEY], int64_t used, int64_t now)
{
	if (s->read_only || now - used < TOUCH_EVERY)
		return;
	buf_add(&s->touched, key, STORE_KEY);
	s->touched_at = now;
}

void store_set_times(struct store *s, size_t statement, const unsigned char key[STORE_KEY],
		     int64_t oldest, int64_t now)
{
	db_set_bytes(s->db, statement, 1, key, STORE_KEY);
	db_set_integer(s->db, statement, 2, oldest);
	db_set_integer(s->db, statement, 3, oldest > 0 ? now + STORE_AHEAD : INT64_MAX);
}

int store_get(struct store *s, const unsigned char key[STORE_KEY], int64_t oldest, int64_t now,
	      struct buf *response)
{
	size_t n;

	if (s->touched.length >= TOUCHED_MOST && s->mode != STORE_WRITES &&
	    (store_begin(s) < 0 || store_commit(s) < 0))
		return -1;
	if (store_enter(s) < 0)
		return -1;
	store_set_times(s, SQL_GET, key, oldest, now);
	int found = db_step(s->db, SQL_GET);
	if (found <= 0)
		return found;
	const void *text = db_bytes(s->db, SQL_GET, 2, &n);
	bool sound = n > 0 && store_sum(key, text, n) == db_integer(s->db, SQL_GET, 1);
	if (sound) {
		touch(s, key, db_integer(s->db, SQL_GET, 0), now);
		buf_add(response, text, n);
	}
	db_reset(s->db, SQL_GET);
	return sound ? 1 : db_damaged(s->db, "an answer is not as it was stored");
}

/* Forget one answer. */
static int drop(struct store *s, const unsigned char *key)
{
	db_set_bytes(s->db, SQL_DROP_RESPONSE, 1, key, STORE_KEY);
	db_set_bytes(s->db, SQL_DROP, 1, key, STORE_KEY);
	return db_run(s->db, SQL_DROP_RESPONSE) < 0 ? -1 : db_run(s->db, SQL_DROP);
}

int store_write(struct store *s, const unsigned char key[STORE_KEY], struct json_span response,
		int64_t stored, int64_t used)
{
	/* What an answer takes beyond its text is less than this. */
	if (store_book(s, 2 * (int64_t)response.length + 1024) < 0)
		return -1;
	db_set_text(s->db, SQL_PUT_RESPONSE, 1, response.at, response.length);
	if (db_run(s->db, SQL_PUT_RESPONSE) < 0)
		return -1;
	db_set_bytes(s->db, SQL_PUT, 1, key, STORE_KEY);
	db_set_integer(s->db, SQL_PUT, 2, db_last_id(s->db));
	db_set_integer(s->db, SQL_PUT, 3, stored);
	db_set_integer(s->db, SQL_PUT, 4, used);
	db_set_integer(s->db, SQL_PUT, 5, (int64_t)response.length);
	db_set_integer(s->db, SQL_PUT, 6, store_sum(key, response.at, response.length));
	if (db_run(s->db, SQL_PUT) < 0)
		return -1;
	if (db_changes(s->db) > 0)
		return 0;
	/* One is there already, which is seldom: it is looked for only now. */
	return drop(s, key) < 0 ? -1 : db_run(s->db, SQL_PUT);
}

int store_put(struct store *s, const unsigned char key[STORE_KEY], struct json_span response,
	      int64_t now)
{
	/* One that would drive out half of the others is not worth it. */
	bool fits = s->max_size == 0 || (int64_t)response.length <= s->max_size / 4;

	if (fits && store_write(s, key, response, now, now) < 0)
		return -1;
	return store_release(s, key);
}

int store_purge(struct store *s, int64_t before, int64_t now, int64_t *count)
{
	if (store_claim_sweep(s, now) < 0 || store_begin(s) < 0)
		return -1;
	db_set_integer(s->db, SQL_PURGE_RESPONSES, 1, before);
	db_set_integer(s->db, SQL_PURGE, 1, before);
	if (db_run(s->db, SQL_PURGE_RESPONSES) < 0 || db_run(s->db, SQL_PURGE) < 0) {
		store_rollback(s);
		return -1;
	}
	*count = db_changes(s->db);
	if (store_commit(s) < 0)
		return -1;
	return db_once(s->db, "VACUUM", NULL);
}

int store_stats(struct store *s, struct store_stats *stats)
{
	int64_t *const totals[] = {&stats->answers, &stats->bytes, &stats->oldest, &stats->newest};

	if (store_enter(s) < 0 || db_step(s->db, SQL_TOTALS) < 0)
		return -1;
	for (int i = 0; i < 4; i++)
		*totals[i] = db_integer(s->db, SQL_TOTALS, i);
	db_reset(s->db, SQL_TOTALS);
	stats->claims = read_number(s, SQL_CLAIMS);
	stats->file_bytes = read_number(s, SQL_PAGES) * s->page_size;
	return stats->claims < 0 || stats->file_bytes < 0 ? -1 : store_rest(s);
}
