/* Opening state files, what is refused, and transactions between processes. */
#include "db.h"
#include "buf.h"
#include "clock.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ADD, COUNT, SUM, ALL, FIND, SQL_COUNT };

static const char *const sql[SQL_COUNT] = {
    [ADD] = "INSERT INTO t(n, text) VALUES(?1, ?2)",
    [COUNT] = "SELECT count(*) FROM t",
    [SUM] = "SELECT sum(n) FROM t",
    [ALL] = "SELECT n, text FROM t ORDER BY n",
    [FIND] = "SELECT id FROM t WHERE text = ?1",
};

static const struct db_options usual = {
    .path = "test.db",
    .tool = "the test",
    .magic = 0x12345678,
    .version = 3,
    .schema = "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, text TEXT);"
	      "CREATE INDEX i ON t(n)",
    .sql = sql,
    .count = SQL_COUNT,
};

static void remove_all(void)
{
	unlink("test.db");
	unlink("test.db-wal");
	unlink("test.db-shm");
	unlink("test.db-journal");
}

static void write_file(const char *path, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n || close(fd) < 0)
		abort();
}

static struct db *open_or_die(const struct db_options *o)
{
	struct buf problem = {0};
	struct db *db = db_open(o, &problem);

	if (db == NULL) {
		printf("# %s\n", buf_string(&problem));
		exit(1);
	}
	buf_free(&problem);
	return db;
}

static int add(struct db *db, int64_t n, const char *text)
{
	db_set_integer(db, ADD, 1, n);
	db_set_text(db, ADD, 2, text, strlen(text));
	return db_run(db, ADD);
}

static int64_t number(struct db *db, size_t statement)
{
	int64_t n = db_step(db, statement) > 0 ? db_integer(db, statement, 0) : -1;

	db_reset(db, statement);
	return n;
}

/* It cannot be opened, for a reason with these words. */
static void refused(const struct db_options *o, const char *words, const char *what)
{
	struct buf problem = {0};
	struct db *db = db_open(o, &problem);

	tap_ok(db == NULL, "%s: refused", what);
	tap_ok(strstr(buf_string(&problem), words) != NULL, "...as: %s", buf_string(&problem));
	buf_free(&problem);
	db_close(db);
}

static void test_new(void)
{
	struct stat info;
	struct db *db;
	int64_t value = 0;

	remove_all();
	umask(0);
	db = open_or_die(&usual);
	tap_int(stat("test.db", &info), 0, "a file is made");
	tap_int(info.st_mode & 07777, 0600, "...for its owner alone, whatever the umask");
	tap_int(add(db, 1, "one"), 0, "a row in it");
	tap_int(stat("test.db-wal", &info), 0, "...is in the log beside it");
	tap_int(info.st_mode & 07777, 0600, "...for its owner alone");
	tap_int(db_once(db, "PRAGMA application_id", &value), 0, "it has a magic");
	tap_int(value, 0x12345678, "...the tool's");
	tap_int(db_once(db, "PRAGMA user_version", &value), 0, "it has a version");
	tap_int(value, 3, "...the tool's");
	tap_int(db_once(db, "PRAGMA synchronous", &value), 0, "synchronous");
	tap_int(value, 1, "...is NORMAL");
	db_close(db);
	struct db_options durable = usual;
	durable.durable = true;
	db = open_or_die(&durable);
	tap_int(db_once(db, "PRAGMA synchronous", &value), 0, "synchronous, if durable");
	tap_int(value, 2, "...is FULL");
	db_close(db);
	db_close(NULL);
}

static void test_statements(void)
{
	size_t n;

	remove_all();
	struct db *db = open_or_die(&usual);
	tap_int(db_begin(db), 0, "a transaction");
	tap_int(add(db, 2, "two"), 0, "a row");
	tap_int(db_last_id(db), 1, "...has an id");
	tap_int(add(db, INT64_MIN, ""), 0, "another row");
	tap_int(db_changes(db), 1, "...is one");
	tap_int(db_commit(db), 0, "is committed");
	tap_int(db_begin(db), 0, "another one");
	tap_int(add(db, 3, "three"), 0, "with a row");
	db_rollback(db);
	db_rollback(db);
	tap_int(number(db, COUNT), 2, "is rolled back");
	tap_int(db_step(db, ALL), 1, "the first row");
	tap_int(db_integer(db, ALL, 0), INT64_MIN, "...has its number");
	db_bytes(db, ALL, 1, &n);
	tap_int((long long)n, 0, "...and its empty text");
	tap_int(db_step(db, ALL), 1, "the second row");
	const void *text = db_bytes(db, ALL, 1, &n);
	tap_bytes(text, n, "two", 3, "...has its text");
	tap_int(db_step(db, ALL), 0, "there is no third");
	tap_int(db_once(db, "SELECT nothing", NULL), -1, "a mistake fails");
	tap_ok(strstr(db_problem(db), "test.db: ") == db_problem(db), "...with the file's name: %s",
	       db_problem(db));
	tap_int(db_damaged(db, "no sense"), -1, "damage that the caller has found");
	tap_is(db_problem(db), "test.db: the file is damaged: no sense", "...is told");
	db_close(db);
	db = open_or_die(&usual);
	tap_int(number(db, COUNT), 2, "what was committed is there when it is opened again");
	db_close(db);
}

