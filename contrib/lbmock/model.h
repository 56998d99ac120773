/*
 * model: what it says. A deterministic function of the request.
 *
 * Free text: a label that the prompt names, or an echo of the first words (phrase.h). With a
 * schema: an instance of it (schema.h). Packed, as lbchunk -n asks for: when the user's message has
 * items, each behind a line "### N", and the schema has an array "answers" or the text speaks of
 * "answers", then {"answers":[{"n":N,"answer":...},...]}, each answer about its own item.
 */
#ifndef MODEL_H
#define MODEL_H

#include "buf.h"
#include "fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct request;

/* An item of the packed form: a span of the request's text. */
struct model_item {
	int64_t number;
	const char *at;
	size_t length;
};

/* Reused from answer to answer; a zeroed struct is ready. */
struct model {
	struct buf text; /* the answer */
	struct model_item *items;
	size_t count;
	size_t capacity;
};

/*
 * Write the answer to a request, with a fault of its packed form or FAULT_MALFORMED if it applies
 * to this request. Other faults make no difference here. Returns whether the fault was applied.
 * choice decides which answer FAULT_MISSING leaves out.
 */
bool model_answer(struct model *m, const struct request *r, enum fault_kind fault, uint64_t choice);

void model_free(struct model *m);

#endif
