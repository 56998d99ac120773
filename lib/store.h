/*
 * store: answers that are kept, found by the key of their question, in a file (db.h) that any
 * number of processes share; and claims, by which they agree who asks a question.
 *
 * An answer is the response member of a result, as text, with a checksum: what has been damaged is
 * found out when it is read. A claim is a process's, and ends with the process; or that of a
 * process group, when the answer is to be stored by another process of the pipeline, and then ends
 * with the last process of the group, or after STORE_CLAIM_TIME, or when the clock is set back by
 * more than that.
 *
 * Writing is done in groups between store_begin and store_commit. Times are milliseconds since
 * 1970. Functions return -1 after a failure, with store_problem telling why.
 */
#ifndef STORE_H
#define STORE_H

#include "hash.h"
#include "json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct record;
struct store;

#define STORE_KEY         HASH_SIZE                 /* bytes */
#define STORE_CLAIM_TIME  (INT64_C(10) * 60 * 1000) /* ms */
#define STORE_CLAIM_GRACE (INT64_C(2) * 1000)       /* ms */
#define STORE_AHEAD       (INT64_C(60) * 1000)      /* ms */
#define STORE_SIZE_LEAST  (INT64_C(256) << 10)      /* of max_size, bytes */

struct store_options {
	const char *path;
	bool read_only;
	bool must_exist;
	bool half;        /* this process is a half of a pipeline */
	int64_t max_size; /* of the file, bytes; 0 for no bound. What was not used for longest goes
			     when it is passed */
};

/* Open, and forget the claims of the dead. Returns NULL after appending what is wrong to problem:
 * as db_open. The caller closes. */
struct store *store_open(const struct store_options *options, int64_t now, struct buf *problem);
void store_close(struct store *s);

const char *store_problem(const struct store *s);

/* Append the answer to a question, if there is one that was stored at `oldest` or later; unless
 * that is 0, not later than STORE_AHEAD from now either. Returns 1, 0 if there is none, or -1. The
 * use is noted, to the hour. */
int store_get(struct store *s, const unsigned char key[STORE_KEY], int64_t oldest, int64_t now,
	      struct buf *response);

/* store_get sees what was there when it was first called, or up to 256 calls ago, until this is
 * called: to be done before waiting. Returns 0 or -1. */
int store_rest(struct store *s);

/* A group of writes. store_commit returns 0; after -1, and after store_rollback, none of them has
 * been done. */
int store_begin(struct store *s);
int store_commit(struct store *s);
void store_rollback(struct store *s);

/* A number that is another one if a process other than this has written in between. In a group.
 * Returns -1 after a failure. */
int64_t store_version(struct store *s);

/* Claim a question. Returns 1; 0 if somebody who is alive has claimed it, this process or another;
 * or -1. In a group. */
int store_claim(struct store *s, const unsigned char key[STORE_KEY], int64_t now);

/* Is there a claim to the question, of whomever and however old? Returns 1, 0, -1. */
int store_is_claimed(struct store *s, const unsigned char key[STORE_KEY]);

/* Should somebody who waits for an answer look again: is it there, or nobody alive asking for it?
 * Returns 1, 0, -1. */
int store_is_settled(struct store *s, const unsigned char key[STORE_KEY], int64_t oldest,
		     int64_t now);

/* Take a claim back, whosever it is. In a group. Returns 0 or -1. */
int store_release(struct store *s, const unsigned char key[STORE_KEY]);

/* Store an answer, in place of one that is there, and release the claim. In a group. Returns 0 or
 * -1. */
int store_put(struct store *s, const unsigned char key[STORE_KEY], struct json_span response,
	      int64_t now);

/* Forget all answers that were stored before a time, and claims of the dead, and give the space
 * back. How many answers went is counted in *count. Returns 0 or -1. */
int store_purge(struct store *s, int64_t before, int64_t now, int64_t *count);

struct store_stats {
	int64_t answers, claims;
	int64_t bytes;          /* of the answers' text */
	int64_t file_bytes;     /* without the log beside it */
	int64_t oldest, newest; /* times of storing; 0 if there are no answers */
};

int store_stats(struct store *s, struct store_stats *stats);

/* Append one answer as an object, {"key","stored","used","response"}, in the order of keys, a new
 * one with each call. Returns 1, 0 behind the last one, or -1. To be called until it returns 0. */
int store_export(struct store *s, struct buf *line);

enum store_imported { STORE_FAILED = -1, STORE_REFUSED, STORE_OLDER, STORE_TAKEN };

/* Store what store_export has written, unless a newer answer is there. In a group. A line that is
 * none, or whose answer is not a good one, is refused. */
enum store_imported store_import(struct store *s, struct json_span line);

/*
 * Is the result one to be kept: status 200, a body that is no error, and in it a whole answer:
 * text, function calls or embeddings? What was cut short, refused or filtered is not; nor, with
 * several choices, if any of them is. What is of no known API cannot be told, and is not kept.
 */
bool store_is_good(const struct record *result);

#endif
