/* spool: what is put comes out again, from memory or disk, and space goes back when it is dropped.
 */
#include "buf.h"
#include "mem.h"
#include "spool.h"
#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

/* The size of the one file without a name that is open, or -1. */
static long long unnamed_size(void)
{
	struct stat st;

	for (int fd = 3; fd < 100; fd++)
		if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 0)
			return (long long)st.st_size;
	return -1;
}

/* Entry i is i + 1 bytes of its own letter. */
static void fill(char *text, int i)
{
	memset(text, 'a' + i % 26, (size_t)i + 1);
}

static bool holds(const struct spool_entry *entry, int i)
{
	char want[4096];
	struct buf got = {0};

	fill(want, i);
	buf_adds(&got, "kept");
	bool same = spool_get(entry, &got) == 0 && got.length == (size_t)i + 5 &&
		    memcmp(got.data, "kept", 4) == 0 &&
		    memcmp(got.data + 4, want, (size_t)i + 1) == 0;
	buf_free(&got);
	return same;
}

static void test_memory_and_disk(void)
{
	static struct spool_entry entries[1000];
	struct spool *s = spool_new(10000);
	char text[4096];
	int in_memory = 0, wrong = 0;

	for (int i = 0; i < 1000; i++) {
		fill(text, i);
		if (spool_put(s, text, (size_t)i + 1, &entries[i]) < 0)
			wrong++;
		in_memory += entries[i].memory != NULL;
	}
	tap_int(wrong, 0, "a thousand entries are taken");
	/* 1 + 2 + ... + 140 = 9870; with 141 it would be 10011. */
	tap_int(in_memory, 140, "those within the limit are in memory, the others are not");
	for (int i = 0; i < 1000; i++)
		wrong += !holds(&entries[i], i);
	tap_int(wrong, 0, "each gives its own bytes, appended");
	for (int i = 0; i < 1000; i += 2)
		spool_drop(s, &entries[i]);
	for (int i = 1; i < 1000; i += 2)
		wrong += !holds(&entries[i], i);
	tap_int(wrong, 0, "the others stay when some are dropped");
	tap_ok(entries[0].memory == NULL && entries[0].segment == NULL && entries[0].length == 0,
	       "a dropped entry is none");
	spool_drop(s, &entries[0]);
	fill(text, 10);
	spool_put(s, text, 11, &entries[0]);
	tap_ok(entries[0].memory != NULL, "memory that was given back is used again");
	for (int i = 0; i < 1000; i++)
		spool_drop(s, &entries[i]);
	spool_free(s);
}

static void test_files(void)
{
	enum { SIZE = 1 << 20, COUNT = 150 };
	static struct spool_entry entries[COUNT];
	struct spool *s = spool_new(0);
	char *text = mem_zero(1, SIZE);
	int before = open_files();

	for (int i = 0; i < COUNT; i++)
		spool_put(s, text, SIZE, &entries[i]);
	tap_int(open_files() - before, 3, "150 MiB are in segments of 64 MiB");
	for (int i = 0; i < 128; i++)
		spool_drop(s, &entries[i]);
	tap_int(open_files() - before, 1, "a segment goes with the last of its entries");
	for (int i = 128; i < COUNT; i++)
		spool_drop(s, &entries[i]);
	tap_int(unnamed_size(), 0, "the one that is in use has no name, and is emptied");
	spool_free(s);
	tap_int(open_files() - before, 0, "no file stays open");
	free(text);
}

static void test_failure(void)
{
	struct spool *s = spool_new(4);
	struct spool_entry a, b;

	setenv("TMPDIR", "/nonexistent", 1);
	tap_int(spool_put(s, "1234", 4, &a), 0, "within the limit no file is needed");
	tap_int(spool_put(s, "5", 1, &b), -1, "without a directory for files, -1");
	tap_int(errno, ENOENT, "errno says why");
	tap_ok(holds(&a, 0) == false && a.length == 4, "what is there stays");
	spool_drop(s, &a);
	spool_free(s);
	spool_free(NULL);
	unsetenv("TMPDIR");
}

int main(void)
{
	test_memory_and_disk();
	test_files();
	test_failure();
	return tap_done();
}
