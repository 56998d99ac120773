/*
 * Opening a file, and making a new one.
 *
 * What the file is, is looked at before it is given to SQLite, and whose file it is before anything
 * is written to it. A file that is empty counts as new, so that one whose maker was killed is no
 * damaged file.
 */
#include "clock.h"
#include "db_state.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Memory for pages of the file, in KiB: more than a thousand answers of a cache change, since what
 * does not fit is written before its time, and then again. How large the log grows before it is
 * taken over into the file, in pages. */
#define SETTINGS                                                  \
	"PRAGMA cache_size=-8192;PRAGMA wal_autocheckpoint=8000;" \
	"PRAGMA trusted_schema=0;PRAGMA cell_size_check=1;"

static bool refuse(struct buf *problem, const char *path, const char *why)
{
	buf_addf(problem, "%s: %s", path, why);
	return false;
}

/* Is the file one to be opened? Makes it, empty, if that is wanted. */
static bool check_file(const struct db_options *o, struct buf *problem)
{
	int flags = (o->read_only ? O_RDONLY : O_RDWR) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	struct stat info;
	const char *why = NULL;

	if (!o->read_only && !o->must_exist)
		flags |= O_CREAT;
	int fd = open(o->path, flags, 0600);
	if (fd < 0)
		return refuse(problem, o->path,
			      errno == ELOOP ? "it is a symbolic link" : strerror(errno));
	if (fstat(fd, &info) < 0)
		why = strerror(errno);
	else if (!S_ISREG(info.st_mode))
		why = "no regular file";
	else if (info.st_uid != geteuid())
		why = "it belongs to another user";
	else if (info.st_size == 1) /* which SQLite takes for an empty one */
		why = "the file is damaged: it is cut off";
	/* Not later: closing any descriptor of the file drops SQLite's locks on it. */
	close(fd);
	return why == NULL || refuse(problem, o->path, why);
}

/* The files that SQLite keeps beside it must not lead elsewhere either. */
static bool check_companions(const struct db_options *o, struct buf *problem)
{
	static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
	struct buf path = {0};
	struct stat info;
	bool good = true;

	for (size_t i = 0; good && i < sizeof suffixes / sizeof *suffixes; i++) {
		buf_clear(&path);
		buf_addf(&path, "%s%s", o->path, suffixes[i]);
		if (lstat(buf_string(&path), &info) == 0 &&
		    (!S_ISREG(info.st_mode) || info.st_uid != geteuid()))
			good = refuse(problem, buf_string(&path),
				      "no regular file, or another user's");
	}
	buf_free(&path);
	return good;
}

/* The size of a file beside it, -1 if there is none. */
static int64_t size_beside(const struct db_options *o, const char *suffix)
{
	struct buf path = {0};
	struct stat info;

	buf_addf(&path, "%s%s", o->path, suffix);
	int64_t size = stat(buf_string(&path), &info) == 0 ? info.st_size : -1;
	buf_free(&path);
	return size;
}

/*
 * Is it to be read as a file that does not change? SQLite reads any other only if its files are
 * beside it or can be made there. Where they are not and we may not write to the folder, nobody is
 * writing: the file is no other user's, and no process of ours could either.
 */
static bool is_frozen(const struct db_options *o)
{
	const char *slash = strrchr(o->path, '/');
	struct buf folder = {0};

	if (slash != NULL)
		buf_add(&folder, o->path, (size_t)(slash + 1 - o->path));
	buf_addc(&folder, '.');
	bool frozen = o->read_only && access(buf_string(&folder), W_OK) < 0 &&
		      size_beside(o, "-shm") < 0 && size_beside(o, "-wal") <= 0;
	buf_free(&folder);
	return frozen;
}

/* Open it. Names such as ":memory:" mean something else to SQLite, as do some characters in a URI.
 */
static int open_handle(struct db *db, const struct db_options *o)
{
	int flags = o->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	bool frozen = is_frozen(o);
	struct buf name = {0};

	if (frozen)
		buf_adds(&name, o->path[0] == '/' ? "file://" : "file:");
	if (o->path[0] != '/')
		buf_adds(&name, "./");
	for (const char *p = o->path; *p != '\0'; p++) {
		if (frozen && strchr("%?#", *p) != NULL)
			buf_addf(&name, "%%%02x", (unsigned)*p);
		else
			buf_addc(&name, *p);
	}
	if (frozen)
		buf_adds(&name, "?immutable=1");
	int code = sqlite3_open_v2(buf_string(&name), &db->handle,
				   frozen ? flags | SQLITE_OPEN_URI : flags, NULL);
	buf_free(&name);
	return code;
}

/* Called when a lock is held elsewhere, for the count-th time: 0 gives up. */
static int wait_for_lock(void *context, int count)
{
	struct db *db = context;
	struct timespec pause = {0, (count < 10 ? 1 : 5) * CLOCK_MS};

	if (count == 0)
		db->waiting_since = clock_now();
	if (clock_now() - db->waiting_since > DB_PATIENCE)
		return 0;
	nanosleep(&pause, NULL);
	return 1;
}

/* SQLite does not call wait_for_lock where two could wait for each other: when the mode changes,
 * or when the last one to use a file is just tidying it up. */
