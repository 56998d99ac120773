/*
 * stats: what has been served, for GET /lbmock/stats. requests is the sum of ok, rate_limited,
 * quota, errors and all faults.
 */
#ifndef STATS_H
#define STATS_H

#include "fault.h"

#include <stdint.h>

struct buf;
struct errand;

enum stats_outcome {
	STATS_OK,
	STATS_LIMITED, /* by --rpm and --tpm; not the 429 of --fail */
	STATS_QUOTA,
	STATS_ERROR, /* the caller's fault: 400, 401, 404, 405, 409, 413 */
	STATS_OUTCOMES
};

/* A zeroed struct is ready. */
struct stats {
	uint64_t requests;
	uint64_t outcomes[STATS_OUTCOMES];
	uint64_t faults[FAULT_KINDS];
	uint64_t statuses[200]; /* of FAULT_STATUS, from 400 on */
	int64_t prompt_tokens;
	int64_t completion_tokens;
	uint64_t batched; /* requests that came in batches; not among those above but for tokens */
	uint64_t in_flight;
	uint64_t peak_in_flight;
};

/* A call begins; it is in flight until stats_end. */
void stats_begin(struct stats *s);
void stats_end(struct stats *s);

/* What became of a call that was not served. */
void stats_count(struct stats *s, enum stats_outcome outcome);

/* A call was served, with a fault or without, and billed so many tokens. */
void stats_served(struct stats *s, struct fault fault, int64_t prompt_tokens,
		  int64_t completion_tokens);

/* A call for files or batches was answered, with a fault of --fail or without. One of --batch-fail
 * counts as what it made of the answer: a reset or a status. */
void stats_errand(struct stats *s, const struct errand *e, struct fault fault);

/* A request of a batch was served, or refused as not valid, and billed so many tokens. */
void stats_batched(struct stats *s, int64_t prompt_tokens, int64_t completion_tokens);

/* Append everything as a JSON object. */
void stats_write(struct buf *out, const struct stats *s);

#endif
