/*
 * schema: writes an instance of a JSON Schema, about a text.
 *
 * Understands type (also a list of types), properties (all are written), items, minItems, minimum,
 * maximum, enum (the value that suits the text best), const, anyOf, oneOf and allOf (their first),
 * and $ref to #, #/$defs/NAME and #/definitions/NAME. Anything else is passed over. Schemas nested
 * too deep, as recursive ones are, and instances that become too large end in null.
 */
#ifndef SCHEMA_H
#define SCHEMA_H

#include "json.h"

struct buf;
struct phrase_subject;

/* Append an instance of schema, which stands in root. Compact JSON; deterministic. */
void schema_write(struct buf *out, struct json_span schema, struct json_span root,
		  const struct phrase_subject *subject);

#endif
