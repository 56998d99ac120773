/*
 * path: jq's plain paths (".id", ".a.b[0]", ".[\"odd name\"]", "."), answered on JSON text without
 * libjq, with jq's meaning.
 *
 * A path is plain if it is made of fields, quoted names and integer indices. Whatever is more than
 * that (iteration, slices, "?", interpolation) is for libjq, and so is anything on whose reading
 * the versions of jq differ.
 */
#ifndef PATH_H
#define PATH_H

#include "json.h"

struct path;

/* Parse n bytes of valid UTF-8. Returns NULL if they are no plain path. */
struct path *path_new(const char *text, size_t n);
void path_free(struct path *path);

/*
 * Set *value to what the path yields on input, a valid JSON text: bytes of the input, or the static
 * text "null" where there is nothing. As in jq, null has null everywhere, and where an object has a
 * name twice the last one counts. Returns 0, or -1 with jq's message appended to message if a value
 * on the way cannot be indexed so.
 */
int path_get(const struct path *path, struct json_span input, struct json_span *value,
	     struct buf *message);

#endif
