/* batch_files: a folder of their own for the tests of lbbatch's state, and its files as text. */
#ifndef BATCH_FILES_H
#define BATCH_FILES_H

#include "batch_state.h"
#include "buf.h"
#include "files.h"
#include "record.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* The contents as a string; empty if there is no such file. */
static inline const char *read_text(const char *path, struct buf *contents)
{
	read_file(path, contents);
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
