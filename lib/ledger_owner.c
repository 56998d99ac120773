/*
 * Who is to settle a reservation, and whether it still can.
 *
 * A process id alone may be another's by now, so the time that it started at goes with it, and the
 * boot that this time is counted from. A process group lives for as long as one process of it does;
 * its start is 0. Where the system does not tell start and boot these are 0 and empty.
 */
#include "ledger_state.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The first line of a file, shortened to fit; "" if there is none. */
static void read_line(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");

	text[0] = '\0';
	if (file == NULL)
		return;
	if (fgets(text, (int)size, file) == NULL)
		text[0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	fclose(file);
}

static void boot_name(char name[64])
{
	read_line("/proc/sys/kernel/random/boot_id", name, 64);
}

/* When a process started, in the kernel's ticks; 0 if that cannot be read, -1 if it has ended and
 * was not waited for yet (proc(5): the state is field 3, the start 22; the name before them may
 * hold anything but ends in the last parenthesis). */
static int64_t start_of(int64_t pid)
{
	char path[64], text[1024];
	char *at;

	snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
	read_line(path, text, sizeof text);
	at = strrchr(text, ')');
	if (at == NULL || at[1] == '\0')
		return 0;
	if (at[2] == 'Z' || at[2] == 'X')
		return -1;
	at++;
	for (int field = 3; field < 22 && at != NULL; field++)
		at = strchr(at + 1, ' ');
	return at != NULL ? strtoll(at, NULL, 10) : 0;
}

/* Can it still settle? pid is negative for a process group. */
static bool lives(int64_t pid, int64_t start, const char *boot, size_t boot_length)
{
	char now[64];

	boot_name(now);
	if (boot_length != strlen(now) || memcmp(boot, now, boot_length) != 0)
		return false;
	if (kill((pid_t)pid, 0) < 0 && errno != EPERM)
		return false;
	if (pid < 0 || start == 0)
		return true;
	return start_of(pid) == start;
}

/* The columns pid, start and boot of a statement's row. */
static bool row_lives(struct ledger *l, size_t statement, int column)
{
	size_t n;
	int64_t pid = db_integer(l->db, statement, column);
	int64_t start = db_integer(l->db, statement, column + 1);
	const char *boot = db_bytes(l->db, statement, column + 2, &n);

	return pid != 0 && lives(pid, start, boot != NULL ? boot : "", n);
}

/* Forget owners that are gone and have nothing reserved. A few at a time are enough. */
static int clean(struct ledger *l)
{
	int64_t gone[64];
	size_t count = 0;
	int result;

	while ((result = db_step(l->db, LEDGER_SQL_OWNERS)) > 0) {
		if (!row_lives(l, LEDGER_SQL_OWNERS, 1))
			gone[count++] = db_integer(l->db, LEDGER_SQL_OWNERS, 0);
		if (count == sizeof gone / sizeof *gone) {
			db_reset(l->db, LEDGER_SQL_OWNERS);
			break;
		}
	}
	for (size_t i = 0; i < count && result >= 0; i++) {
		db_set_integer(l->db, LEDGER_SQL_OWNER_DROP, 1, gone[i]);
		result = db_run(l->db, LEDGER_SQL_OWNER_DROP);
	}
	return result < 0 ? -1 : 0;
}

static int enter(struct ledger *l, int64_t pid, int64_t start)
{
	char boot[64];

	boot_name(boot);
	db_set_integer(l->db, LEDGER_SQL_OWNER_ADD, 1, pid);
	db_set_integer(l->db, LEDGER_SQL_OWNER_ADD, 2, start);
	db_set_bytes(l->db, LEDGER_SQL_OWNER_ADD, 3, boot, strlen(boot));
	if (db_run(l->db, LEDGER_SQL_OWNER_ADD) < 0)
		return -1;
	l->owner = db_last_id(l->db);
	return 0;
}

int ledger_owner_enter(struct ledger *l, bool passes)
{
	int64_t start = passes ? 0 : start_of(getpid());

	if (db_begin(l->db) < 0)
		return -1;
	if (clean(l) == 0 && enter(l, passes ? -getpgrp() : getpid(), start) == 0 &&
	    db_commit(l->db) == 0)
		return 0;
	db_rollback(l->db);
	return -1;
}

void ledger_owner_leave(struct ledger *l)
{
	if (l->owner == 0)
		return;
	/* If it cannot be written we are forgotten later. */
	db_set_integer(l->db, LEDGER_SQL_OWNER_DROP, 1, l->owner);
	db_run(l->db, LEDGER_SQL_OWNER_DROP);
}

int ledger_owner_orphans(struct ledger *l, int64_t since, int64_t *after, int64_t *before)
{
	const size_t statement = LEDGER_SQL_BY_OWNER;
	int result;

	*after = *before = 0;
	db_set_integer(l->db, statement, 1, since);
	while ((result = db_step(l->db, statement)) > 0) {
		if (row_lives(l, statement, 0))
			continue;
		int64_t sum = db_integer(l->db, statement, 4);
		int64_t late = db_integer(l->db, statement, 5);
		*after += late;
		*before += sum - late;
	}
	return result;
}

int ledger_reservations(struct ledger *l, struct ledger_open_items *items)
{
	const size_t statement = LEDGER_SQL_BY_OWNER;
	int result;

	*items = (struct ledger_open_items){0};
	db_set_integer(l->db, statement, 1, INT64_MIN);
	while ((result = db_step(l->db, statement)) > 0) {
		int64_t count = db_integer(l->db, statement, 3);
		int64_t sum = db_integer(l->db, statement, 4);
		if (row_lives(l, statement, 0)) {
			items->pending += count;
			items->pending_amount += sum;
		} else {
			items->orphaned += count;
			items->orphaned_amount += sum;
		}
	}
	return result;
}

/* Delete what the first owner that is gone has reserved. Returns 1, 0 if there is none, or -1. */
static int forgive_one(struct ledger *l, int64_t *count, int64_t *amount)
{
	const size_t statement = LEDGER_SQL_BY_OWNER;
	int result;

	db_set_integer(l->db, statement, 1, INT64_MIN);
	while ((result = db_step(l->db, statement)) > 0) {
		if (row_lives(l, statement, 0))
			continue;
		int64_t sum = db_integer(l->db, statement, 4);
		*count += db_integer(l->db, statement, 3);
		*amount += sum;
		db_set_integer(l->db, LEDGER_SQL_FORGIVE, 1, db_integer(l->db, statement, 6));
		db_reset(l->db, statement);
		db_set_integer(l->db, LEDGER_SQL_ADJUST, 1, -sum);
		db_set_integer(l->db, LEDGER_SQL_ADJUST, 2, 0);
		return db_run(l->db, LEDGER_SQL_FORGIVE) < 0 || db_run(l->db, LEDGER_SQL_ADJUST) < 0
			   ? -1
			   : 1;
	}
	return result;
}

int ledger_forgive(struct ledger *l, int64_t *count, int64_t *amount)
{
	int result;

	*count = *amount = 0;
	if (db_begin(l->db) < 0)
		return -1;
	do
		result = forgive_one(l, count, amount);
	while (result > 0);
	if (result == 0)
		result = clean(l);
	if (result == 0)
		result = db_commit(l->db);
	if (result < 0)
		db_rollback(l->db);
	return result;
}
