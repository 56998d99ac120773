/*
 * request: what a request body asks for, whichever API it is written for. The body is checked and
 * read once; the texts of its messages are put together in one buffer, the last message of the user
 * behind everything else.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "api.h"
#include "buf.h"
#include "json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct request {
	enum api api;
	struct json_span model; /* with its quotes, as the answer repeats it */
	struct json_span input; /* of embeddings */
	struct json_span
	    custom; /* metadata.custom_id, else user, else metadata.user_id; a string or none */
	struct json_span schema; /* of the answer; none if it is free text */
	bool json_mode;          /* any JSON object will do */
	bool stream;
	bool include_usage;    /* stream_options.include_usage */
	bool base64;           /* encoding_format of embeddings */
	int64_t max_tokens;    /* the cap on the answer; -1: none */
	int64_t dimensions;    /* of embeddings; -1: not given */
	int64_t prompt_tokens; /* by the estimate of tokens.h, and at least 1 */

	/* The text: instructions and earlier messages, then at user_at the user's last message. */
	struct buf text;
	size_t user_at;
	size_t user_length;
};

/*
 * Read a body. The spans point into it, so it must outlive the request. The request must have been
 * zeroed once; its text buffer is used again. Returns 0, or -1 with *error and its message, which
 * may be built in scratch, filled in.
 */
int request_read(struct request *r, enum api api, const char *body, size_t n,
		 struct api_error *error, struct buf *scratch);

/* Free the text buffer. */
void request_free(struct request *r);

#endif
