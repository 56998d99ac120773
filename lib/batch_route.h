/* batch_route: where the calls of a Batch API go, for the requests that go to one place. */
#ifndef BATCH_ROUTE_H
#define BATCH_ROUTE_H

#include "record.h"
#include "target.h"

struct batch_route {
	enum target_style style;
	char *endpoint; /* as batch_api_endpoint has it */
	char *base;     /* what stands before a call's path without its "/v1" */
	char *socket;   /* as in struct target */
	bool own_base;
};

/*
 * The route for a request's url and whether its body is called params, other members of the record
 * aside. Returns NULL, or the error code for which the request is refused, with *message (static).
 * The caller frees what it holds in either case.
 */
const char *batch_route_find(struct batch_route *route, struct target_table *targets,
			     const struct record *r, const char **message);
/* Make another one of the same, which the caller frees. */
void batch_route_copy(struct batch_route *to, const struct batch_route *from);
void batch_route_free(struct batch_route *route);

/* Append the URL of a call: path is as batch_api_path writes it. */
void batch_route_url(struct buf *out, const struct batch_route *route, const char *path);

#endif
