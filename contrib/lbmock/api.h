/*
 * api: the endpoints, and what their providers' errors look like.
 *
 * OpenAI:    {"error":{"message","type","param","code"}}
 * Anthropic: {"type":"error","error":{"type","message"},"request_id"}
 */
#ifndef API_H
#define API_H

#include <stddef.h>
#include <stdint.h>

struct buf;

enum api {
	API_CHAT,
	API_RESPONSES,
	API_EMBEDDINGS,
	API_MESSAGES, /* Anthropic; those before it are OpenAI's, and POST as well */
	API_MODELS,
	API_STATS,
	API_UNKNOWN
};

/* The endpoint of a path, with or without /v1. */
enum api api_route(const char *path);

/* The only method that an endpoint takes: "POST" or "GET"; NULL for API_UNKNOWN. */
const char *api_method(enum api api);

/* The endpoint's path, as in the call log. */
const char *api_path(enum api api);

/* What went wrong. */
struct api_error {
	int status;
	const char
	    *type; /* OpenAI's; NULL: type and code follow from the status, as Anthropic's do */
	const char *code; /* NULL beside a type: null */
	const char *param;
	const char *message; /* NULL: the provider's usual words for the status */
	size_t length;       /* of the message, in bytes; 0: up to its NUL */
};

/* Append the provider's error body. id is the request's, in letters and digits. */
void api_error(struct buf *out, enum api api, const struct api_error *error, const char *id);

#endif
