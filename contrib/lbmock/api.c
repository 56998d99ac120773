#include "api.h"
#include "buf.h"
#include "json.h"

#include <string.h>

static const struct endpoint {
	const char *path; /* "*" is an id */
	const char *method;
} endpoints[API_UNKNOWN] = {
    [API_CHAT] = {"/v1/chat/completions", "POST"},
    [API_RESPONSES] = {"/v1/responses", "POST"},
    [API_EMBEDDINGS] = {"/v1/embeddings", "POST"},
    [API_MESSAGES] = {"/v1/messages", "POST"},
    [API_FILE_UPLOAD] = {"/v1/files", "POST"},
    [API_FILE] = {"/v1/files/*", "GET"},
    [API_FILE_DELETE] = {"/v1/files/*", "DELETE"},
    [API_FILE_CONTENT] = {"/v1/files/*/content", "GET"},
    [API_BATCH_CREATE] = {"/v1/batches", "POST"},
    [API_BATCH_LIST] = {"/v1/batches", "GET"},
    [API_BATCH] = {"/v1/batches/*", "GET"},
    [API_BATCH_CANCEL] = {"/v1/batches/*/cancel", "POST"},
    [API_MESSAGE_BATCH_CREATE] = {"/v1/messages/batches", "POST"},
    [API_MESSAGE_BATCH_LIST] = {"/v1/messages/batches", "GET"},
    [API_MESSAGE_BATCH] = {"/v1/messages/batches/*", "GET"},
    [API_MESSAGE_BATCH_CANCEL] = {"/v1/messages/batches/*/cancel", "POST"},
    [API_MESSAGE_BATCH_RESULTS] = {"/v1/messages/batches/*/results", "GET"},
    [API_MODELS] = {"/v1/models", "GET"},
    [API_STATS] = {"/lbmock/stats", "GET"},
    [API_ADVANCE] = {"/lbmock/advance", "POST"},
};

/* What each status is called; see "Errors" in the providers' documentation. */
static const struct status_words {
	int status;
	const char *type; /* OpenAI */
	const char *code; /* OpenAI; NULL is null */
	const char *message;
	const char *anthropic; /* type */
} statuses[] = {
    {400, "invalid_request_error", NULL, "The request is not valid.", "invalid_request_error"},
    {401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided.",
     "authentication_error"},
    {402, "billing_error", "billing_not_active", "Your account is not active.", "billing_error"},
    {403, "permission_error", "unsupported_country_region_territory",
     "Country, region, or territory not supported.", "permission_error"},
    {404, "invalid_request_error", "model_not_found",
     "The model does not exist or you do not have access to it.", "not_found_error"},
    {405, "invalid_request_error", "method_not_supported", "Not allowed to use this method here.",
     "invalid_request_error"},
    {413, "invalid_request_error", "request_too_large", "Request exceeds the maximum size.",
     "request_too_large"},
    {422, "invalid_request_error", NULL, "The request cannot be processed.",
     "invalid_request_error"},
    {429, "requests", "rate_limit_exceeded", "Rate limit reached. Please try again later.",
     "rate_limit_error"},
    {500, "server_error", NULL,
     "The server had an error while processing your request. Sorry about that!", "api_error"},
    {503, "server_error", "server_is_overloaded",
     "The server is currently overloaded. Please try again later.", "overloaded_error"},
    {504, "server_error", NULL, "Gateway timeout.", "timeout_error"},
    {529, "server_error", "server_is_overloaded", "Overloaded", "overloaded_error"},
};

/* Does the path follow the pattern? What stands for its "*" is stored in the route. */
static bool matches(const char *pattern, const char *path, struct api_route *route)
{
	const char *star = strchr(pattern, '*');

	if (star == NULL)
		return strcmp(pattern, path) == 0;
	size_t head = (size_t)(star - pattern);
	if (strncmp(pattern, path, head) != 0)
		return false;
	size_t length = strcspn(path + head, "/");
	if (length == 0 || strcmp(path + head + length, star + 1) != 0)
		return false;
	route->id = path + head;
	route->id_length = length;
	return true;
}

static bool is_at(unsigned i, const char *path, struct api_route *route)
{
	const char *full = endpoints[i].path;
	return matches(full, path, route) ||
	       (strncmp(full, "/v1/", 4) == 0 && matches(full + 3, path, route));
}

struct api_route api_route(const char *method, const char *path)
{
	struct api_route route = {.api = API_UNKNOWN};

	for (unsigned i = 0; i < API_UNKNOWN; i++) {
		if (!is_at(i, path, &route))
			continue;
		route.refused = strcmp(method, endpoints[i].method) != 0;
		if (!route.refused || route.api == API_UNKNOWN)
			route.api = (enum api)i;
		if (!route.refused)
			break;
	}
	return route;
}

void api_methods(struct buf *out, const char *path)
{
	struct api_route route;
	const char *comma = "";

	for (unsigned i = 0; i < API_UNKNOWN; i++) {
		if (!is_at(i, path, &route))
			continue;
		buf_addf(out, "%s%s", comma, endpoints[i].method);
		comma = ", ";
	}
}

bool api_is_model(enum api api)
{
	return api <= API_MESSAGES;
}

bool api_is_stored(enum api api)
{
	return api >= API_FILE_UPLOAD && api <= API_MESSAGE_BATCH_RESULTS;
}

bool api_is_anthropic(enum api api)
{
	return api == API_MESSAGES ||
	       (api >= API_MESSAGE_BATCH_CREATE && api <= API_MESSAGE_BATCH_RESULTS);
}

enum api api_batchable(const char *path)
{
	for (unsigned i = API_CHAT; i < API_MESSAGES; i++)
		if (strcmp(path, endpoints[i].path) == 0)
			return (enum api)i;
	return API_UNKNOWN;
}

const char *api_path(enum api api)
{
	return api < API_UNKNOWN ? endpoints[api].path : NULL;
}

/* The words for a status; other statuses are spoken of as 400 or 500 are. */
static const struct status_words *find_words(int status)
{
	const struct status_words *like = NULL;
	int round = status < 500 ? 400 : 500;

	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		if (statuses[i].status == status)
			return &statuses[i];
		if (statuses[i].status == round)
			like = &statuses[i];
	}
	return like;
}

static void add_string_or_null(struct buf *out, const char *s)
{
	if (s != NULL)
		json_quote(out, s, strlen(s));
	else
		buf_adds(out, "null");
}

void api_error(struct buf *out, enum api api, const struct api_error *error, const char *id)
{
	const struct status_words *words = find_words(error->status);
	const char *message = error->message != NULL ? error->message : words->message;
	size_t length =
	    error->message != NULL && error->length > 0 ? error->length : strlen(message);

	if (api_is_anthropic(api)) {
		buf_adds(out, "{\"type\":\"error\",\"error\":{\"type\":");
		add_string_or_null(out, words->anthropic);
		buf_adds(out, ",\"message\":");
		json_quote(out, message, length);
		buf_adds(out, "},\"request_id\":\"req_");
		buf_adds(out, id);
		buf_adds(out, "\"}");
		return;
	}
	buf_adds(out, "{\"error\":{\"message\":");
	json_quote(out, message, length);
	buf_adds(out, ",\"type\":");
	add_string_or_null(out, error->type != NULL ? error->type : words->type);
	buf_adds(out, ",\"param\":");
	add_string_or_null(out, error->param);
	buf_adds(out, ",\"code\":");
	add_string_or_null(out, error->type != NULL ? error->code : words->code);
	buf_adds(out, "}}");
}
