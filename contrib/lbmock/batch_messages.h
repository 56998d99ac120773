/*
 * batch_messages: Anthropic's message batches: made of one JSON body, leaving results. Formats:
 * Anthropic API reference, "Message Batches".
 */
#ifndef BATCH_MESSAGES_H
#define BATCH_MESSAGES_H

#include "batch.h"
#include "json.h"

#include <stdbool.h>
#include <stddef.h>

struct outcome;

/* Answer a call to one of the endpoints. */
void batch_messages_answer(struct batch_list *l, struct errand *e);

/* A request of the input; it is known to be good. */
void batch_messages_read(const struct batch *b, size_t item, struct json_span *custom,
			 struct json_span *params);

/* Append the line of the results that tells what became of a request; as batch_openai_line. */
void batch_messages_line(struct buf *out, struct json_span custom, enum batch_result result,
			 const struct outcome *reply);

#endif
