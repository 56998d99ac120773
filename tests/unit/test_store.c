/* Answers: what is kept, found, and forgotten. */
#include "store.h"
#include "buf.h"
#include "mem.h"
#include "store_file.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESPONSE "{\"status_code\":200,\"request_id\":null,\"body\":{\"choices\":[]}}"

/* Is this what is found? NULL: nothing is. */
static void finds(struct store *s, int n, int64_t oldest, int64_t now, const char *want,
		  const char *what)
{
	struct buf response = {0};
	int found = store_get(s, key_of(n), oldest, now, &response);

	tap_int(found, want != NULL, "%s: found or not", what);
	tap_is(found > 0 ? buf_string(&response) : NULL, want, "%s", what);
	buf_free(&response);
}

static void test_answers(void)
{
	struct store_options read_only = {.path = FILE_NAME, .read_only = true};

	remove_all();
	struct store *s = open_store(&usual, 1000);
	finds(s, 1, 0, 1000, NULL, "nothing is there at first");
	tap_int(put(s, 1, "{\"a\":1.0}", 1000), 0, "an answer is stored");
	finds(s, 1, 0, 1000, "{\"a\":1.0}", "it is found, byte for byte");
	finds(s, 1, 1000, 5000, "{\"a\":1.0}", "...if answers from its time on count");
	finds(s, 1, 1001, 5000, NULL, "...and not if only later ones do");
	finds(s, 1, 1, 1000 - STORE_AHEAD, "{\"a\":1.0}", "...a clock that is a minute behind");
	finds(s, 1, 1, 999 - STORE_AHEAD, NULL,
	      "...but how old one from further ahead is, nobody knows");
	finds(s, 1, 0, -HOUR, "{\"a\":1.0}", "...and where that does not matter, it counts");
	finds(s, 2, 0, 1000, NULL, "another key is not");
	tap_int(put(s, 1, "{\"a\":2}", 2000), 0, "another answer to the same question");
	finds(s, 1, 0, 2000, "{\"a\":2}", "takes its place");
	store_close(s);
	s = open_store(&read_only, 3000);
	finds(s, 1, 0, 3000, "{\"a\":2}", "it is there when the file is opened again");
	store_close(s);
	s = open_store(&usual, 4000);
	tap_int(store_begin(s), 0, "a group of writes");
	tap_int(store_put(s, key_of(7), JSON_LITERAL("{}"), 4000), 0, "of one answer");
	finds(s, 7, 0, 4000, "{}", "which is seen within the group");
	store_rollback(s);
	finds(s, 7, 0, 4000, NULL, "...and is not there when the group is given up");
	struct store_stats stats = {0};
	tap_int(store_stats(s, &stats), 0, "statistics");
	tap_int(stats.answers, 1, "of one answer");
	tap_int(stats.bytes, 7, "...its bytes");
	tap_int(stats.oldest, 2000, "...the time that it was stored");
	store_close(s);
	store_close(NULL);
}

/* One that was stored by somebody else after reading began is seen after a rest. */
static void test_rest(void)
{
	remove_all();
	struct store *a = open_store(&usual, 1000), *b = open_store(&usual, 1000);
	finds(a, 1, 0, 1000, NULL, "nothing is there");
	put(b, 1, "{}", 1000);
	tap_int(store_rest(a), 0, "a rest");
	finds(a, 1, 0, 1000, "{}", "what another process stored is there");
	for (int i = 0; i < 600; i++)
		put(b, 1000 + i, "{}", 1000);
	struct buf response = {0};
	int found = 0;
	for (int i = 0; i < 600 && found == 0; i++)
		found = store_get(a, key_of(1599), 0, 1000, &response);
	tap_int(found, 1, "...in the end without a rest as well");
	buf_free(&response);
	store_close(a);
	store_close(b);
}

/* The version, as a group sees it. */
static int64_t version_of(struct store *s)
{
	store_begin(s);
	int64_t version = store_version(s);
	store_commit(s);
	return version;
}

