/* store_flow_state: what the parts of store_flow share; for store_flow*.c only. */
#ifndef STORE_FLOW_STATE_H
#define STORE_FLOW_STATE_H

#include "buf.h"
#include "record.h"
#include "store_flow.h"
#include "store_waits.h"

struct store_kept;

/* Questions that a group has answered are noted by some bits of their keys. */
#define STORE_FLOW_ANSWERED (1 << 14)

struct store_flow {
	struct store_flow_options options;
	struct stage *stage;
	struct store_waits *waits;
	struct store_kept *kept, **last_kept; /* for the next group */
	size_t kept_requests, kept_results, kept_bytes;
	int64_t version;   /* of the store, as of the group before */
	bool others_wrote; /* since then */
	bool answered[STORE_FLOW_ANSWERED];
	bool flushing, finished, broken, warned;
	int64_t began;     /* ms since 1970 */
	int64_t next_look; /* clock_now time */
	struct buf line, hex, text;
};

/* Milliseconds since 1970; and what was stored earlier than when does not count. */
int64_t store_flow_now(void);
int64_t store_flow_oldest(const struct store_flow *f, int64_t now);

/* Keep a request back, for which no answer has just been found, or a result that is a good answer
 * or not, until the next group is written. */
void store_flow_keep_request(struct store_flow *f, const struct record *r, uint64_t sequence,
			     const unsigned char *key);
void store_flow_keep_result(struct store_flow *f, const struct record *r, uint64_t sequence,
			    const unsigned char *key, bool good);

/* Write what is kept back, and let it go on; and so what this brings about. */
void store_flow_flush(struct store_flow *f);

/* The first record that waits for an answer is to be looked up again. */
void store_flow_wake(struct store_flow *f, struct store_wait *question);

/* Take that record out, its spans in f->text. Returns 0, or -1 when it is lost, which ends the run.
 */
int store_flow_take(struct store_flow *f, struct store_wait *question, uint64_t *sequence,
		    struct record *r);

/* Records come out: a result, marked with what was done about it; a request with the answer that
 * was found; a request that goes on to be answered; one that does not. */
void store_flow_emit(struct store_flow *f, uint64_t sequence, const struct record *r,
		     const char *cache, const unsigned char *key);
void store_flow_answer(struct store_flow *f, uint64_t sequence, const struct record *r,
		       const unsigned char *key, struct json_span response);
void store_flow_forward(struct store_flow *f, uint64_t sequence, const struct record *r,
			const unsigned char *key);
void store_flow_cancel(struct store_flow *f, uint64_t sequence, const struct record *r,
		       const char *why);

/* Something is broken: no more is asked, as the answers would not be kept. */
void store_flow_break(struct store_flow *f, const char *why);
void store_flow_break_waiting(struct store_flow *f);

#endif
