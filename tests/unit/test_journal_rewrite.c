/* journal: counting, compacting and repairing. Whatever happens the log is the old one or the new
 * one, nothing is lost, and no second process comes in between. */
#include "capture.h"
#include "journal_files.h"
#include "tap.h"

#include <signal.h>
#include <sys/wait.h>

/* A line: its id, the request, whether it failed. */
#define LINE(id, request, error)                     \
	"{\"custom_id\":\"" id "\",\"error\":" error \
	",\"lb\":{\"checkpoint\":{\"request\":\"000000000000000" request "\"}}}\n"
#define GOOD(id, request)   LINE(id, request, "null")
#define FAILED(id, request) LINE(id, request, "{\"code\":\"e\"}")
#define UNNAMED             "{\"custom_id\":null,\"response\":{},\"error\":null}\n"

static struct journal *open_locked(void)
{
	struct journal *j = journal_open(log_path, JOURNAL_WRITE);

	if (j == NULL || journal_lock(j) < 0)
		abort();
	return j;
}

static void test_status(void)
{
	struct journal_count c;

	/* a: failed, then done; b: done, then changed and failed; c: failed twice; d: done. */
	write_text(log_path, FAILED("a", "1") GOOD("b", "1") GOOD("a", "1") FAILED("c", "1") FAILED(
				 "b", "2") "\n" FAILED("c", "1") GOOD("d", "1") UNNAMED "{\"torn");
	struct journal *j = journal_open(log_path, JOURNAL_READ);
	tap_int(journal_status(j, &c), 0, "a log is counted");
	tap_int((long long)c.lines, 8, "its lines, without what is torn or empty");
	tap_int((long long)c.done, 3,
		"the ids whose last line is a success, and lines without an id");
	tap_int((long long)c.failed, 2, "the ids whose last line is a failure");
	tap_int((long long)c.superseded, 3, "the lines that have a later one");
	tap_int((long long)c.torn, 6, "the bytes of the torn line");
	tap_ok(c.in_flight == 0 && !c.running, "nothing is in flight, and nobody writes");
	journal_free(j);
}

static void test_compact(void)
{
	uint64_t removed;
	struct stat before, after;

	write_text(log_path, FAILED("a", "1") GOOD("b", "1") "\n" GOOD("a", "1") UNNAMED FAILED(
				 "b", "2") FAILED("c", "1") UNNAMED FAILED("c", "1") "{\"torn");
	chmod(log_path, 0640);
	stat(log_path, &before);
	struct journal *j = open_locked();
	tap_int(journal_compact(j, &removed), 0, "a log is compacted");
	tap_int((long long)removed, 3, "it says how many lines went");
	tap_ok(file_is(log_path, GOOD("a", "1") UNNAMED FAILED("b", "2") UNNAMED FAILED("c", "1")),
	       "the last line of each id stays, in order, and lines without one do");
	stat(log_path, &after);
	tap_ok(after.st_ino != before.st_ino && (after.st_mode & 0777) == 0640,
	       "it is another file, with the same permissions");
	tap_int(access("log.new", F_OK), -1, "and no other file is left");
	tap_int(append(j, "d", 1, false, ""), 0, "the new one can be appended to");
	journal_free(j);
	j = open_locked();
	tap_int(journal_compact(j, &removed) == 0 && removed == 0, 1,
		"the second time nothing goes");
	journal_free(j);

	write_text(log_path, "");
	j = open_locked();
	tap_ok(journal_compact(j, &removed) == 0 && removed == 0 && file_is(log_path, ""),
	       "an empty log stays empty");
	journal_free(j);
	write_text(log_path, GOOD("a", "1") "{\"error\n" GOOD("a", "1"));
	j = open_locked();
	tap_int(journal_compact(j, &removed), -1, "a damaged log is not compacted");
	tap_ok(file_is(log_path, GOOD("a", "1") "{\"error\n" GOOD("a", "1")), "and stays as it is");
	journal_free(j);
	/* The file of a run that was killed. */
	write_text("log.new", "left over");
	write_text(log_path, GOOD("a", "1") GOOD("a", "1"));
	j = open_locked();
	tap_ok(journal_compact(j, &removed) == 0 && file_is(log_path, GOOD("a", "1")),
	       "a file that a killed compaction left is no hindrance");
	journal_free(j);
}

