/*
 * db: a state file that is an SQLite database, which any number of processes may share; the only
 * module that knows SQLite.
 *
 * Files carry a magic (application_id) and a version (user_version), and are in WAL mode. Nothing
 * that was committed is lost when a process is killed; options say what a power cut may take. A
 * lock that another process holds is waited for, DB_PATIENCE at most.
 *
 * Functions return 0, or -1 with db_problem telling why. After a failure inside a transaction,
 * db_rollback ends it with nothing of it in the file.
 */
#ifndef DB_H
#define DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct db;

#define DB_PATIENCE INT64_C(30000000000) /* ns */

struct db_options {
	const char *path;
	const char *tool;       /* whose file it is, for messages */
	int32_t magic;          /* application_id */
	int32_t version;        /* user_version */
	const char *schema;     /* SQL that makes the tables of a new file */
	const char *upgrade;    /* ...or the tables of the version before; NULL: it is refused */
	const char *const *sql; /* the statements that will be run, by number */
	size_t count;
	/* Write nothing, not even a new file. Where SQLite cannot make its files beside it, and
	 * there are none, it is read as one that nobody changes meanwhile. */
	bool read_only;
	bool must_exist;
	bool
	    durable; /* what is committed is on the disk (synchronous FULL). If not, a power cut may
			take the last transactions, whole ones and the last ones only (NORMAL). */
};

/*
 * Open the file, or unless told otherwise make it, mode 0600. Returns NULL after appending what is
 * wrong to problem: it cannot be opened, is a link, no regular file or another user's, is damaged,
 * or of another tool or version that cannot be upgraded. It is left as it is then. The caller
 * closes.
 */
struct db *db_open(const struct db_options *options, struct buf *problem);
void db_close(struct db *db);

/* What went wrong in the last function that failed, with the file's name. The text is the file's
 * until the next call. */
const char *db_problem(const struct db *db);

/* Note, for db_problem, that what was read from the file makes no sense. Returns -1. */
int db_damaged(struct db *db, const char *what);

/* Begin a transaction: one that writes, so that no other can until it ends, or one that reads, so
 * that all it sees is of one moment. */
int db_begin(struct db *db);
int db_begin_reading(struct db *db);
int db_commit(struct db *db);
void db_rollback(struct db *db);

/* Set a parameter, from 1, of a statement. Bytes, and text, which is UTF-8, must stay until it has
 * been stepped to its end or reset. */
void db_set_integer(struct db *db, size_t statement, int parameter, int64_t value);
void db_set_bytes(struct db *db, size_t statement, int parameter, const void *data, size_t n);
void db_set_text(struct db *db, size_t statement, int parameter, const char *text, size_t n);

/* Run a statement up to its next row. Returns 1; 0 at its end, -1 after a failure; with both it is
 * reset. One that has returned 1 must be stepped on or reset before its parameters are set again.
 */
int db_step(struct db *db, size_t statement);
void db_reset(struct db *db, size_t statement);

/* Run a statement that yields no rows of interest to its end. */
int db_run(struct db *db, size_t statement);

/* A column of the row, from 0. Bytes, or those of text, are the database's until the next step. */
int64_t db_integer(struct db *db, size_t statement, int column);
const void *db_bytes(struct db *db, size_t statement, int column, size_t *n);

/* The rowid of the last row inserted, and how many rows the last statement changed. */
int64_t db_last_id(struct db *db);
int64_t db_changes(struct db *db);

/* Run SQL that is used once; the first column of its first row goes to *value, unless NULL. */
int db_once(struct db *db, const char *sql, int64_t *value);

#endif
