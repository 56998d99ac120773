/*
 * Claims: who is asking a question, and whether that is somebody alive.
 *
 * A process is known by its id and, where /proc tells, the time of its start, since ids come again.
 */
#include "store_state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than a claim takes in the file, bytes. */
#define CLAIM_SIZE 256

/* For how long, in ms, what was seen of an owner is believed. */
#define SEEN_FOR 10

/*
 * When the process started, in clock ticks since boot: field 22 of /proc/PID/stat (proc(5)). The
 * name, field 2, stands in parentheses and may hold any characters. Returns 0 if that cannot be
 * known, or -1 if the process is no more.
 */
static int64_t read_start(int64_t process)
{
	char path[64], text[1024];
	char state;
	unsigned long long start;

	snprintf(path, sizeof path, "/proc/%lld/stat", (long long)process);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return kill((pid_t)process, 0) < 0 && errno == ESRCH ? -1 : 0;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	const char *rest = strrchr(text, ')');
	if (rest == NULL ||
	    sscanf(rest + 1,
		   " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
		   "%llu",
		   &state, &start) != 2)
		return 0;
	/* One that was killed but not waited for is no more either. */
	return state == 'Z' || state == 'X' ? -1 : (int64_t)start;
}

struct store_owner store_claim_owner(bool half)
{
	int64_t self = (int64_t)getpid(), start = read_start(self);

	return (struct store_owner){self, start > 0 ? start : 0, half ? (int64_t)getpgrp() : 0};
}

static bool is_alive(int64_t process, int64_t started)
{
	int64_t start = process > 0 ? read_start(process) : -1;

	return start == 0 || (start > 0 && (start == started || started == 0));
}

/* Is there another half of the owner's pipeline, to store what was asked for? Not the owner, which
 * only asks, nor this process. */
static bool has_other_half(struct store *s, struct store_owner owner)
{
	bool found = false;

	db_set_integer(s->db, SQL_HALVES, 1, owner.family);
	while (!found && db_step(s->db, SQL_HALVES) > 0) {
		int64_t process = db_integer(s->db, SQL_HALVES, 0);
		found = process != owner.process && process != s->own.process &&
			is_alive(process, db_integer(s->db, SQL_HALVES, 1));
	}
	db_reset(s->db, SQL_HALVES);
	return found;
}

/* Is there somebody to store the answers that this owner asks for? Many claims are of few owners,
 * so that what was seen of one is believed for a moment. */
static bool is_backed(struct store *s, struct store_owner owner, int64_t now)
{
	const struct store_owner *seen = &s->seen;
	bool same = seen->process == owner.process && seen->start == owner.start &&
		    seen->family == owner.family;

	if (same && now >= s->seen_at && now - s->seen_at < SEEN_FOR)
		return s->seen_backed;
	s->seen = owner;
	s->seen_at = now;
	s->seen_backed =
	    owner.family != 0 ? has_other_half(s, owner) : is_alive(owner.process, owner.start);
	return s->seen_backed;
}

/* Between which times claims of this owner were made that hold. The clock may have been set back
 * since, by a day: one from further ahead than it is to last does not hold until then. */
struct times {
	int64_t from, to;
};

static struct times hold_times(struct store *s, struct store_owner owner, int64_t now)
{
	bool backed = is_backed(s, owner, now);
	int64_t span = (backed ? STORE_CLAIM_TIME : STORE_CLAIM_GRACE) - 1;

	if (owner.family != 0)
		return (struct times){now - span, now + span};
	return backed ? (struct times){INT64_MIN, INT64_MAX} : (struct times){now, now - 1};
}

/* Find the claim to a question. Returns 1 with *held saying whether it holds, 0, or -1. */
static int find_claim(struct store *s, const unsigned char key[STORE_KEY], int64_t now, bool *held)
{
	if (store_enter(s) < 0)
		return -1;
	db_set_bytes(s->db, SQL_CLAIM, 1, key, STORE_KEY);
	int found = db_step(s->db, SQL_CLAIM);
	if (found <= 0)
		return found;
	struct store_owner owner = {db_integer(s->db, SQL_CLAIM, 0),
				    db_integer(s->db, SQL_CLAIM, 1),
				    db_integer(s->db, SQL_CLAIM, 2)};
	int64_t since = db_integer(s->db, SQL_CLAIM, 3);
	db_reset(s->db, SQL_CLAIM);
	struct times times = hold_times(s, owner, now);
	*held = since >= times.from && since <= times.to;
	return 1;
}

