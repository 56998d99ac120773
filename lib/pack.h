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
struct price_table;
struct template;

enum pack_api { PACK_CHAT, PACK_RESPONSES, PACK_MESSAGES, PACK_EMBEDDINGS };

/* Models' context windows, from the table of prices, which is read when one is first needed. Zeroed
 * at the start; the caller frees the table. */
struct pack_prices {
	struct price_table *table;
	int64_t window; /* of the pack's model, in tokens; 0 if not known */
};

/* How requests are made. The caller sets and owns all of it. */
struct pack {
	enum pack_api api;
	const char *model;
	struct template *prompt, *system; /* system may be NULL */
	struct expr *body;                /* instead of all above but api: the whole body */
	struct json_span schema; /* of one answer, valid JSON, an object; at NULL if none */
	int64_t max_output;      /* tokens; 0 for none */
	size_t size;             /* items in a request at most, from 1 */
	int64_t max_input;       /* estimated tokens of input in a request at most; 0: any number */
	struct pack_prices *prices; /* NULL for no limit by the model */
	bool cache_prefix;          /* have the provider cache what is common to all requests */
	struct pack_prefix {
		size_t system_head, prompt_head; /* bytes to mark for caching */
		char key[24];                    /* OpenAI's prompt_cache_key, or "" */
	} prefix;                                /* set by pack_prepare */
};

/* The API by its name: chat, responses, messages or embeddings. Returns 0 or -1. */
int pack_api(const char *name, enum pack_api *api);

/* Set schema from the text of a file, which is made compact and must stay. Returns 0, or -1 with a
 * message. */
int pack_read_schema(struct pack *p, struct buf *text, struct buf *message);

/* A mistake in the schema, as a message, or NULL. */
const char *pack_check_schema(const struct pack *p);

/* Are requests with this many items asked for in the packed form? */
bool pack_is_packed(const struct pack *p, size_t count);

/*
 * Find out, where cache_prefix is set, what is common to all requests: the text up to its first
 * expression of system, and if that has none of prompt, with the
 * schema. If it is estimated at PACK_PREFIX_TOKENS or more, the least that providers cache, it is
 * marked in Anthropic's requests, in one or two places (Anthropic's guide to prompt caching:
 * cache_control, at most four), and OpenAI's get a hash of it as their prompt_cache_key.
 */
void pack_prepare(struct pack *p);

#define PACK_PREFIX_TOKENS 1024

/*
 * Append the members of a request record for count items that follow its custom_id, and the closing
 * brace: "method", "url", "body", "lb":{"items":[...]}. *body is that in out, up to the next
 * change. Returns 0, or -1 with a message if an expression fails on an item.
 */
int pack_request(const struct pack *p, const struct json_span *items, size_t count, struct buf *out,
		 struct json_span *body, struct buf *message);

/*
 * Is the input of a request, as tokens_request estimates it, within max_input, and with the answer
 * that it allows within the model's context window? Of embeddings each text is held against the
 * window. Returns 0, or -1 with a message that says what it is over.
 */
int pack_check_size(const struct pack *p, struct json_span body, struct buf *message);

/*
 * The estimate of what an item adds to a pack in which it is number n, and that of a pack without
 * items, in hundredths of tokens. 0 where an expression fails. Not for body.
 */
int64_t pack_item_weight(const struct pack *p, struct json_span item, size_t n);
int64_t pack_frame_weight(const struct pack *p);

/* Append the failed result for an item of which no request is made, which carries it. id is JSON.
 */
void pack_add_failed(struct buf *out, struct json_span id, struct json_span item, const char *code,
		     const char *message);

#endif
