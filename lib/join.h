/*
 * join: makes one document again of the pieces that splitter.h made of it, and one value of what
 * has come of each.
 *
 * Pieces may come in any order and mixed with those of other documents. A document goes out as soon
 * as all of its pieces are there and none has failed; the others at the end, as failed, with the
 * pieces that there are. What waits is spooled, with about 80 bytes of memory for each piece, and
 * 160 for each document.
 */
#ifndef JOIN_H
#define JOIN_H

#include <stdbool.h>
#include <stdint.h>

struct expr;
struct join;
struct record;
struct stage;

/*
 * text is a jq expression for the value of a piece. If it is the path at which the pieces stand,
 * the text is put together there, without what overlaps. Otherwise values that are strings are
 * joined by newlines, and any others become an array, in the member `into`; if that is NULL, in the
 * member that the expression names (".name"), or else "answer". Returns NULL with a message in
 * *error (the caller frees) if the expression has a mistake. Nothing is owned.
 */
struct join *join_new(struct stage *stage, const char *text, const char *into, char **error);
void join_free(struct join *j);

/* Take a piece (copied), or emit it as failed, if a good one of its number waits. Returns false if
 * the record is no piece: an object with a chunk that a splitter may have written. */
bool join_add(struct join *j, const struct record *r, uint64_t sequence);

/* No more will come: emit the documents that are not whole, and say what was no piece since its
 * items had not been unpacked. */
void join_finish(struct join *j);

#endif
