/*
 * journal: the log that lbcheckpoint keeps: results, one a line, appended. lb-record(5) describes
 * the entry lb.checkpoint that its lines carry, and lb.asked.
 *
 * A line counts if it is a result, or an object with an entry lb.checkpoint. What stands behind the
 * last newline is torn if it is no JSON; what is torn is ignored when reading and cut off before
 * the first append. Any other line is damage: nothing is done to the file, but for journal_repair.
 * So is a torn line that is all of the file, but begins neither as an object does nor with a NUL:
 * that file was never a log.
 *
 * A line is found by the id of its record and a hash of what was asked, its request. The same id
 * with another request is another line.
 *
 * One process at a time may write, by a lock that ends with it; reading needs none. Whatever fails
 * is reported with the name of the file, once, before -1 is returned, and then is status 4.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include "record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct journal;

enum journal_access {
	JOURNAL_READ,  /* an existing file */
	JOURNAL_WRITE, /* the same, to be written to */
	JOURNAL_CREATE /* ...and made, mode 0600, where there is none */
};

/* Open a log. It must be a regular file of the user's own and no symbolic link. NULL after a
 * message. */
struct journal *journal_open(const char *path, enum journal_access access);

/* Close it, with its lock. */
void journal_free(struct journal *j);

/* Become the one that writes, if not so already; stop being it. journal_lock returns 0 or -1. */
int journal_lock(struct journal *j);
void journal_unlock(struct journal *j);

/*
 * Read all of it, to be searched: into about 24 bytes of memory a record, never more than 32. With
 * trust_ids requests are not told apart. Returns 0 or -1.
 */
int journal_load(struct journal *j, bool trust_ids);
bool journal_loaded(const struct journal *j);

/* The hash of an id, of any bytes, that the other functions take. */
uint64_t journal_id(const void *id, size_t length);

/* For tests: the bits of it that are used, all by default. */
extern uint64_t journal_id_mask;

/*
 * The hash of what a record asks: of its method, url and body if it has a custom_id and its body is
 * an object, else of all of it. Never 0. It is the first 8 bytes of a SHA-256 over the bytes as
 * they are, with a NUL between the three; what is absent is empty.
 */
uint64_t journal_request(const struct record *r);

enum journal_found {
	JOURNAL_FAULT = -1, /* after a message */
	JOURNAL_NEW,        /* nothing is known of the id, or that it failed */
	JOURNAL_CHANGED,    /* the id is known with other requests only */
	JOURNAL_SHARED,     /* ...of which one was appended since the log was read */
	JOURNAL_DONE
};

/* A line that was found. */
struct journal_result {
	struct json_span text;      /* the record */
	struct json_span custom_id; /* its custom_id as it stands there, at NULL if it has none */
};

/* Look for a success. For JOURNAL_DONE *result is its line, until the next call. */
enum journal_found journal_find(struct journal *j, const struct buf *id, uint64_t request,
				struct journal_result *result);

/* Entries of lb. A record that comes from a log, and only such a one, has the first. The second is
 * on its way to one. */
#define JOURNAL_LOGGED "checkpoint"
#define JOURNAL_ASKED  "asked"

/*
 * Read one of the two: *request, 0 if it does not say; and *id, cleared before, is the record's:
 * the one that the entry names, else custom_id, else empty. Returns whether there is such an entry.
 */
bool journal_mark(const struct record *r, const char *entry, uint64_t *request, struct buf *id);

/* Append the record, an object, with this one of the two and without the other. */
void journal_set_mark(struct buf *out, const struct record *r, const char *entry,
		      const struct buf *id, uint64_t request);

/* Append it without either, if it has any. Returns whether it had. */
bool journal_unmark(struct buf *out, const struct record *r);

/* A line to append: it ends, with its newline, at this offset of the text. */
struct journal_line {
	size_t end;
	uint64_t id, request;
	bool named; /* it has an id */
	bool failed;
};

/*
 * Append lines by one write, as long as the system takes all at once. Locked. Returns 0; or -1, and
 * then of the lines those that came to stand there whole do so and nothing else.
 */
int journal_append(struct journal *j, const char *text, const struct journal_line *lines,
		   size_t count);

/* Have the system begin to bring to disk what was appended, so that journal_sync will wait for
 * less.
 */
void journal_begin_sync(struct journal *j);

/* Have what was appended on disk. Returns 0 or -1; what could not be is not tried again. */
int journal_sync(struct journal *j);

/*
 * Note in the file LOG.inflight that so many requests are out, for the next run to see how many
 * there were if this one is killed. Unless exact is set the number noted may be larger, and then it
 * is rarely written. Locked. Returns 0 or -1.
 */
int journal_trace(struct journal *j, uint64_t in_flight, bool exact);

/* There are none, and the file goes, if this process is the one that writes. */
void journal_untrace(struct journal *j);

struct journal_count {
	uint64_t lines;
	uint64_t done, failed; /* ids by their last line, and lines without an id */
	uint64_t superseded;   /* lines whose id has a later one */
	uint64_t torn;         /* bytes at the end */
	uint64_t in_flight;    /* as it was noted last */
	bool running;          /* another process is writing */
};

/* Count what is there. Returns 0 or -1. */
int journal_status(struct journal *j, struct journal_count *count);

/*
 * Keep the last line of each id only, and lines without one. The new file takes the old one's place
 * at once, when it is on disk, and is locked by then. Locked. *removed is the number of lines that
 * went. Returns 0, or -1; the log is the old one or the new one, whole.
 */
int journal_compact(struct journal *j, uint64_t *removed);

/*
 * Move what cannot be read to the end of LOG.bad, and put a log of all else in its place, likewise.
 * *moved is the number of lines; if it is 0 nothing was done.
 */
int journal_repair(struct journal *j, uint64_t *moved);

/* Is this descriptor the same file? */
bool journal_is_file(const struct journal *j, int fd);

/* The memory that the index takes, in bytes. */
size_t journal_memory(const struct journal *j);

#endif
