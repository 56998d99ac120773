/*
 * batch_flow: brings the parts of a job through a provider's Batch API, and their results out: the
 * engine (stage.h) of lbbatch.
 *
 * Each part goes through the phases of batch_part.h by itself. What may be repeated is repeated
 * when it fails in passing, for as long as it takes. The one step that may not is the making of a
 * batch, since that is paid for: when its outcome is not known, because an answer or this process
 * was lost, the provider's list of batches is searched for the part's tag before it is made again.
 */
#ifndef BATCH_FLOW_H
#define BATCH_FLOW_H

#include "access.h"
#include "batch_spool.h"
#include "stage.h"

struct batch_flow;

struct batch_flow_options {
	struct access *access; /* http.concurrency: calls in flight, each with a file open */
	struct batch_state *state;
	struct batch_limits limits; /* tokens: also of all batches of a model at a time */
	unsigned rounds;            /* how often requests of expired batches are asked again */
	int64_t poll;               /* the shortest time between two looks at a batch, ns */
	bool submit;                /* end when all batches are made */
	bool verbose;
};

/* Returns NULL after a message. */
struct batch_flow *batch_flow_new(const struct batch_flow_options *options);
void batch_flow_free(struct batch_flow *f);

/* The stage that the results go to; before anything else. */
void batch_flow_attach(struct batch_flow *f, struct stage *stage);

/* The stage's jobs: a request, and the end of the input. */
void batch_flow_request(struct batch_flow *f, const struct record *r, uint64_t sequence);
void batch_flow_finish(struct batch_flow *f, bool stopped);

/* The context is a struct batch_flow. */
extern const struct stage_engine batch_flow_engine;

#endif
