/*
 * attempt: a record between its attempts, as lbretry keeps it: the note that goes with it, the
 * result that it comes to if there are no more attempts, and the two as one value that can wait.
 */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include "record.h"
#include "retry.h"

struct buf;

struct attempt {
	struct retry_state state;
	/* Once it goes to another model: its own, as JSON text; at NULL if it names none. */
	struct json_span model;
};

/* Append the note, and read it. The attempt read points into the note. */
void attempt_note(struct buf *out, const struct attempt *a);
void attempt_read(struct attempt *a, const void *note, size_t length);

/*
 * Append the result of an attempt as it is to leave: with lb.attempts, with the sum of what all
 * attempts have cost as lb.cost, and naming its own model in its body again. request is what was
 * sent; if that has an lb.cost already, so do all its results, and none of them counts. rejected
 * puts an error in, code "not_ok". The cost is added to a->state.
 */
void attempt_line(struct buf *out, struct attempt *a, const struct record *r,
		  struct json_span request, bool rejected);

/* Append the request, which was sent before, for another model: a JSON string. a->model is set to
 * the one in the request, unless it is known from before. */
void attempt_change_model(struct buf *out, struct attempt *a, struct json_span request,
			  struct json_span model, bool known);

/* Append the two lines as one, an array; and find them in it again. */
void attempt_join(struct buf *out, struct json_span request, struct json_span result);
struct json_span attempt_request(struct json_span joined);
struct json_span attempt_result(struct json_span joined);

#endif
