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

extern const struct batch_provider batch_messages;

/* Answer a call for a batch's results. */
void batch_messages_results(struct errand *e, const struct batch *b);

/* A request of the input; it is known to be good. */
void batch_messages_read(const struct batch *b, size_t item, struct json_span *custom,
			 struct json_span *params);

/* Append the line of the results that tells what became of a request; as batch_openai_line. */
void batch_messages_line(struct buf *out, struct json_span custom, enum batch_result result,
			 const struct outcome *reply);

#endif
