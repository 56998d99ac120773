/* db_state: what the parts of db share; for db*.c only. */
#ifndef DB_STATE_H
#define DB_STATE_H

#include "buf.h"
#include "db.h"

#include <sqlite3.h>

enum { DB_BEGIN, DB_BEGIN_READING, DB_COMMIT, DB_OWN_COUNT };

struct db {
	sqlite3 *handle;
	char *path;
	sqlite3_stmt *own[DB_OWN_COUNT];
	sqlite3_stmt **statements;
	size_t count;
	int64_t waiting_since; /* clock_now time, for a lock */
	struct buf problem;
};

/* Set the problem by the result code of a call. Returns -1. */
int db_fail(struct db *db, int code);

#endif
