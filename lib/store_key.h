/*
 * store_key: the key of a question: the SHA-256 of the canonical form (canonical.h) of
 *
 *   {"base":"https://api.openai.com/v1","body":{...},"method":"POST","url":"/v1/chat/completions"}
 *
 * where base is the base URL that the environment names for the url, without slashes at its end,
 * method and url are what lbcall takes when they are absent, and body lacks the members that cannot
 * change the answer. With a namespace, "namespace" stands there instead of "base"; with an
 * expression its value as "key" instead of "body".
 */
#ifndef STORE_KEY_H
#define STORE_KEY_H

#include "store.h"

#include <stdbool.h>

struct expr;

struct store_key_rule {
	const char *namespace;                    /* or NULL */
	const char *openai_base, *anthropic_base; /* or NULL: the provider's own */
	struct expr *expression;                  /* of the record, or NULL */
};

/* The key of a record that is a request, or of a result's request. Returns whether it has one: not
 * if the expression yields nothing, or fails; then its reason is appended to message. */
bool store_key_make(const struct store_key_rule *rule, const struct record *r,
		    unsigned char key[STORE_KEY], struct buf *message);

/* A key as it stands in lb.key, and back. Returns whether it is one. */
void store_key_write(struct buf *out, const unsigned char key[STORE_KEY]);
bool store_key_read(struct json_span text, unsigned char key[STORE_KEY]);

#endif
