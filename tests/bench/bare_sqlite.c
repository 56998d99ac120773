/*
 * bare_sqlite: what SQLite alone does with the answers of an lbcache file: prepared statements in a
 * loop, with the same tables and settings, and nothing around them.
 *
 *   bare_sqlite hits CACHE           look each key up, in the order in which they were stored
 *   bare_sqlite stores CACHE NEW     store all of it into the new file NEW
 *
 * Prints the seconds that this took.
 */
#include "clock.h"
#include "mem.h"
#include "msg.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Answers to a transaction, as many as lbcache has in one. */
#define GROUP 1024

#define SETTINGS "PRAGMA cache_size=-8192;PRAGMA wal_autocheckpoint=8000;"

struct answer {
	void *key, *text;
	int key_length, text_length;
	sqlite3_int64 numbers[4]; /* stored, used, size, sum */
};

static struct answer *answers;
static size_t count;

static void check(sqlite3 *db, int code)
{
	if (code != SQLITE_OK && code != SQLITE_ROW && code != SQLITE_DONE)
		msg_die(STATUS_SYSTEM, "%s", sqlite3_errmsg(db));
}

static void run(sqlite3 *db, const char *sql)
{
	check(db, sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static sqlite3 *open_file(const char *path)
{
	sqlite3 *db;

	check(NULL, sqlite3_open(path, &db));
	run(db, SETTINGS);
	return db;
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement;

	check(db, sqlite3_prepare_v2(db, sql, -1, &statement, NULL));
	return statement;
}

static void *copy_column(sqlite3_stmt *s, int column, int *length)
{
	const void *data = sqlite3_column_blob(s, column);

	*length = sqlite3_column_bytes(s, column);
	return mem_copy(data, (size_t)*length);
}

static void load(sqlite3 *db)
{
	sqlite3_stmt *s = prepare(db, "SELECT key, response, stored, used, size, sum FROM answers"
				      " JOIN responses USING(place) ORDER BY place");
	size_t room = 0;
	int code;

	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		if (count == room) {
			room = 2 * room + 1024;
			answers = mem_resize(answers, room, sizeof *answers);
		}
		struct answer *a = &answers[count++];
		a->key = copy_column(s, 0, &a->key_length);
		a->text = copy_column(s, 1, &a->text_length);
		for (int i = 0; i < 4; i++)
			a->numbers[i] = sqlite3_column_int64(s, 2 + i);
	}
	check(db, code);
	sqlite3_finalize(s);
}

/* Call the function for each answer, in transactions, and print the time. */
static void time_all(sqlite3 *db, void (*function)(sqlite3 *db, const struct answer *a))
{
	int64_t began = clock_now();

	for (size_t i = 0; i < count; i++) {
		if (i % GROUP == 0)
			run(db, i == 0 ? "BEGIN" : "COMMIT;BEGIN");
		function(db, &answers[i]);
	}
	run(db, "COMMIT");
	printf("%.6f\n", (double)(clock_now() - began) / 1e9);
}

static sqlite3_stmt *get, *put, *put_text;

static void look_up(sqlite3 *db, const struct answer *a)
{
	sqlite3_bind_blob(get, 1, a->key, a->key_length, SQLITE_STATIC);
	check(db, sqlite3_step(get));
	if (sqlite3_column_blob(get, 2) == NULL || sqlite3_column_bytes(get, 2) != a->text_length)
		msg_die(STATUS_SYSTEM, "an answer is not there");
	check(db, sqlite3_reset(get));
}

static void store(sqlite3 *db, const struct answer *a)
{
	sqlite3_bind_text(put_text, 1, a->text, a->text_length, SQLITE_STATIC);
	check(db, sqlite3_step(put_text));
	check(db, sqlite3_reset(put_text));
	sqlite3_bind_blob(put, 1, a->key, a->key_length, SQLITE_STATIC);
	sqlite3_bind_int64(put, 2, sqlite3_last_insert_rowid(db));
	for (int i = 0; i < 4; i++)
		sqlite3_bind_int64(put, 3 + i, a->numbers[i]);
	check(db, sqlite3_step(put));
	check(db, sqlite3_reset(put));
}

/* The tables of one file in another. */
static sqlite3 *make_new(sqlite3 *from, const char *path)
{
	sqlite3 *db = open_file(path);
	sqlite3_stmt *s = prepare(from, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL");

	run(db, "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL");
	while (sqlite3_step(s) == SQLITE_ROW)
		run(db, (const char *)sqlite3_column_text(s, 0));
	sqlite3_finalize(s);
	return db;
}

int main(int argc, char **argv)
{
	msg_init(argv[0]);
	bool hits = argc == 3 && strcmp(argv[1], "hits") == 0;
	if (!hits && (argc != 4 || strcmp(argv[1], "stores") != 0))
		msg_die(STATUS_USAGE,
			"usage: bare_sqlite hits CACHE, bare_sqlite stores CACHE NEW");
	sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3 *cache = open_file(argv[2]), *new = NULL;
	load(cache);
	if (hits) {
		get = prepare(cache, "SELECT used, sum, response FROM answers"
				     " JOIN responses USING(place) WHERE key = ?1");
		time_all(cache, look_up);
	} else {
		new = make_new(cache, argv[3]);
		put_text = prepare(new, "INSERT INTO responses(response) VALUES(?1)");
		put = prepare(new, "INSERT INTO answers(key, place, stored, used, size, sum)"
				   " VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
		time_all(new, store);
	}
	sqlite3_finalize(get);
	sqlite3_finalize(put);
	sqlite3_finalize(put_text);
	sqlite3_close(new);
	sqlite3_close(cache);
	for (size_t i = 0; i < count; i++) {
		free(answers[i].key);
		free(answers[i].text);
	}
	free(answers);
	if (fclose(stdout) != 0)
		msg_die(STATUS_SYSTEM, "stdout: cannot write");
	return 0;
}
