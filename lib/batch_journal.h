/*
 * batch_journal: the folder in which lbbatch keeps a job, and the journal in it.
 *
 * The journal is NDJSON, appended to. Its first line is {"lbbatch":1}, with the version; each line
 * behind it is an event, {"event":"created","part":3,"at":1766000000,...}. An event is on disk
 * before what it announces is done, or what it reports is built upon. What stands behind the last
 * newline was never acted upon, and is cut off; any other line that cannot be read is damage.
 *
 * One process at a time may write, by a lock that ends with it; reading needs none. Whatever fails
 * is reported, once, before NULL or -1 is returned, and then is status 4.
 */
#ifndef BATCH_JOURNAL_H
#define BATCH_JOURNAL_H

#include "json.h"

#include <stdbool.h>
#include <stdint.h>

struct batch_journal;

/* Open the folder, which must be the user's own and no symbolic link. To write to it: make it (mode
 * 0700) and the journal where there is none, and lock that. Other things in a folder without a
 * journal are refused. */
struct batch_journal *batch_journal_open(const char *path, bool write);
void batch_journal_free(struct batch_journal *j);

/* Its descriptor and its name. */
int batch_journal_folder(const struct batch_journal *j);
const char *batch_journal_path(const struct batch_journal *j);

/*
 * Read all events: apply is called for each, with an object; it returns NULL, or what is wrong with
 * it. Returns 0, or -1.
 */
int batch_journal_read(struct batch_journal *j,
		       const char *(*apply)(void *context, struct json_span event), void *context);

/* Append an event and have it on disk: members is what stands behind "at", as `,"batch":"b_1"`, or
 * empty. wall is the time, ns since 1970. Returns 0 or -1. */
int batch_journal_add(struct batch_journal *j, const char *event, uint64_t part, int64_t wall,
		      struct json_span members);

/* Have new names in the folder on disk. Returns 0 or -1. */
int batch_journal_sync_folder(const struct batch_journal *j);

/* Report what failed, with the name of a file in the folder (or NULL) and errno. Returns -1. */
int batch_journal_complain(const struct batch_journal *j, const char *name);

#endif