static void test_version(void)
{
	remove_all();
	struct store *a = open_store(&usual, 1000), *b = open_store(&usual, 1000);
	int64_t first = version_of(a);
	tap_ok(first >= 0, "a version");
	put(a, 1, "{}", 1000);
	tap_int(version_of(a), first, "stays when this process has written");
	put(b, 2, "{}", 1000);
	int64_t second = version_of(a);
	tap_ok(second != first, "is another one when another has");
	tap_int(version_of(a), second, "...once");
	put(b, 3, "{}", 1000);
	finds(a, 3, 0, 1000, "{}", "what another has written is read");
	put(a, 4, "{}", 1000);
	tap_ok(version_of(a) != second, "...and it is another one all the same");
	store_close(a);
	store_close(b);
}

static void test_damage(void)
{
	char *data = mem_zero(1, 1 << 20);
	struct buf response = {0};

	remove_all();
	struct store *s = open_store(&usual, 1000);
	put(s, 1, "{\"a\":\"findme\"}", 1000);
	store_close(s);
	int fd = open(FILE_NAME, O_RDWR);
	ssize_t n = read(fd, data, 1 << 20);
	char *at = memmem(data, (size_t)n, "findme", 6);
	tap_ok(at != NULL, "the answer's text stands in the file");
	tap_int(pwrite(fd, "f", 1, at + 3 - data), 1, "a byte of it is changed");
	close(fd);
	s = open_store(&usual, 2000);
	tap_int(store_get(s, key_of(1), 0, 2000, &response), -1, "it is not taken for the answer");
	tap_is(store_problem(s),
	       FILE_NAME ": the file is damaged: an answer is not as it was stored",
	       "...and the problem is told");
	tap_int(store_export(s, &response), -1, "nor exported");
	tap_int((long long)response.length, 0, "nothing came out");
	store_close(s);
	buf_free(&response);
	free(data);
}

static void test_max_size(void)
{
	struct store_options small = {.path = FILE_NAME, .max_size = 1 << 20};
	static char text[1024];
	struct buf response = {0};
	struct stat info;
	int64_t now = 0;

	remove_all();
	memset(text, 'x', sizeof text - 1);
	struct store *s = open_store(&small, 0);
	for (int n = 0; n < 5000; n++, now += HOUR) {
		if (put(s, n, text, now) < 0)
			tap_ok(false, "storing: %s", store_problem(s));
		store_get(s, key_of(1), 0, now, &response); /* which is used all the time */
		buf_clear(&response);
	}
	struct store_stats stats = {0};
	store_stats(s, &stats);
	tap_ok(stats.file_bytes <= (1 << 20), "the file is no larger than allowed: %lld",
	       (long long)stats.file_bytes);
	tap_ok(stats.answers > 400, "...and used well: %lld answers of 1 KiB",
	       (long long)stats.answers);
	finds(s, 4999, 0, now, text, "the newest is there");
	finds(s, 4999 - 300, 0, now, text, "one of the newest is there");
	finds(s, 1, 0, now, text, "one that was used all the time is there");
	finds(s, 2, 0, now, NULL, "one that was not is gone");
	finds(s, 3000, 0, now, NULL, "an older one is gone");
	char *large = mem_alloc(600001);
	memset(large, 'y', 600000);
	large[600000] = '\0';
	tap_int(put(s, 9999, large, now), 0, "one of more than a quarter of what is allowed");
	finds(s, 9999, 0, now, NULL, "is not stored");
	finds(s, 4999, 0, now, text, "...and drives out no others");
	store_close(s);
	tap_int(stat(FILE_NAME, &info), 0, "the file");
	tap_ok(info.st_size <= (1 << 20), "has that size on the disk");
	free(large);
	buf_free(&response);
}

static void test_purge(void)
{
	int64_t count = 0;

	remove_all();
	struct store *s = open_store(&usual, 0);
	for (int n = 0; n < 1000; n++)
		put(s, n, RESPONSE, n);
	tap_int(store_purge(s, 600, 2000, &count), 0, "what is older than a time is removed");
	tap_int(count, 600, "...and counted");
	finds(s, 599, 0, 2000, NULL, "it is gone");
	finds(s, 600, 0, 2000, RESPONSE, "the rest is there");
	struct store_stats before = {0}, after = {0};
	store_stats(s, &before);
	tap_int(store_purge(s, INT64_MAX, 2000, &count), 0, "all is removed");
	tap_int(count, 400, "...and counted");
	store_stats(s, &after);
	tap_int(after.answers, 0, "nothing is there");
	tap_ok(after.file_bytes < before.file_bytes, "and the space is given back");
	store_close(s);
}

