/*
 * credentials: the header lines that go with a request: what the API wants, the key, and what the
 * user adds. For each style of provider and each key one list is made, once.
 */
#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include "target.h"

#include <stddef.h>
#include <stdint.h>

struct buf;
struct credentials;
struct http_headers;

struct credentials_options {
	const char *key_names; /* -K: variables for every style; NULL for the providers' own */
	const char *auth; /* --auth: bearer, x-api-key, api-key, none; NULL for the style's own */
	char **extra;     /* -H: header lines, checked by credentials_check */
	size_t extra_count;
};

/* A mistake in a header line, as a message, or NULL: it must be "Name: value" without control
 * bytes. */
const char *credentials_check(const char *line);

/* Returns NULL with a message in *error (the caller frees). Wipes the keys from the environment. */
struct credentials *credentials_new(const struct credentials_options *options, char **error);
void credentials_free(struct credentials *c);

/* The headers to use now, and in *key which key they hold. NULL if there is no key and the provider
 * wants one. */
const struct http_headers *credentials_pick(struct credentials *c, const struct target *target,
					    int64_t now, size_t *key);

/* Let a key rest until a time of clock_now. */
void credentials_rest(struct credentials *c, enum target_style style, size_t key, int64_t until);

/* A key was refused: set it aside for good, for every API that it is used for, unless no other one
 * is left. Returns the name of its variable; or NULL if it is not set aside now, or was no part of
 * the headers. */
const char *credentials_set_aside(struct credentials *c, enum target_style style, size_t key);

/* The names of the variables that a key is looked for in. */
const char *credentials_names(const struct credentials *c, enum target_style style);

/* Append the header lines for a target with the key masked, one a line. */
void credentials_describe(struct credentials *c, const struct target *target, struct buf *out);

#endif
