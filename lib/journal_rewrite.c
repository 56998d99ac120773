/* Counting, and putting another file in the log's place. */
#include "journal.h"
#include "journal_state.h"
#include "mem.h"
#include "msg.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int journal_status(struct journal *j, struct journal_count *count)
{
	*count = (struct journal_count){.running = journal_is_locked(j->fd)};
	if (journal_load(j, false) < 0 || journal_traced(j, &count->in_flight) < 0)
		return -1;
	journal_index_last(&j->index);
	count->lines = j->lines;
	count->torn = j->torn;
	count->failed = j->unnamed_failed;
	for (size_t i = 0; i < j->index.count; i++)
		count->failed += journal_index_failed(&j->index.sorted[i]);
	count->done = j->unnamed + j->index.count - count->failed;
	count->superseded = j->lines - j->unnamed - j->index.count;
	return 0;
}

/* A file that is being written. */
struct target {
	int fd;
	char *path;
	struct buf pending;
};

/* Returns 0, or -1 with the reason in *why. */
static int target_open(struct target *t, const struct journal *j, const char *suffix, int flags,
		       const char **why)
{
	t->path = journal_beside(j, suffix);
	t->fd = journal_open_file(t->path, O_RDWR | O_CREAT | flags, why);
	return t->fd < 0 ? -1 : 0;
}

/* Returns 0, or -1 with errno. */
static int target_write(struct target *t)
{
	size_t n = t->pending.length;

	if (journal_write(t->fd, t->pending.data, n) < n)
		return -1;
	buf_clear(&t->pending);
	return 0;
}

static int target_add(struct target *t, struct json_span line)
{
	buf_add(&t->pending, line.at, line.length);
	buf_addc(&t->pending, '\n');
	return t->pending.length < JOURNAL_CHUNK ? 0 : target_write(t);
}

static void target_free(struct target *t)
{
	if (t->fd >= 0)
		close(t->fd);
	buf_free(&t->pending);
	free(t->path);
}

#define NEW_SUFFIX ".new"
#define BAD_SUFFIX ".bad"

/* A file to take the log's place, locked, with its permissions. Returns 0, or -1 after a message.
 */
static int open_new(struct journal *j, struct target *t)
{
	char *path = journal_beside(j, NEW_SUFFIX);
	const char *why = NULL;
	struct stat st;

	/* One that a killed process left: we have the log's lock, so it is nobody's. */
	unlink(path);
	free(path);
	if (target_open(t, j, NEW_SUFFIX, O_EXCL | O_APPEND, &why) < 0)
		return journal_complain(j, NEW_SUFFIX, why);
	if (journal_lock_file(t->fd) < 0 || fstat(j->fd, &st) < 0 ||
	    fchmod(t->fd, st.st_mode & 07777) < 0)
		return journal_complain(j, NEW_SUFFIX, NULL);
	return 0;
}

/* Put it there. It must be on disk before it has the name, and be locked all the time, so that no
 * process comes in between. Returns 0, or -1 after a message. */
static int take_place(struct journal *j, struct target *t)
{
	if (target_write(t) < 0 || fsync(t->fd) < 0)
		return journal_complain(j, NEW_SUFFIX, NULL);
	if (rename(t->path, j->path) < 0)
		return journal_complain(j, "", NULL);
	close(j->fd);
	j->fd = t->fd;
	t->fd = -1;
	j->settled = false;
	buf_clear(&j->window);
	return journal_sync_folder(j) < 0 ? journal_complain(j, "", NULL) : 0;
}

/* Is there a later line for the id of this one? */
static bool is_superseded(struct journal *j, const struct record *r, uint64_t offset, bool *failed)
{
	struct buf id = {0};
	uint64_t request;
	struct json_span line;
	struct record last;
	bool superseded = false;

	journal_mark(r, JOURNAL_LOGGED, &request, &id);
	uint64_t hash = journal_id(id.data, id.length);
	const struct journal_entry *e = id.length > 0 ? journal_index_any(&j->index, hash) : NULL;
	if (e != NULL && journal_index_offset(e) != offset) {
		/* Two ids may have one hash. */
		if (journal_read_line(j, journal_index_offset(e), &line) < 0) {
			*failed = true;
		} else if (journal_judge(&last, &line, 0, true) == JOURNAL_GOOD) {
			journal_mark(&last, JOURNAL_LOGGED, &request, &j->id);
			superseded = j->id.length == id.length &&
				     memcmp(j->id.data, id.data, id.length) == 0;
		}
	}
	buf_free(&id);
	return superseded;
}

int journal_compact(struct journal *j, uint64_t *removed)
{
	struct journal_reader reader = {.fd = j->fd};
	struct target new = {.fd = -1};
	struct json_span line;
	struct record r;
	bool failed = false;
	int more = 0, result = -1;

	*removed = 0;
	if (journal_load(j, false) < 0 || open_new(j, &new) < 0)
		goto out;
	journal_index_last(&j->index);
	while (!failed && (more = journal_next(&reader, &line)) == 1) {
		if (journal_judge(&r, &line, 0, reader.whole) != JOURNAL_GOOD)
			continue;
		if (is_superseded(j, &r, reader.offset, &failed))
			++*removed;
		else if (!failed && target_add(&new, line) < 0)
			failed = true;
	}
	if (failed || more < 0)
		journal_complain(j, failed ? NEW_SUFFIX : "", NULL);
	else
		result = take_place(j, &new);
out:
	if (result < 0 && new.fd >= 0)
		unlink(new.path);
	target_free(&new);
	free(reader.data);
	return result;
}

/* Copy each line to one of the two files; bad is opened when there is one for it. Returns 0, or -1
 * after a message. */
static int divide(struct journal *j, struct target *good, struct target *bad, uint64_t *moved)
{
	struct journal_reader reader = {.fd = j->fd};
	struct json_span line;
	struct record r;
	const char *why = NULL, *which = "";
	int more;

	while ((more = journal_next(&reader, &line)) == 1) {
		enum journal_kind kind = journal_judge(&r, &line, 0, reader.whole);
		if (kind == JOURNAL_BLANK)
			continue;
		which = kind == JOURNAL_GOOD ? NEW_SUFFIX : BAD_SUFFIX;
		if (kind != JOURNAL_GOOD && ++*moved == 1 &&
		    target_open(bad, j, BAD_SUFFIX, O_APPEND, &why) < 0)
			break;
		if (target_add(kind == JOURNAL_GOOD ? good : bad, line) < 0)
			break;
		which = "";
	}
	free(reader.data);
	return more == 0 ? 0 : journal_complain(j, which, why);
}

int journal_repair(struct journal *j, uint64_t *moved)
{
	struct target good = {.fd = -1}, bad = {.fd = -1};
	int result = -1;

	*moved = 0;
	if (open_new(j, &good) < 0 || divide(j, &good, &bad, moved) < 0)
		goto out;
	result = 0;
	if (*moved == 0)
		goto out;
	/* What is moved is there before it is gone here. */
	if (target_write(&bad) < 0 || fsync(bad.fd) < 0 || journal_sync_folder(j) < 0)
		result = journal_complain(j, BAD_SUFFIX, NULL);
	else
		result = take_place(j, &good);
out:
	if (good.fd >= 0)
		unlink(good.path);
	target_free(&good);
	target_free(&bad);
	return result;
}
