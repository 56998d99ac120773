/*
 * store_flow: what becomes of records at a cache: requests are answered from the store, or claimed
 * and forwarded, or wait for the answer that somebody else is asking for; results are stored. It is
 * the jobs of a stage.
 *
 * What is to be written is kept back and written in groups. A request is forwarded only after its
 * claim is in the file, and a result written out only after it is stored.
 *
 * When the store fails, that is said once, reading stops, what waits comes out as cancelled and
 * what is in flight is passed on.
 */
#ifndef STORE_FLOW_H
#define STORE_FLOW_H

#include "stage.h"
#include "store_key.h"

struct store_flow;

struct store_flow_options {
	struct store *store; /* NULL: nothing is done but to pass records on */
	struct store_key_rule rule;
	int64_t ttl;  /* how old an answer may be, ms; 0: any age */
	bool refresh; /* answers that were stored before now do not count */
	bool read_only;
	bool wraps; /* results are known by their flight; if not, by their lb.key */
};

struct store_flow *store_flow_new(const struct store_flow_options *options);
void store_flow_free(struct store_flow *f);

/* The jobs of a stage whose context is the flow. */
extern const struct stage_jobs store_flow_jobs;

/* Store what the stage left kept back because it had to end at once. Returns 0, or -1 after a
 * message. */
int store_flow_save(struct store_flow *f);

#endif
