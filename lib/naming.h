/*
 * naming: the custom_id for a request made of items. It depends on the items alone, so that it
 * outlives reordering and insertion, and no two are alike.
 */
#ifndef NAMING_H
#define NAMING_H

#include "json.h"

struct buf;
struct naming;

/*
 * expression is a jq expression for an item's id, or NULL for .chunk.id (of a piece: splitter.h),
 * then .custom_id, then .id; where that is no string or number, it is a hash of the item. Returns
 * NULL with a message in *error (the caller frees).
 */
struct naming *naming_new(const char *expression, char **error);
void naming_free(struct naming *n);

/* Append what the id of one item is made from, without quotes: its own id, or the hash of it. It is
 * the same for items that are the same. */
void naming_text(struct naming *n, struct json_span item, struct buf *out);

/*
 * Append the id, a JSON string: of one item its own, of several "pack-" and a hash of theirs. One
 * that was given before gets "-2", "-3", ... behind it. Returns 0, or -1 with errno when the
 * temporary file that remembers them fails.
 */
int naming_id(struct naming *n, const struct json_span *items, size_t count, struct buf *out);

#endif