int store_claim(struct store *s, const unsigned char key[STORE_KEY], int64_t now)
{
	bool held = false;

	if (store_book(s, CLAIM_SIZE) < 0)
		return -1;
	db_set_bytes(s->db, SQL_PUT_CLAIM, 1, key, STORE_KEY);
	db_set_integer(s->db, SQL_PUT_CLAIM, 2, s->own.process);
	db_set_integer(s->db, SQL_PUT_CLAIM, 3, s->own.start);
	db_set_integer(s->db, SQL_PUT_CLAIM, 4, s->own.family);
	db_set_integer(s->db, SQL_PUT_CLAIM, 5, now);
	if (db_run(s->db, SQL_PUT_CLAIM) < 0)
		return -1;
	if (db_changes(s->db) > 0)
		return 1;
	/* There is one already, which may not hold any more. */
	if (find_claim(s, key, now, &held) < 0)
		return -1;
	if (held)
		return 0;
	if (store_release(s, key) < 0 || db_run(s->db, SQL_PUT_CLAIM) < 0)
		return -1;
	return 1;
}

int store_is_claimed(struct store *s, const unsigned char key[STORE_KEY])
{
	bool held;

	return find_claim(s, key, 0, &held);
}

int store_is_settled(struct store *s, const unsigned char key[STORE_KEY], int64_t oldest,
		     int64_t now)
{
	bool held = false;

	if (store_enter(s) < 0)
		return -1;
	store_set_times(s, SQL_TIMES, key, oldest, now);
	int found = db_step(s->db, SQL_TIMES);
	if (found > 0)
		db_reset(s->db, SQL_TIMES);
	if (found != 0)
		return found;
	if (find_claim(s, key, now, &held) < 0)
		return -1;
	return !held;
}

int store_release(struct store *s, const unsigned char key[STORE_KEY])
{
	db_set_bytes(s->db, SQL_DROP_CLAIM, 1, key, STORE_KEY);
	return db_run(s->db, SQL_DROP_CLAIM);
}

/* The owners of claims, as an array of store_owner in a buffer. */
static int list_owners(struct store *s, struct buf *owners)
{
	int result = store_enter(s);

	while (result >= 0 && (result = db_step(s->db, SQL_OWNERS)) > 0) {
		struct store_owner owner = {db_integer(s->db, SQL_OWNERS, 0),
					    db_integer(s->db, SQL_OWNERS, 1),
					    db_integer(s->db, SQL_OWNERS, 2)};
		buf_add(owners, &owner, sizeof owner);
	}
	return result < 0 ? -1 : store_rest(s);
}

/* Remove the owner's claims that do not hold. */
static int drop_claims(struct store *s, struct store_owner owner, int64_t now)
{
	struct times times = hold_times(s, owner, now);

	if (times.from == INT64_MIN)
		return 0;
	db_set_integer(s->db, SQL_DROP_OWNER, 1, owner.process);
	db_set_integer(s->db, SQL_DROP_OWNER, 2, owner.start);
	db_set_integer(s->db, SQL_DROP_OWNER, 3, times.from);
	db_set_integer(s->db, SQL_DROP_OWNER, 4, times.to);
	return db_run(s->db, SQL_DROP_OWNER);
}

int store_claim_sweep(struct store *s, int64_t now)
{
	struct buf owners = {0};
	struct store_owner owner;
	int result = list_owners(s, &owners);

	if (result == 0 && owners.length > 0)
		result = store_begin(s);
	for (size_t i = 0; result == 0 && i < owners.length; i += sizeof owner) {
		memcpy(&owner, owners.data + i, sizeof owner);
		result = drop_claims(s, owner, now);
	}
	if (s->mode == STORE_WRITES) {
		if (result == 0)
			result = store_commit(s);
		else
			store_rollback(s);
	}
	buf_free(&owners);
	return result;
}

int store_claim_enter(struct store *s)
{
	if (store_begin(s) < 0)
		return -1;
	db_set_integer(s->db, SQL_PUT_HALF, 1, s->own.process);
	db_set_integer(s->db, SQL_PUT_HALF, 2, s->own.start);
	db_set_integer(s->db, SQL_PUT_HALF, 3, s->own.family);
	s->entered = db_run(s->db, SQL_PUT_HALF) == 0 && store_commit(s) == 0;
	if (!s->entered)
		store_rollback(s);
	return s->entered ? 0 : -1;
}

int store_claim_leave(struct store *s)
{
	if (store_begin(s) < 0)
		return -1;
	db_set_integer(s->db, SQL_DROP_HALF, 1, s->own.process);
	if (db_run(s->db, SQL_DROP_HALF) == 0 && store_commit(s) == 0)
		return 0;
	store_rollback(s);
	return -1;
}