static void test_refusals(void)
{
	struct db_options o = usual;
	struct stat info;

	remove_all();
	db_close(open_or_die(&usual));
	o.version = 4;
	refused(&o, "another version of the test", "another version");
	o = usual;
	o.magic = 1;
	refused(&o, "not one of the test", "another tool's");
	remove_all();
	o = usual;
	o.must_exist = true;
	refused(&o, strerror(ENOENT), "a file that must exist and does not");
	o.must_exist = false;
	o.read_only = true;
	refused(&o, strerror(ENOENT), "a file to be read that does not exist");
	write_file("test.db", "", 0);
	refused(&o, "damaged", "an empty file to be read");
	o = usual;
	db_close(open_or_die(&o));
	tap_ok(true, "an empty file is a new one");
	remove_all();
	tap_int(symlink("elsewhere", "test.db"), 0, "a link that leads to nothing");
	refused(&o, "symbolic link", "a link");
	tap_int(lstat("elsewhere", &info), -1, "...is not followed");
	unlink("test.db");
	tap_int(symlink("elsewhere", "test.db-wal"), 0, "a link in place of the log");
	refused(&o, "test.db-wal", "a file whose log is a link");
	tap_int(lstat("elsewhere", &info), -1, "...is not followed");
	remove_all();
	tap_int(mkdir("test.db", 0700), 0, "a folder");
	refused(&o, "", "a folder");
	rmdir("test.db");
	tap_int(mkfifo("test.db", 0600), 0, "a fifo");
	refused(&o, "no regular file", "a fifo");
	remove_all();
	if (geteuid() == 0) {
		write_file("test.db", "", 0);
		tap_int(chown("test.db", 12345, 12345), 0, "a file of somebody else");
		refused(&o, "another user", "a file of somebody else");
	}
	remove_all();
	o.path = ":memory:";
	db_close(open_or_die(&o));
	tap_int(unlink(":memory:"), 0, "a name that SQLite would give a meaning to is a file's");
}

/* Read the file in a folder that this process may not write to, and try to write. Returns a status.
 */
static int use_frozen(struct db_options o, const char *folder)
{
	struct buf problem = {0};
	struct stat info;

	if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
		return 1;
	if (stat(folder, &info) < 0) /* SQLite goes there from the root */
		return 77;
	o.read_only = true;
	struct db *db = db_open(&o, &problem);
	if (db == NULL || number(db, COUNT) != 1)
		return 2;
	o.read_only = false;
	if (db_open(&o, &problem) != NULL)
		return 3;
	return strstr(buf_string(&problem), "folder it is in") != NULL ? 0 : 4;
}

/* SQLite wants to make files beside the one that it reads; and it is given an URI, in which some
 * characters mean something else. */
static void test_frozen(void)
{
	struct db_options o = usual;
	struct stat info;
	char folder[4096];
	int status = -1;

	o.path = "fixed/a b?c#d%41.db";
	tap_int(chmod(".", 0755) | mkdir("fixed", 0755), 0, "a folder");
	struct db *db = open_or_die(&o);
	add(db, 1, "one");
	db_close(db);
	tap_int(geteuid() == 0 ? chown(o.path, 65534, 65534) : chmod("fixed", 0555), 0,
		"...that is not to be written to");
	if (getcwd(folder, sizeof folder) == NULL)
		abort();
	fflush(stdout);
	pid_t child = fork();
	if (child == 0)
		_exit(use_frozen(o, folder));
	waitpid(child, &status, 0);
	tap_ok(status == 0 || WEXITSTATUS(status) == 77,
	       "a file in it can be read, and who would write is told of it (%d)", status);
	tap_int(stat("fixed/a b?c#d%41.db-shm", &info), -1, "nothing is made beside it");
	tap_int(chmod("fixed", 0755) | unlink(o.path) | rmdir("fixed"), 0,
		"...nor elsewhere in it");
}

