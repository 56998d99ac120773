/* incoming: a call as it came over the wire. */
#ifndef INCOMING_H
#define INCOMING_H

#include "api.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob;

/* What the query says, each NULL if it does not. */
struct incoming_query {
	const char *limit;  /* of a list's page: how many */
	const char *after;  /* the id that stands before it */
	const char *before; /* the id that stands behind it */
	const char *by;     /* how far to advance the clock */
};

struct incoming {
	struct api_route route;
	const char *method;
	const char *path;
	const char *host;         /* NULL: not said */
	const char *content_type; /* likewise */
	const char *credential;   /* the key, without "Bearer "; NULL: none came */
	struct incoming_query query;
	const char *body;
	size_t length;
	uint64_t came;      /* how long the body was, whether it is here or not */
	struct blob *spool; /* the same, if it came through a file; or NULL */
	bool too_large;     /* the server gave up reading the body: it is empty here */
};

/* Fill in what the connection knows of a call whose route, method, path and body are there: its
 * credential, if that is wanted, and for all but calls to models the headers and the query. */
void incoming_read(struct incoming *call, struct MHD_Connection *connection, bool credential);

#endif
