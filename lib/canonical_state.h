/* canonical_state: what the parts of canonical share; for canonical*.c only. */
#ifndef CANONICAL_STATE_H
#define CANONICAL_STATE_H

#include <stddef.h>

struct buf;

/* A member that has been written: where it stands in the output, and its name in the input, without
 * quotes. */
struct canonical_place {
	size_t at, length;
	const char *name, *name_end;
};

/* The order of two members' names. */
int canonical_compare(const struct canonical_place *a, const struct canonical_place *b);

/* Append the string at p. Returns what follows it. */
const char *canonical_add_string(struct buf *out, const char *p, const char *end);

/* Append the number or the literal at p; spare is to work with. Returns what follows it. */
const char *canonical_add_word(struct buf *out, struct buf *spare, const char *p, const char *end);

#endif
