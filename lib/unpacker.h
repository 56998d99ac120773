/*
 * unpacker: emits the items of results, with their answers or errors, through a stage. What failed
 * before anybody was asked about it comes out as the item that it is.
 */
#ifndef UNPACKER_H
#define UNPACKER_H

#include "json.h"

#include <stdbool.h>
#include <stdint.h>

struct expr;
struct packer;
struct record;
struct stage;
struct stage_flight;
struct unpacker;

/*
 * answer is where to find the answer in a response body, NULL for the API's own place, and into the
 * member that it goes to. packer sends again what the answer to a pack lacks, in wrap form; else it
 * is NULL. Nothing is owned.
 */
struct unpacker *unpacker_new(struct stage *stage, struct expr *answer, const char *into,
			      struct packer *packer);
void unpacker_free(struct unpacker *u);

/* The result job. A failed item of which no request was made passes untouched. */
void unpacker_take(struct unpacker *u, const struct record *r, uint64_t sequence,
		   const struct stage_flight *flight);

/*
 * What comes to be asked about may have failed before; then it is emitted, untouched. In wrap form
 * of a failed result with one item, which packing and splitting make of what cannot be asked about
 * in pipe form, the item is emitted. Returns false if it is none of these.
 */
bool unpacker_pass(struct unpacker *u, const struct record *r, uint64_t sequence);

/* A request that comes where results should passes, and is counted. */
void unpacker_pass_request(struct unpacker *u, const struct record *r, uint64_t sequence);

/* No more will come: say how many requests have come. */
void unpacker_finish(const struct unpacker *u);

#endif
