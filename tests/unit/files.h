/* files: a folder of its own for a test, and files in it. */
#ifndef FILES_H
#define FILES_H

#include "buf.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Go to a new folder. */
static inline void enter_folder(void)
{
	const char *tmp = getenv("TMPDIR");
	struct buf path = {0};

	buf_adds(&path, tmp != NULL ? tmp : "/tmp");
	buf_adds(&path, "/lb-test.XXXXXX");
	if (mkdtemp(buf_string(&path)) == NULL || chdir(path.data) < 0)
		abort();
	buf_free(&path);
}

static inline void write_file(const char *path, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		abort();
	close(fd);
}

static inline void write_text(const char *path, const char *text)
{
	write_file(path, text, strlen(text));
}

/* The contents; empty if there is no such file. */
static inline void read_file(const char *path, struct buf *contents)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	buf_clear(contents);
	while (fd >= 0 && (n = read(fd, buf_reserve(contents, 4096), 4096)) > 0)
		contents->length += (size_t)n;
	if (fd >= 0)
		close(fd);
}

#endif
