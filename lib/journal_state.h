/* journal_state: what the parts of the journal share; for journal*.c only. */
#ifndef JOURNAL_STATE_H
#define JOURNAL_STATE_H

#include "buf.h"
#include "journal.h"
#include "journal_index.h"

#include <sys/types.h>

/* How much is read at once: what stays in the cache until it has been looked at. */
#define JOURNAL_CHUNK ((size_t)128 * 1024)

struct journal {
	char *path;
	int fd;
	enum journal_access access;
	bool locked;
	bool settled; /* the end is whole: lines may be appended */
	bool loaded;
	bool trust_ids;
	bool unsynced;   /* there is something to have on disk */
	uint64_t end;    /* of the file, once settled */
	uint64_t synced; /* ...as of when it was brought to disk last */

	struct journal_index index;
	struct buf window;  /* bytes of the file, for reading lines back */
	uint64_t window_at; /* their offset */
	struct buf id;      /* of a line */

	/* From loading. */
	uint64_t loaded_end; /* the offset behind the last line */
	uint64_t lines;
	uint64_t unnamed, unnamed_failed; /* lines without an id */
	uint64_t torn;                    /* bytes */

	int trace; /* descriptor of LOG.inflight, or -1 */
	uint64_t traced;
};

/* Report what is wrong with the file, or with the one beside it that has the suffix; why may be
 * NULL for errno. Returns -1. */
int journal_complain(const struct journal *j, const char *suffix, const char *why);

/* The path with a suffix. The caller frees. */
char *journal_beside(const struct journal *j, const char *suffix);

/* Open a file as state files are to be: no link, the user's own, regular. The mode for one that is
 * made is 0600. Returns a descriptor, or -1 with the reason in *why (and errno if open failed). */
int journal_open_file(const char *path, int flags, const char **why);

/* Lock a file for writing, without waiting. Returns 0, or -1 with errno: EAGAIN if it is locked. */
int journal_lock_file(int fd);

/* Is it locked by another process? */
bool journal_is_locked(int fd);

/* Have a new name on disk: that of a file in the same folder as the log. Returns 0, or -1 with
 * errno. */
int journal_sync_folder(const struct journal *j);

/* Write all of the n bytes. Returns how many were written; with errno if not all. */
size_t journal_write(int fd, const char *data, size_t n);

/* Read up to n bytes at an offset, fewer only at the end of the file. Returns their number, or -1
 * with errno. */
ssize_t journal_read_at(int fd, char *data, size_t n, uint64_t offset);

/* A pass over all lines. A zeroed one with fd set begins at the start. */
struct journal_reader {
	int fd;
	char *data;
	size_t start, end, capacity;
	uint64_t offset; /* of the line last read */
	uint64_t next;   /* of what is behind it */
	uint64_t number; /* of the line last read, from 1 */
	bool ended;
	bool whole; /* that line has its newline */
};

/* The next line, without its newline. Returns 1; 0 at the end; -1 with errno. */
int journal_next(struct journal_reader *r, struct json_span *line);

enum journal_kind {
	JOURNAL_BLANK, /* nothing but white space */
	JOURNAL_GOOD,
	JOURNAL_TORN, /* the last one, without a newline and no JSON */
	JOURNAL_BAD
};

/* What a line is, and for a good one its parts. whole: it has its newline. */
enum journal_kind journal_judge(struct record *r, const struct json_span *line, uint64_t number,
				bool whole);

/* What a sealed line says: a success. */
struct journal_sealed {
	struct json_span id; /* its custom_id, between the quotes, without escapes in it */
	uint64_t request;
};

/* Does the line bear a seal, and is it unchanged since? */
bool journal_unseal(struct json_span line, struct journal_sealed *s);

/* Is this record of this id one whose line may be sealed: a success that begins with the id? */
bool journal_may_seal(const struct record *r, const struct buf *id);

/* Seal the marked line of such a record, whose mark has a sum of any 16 hexadecimal digits. Returns
 * whether that could be done: the mark must be what lb ends with, and the first one on the line. */
bool journal_seal(char *line, size_t length, const struct record *r);

/* Write a number as 16 of them. */
void journal_write_digits(char *text, uint64_t number);

/* Read 16 lower-case hexadecimal digits. Returns whether that is what they are. */
bool journal_parse_digits(const char *text, uint64_t *number);

/* The line at an offset, as far as its newline or the end of the file. The span is valid until the
 * next call. Returns 0, or -1 with errno. */
int journal_read_line(struct journal *j, uint64_t offset, struct json_span *line);

/* The number in LOG.inflight, 0 if there is no such file. Returns 0, or -1 after a message. */
int journal_traced(const struct journal *j, uint64_t *in_flight);

/* Make the end of the file whole, if it is not. Returns 0, or -1 after a message. */
int journal_settle(struct journal *j);

#endif
