/*
 * outcome: what is to be sent for a call, and how. Filled in by service, sent by server.
 */
#ifndef OUTCOME_H
#define OUTCOME_H

#include "api.h"
#include "buf.h"
#include "serial.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob;
struct limit_verdict;

#define OUTCOME_HEADERS 10

enum outcome_way {
	OUTCOME_SEND,
	OUTCOME_CUT,   /* send half of the body, then close */
	OUTCOME_RESET, /* close without an answer */
	OUTCOME_HANG   /* hold the connection, say nothing */
};

/* A zeroed struct is ready for outcome_start. */
struct outcome {
	enum outcome_way way;
	int status;
	const char *content_type;
	char id[SERIAL_LENGTH + 1]; /* the request's */
	struct buf body;
	struct blob *blob; /* sent instead of the body: length bytes from offset on; or NULL */
	uint64_t offset;
	uint64_t length;
	bool stream;   /* the body is an event stream, to be sent in pieces */
	int64_t delay; /* ns to wait before sending */
	struct {
		const char *name;
		char value[48];
	} headers[OUTCOME_HEADERS];
	size_t header_count;
};

/* Forget what was in it, keeping the body's memory: status 200, JSON, no delay, no id. */
void outcome_start(struct outcome *o);

/* Send n bytes of a blob, from an offset on, instead of a body. */
void outcome_blob(struct outcome *o, struct blob *blob, uint64_t offset, uint64_t n);

/* Send an error instead of what has been written. */
void outcome_error(struct outcome *o, enum api api, const struct api_error *error);

/* Add a header; a value that is too long is cut. The name must stay. */
void outcome_header(struct outcome *o, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Add retry-after in whole seconds, rounded up, and retry-after-ms. */
void outcome_retry_after(struct outcome *o, int64_t ns);

/* Add the provider's rate limit headers for the limits that there are: x-ratelimit-* with Go
 * durations, or anthropic-ratelimit-* with RFC 3339 times, counted from wall (unix ns). */
void outcome_limits(struct outcome *o, enum api api, const struct limit_verdict *v, int64_t wall);

void outcome_free(struct outcome *o);

#endif
