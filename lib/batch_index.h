/*
 * batch_index: finds requests that an earlier run has in batches, by their custom_id, url and body.
 * Each is found once: a request that stands in the input twice was sent twice.
 *
 * Memory: 20 bytes a request.
 */
#ifndef BATCH_INDEX_H
#define BATCH_INDEX_H

#include "batch_state.h"

struct batch_index;

/* Read the requests of all parts of the state that are with the provider or back, those to be asked
 * anew left out. Returns NULL after a message. */
struct batch_index *batch_index_new(struct batch_state *state);
void batch_index_free(struct batch_index *x);

enum batch_found { BATCH_NEW, BATCH_FOUND, BATCH_FAULT };

/* Find a request that no line has asked for yet, and let this line of the input do so: its sequence
 * number and, if it is not the same, its text go with the request. BATCH_FAULT: after a message. */
enum batch_found batch_index_claim(struct batch_index *x, const struct record *r, uint64_t sequence,
				   struct batch_part **part);

#endif