/* A file that is not whole is never used as if it were, nor made anew. */
static void test_damage(void)
{
	static char data[1 << 20];
	struct db *db;

	remove_all();
	write_file("test.db", "not a database at all", 21);
	refused(&usual, "damaged", "a text file");
	write_file("test.db", "S", 1);
	refused(&usual, "damaged", "one byte of a database");
	write_file("test.db", data, 8192);
	refused(&usual, "damaged", "zeros");
	remove_all();
	db = open_or_die(&usual);
	db_begin(db);
	for (int i = 0; i < 2000; i++)
		add(db, i, "some text to fill pages with, so that there are some of them");
	db_commit(db);
	db_close(db);
	int fd = open("test.db", O_RDONLY);
	ssize_t n = read(fd, data, sizeof data);
	close(fd);
	tap_ok(n > 20 * 4096, "a file of many pages");
	for (ssize_t cut = 100; cut < n; cut += n / 20) {
		struct buf problem = {0};
		write_file("test.db", data, (size_t)cut);
		db = db_open(&usual, &problem);
		bool told = db == NULL && strstr(buf_string(&problem), "damaged") != NULL;
		tap_ok(told, "cut off after %zd bytes: %s", cut, buf_string(&problem));
		db_close(db);
		buf_free(&problem);
	}
	memset(data + n / 2, 0xa5, 8192);
	write_file("test.db", data, (size_t)n);
	db = open_or_die(&usual);
	int result;
	while ((result = db_step(db, ALL)) > 0)
		continue;
	tap_int(result, -1, "a page that is overwritten: found when it is read");
	tap_ok(strstr(db_problem(db), "damaged") != NULL, "...and told: %s", db_problem(db));
	db_close(db);
	remove_all();
}

/* Several processes make the file at the same moment and add to it. */
static void test_processes(void)
{
	enum { PROCESSES = 8, ROWS = 50 };
	int gate[2], status, failed = 0;
	char byte;

	remove_all();
	if (pipe(gate) < 0)
		abort();
	fflush(stdout);
	for (int p = 0; p < PROCESSES; p++) {
		if (fork() > 0)
			continue;
		close(gate[1]);
		if (read(gate[0], &byte, 1) != 0)
			_exit(2);
		struct buf problem = {0};
		struct db *db = db_open(&usual, &problem);
		if (db == NULL) {
			fprintf(stderr, "# %s\n", buf_string(&problem));
			_exit(1);
		}
		for (int i = 0; i < ROWS; i++)
			if (db_begin(db) < 0 || add(db, 1, "x") < 0 || db_commit(db) < 0)
				_exit(1);
		db_close(db);
		_exit(0);
	}
	close(gate[0]);
	close(gate[1]);
	for (int p = 0; p < PROCESSES; p++)
		failed += wait(&status) < 0 || status != 0;
	tap_int(failed, 0, "8 processes make one file and write to it");
	struct db *db = open_or_die(&usual);
	tap_int(number(db, SUM), PROCESSES * ROWS, "...and all that they wrote is there");
	db_close(db);
}

/* One who holds a lock is waited for; one who ends with it leaves nothing behind. */
static void test_locks(void)
{
	int ready[2], status;
	char byte = 0;

	for (int dies = 0; dies <= 1; dies++) {
		remove_all();
		struct db *db = open_or_die(&usual);
		if (pipe(ready) < 0)
			abort();
		fflush(stdout);
		pid_t child = fork();
		if (child == 0) {
			struct db *other = open_or_die(&usual);
			db_begin(other);
			add(other, 1, "x");
			if (write(ready[1], &byte, 1) != 1)
				_exit(1);
			usleep(200 * 1000);
			if (!dies) {
				db_commit(other);
				db_close(other);
			}
			/* The kernel drops the lock; and what the parent has open is no leak. */
			execlp("true", "true", (char *)NULL);
			_exit(1);
		}
		if (read(ready[0], &byte, 1) != 1)
			abort();
		tap_int(number(db, COUNT), 0, "another's transaction is not seen before its end");
		int64_t began = clock_now();
		tap_int(db_begin(db), 0, "its lock is waited for");
		tap_ok(clock_now() - began > 100 * CLOCK_MS, "...as long as it is held");
		tap_int(number(db, COUNT), dies ? 0 : 1, "what was committed is seen");
		tap_int(add(db, 2, "y") | db_commit(db), 0, "then it is our turn");
		waitpid(child, &status, 0);
		db_close(db);
		close(ready[0]);
		close(ready[1]);
	}
	remove_all();
}

int main(void)
{
	const char *parent = getenv("TMPDIR");
	struct buf path = {0};

	buf_addf(&path, "%s/test_db.XXXXXX", parent != NULL ? parent : "/tmp");
	if (mkdtemp(buf_string(&path)) == NULL || chdir(path.data) < 0)
		abort();
	test_new();
	test_statements();
	test_refusals();
	test_frozen();
	test_damage();
	test_processes();
	test_locks();
	if (chdir("/") < 0 || rmdir(path.data) < 0)
		tap_ok(false, "nothing is left behind: %s", strerror(errno));
	buf_free(&path);
	return tap_done();
}