static void test_compact_collisions(void)
{
	uint64_t removed;

	journal_id_mask = 0;
	write_text(log_path, GOOD("a", "1") GOOD("b", "1") GOOD("c", "1") FAILED("c", "2"));
	struct journal *j = open_locked();
	tap_int(journal_compact(j, &removed), 0, "with all ids colliding a log is compacted");
	tap_ok(file_is(log_path, GOOD("a", "1") GOOD("b", "1") FAILED("c", "2")),
	       "and no id loses its line to another");
	journal_free(j);
	journal_id_mask = UINT64_MAX;
}

static void test_repair(void)
{
	uint64_t moved;

	write_text("log.bad", "there before\n");
	write_text(log_path,
		   GOOD("a", "1") "{\"err\n" GOOD("b", "1") "12\n\n" FAILED("c", "1") "{\"torn");
	struct journal *j = open_locked();
	tap_int(journal_repair(j, &moved), 0, "a damaged log is repaired");
	tap_int((long long)moved, 3, "it says how many lines were moved");
	tap_ok(file_is(log_path, GOOD("a", "1") GOOD("b", "1") FAILED("c", "1")),
	       "the good lines stay");
	tap_ok(file_is("log.bad", "there before\n{\"err\n12\n{\"torn\n"),
	       "the others are added to LOG.bad");
	tap_int(append(j, "d", 1, false, ""), 0, "the new one can be appended to");
	journal_free(j);
	unlink("log.bad");
	write_text(log_path, GOOD("a", "1") GOOD("b", "1"));
	struct stat before, after;
	stat(log_path, &before);
	j = open_locked();
	tap_ok(journal_repair(j, &moved) == 0 && moved == 0,
	       "a log without damage has nothing to repair");
	stat(log_path, &after);
	tap_ok(before.st_ino == after.st_ino && access("log.bad", F_OK) < 0 &&
		   access("log.new", F_OK) < 0,
	       "and is left alone");
	journal_free(j);
}

/* A log of many superseded lines. */
static void write_large(void)
{
	struct buf text = {0};

	for (int i = 0; i < 30000; i++)
		buf_addf(&text, "{\"custom_id\":\"r%d\",\"response\":{},\"n\":%d}\n", i % 10000, i);
	write_file(log_path, text.data, text.length);
	buf_free(&text);
}

/* Does the log hold the last line of each of them, whole? */
static bool is_complete(void)
{
	struct journal *j = journal_open(log_path, JOURNAL_READ);
	struct journal_count c;
	bool good = journal_status(j, &c) == 0 && c.done == 10000 && c.torn == 0 &&
		    (c.lines == 30000 || c.lines == 10000);

	journal_free(j);
	return good;
}

/* In another process, until it is told to stop. Returns its exit status. */
static int try_to_lock(void)
{
	bool locked = false;

	while (!locked && access("stop", F_OK) < 0) {
		struct journal *j = journal_open(log_path, JOURNAL_WRITE);
		locked = j == NULL || (journal_lock(j) == 0 && access("stop", F_OK) < 0);
		journal_free(j);
	}
	return locked ? 5 : 0;
}

static void test_atomic(void)
{
	int incomplete = 0, finished = 0;

	for (int i = 0; i < 40; i++) {
		write_large();
		pid_t child = fork();
		if (child == 0) {
			uint64_t removed;
			struct journal *j = open_locked();
			int result = journal_compact(j, &removed);
			journal_free(j);
			_exit(result == 0 ? 0 : 4);
		}
		usleep((useconds_t)(i * 700));
		kill(child, SIGKILL);
		int status;
		waitpid(child, &status, 0);
		finished += WIFEXITED(status) && WEXITSTATUS(status) == 0;
		incomplete += !is_complete();
	}
	tap_int(incomplete, 0,
		"killed at 40 moments (%d times too late) it leaves the old log or the new one",
		finished);
	unlink("log.new");
}

static void test_exclusive(void)
{
	uint64_t removed;
	int status;

	write_large();
	struct journal *j = open_locked();
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		if (freopen("/dev/null", "w", stderr) == NULL)
			abort();
		status = try_to_lock();
		journal_free(j);
		_exit(status);
	}
	int compacted = 0;
	for (int i = 0; i < 5; i++)
		compacted += journal_compact(j, &removed) == 0;
	write_text("stop", "");
	waitpid(child, &status, 0);
	tap_int(compacted, 5, "a log can be compacted again and again");
	tap_int(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0,
		"meanwhile nobody else could lock it, whatever file had its name");
	journal_free(j);
	unlink("stop");
}

int main(void)
{
	enter_folder();
	test_status();
	test_compact();
	test_compact_collisions();
	test_repair();
	test_atomic();
	test_exclusive();
	leave_folder();
	return tap_done();
}
