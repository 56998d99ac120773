/* join_document: one document out of its pieces, within the module. */
#ifndef JOIN_DOCUMENT_H
#define JOIN_DOCUMENT_H

#include "buf.h"
#include "json.h"

#include <stdbool.h>
#include <stdint.h>

struct expr;
struct path;

/* The chunk member of a piece. */
struct join_chunk {
	struct json_span doc;  /* the id of its document, a string */
	struct json_span path; /* to the text, a string */
	struct json_span own;  /* the chunk that the document had; at NULL if none */
	int64_t i, of, start, end;
};

/* What values are joined, and where the outcome goes. */
struct join_rule {
	struct expr *expr;
	struct buf text;  /* the expression, without white space around it */
	struct buf name;  /* the member that it names, if it is ".name" */
	const char *into; /* or NULL */
};

/* A document in the making; zeroed at the start. */
struct join_document {
	struct buf first;    /* its first piece */
	struct buf text;     /* the text so far, as a JSON string that is not closed */
	bool text_lost;      /* ...which is not that of the document */
	struct buf values;   /* so far, as a JSON array that is not closed */
	bool other;          /* not all values are strings */
	int64_t pieces, end; /* how many have been taken, and up to where */
	struct buf problem;  /* why there is no value: the first reason */
};

/* Read the chunk of a record. Returns false if there is none, or one that no splitter writes. */
bool join_chunk_read(struct join_chunk *chunk, struct json_span record);

/* Add the next piece. */
void join_document_add(struct join_document *d, const struct join_rule *rule,
		       struct json_span piece);

/* Append the document: with the values joined, or if error is not at NULL, with that. */
void join_document_write(struct join_document *d, const struct join_rule *rule,
			 struct json_span error, struct buf *out);

void join_document_free(struct join_document *d);

#endif
