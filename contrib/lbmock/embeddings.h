/*
 * embeddings: OpenAI's embeddings. A vector is made up from the hash of its input and has length 1:
 * equal inputs get equal vectors, and that is all it means.
 */
#ifndef EMBEDDINGS_H
#define EMBEDDINGS_H

struct buf;
struct request;

/* Append the body: a vector per input, of 8 dimensions or as many as were asked for. */
void embeddings_body(struct buf *out, const struct request *r);

#endif
