/* journal_files: log files for the tests of the journal, in a folder of their own. */
#ifndef JOURNAL_FILES_H
#define JOURNAL_FILES_H

#include "buf.h"
#include "files.h"
#include "journal.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char log_path[] = "log";

/* Leave it, and take it away: only files of these names are there. */
static inline void leave_folder(void)
{
	static const char *const names[] = {"log",       "log.new", "log.bad", "log.inflight",
					    "elsewhere", "link",    "fifo"};
	char *folder = getcwd(NULL, 0);

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(names[i]);
	if (folder == NULL || chdir("/") < 0 || rmdir(folder) < 0)
		abort();
	free(folder);
}

static inline bool file_is(const char *path, const char *text)
{
	struct buf contents = {0};

	read_file(path, &contents);
	bool same = contents.length == strlen(text) &&
		    (contents.length == 0 || memcmp(contents.data, text, contents.length) == 0);
	buf_free(&contents);
	return same;
}

/* What is known of an id that asked for this request: 'd' done, 'c' changed, 's' shared, 'n' new,
 * '!' fault. */
static inline char look_up(struct journal *j, const char *id, uint64_t request)
{
	struct buf name = {0};
	struct journal_result result;

	buf_adds(&name, id);
	enum journal_found found = journal_find(j, &name, request, &result);
	buf_free(&name);
	return "!ncsd"[found + 1];
}

/* Append a line made here: its id, request, whether it failed, and a text in it. Returns as
 * journal_append. */
static inline int append(struct journal *j, const char *id, uint64_t request, bool failed,
			 const char *text)
{
	struct buf line = {0}, name = {0}, record = {0};
	struct record r;

	buf_adds(&name, id);
	buf_addf(&record, "{\"custom_id\":\"%s\",\"error\":%s,\"x\":\"%s\"}", id,
		 failed ? "{\"code\":\"e\"}" : "null", text);
	struct line input = {record.data, record.length, 1, record.length};
	record_parse(&r, &input, false);
	journal_set_mark(&line, &r, JOURNAL_LOGGED, &name, request);
	buf_addc(&line, '\n');
	struct journal_line l = {line.length, journal_id(id, strlen(id)), request, true, failed};
	int result = journal_append(j, line.data, &l, 1);
	buf_free(&line);
	buf_free(&name);
	buf_free(&record);
	return result;
}

/* Open it, locked and loaded; NULL if that fails. */
static inline struct journal *open_loaded(bool trust_ids)
{
	struct journal *j = journal_open(log_path, JOURNAL_CREATE);

	if (j != NULL && journal_lock(j) == 0 && journal_load(j, trust_ids) == 0)
		return j;
	journal_free(j);
	return NULL;
}

#endif
