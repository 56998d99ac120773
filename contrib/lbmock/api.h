/*
 * api: the endpoints, and what their providers' errors look like.
 *
 * OpenAI:    {"error":{"message","type","param","code"}}
 * Anthropic: {"type":"error","error":{"type","message"},"request_id"}
 */
#ifndef API_H
#define API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum api {
	/* A model's work. */
	API_CHAT,
	API_RESPONSES,
	API_EMBEDDINGS,
	API_MESSAGES, /* Anthropic's; those before it are OpenAI's */
	/* Files and batches of it. */
	API_FILE_UPLOAD,
	API_FILE,
	API_FILE_DELETE,
	API_FILE_CONTENT,
	API_BATCH_CREATE,
	API_BATCH_LIST,
	API_BATCH,
	API_BATCH_CANCEL,
	API_MESSAGE_BATCH_CREATE, /* from here on Anthropic's */
	API_MESSAGE_BATCH_LIST,
	API_MESSAGE_BATCH,
	API_MESSAGE_BATCH_CANCEL,
	API_MESSAGE_BATCH_RESULTS, /* the last that a provider has to work for */
	/* The rest. */
	API_MODELS,
	API_STATS,
	API_ADVANCE,
	API_UNKNOWN
};

/* Where a call goes. */
struct api_route {
	enum api api;
	bool refused;   /* the path is known, but not with this method */
	const char *id; /* what stands in the path for a file or batch, or NULL; in the path */
	size_t id_length;
};

/* The endpoint of a method and a path, with or without /v1. */
struct api_route api_route(const char *method, const char *path);

/* Append the methods that a path takes, separated by commas. */
void api_methods(struct buf *out, const char *path);

/* Is it a model's work? Is it for files or batches? Is it Anthropic's? */
bool api_is_model(enum api api);
bool api_is_stored(enum api api);
bool api_is_anthropic(enum api api);

/* The endpoint's path, as in the call log; "*" stands for an id. NULL for API_UNKNOWN. */
const char *api_path(enum api api);

/* The model's work that OpenAI's batches can do at this path, or API_UNKNOWN. */
enum api api_batchable(const char *path);

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
