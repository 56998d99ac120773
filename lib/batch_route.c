#include "batch_route.h"
#include "batch_api.h"
#include "buf.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* All paths of the APIs begin so. */
#define VERSION "/v1"

static char *copy(const char *text)
{
	return text != NULL ? mem_copy(text, strlen(text)) : NULL;
}

const char *batch_route_find(struct batch_route *route, struct target_table *targets,
			     const struct record *r, const char **message)
{
	const struct target *target = target_find(targets, r->url, r->params);
	struct buf endpoint = {0};

	*route = (struct batch_route){.style = target->style, .own_base = target->own_base};
	if (target->error != NULL) {
		*message = target->message;
		return target->error;
	}
	*message = "a batch takes no url with a query";
	if (strchr(target->url, '?') != NULL)
		return "url_refused";
	if (r->url.at == NULL && target->style == TARGET_ANTHROPIC)
		buf_adds(&endpoint, "/v1/messages");
	else
		batch_api_endpoint(&endpoint, r);
	route->endpoint = buf_string(&endpoint);
	/* The URL ends in the endpoint, without its version where the base has that. */
	const char *tail = route->endpoint;
	if (strncmp(tail, "/v1/", 4) == 0)
		tail += sizeof VERSION - 1;
	size_t n = strlen(target->url), m = strlen(tail);
	*message = "a batch takes no such url";
	if (n < m || strcmp(target->url + n - m, tail) != 0)
		return "url_refused";
	route->base = mem_copy(target->url, n - m);
	route->socket = copy(target->socket);
	return NULL;
}

void batch_route_copy(struct batch_route *to, const struct batch_route *from)
{
	*to = *from;
	to->endpoint = copy(from->endpoint);
	to->base = copy(from->base);
	to->socket = copy(from->socket);
}

void batch_route_free(struct batch_route *route)
{
	free(route->endpoint);
	free(route->base);
	free(route->socket);
	*route = (struct batch_route){0};
}

void batch_route_url(struct buf *out, const struct batch_route *route, const char *path)
{
	buf_adds(out, route->base);
	buf_adds(out, path + sizeof VERSION - 1);
}
