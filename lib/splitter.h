/*
 * splitter: makes items of the pieces of a document, which is an item with a long text. join.h is
 * the way back.
 *
 * A piece is the document with the piece in the place of the text, and a member "chunk" behind the
 * others; lb-record(5) describes it.
 */
#ifndef SPLITTER_H
#define SPLITTER_H

#include "json.h"
#include "split.h"

#include <stdint.h>

struct naming;
struct splitter;
struct stage;

/*
 * text is a jq expression for the text of a document. If it is a plain path the pieces take the
 * text's place, and into must be NULL; otherwise they go to the member `into`, NULL for "text".
 * Returns NULL with a message in *error (the caller frees) if there is a mistake. Nothing is owned.
 */
struct splitter *splitter_new(struct stage *stage, struct naming *naming, const char *text,
			      const struct split_rule *rule, const char *into, char **error);
void splitter_free(struct splitter *s);

/* Emit the pieces of a document, or the document as failed. */
void splitter_add(struct splitter *s, struct json_span document, uint64_t sequence);

/* A document comes out failed: as a result that carries it, so that it goes past the calls. */
void splitter_fail(struct splitter *s, struct json_span document, uint64_t sequence,
		   const char *code, const char *message);

#endif
