/*
 * batch_openai: OpenAI's batches: made of a file, checked line by line, leaving an output file and
 * an error file. Formats: OpenAI API reference, "Batch".
 */
#ifndef BATCH_OPENAI_H
#define BATCH_OPENAI_H

#include "batch.h"
#include "json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outcome;

#define BATCH_OPENAI_MAX 50000 /* requests */

extern const struct batch_provider batch_openai;

/* Validate up to most lines more. Returns true when all have been. */
bool batch_openai_check(struct batch_list *l, struct batch *b, size_t most);

/* With all lines validated, see that its prompts fit among those of its model that are enqueued
 * already. What is wrong, here as there, stands in the batch's errors. */
void batch_openai_admit(struct batch_list *l, struct batch *b);

/* A request's line of the input, read: false if it is none. */
bool batch_openai_read(const struct batch *b, size_t item, struct json_span *custom,
		       struct json_span *body);

/* Append the line of the output or error file that tells what became of a request. custom is a JSON
 * string; reply is what a call would have been sent, its id the request's; for requests that were
 * not done it is not looked at but for the id. */
void batch_openai_line(struct buf *out, struct json_span custom, enum batch_result result,
		       const struct outcome *reply);

/* Make files of its output and failures. */
void batch_openai_file(struct batch_list *l, struct batch *b, int64_t time);

#endif
