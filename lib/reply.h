/* reply: the result record that an HTTP reply makes of a request. */
#ifndef REPLY_H
#define REPLY_H

#include "http.h"
#include "record.h"

#include <stdbool.h>
#include <stdint.h>

struct buf;

struct reply_outcome {
	bool failed;
	double retry_after; /* seconds; negative if the provider said none */
};

/*
 * Append the result: the request's members, id (unless it has one), response, error, and lb with ms
 * and ratelimit. An event stream is assembled into the body it stands for. wall is the time in
 * nanoseconds since 1970.
 */
void reply_result(struct buf *out, const struct record *request, const struct http_reply *reply,
		  const char *id, int64_t wall, struct reply_outcome *outcome);

#endif
