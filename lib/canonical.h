/*
 * canonical: the one form that all JSON texts of the same value share, so that equal values are
 * equal bytes.
 *
 * It is that of RFC 8785: no white space, members sorted by the UTF-16 code units of their names,
 * strings with the fewest escapes, numbers as ECMAScript writes them. Three things RFC 8785 refuses
 * or rounds are kept apart here, so that different values never become equal: numbers keep all
 * their digits (twenty of them, or 1e400), members of the same name all stay, in their order, and
 * an escaped lone surrogate stays an escape. A number whose exponent has more than 17 digits is
 * left as it is written.
 */
#ifndef CANONICAL_H
#define CANONICAL_H

#include "json.h"

struct buf;

/* Append the canonical form of a value, which json_check has accepted. */
void canonical_add(struct buf *out, struct json_span value);

/* The same for an object, without its members of the count names in `without`. */
void canonical_add_without(struct buf *out, struct json_span object,
			   const struct json_member *without, size_t count);

#endif
