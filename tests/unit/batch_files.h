/* batch_files: a folder of their own for the tests of lbbatch's state, and its files as text. */
#ifndef BATCH_FILES_H
#define BATCH_FILES_H

#include "batch_state.h"
#include "buf.h"
#include "record.h"

#include <dirent.h>
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
	buf_adds(&path, "/batch.XXXXXX");
	if (mkdtemp(buf_string(&path)) == NULL || chdir(path.data) < 0)
		abort();
	buf_free(&path);
}

/* Take away a folder of files only. */
static inline void remove_folder(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir != NULL)
		closedir(dir);
	rmdir(path);
}

/* Leave the folder, with the job "S" in it, and take it away. */
static inline void leave_folder(void)
{
	char *folder = getcwd(NULL, 0);

	remove_folder("S");
	if (folder == NULL || chdir("/") < 0)
		abort();
	remove_folder(folder);
	free(folder);
}

/* Set a file's contents. */
static inline void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	close(fd);
}

/* The contents as a string; empty if there is no such file. */
static inline const char *read_text(const char *path, struct buf *contents)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	buf_clear(contents);
	while (fd >= 0 && (n = read(fd, buf_reserve(contents, 4096), 4096)) > 0)
		contents->length += (size_t)n;
	if (fd >= 0)
		close(fd);
	return buf_string(contents);
}

/* The record of a line. */
static inline void parse_text(struct record *r, const char *text)
{
	struct line line = {text, strlen(text), 1, strlen(text)};

	if (record_parse(r, &line, false) != RECORD_REQUEST)
		abort();
}

#endif
