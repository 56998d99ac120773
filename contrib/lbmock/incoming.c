#include "incoming.h"

#include <strings.h>

static const char *find_header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static const char *find_query(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

/* The key that came with a call, or NULL. */
static const char *find_credential(struct MHD_Connection *connection)
{
	const char *value = find_header(connection, MHD_HTTP_HEADER_AUTHORIZATION);

	if (value != NULL)
		return strncasecmp(value, "Bearer ", 7) == 0 ? value + 7 : value;
	value = find_header(connection, "x-api-key");
	if (value == NULL)
		value = find_header(connection, "api-key");
	return value;
}

void incoming_read(struct incoming *call, struct MHD_Connection *connection, bool credential)
{
	bool anthropic = api_is_anthropic(call->route.api);

	if (credential)
		call->credential = find_credential(connection);
	if (api_is_model(call->route.api))
		return;
	/* The route was found when the headers came; since then the path may have moved. */
	call->route = api_route(call->method, call->path);
	call->host = find_header(connection, MHD_HTTP_HEADER_HOST);
	call->content_type = find_header(connection, MHD_HTTP_HEADER_CONTENT_TYPE);
	call->query.limit = find_query(connection, "limit");
	call->query.after = find_query(connection, anthropic ? "after_id" : "after");
	call->query.before = anthropic ? find_query(connection, "before_id") : NULL;
	call->query.by = find_query(connection, "by");
}
