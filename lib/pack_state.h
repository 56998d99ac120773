/* pack_state: what the parts of pack share; for pack*.c only. */
#ifndef PACK_STATE_H
#define PACK_STATE_H

#include "pack.h"

/* The cap on an answer where none is given but Anthropic's API wants one. */
#define PACK_OUTPUT 4096

/* Append the member that asks for structured output, with a comma before it; nothing if that is not
 * asked for. */
void pack_schema_add(const struct pack *p, bool packed, struct buf *out);

/* Append a text as a message's content: a string, or for Anthropic, if head is not 0, blocks of
 * which the first has so many bytes and a mark to be cached. */
void pack_prefix_add(const struct buf *text, size_t head, struct buf *out);

/* Append the text of the numbered item n of a pack. Returns 0, or -1 with a message. */
int pack_add_item(const struct pack *p, struct json_span item, size_t n, struct buf *text,
		  struct buf *message);

/* Append the body that asks about the items, of which there may be none if packed. */
int pack_add_conversation(const struct pack *p, const struct json_span *items, size_t count,
			  bool packed, struct buf *out, struct buf *message);

#endif
