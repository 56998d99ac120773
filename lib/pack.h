/*
 * pack: the request that asks an LLM about one item or several.
 *
 * A packed request numbers its items, each under a line "### N", and asks for
 * {"answers":[{"n":1,"answer":...},...]}; answer.h is the other side. Sources for the bodies:
 * OpenAI API reference (chat completions, responses, embeddings, structured outputs), Anthropic API
 * reference (messages, structured outputs).
 */
#ifndef PACK_H
#define PACK_H

#include "json.h"

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct expr;
struct template;

enum pack_api { PACK_CHAT, PACK_RESPONSES, PACK_MESSAGES, PACK_EMBEDDINGS };

/* How requests are made. The caller sets and owns all of it. */
struct pack {
	enum pack_api api;
	const char *model;
	struct template *prompt, *system; /* system may be NULL */
	struct expr *body;                /* instead of all above but api: the whole body */
	struct json_span schema; /* of one answer, valid JSON, an object; at NULL if none */
	int64_t max_output;      /* tokens; 0 for none */
	size_t size;             /* items in a request at most, from 1 */
};

/* The API by its name: chat, responses, messages or embeddings. Returns 0 or -1. */
int pack_api(const char *name, enum pack_api *api);

/* A mistake in the schema, as a message, or NULL. */
const char *pack_check_schema(const struct pack *p);

/* Are requests with this many items asked for in the packed form? */
bool pack_is_packed(const struct pack *p, size_t count);

/*
 * Append the members of a request record for count items that follow its custom_id, and the closing
 * brace: "method", "url", "body", "lb":{"items":[...]}. Returns 0, or -1 with a message if an
 * expression fails on an item.
 */
int pack_request(const struct pack *p, const struct json_span *items, size_t count, struct buf *out,
		 struct buf *message);

#endif
