/*
 * completion: a finished answer with what the providers say about it, as input to the modules that
 * write it in their formats: chat, responses, messages.
 */
#ifndef COMPLETION_H
#define COMPLETION_H

#include "fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model;
struct buf;
struct request;

enum completion_end {
	COMPLETION_STOP,
	COMPLETION_LENGTH,  /* cut off at the token limit */
	COMPLETION_REFUSAL, /* the text is the refusal's */
	COMPLETION_FILTER   /* filtered: the text is empty */
};

struct completion {
	const struct request *request; /* request, created and id are the caller's to set */
	int64_t created;               /* unix seconds */
	const char *id;                /* letters and digits, different for each */
	const char *text;              /* valid UTF-8 */
	size_t length;
	enum completion_end end;
	int64_t tokens; /* of the text; at least 1 */
};

/*
 * Write the answer, in a's memory, and cut it to the request's cap on tokens. The faults of answers
 * are committed here, FAULT_TRUNCATE among them; choice is as for model_answer. Returns whether
 * there was one that applied.
 */
bool completion_make(struct completion *c, struct model *m, enum fault_kind fault, uint64_t choice);

/* Refuse to answer, in words, or without any as a content filter does. */
void completion_refuse(struct completion *c, bool filter);

/* Append the body that the request's API has for it, or the event stream if that was asked for. */
void completion_write(struct buf *out, const struct completion *c);

#endif
