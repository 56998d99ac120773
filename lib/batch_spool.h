/*
 * batch_spool: gathers requests into parts, one for each url and model at a time, until one is as
 * full as a batch may be.
 *
 * Memory: 16 bytes a request, and the buffers of a few open files.
 */
#ifndef BATCH_SPOOL_H
#define BATCH_SPOOL_H

#include "batch_state.h"

struct batch_spool;

/* What a part holds at most, beside what its provider allows; 0 for any number. */
struct batch_limits {
	uint64_t requests, bytes; /* bytes of what is sent */
	uint64_t tokens;          /* estimated, of prompts: not even counted with 0 */
};

/* Called with each part that was closed, which has been entered in the state. */
typedef void batch_spooled(void *context, struct batch_part *p);

struct batch_spool *batch_spool_new(struct batch_state *state, const struct batch_limits *limits,
				    batch_spooled *spooled, void *context);
/* What is open is left: files of no part. */
void batch_spool_free(struct batch_spool *s);

/* Why a request cannot go into any batch: an error code, with a message in *message (static); or
 * NULL. route is its own. */
const char *batch_spool_refuses(const struct batch_spool *s, const struct batch_route *route,
				const struct record *r, const char **message);

/* Add a request that is not refused, asked again so many times, for the line of this sequence
 * number. Returns 0, or -1 after a message. */
int batch_spool_add(struct batch_spool *s, const struct batch_route *route, const struct record *r,
		    unsigned round, uint64_t sequence);

/* Close all parts. Returns 0, or -1 after a message. */
int batch_spool_close(struct batch_spool *s);

#endif
