/* Statements and transactions. */
#include "db.h"
#include "clock.h"
#include "db_state.h"

#include <errno.h>
#include <string.h>

int db_fail(struct db *db, int code)
{
	int error = sqlite3_system_errno(db->handle);

	buf_clear(&db->problem);
	buf_addf(&db->problem, "%s: ", db->path);
	switch (code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		buf_addf(&db->problem, "the file is damaged: %s", sqlite3_errmsg(db->handle));
		break;
	case SQLITE_BUSY:
		buf_addf(&db->problem, "locked by another process for %d seconds",
			 (int)(DB_PATIENCE / CLOCK_SEC));
		break;
	default:
		buf_adds(&db->problem, code == SQLITE_READONLY_DIRECTORY
					   ? "SQLite can make no files in the folder it is in"
					   : sqlite3_errmsg(db->handle));
		if (error != 0 &&
		    ((code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN))
			buf_addf(&db->problem, ": %s", strerror(error));
		break;
	}
	buf_string(&db->problem);
	return -1;
}

int db_damaged(struct db *db, const char *what)
{
	buf_clear(&db->problem);
	buf_addf(&db->problem, "%s: the file is damaged: %s", db->path, what);
	buf_string(&db->problem);
	return -1;
}

const char *db_problem(const struct db *db)
{
	return db->problem.data;
}

static int step(struct db *db, sqlite3_stmt *s)
{
	int code = sqlite3_step(s);

	if (code == SQLITE_ROW)
		return 1;
	if (code != SQLITE_DONE)
		db_fail(db, code);
	sqlite3_reset(s);
	return code == SQLITE_DONE ? 0 : -1;
}

int db_begin(struct db *db)
{
	return step(db, db->own[DB_BEGIN]);
}

int db_begin_reading(struct db *db)
{
	return step(db, db->own[DB_BEGIN_READING]);
}

int db_commit(struct db *db)
{
	return step(db, db->own[DB_COMMIT]);
}

void db_rollback(struct db *db)
{
	/* Some failures have ended it already. */
	if (!sqlite3_get_autocommit(db->handle))
		sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

void db_set_integer(struct db *db, size_t statement, int parameter, int64_t value)
{
	sqlite3_bind_int64(db->statements[statement], parameter, value);
}

void db_set_bytes(struct db *db, size_t statement, int parameter, const void *data, size_t n)
{
	sqlite3_bind_blob64(db->statements[statement], parameter, data, n, SQLITE_STATIC);
}

void db_set_text(struct db *db, size_t statement, int parameter, const char *text, size_t n)
{
	sqlite3_bind_text64(db->statements[statement], parameter, text, n, SQLITE_STATIC,
			    SQLITE_UTF8);
}

int db_step(struct db *db, size_t statement)
{
	return step(db, db->statements[statement]);
}

void db_reset(struct db *db, size_t statement)
{
	sqlite3_reset(db->statements[statement]);
}

int db_run(struct db *db, size_t statement)
{
	int result;

	do
		result = step(db, db->statements[statement]);
	while (result > 0);
	return result;
}

int64_t db_integer(struct db *db, size_t statement, int column)
{
	return sqlite3_column_int64(db->statements[statement], column);
}

const void *db_bytes(struct db *db, size_t statement, int column, size_t *n)
{
	const void *data = sqlite3_column_blob(db->statements[statement], column);

	*n = (size_t)sqlite3_column_bytes(db->statements[statement], column);
	return data;
}

int64_t db_last_id(struct db *db)
{
	return sqlite3_last_insert_rowid(db->handle);
}

int64_t db_changes(struct db *db)
{
	return sqlite3_changes(db->handle);
}

int db_once(struct db *db, const char *sql, int64_t *value)
{
	const char *rest = sql;
	bool first = true;

	while (*rest != '\0') {
		sqlite3_stmt *s = NULL;
		int result, code = sqlite3_prepare_v2(db->handle, rest, -1, &s, &rest);
		if (code != SQLITE_OK)
			return db_fail(db, code);
		if (s == NULL)
			break;
		while ((result = step(db, s)) > 0) {
			if (first && value != NULL)
				*value = sqlite3_column_int64(s, 0);
			first = false;
		}
		sqlite3_finalize(s);
		if (result < 0)
			return -1;
	}
	return 0;
}
