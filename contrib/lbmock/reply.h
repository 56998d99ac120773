/*
 * reply: what is to be sent for a call, and how. Filled in by service, sent by server.
 */
#ifndef REPLY_H
#define REPLY_H

#include "api.h"
#include "buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limit_verdict;

#define REPLY_HEADERS 10

enum reply_way {
	REPLY_SEND,
	REPLY_CUT,   /* send half of the body, then close */
	REPLY_RESET, /* close without an answer */
	REPLY_HANG   /* hold the connection, say nothing */
};

/* A zeroed struct is ready for reply_start. */
struct reply {
	enum reply_way way;
	int status;
	const char *content_type;
	struct buf body;
	bool stream;   /* the body is an event stream, to be sent in pieces */
	int64_t delay; /* ns to wait before sending */
	struct {
		const char *name;
		char value[48];
	} headers[REPLY_HEADERS];
	size_t header_count;
};

/* Forget what was in it, keeping the body's memory: status 200, JSON, no delay. */
void reply_start(struct reply *r);

/* Add a header; a value that is too long is cut. The name must stay. */
void reply_header(struct reply *r, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Add retry-after in whole seconds, rounded up, and retry-after-ms. */
void reply_retry_after(struct reply *r, int64_t ns);

/* Add the provider's rate limit headers for the limits that there are: x-ratelimit-* with Go
 * durations, or anthropic-ratelimit-* with RFC 3339 times, counted from wall (unix ns). */
void reply_limits(struct reply *r, enum api api, const struct limit_verdict *v, int64_t wall);

void reply_free(struct reply *r);

#endif
