/* reply: the result record that an HTTP reply, or a line of a batch's results, makes of a request.
 */
#ifndef REPLY_H
#define REPLY_H

#include "buf.h"
#include "http.h"
#include "record.h"

#include <stdbool.h>
#include <stdint.h>

/* Memory that is used for one reply after the other, zeroed at first; and what is known of the
 * last. */
struct reply {
	bool failed;
	double retry_after; /* when it failed: seconds; negative if the provider said none */

	struct json_span json; /* the body as JSON of one line, at NULL if it is none */
	struct json_span raw;  /* the body, if it is no JSON; else at NULL */
	struct buf body;       /* what json points to, if not the reply's own bytes */
	struct buf code, message;
	struct buf response, error, ratelimit, ms;
};

/*
 * Append the result: the request's members, id (unless it has one), response, error, and lb with ms
 * and ratelimit. An event stream is assembled into the body it stands for. id is a JSON string;
 * wall is the time in nanoseconds since 1970.
 */
void reply_result(struct reply *r, struct buf *out, const struct record *request,
		  const struct http_reply *reply, struct json_span id, int64_t wall);

/* An answer from a batch's results: values of checked JSON. */
struct reply_batched {
	long status;                 /* 0: there was no response */
	struct json_span request_id; /* at NULL if unknown */
	struct json_span body;       /* at NULL or null if there is none */
	struct json_span error; /* what is said beside the response; at NULL or null: nothing */
};

/* As reply_result, with the same codes and messages for the same errors; lb gets batch. */
void reply_batched(struct reply *r, struct buf *out, const struct record *request,
		   const struct reply_batched *answer, struct json_span id);

void reply_free(struct reply *r);

#endif