/* Import a line. */
static enum store_imported take(struct store *s, const char *line)
{
	store_begin(s);
	enum store_imported result = store_import(s, (struct json_span){line, strlen(line)});
	store_commit(s);
	return result;
}

#define KEY "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""
#define GOOD(text) \
	"{\"status_code\":200,\"body\":{\"choices\":[{\"message\":{\"content\":\"" text "\"}}]}}"

static void test_lines(void)
{
	static const struct {
		const char *line;
		enum store_imported result;
	} cases[] = {
	    {"{\"key\":" KEY ",\"stored\":5,\"used\":6,\"response\":" GOOD("a") "}", STORE_TAKEN},
	    {"{\"key\":" KEY ",\"stored\":5,\"used\":6,\"response\":" GOOD("b") "}", STORE_OLDER},
	    {"{\"key\":" KEY ",\"stored\":4,\"used\":9,\"response\":" GOOD("b") "}", STORE_OLDER},
	    {"{\"key\":" KEY ",\"stored\":7,\"used\":8,\"response\":" GOOD("c") "}", STORE_TAKEN},
	    {"{\"key\":\"abc\",\"stored\":9,\"used\":9,\"response\":" GOOD("x") "}", STORE_REFUSED},
	    {"{\"stored\":9,\"used\":9,\"response\":" GOOD("x") "}", STORE_REFUSED},
	    {"{\"key\":" KEY ",\"used\":9,\"response\":" GOOD("x") "}", STORE_REFUSED},
	    {"{\"key\":" KEY ",\"stored\":9.5,\"used\":9,\"response\":" GOOD("x") "}",
	     STORE_REFUSED},
	    {"{\"key\":" KEY ",\"stored\":9,\"used\":9}", STORE_REFUSED},
	    {"{\"key\":" KEY ",\"stored\":9,\"used\":9,\"response\":{\"status_code\":500,"
	     "\"body\":{\"choices\":[{\"message\":{\"content\":\"x\"}}]}}}",
	     STORE_REFUSED},
	    {"{\"key\":" KEY ",\"stored\":9,\"used\":9,\"response\":" RESPONSE "}", STORE_REFUSED},
	    {"[]", STORE_REFUSED},
	};
	struct buf line = {0};

	remove_all();
	struct store *s = open_store(&usual, 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		tap_int(take(s, cases[i].line), cases[i].result, "import of %s", cases[i].line);
	put(s, 1, GOOD("d"), 10);
	tap_int(store_export(s, &line), 1, "a line for an answer");
	tap_is(buf_string(&line),
	       "{\"key\":" KEY ",\"stored\":7,\"used\":8,\"response\":" GOOD("c") "}",
	       "is the line that was imported");
	buf_clear(&line);
	tap_int(store_export(s, &line), 1, "another one");
	tap_int(store_export(s, &line), 0, "and no third");
	tap_int(store_export(s, &line), 1, "then it begins again");
	while (store_export(s, &line) > 0)
		continue;
	store_close(s);
	buf_free(&line);
}

int main(void)
{
	const char *parent = getenv("TMPDIR");
	struct buf path = {0};

	buf_addf(&path, "%s/test_store.XXXXXX", parent != NULL ? parent : "/tmp");
	if (mkdtemp(buf_string(&path)) == NULL || chdir(path.data) < 0)
		abort();
	test_answers();
	test_rest();
	test_version();
	test_damage();
	test_max_size();
	test_purge();
	test_lines();
	remove_all();
	if (chdir("/") < 0 || rmdir(path.data) < 0)
		tap_ok(false, "nothing is left behind: %s", strerror(errno));
	buf_free(&path);
	return tap_done();
}