static int patiently(struct db *db, const char *sql, int64_t *value)
{
	int64_t began = clock_now();
	int result;

	while ((result = db_once(db, sql, value)) < 0 && clock_now() - began < DB_PATIENCE &&
	       (sqlite3_errcode(db->handle) & 0xff) == SQLITE_BUSY) {
		struct timespec pause = {0, 5 * CLOCK_MS};
		nanosleep(&pause, NULL);
	}
	return result;
}

enum kind { BROKEN = -1, EMPTY, OURS, OLDER };

/* What file is it? BROKEN, with the problem set: none of ours, or it cannot be read; OLDER: one
 * that can be upgraded. To be called in a transaction, since another process may just be making it.
 */
static enum kind identify(struct db *db, const struct db_options *o)
{
	int64_t magic, version, tables;

	if (patiently(db, "PRAGMA application_id", &magic) < 0 ||
	    patiently(db, "PRAGMA user_version", &version) < 0 ||
	    patiently(db, "SELECT count(*) FROM sqlite_master", &tables) < 0)
		return BROKEN;
	if (magic == o->magic && version == o->version)
		return OURS;
	if (magic == o->magic && version == o->version - 1 && o->upgrade != NULL && !o->read_only)
		return OLDER;
	if (magic == 0 && version == 0 && tables == 0)
		return EMPTY;
	buf_clear(&db->problem);
	if (magic == o->magic)
		buf_addf(&db->problem,
			 "%s: a file of another version of %s: its format is %d, this one's %d",
			 db->path, o->tool, (int)version, (int)o->version);
	else
		buf_addf(&db->problem, "%s: a database, but not one of %s", db->path, o->tool);
	buf_string(&db->problem);
	return BROKEN;
}

/* Make or upgrade the tables, unless another process has just done so. */
static int make_tables(struct db *db, const struct db_options *o)
{
	struct buf sql = {0};
	int result = 0;

	if (patiently(db, "BEGIN IMMEDIATE", NULL) < 0)
		return -1;
	enum kind kind = identify(db, o);
	if (kind == EMPTY || kind == OLDER) {
		buf_addf(&sql, "PRAGMA application_id=%d;PRAGMA user_version=%d;%s", (int)o->magic,
			 (int)o->version, kind == EMPTY ? o->schema : o->upgrade);
		result = db_once(db, buf_string(&sql), NULL);
		buf_free(&sql);
	}
	if (kind == BROKEN || result < 0 || patiently(db, "COMMIT", NULL) < 0) {
		db_rollback(db);
		return -1;
	}
	return 0;
}

static int set_up(struct db *db, const struct db_options *o)
{
	if (db_once(db, SETTINGS, NULL) < 0 || patiently(db, "BEGIN", NULL) < 0)
		return -1;
	enum kind kind = identify(db, o);
	db_rollback(db);
	if (kind == BROKEN)
		return -1;
	if (kind == EMPTY && o->read_only)
		return db_damaged(db, "it is empty");
	if (kind != OURS && make_tables(db, o) < 0)
		return -1;
	if (o->read_only)
		return 0;
	if (patiently(db, "PRAGMA journal_mode=WAL", NULL) < 0)
		return -1;
	return db_once(db, o->durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL",
		       NULL);
}

static int prepare(struct db *db, const char *sql, sqlite3_stmt **statement)
{
	int code =
	    sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
	return code == SQLITE_OK ? 0 : db_fail(db, code);
}

static int prepare_all(struct db *db, const struct db_options *o)
{
	static const char *const own[DB_OWN_COUNT] = {
	    [DB_BEGIN] = "BEGIN IMMEDIATE",
	    [DB_BEGIN_READING] = "BEGIN",
	    [DB_COMMIT] = "COMMIT",
	};

	for (size_t i = 0; i < DB_OWN_COUNT; i++)
		if (prepare(db, own[i], &db->own[i]) < 0)
			return -1;
	db->statements = mem_zero(o->count, sizeof(sqlite3_stmt *));
	for (; db->count < o->count; db->count++)
		if (prepare(db, o->sql[db->count], &db->statements[db->count]) < 0)
			return -1;
	return 0;
}

struct db *db_open(const struct db_options *o, struct buf *problem)
{
	struct db *db;

	if (!check_file(o, problem) || !check_companions(o, problem))
		return NULL;
	/* One thread, and nobody asks how much memory it takes: no mutexes, no counting. */
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	db = mem_zero(1, sizeof *db);
	db->path = mem_copy(o->path, strlen(o->path));
	int code = open_handle(db, o);
	if (code == SQLITE_OK) {
		sqlite3_extended_result_codes(db->handle, 1);
		sqlite3_busy_handler(db->handle, wait_for_lock, db);
	} else {
		db_fail(db, code);
	}
	if (code != SQLITE_OK || set_up(db, o) < 0 || prepare_all(db, o) < 0) {
		buf_adds(problem, db_problem(db));
		db_close(db);
		return NULL;
	}
	return db;
}

void db_close(struct db *db)
{
	if (db == NULL)
		return;
	for (size_t i = 0; i < db->count; i++)
		sqlite3_finalize(db->statements[i]);
	for (size_t i = 0; i < DB_OWN_COUNT; i++)
		sqlite3_finalize(db->own[i]);
	free(db->statements);
	sqlite3_close(db->handle);
	free(db->path);
	buf_free(&db->problem);
	free(db);
}
