/*
 * target: where a request goes. A record names a path at most; the base URL, the kind of provider
 * and the origins that may be reached come from the command line and the environment, since records
 * are data and keys must not follow them.
 *
 * Base URLs follow the providers' own clients: OPENAI_BASE_URL holds the path up to and including
 * the version ("https://host/v1"), ANTHROPIC_BASE_URL does not. So a record's
 * "/v1/chat/completions" under "https://host/v1" or "https://host/other/prefix" loses its "/v1",
 * while "http://host:8000" keeps it.
 */
#ifndef TARGET_H
#define TARGET_H

#include "json.h"

#include <stdbool.h>

struct target_table;

enum target_style { TARGET_OPENAI, TARGET_ANTHROPIC };

struct target {
	enum target_style style;
	char *url;         /* absolute, for libcurl */
	char *socket;      /* a unix socket's path, or NULL */
	bool own_base;     /* a base URL was set: a key may be missing */
	const char *error; /* NULL, or the code for which the request is refused */
	const char *message;
};

/*
 * base: the -u option or NULL; the two environment variables' values or NULL. Base URLs are
 * http://, https:// or unix:/path/to/socket[:/prefix]. Returns NULL with a message in *error (the
 * caller frees).
 */
struct target_table *target_new(const char *base, const char *openai_base,
				const char *anthropic_base, char **error);
void target_free(struct target_table *t);

/* Allow absolute URLs of this origin, and send them the key. Returns 0, or -1 if it is no origin.
 */
int target_allow(struct target_table *t, const char *origin);

/* The target for a record's url (at NULL if it has none) and whether its body is called params. The
 * answer is the table's, kept for the next record with the same url. */
const struct target *target_find(struct target_table *t, struct json_span url, bool params);

#endif
