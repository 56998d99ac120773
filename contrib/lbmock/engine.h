/*
 * engine: what becomes of one request to a model: an answer, an error or a fault. Calls and batches
 * come to the same one, so that both get the same answers and use up the same quota.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "api.h"
#include "fault.h"
#include "model.h"
#include "request.h"
#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outcome;

/* A zeroed struct with its first three members set is ready. */
struct engine {
	int64_t prompt_share; /* what a prompt counts, in percent of its estimate */
	int64_t quota;        /* requests until the credit is spent; -1: no quota */
	int64_t retry_after;  /* ns, of 429 faults */
	uint64_t refusals;
	uint64_t garbage;

	/* Used again for each request. */
	struct request request;
	struct model model;
	struct buf scratch;
};

/* A request on its way: the first members are the caller's to set. The reply has been started and
 * has its id. */
struct engine_task {
	enum api api;
	const char *body;
	size_t length;
	int64_t wall; /* unix ns */
	struct outcome *reply;

	bool has_body;          /* it was read, and stands in the engine's request */
	struct api_error error; /* if not */
	struct fault fault;     /* only if it was applied */
	int64_t prompt_tokens;  /* billed */
	int64_t completion_tokens;
};

/* Read the body. Returns has_body. */
bool engine_read(struct engine *e, struct engine_task *t);

/* Write the reply to a request that was read: an answer, or the fault if there is one that applies.
 * Returns false if the credit is spent, which the reply says then. */
bool engine_serve(struct engine *e, struct engine_task *t, struct fault fault);

/* Commit a fault of the connection or the body instead of an answer. Returns false if the fault is
 * none of those. */
bool engine_fault(struct engine *e, struct engine_task *t, struct fault fault);

void engine_free(struct engine *e);

#endif
