/*
 * Any bytes as a log. Checked besides memory safety:
 * - reading it changes nothing, and what is damaged is refused as long as it is;
 * - repaired, it can be read, and all of its lines are there or in LOG.bad;
 * - what is appended then is found, in this run and the next, and so is all that was there;
 * - compacted, it has the same records done and failed.
 */
#include "buf.h"
#include "journal.h"
#include "mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char path[4096], bad_path[4096 + 4];

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void remove_files(void)
{
	unlink(path);
	unlink(bad_path);
}

static void prepare(void)
{
	const char *folder = getenv("TMPDIR");

	snprintf(path, sizeof path, "%s/fuzz_journal.%ld", folder != NULL ? folder : "/tmp",
		 (long)getpid());
	snprintf(bad_path, sizeof bad_path, "%s.bad", path);
	atexit(remove_files);
}

static uint64_t file_size(const char *name)
{
	int fd = open(name, O_RDONLY);
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);

	if (fd >= 0)
		close(fd);
	return (uint64_t)end;
}

static void write_log(const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	require(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
}

static struct journal *open_log(void)
{
	struct journal *j = journal_open(path, JOURNAL_WRITE);

	require(j != NULL && journal_lock(j) == 0);
	return j;
}

static struct journal_count count(void)
{
	struct journal *j = journal_open(path, JOURNAL_READ);
	struct journal_count c;

	require(j != NULL && journal_status(j, &c) == 0);
	journal_free(j);
	require(c.done + c.failed + c.superseded == c.lines);
	return c;
}

static bool is_done(struct journal *j)
{
	struct buf id = {0};
	struct journal_result result;

	buf_adds(&id, "appended");
	bool done = journal_find(j, &id, 99, &result) == JOURNAL_DONE;
	buf_free(&id);
	return done;
}

static void try_append(void)
{
	static const char line[] = "{\"custom_id\":\"appended\",\"lb\":{\"checkpoint\":"
				   "{\"request\":\"0000000000000063\"}}}\n";
	struct journal_line l = {sizeof line - 1, journal_id("appended", 8), 99, true, false};
	uint64_t lines = count().lines, size = file_size(path);
	struct journal *j = open_log();

	require(journal_load(j, false) == 0);
	require(journal_append(j, line, &l, 1) == 0 && is_done(j));
	journal_free(j);
	j = open_log();
	require(journal_load(j, false) == 0 && is_done(j));
	journal_free(j);
	require(count().lines == lines + 1 && file_size(path) <= size + sizeof line);
}

static void try_compact(void)
{
	struct journal_count before = count();
	struct journal *j = open_log();
	uint64_t removed;

	require(journal_compact(j, &removed) == 0);
	journal_free(j);
	struct journal_count after = count();
	require(removed == before.superseded && after.superseded == 0);
	require(after.done == before.done && after.failed == before.failed);
}

static void try_log(const uint8_t *data, size_t size)
{
	uint64_t moved;

	remove_files();
	write_log(data, size);
	struct journal *j = open_log();
	bool readable = journal_load(j, false) == 0;
	require(file_size(path) == size);
	journal_free(j);
	if (!readable) {
		j = open_log();
		require(journal_repair(j, &moved) == 0 && moved > 0);
		journal_free(j);
		/* But for empty lines, and for a newline that the last one lacked. */
		require(file_size(path) + file_size(bad_path) <= size + 1);
	}
	try_append();
	try_compact();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (*path == '\0')
		prepare();
	/* Complaints about damage are no news here. */
	int own = dup(STDERR_FILENO);
	int quiet = open("/dev/null", O_WRONLY);
	require(own >= 0 && quiet >= 0);
	dup2(quiet, STDERR_FILENO);
	try_log(data, size);
	dup2(own, STDERR_FILENO);
	close(own);
	close(quiet);
	return 0;
}
