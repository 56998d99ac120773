/* store_state: what the parts of store share; for store*.c only. */
#ifndef STORE_STATE_H
#define STORE_STATE_H

#include "buf.h"
#include "db.h"
#include "store.h"

enum {
	SQL_GET,
	SQL_TIMES,
	SQL_PUT_RESPONSE,
	SQL_DROP_RESPONSE,
	SQL_PUT,
	SQL_DROP,
	SQL_TOUCH,
	SQL_CLAIM,
	SQL_PUT_CLAIM,
	SQL_DROP_CLAIM,
	SQL_OWNERS,
	SQL_DROP_OWNER,
	SQL_HALVES,
	SQL_PUT_HALF,
	SQL_DROP_HALF,
	SQL_VERSION,
	SQL_PAGES,
	SQL_FREE_PAGES,
	SQL_OLD_RESPONSES,
	SQL_OLD,
	SQL_PURGE_RESPONSES,
	SQL_PURGE,
	SQL_TOTALS,
	SQL_CLAIMS,
	SQL_EXPORT,
	SQL_COUNT
};

/* Whose a claim is: a process, with the time of its start, and if it is a half of a pipeline the
 * process group, else 0. */
struct store_owner {
	int64_t process, start, family;
};

enum store_mode { STORE_RESTS, STORE_READS, STORE_WRITES };

struct store {
	struct db *db;
	bool read_only, exporting;
	int64_t max_size, page_size;
	int64_t room; /* for answers, in this group */
	enum store_mode mode;
	unsigned reads;     /* since reading began */
	struct buf touched; /* keys whose use is to be noted */
	int64_t touched_at;

	struct store_owner own;
	bool entered;            /* as a half of a pipeline */
	struct store_owner seen; /* the owner last looked at, */
	int64_t seen_at;         /* when, */
	bool seen_backed;        /* and what was seen */
};

/* The owner of claims that this process makes. */
struct store_owner store_claim_owner(bool half);

/* Remove the claims that do not hold any more. Returns 0 or -1. */
int store_claim_sweep(struct store *s, int64_t now);

/* Enter this process as a half of a pipeline, or take it out. Returns 0 or -1. */
int store_claim_enter(struct store *s);
int store_claim_leave(struct store *s);

/* Be in a transaction, be it one for reading. Returns 0 or -1. */
int store_enter(struct store *s);

/* Make room for so many bytes more. How much there is, is looked up only now and then. Returns 0 or
 * -1. */
int store_book(struct store *s, int64_t need);

/* store_put with the times given. */
int store_write(struct store *s, const unsigned char key[STORE_KEY], struct json_span response,
		int64_t stored, int64_t used);

/* Set the parameters of SQL_GET or SQL_TIMES: the answer to a question, if it was stored at
 * `oldest` or later. Where its age matters, so that oldest is not 0, one from further ahead than
 * the clocks of two machines may differ does not count: how old it is cannot be known. */
void store_set_times(struct store *s, size_t statement, const unsigned char key[STORE_KEY],
		     int64_t oldest, int64_t now);

/* The checksum of an answer, which depends on the key as well. */
int64_t store_sum(const unsigned char key[STORE_KEY], const void *response, size_t n);

#endif
