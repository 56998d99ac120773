/*
 * http: many POST requests at a time over libcurl; the only module that knows it.
 *
 * libcurl looks for a connection to use again one by one among those to the same host, on every
 * request; so the requests are spread over several multi handles ("lanes") of HTTP_LANE transfers
 * at most, under one poller. Redirects are not followed, .netrc is not read, no signals are used,
 * and only http, https and unix sockets are spoken.
 */
#ifndef HTTP_H
#define HTTP_H

#include "json.h"

#include <stdint.h>

#define HTTP_LANE 64

struct http;
struct http_headers; /* a list of request header lines */

struct http_options {
	size_t concurrency;      /* requests in flight at most */
	int64_t timeout;         /* of a whole request, ns */
	int64_t connect_timeout; /* ns */
	int64_t stall_timeout;   /* without a byte, once the answer has begun, ns */
	size_t max_response;     /* bytes of a body, decoded */
	/* Is this response header line to be kept for the reply? */
	bool (*wants_header)(const char *name, size_t length);
};

struct http_request {
	const char *url;                    /* absolute */
	const char *socket;                 /* path of a unix socket to send it to, or NULL */
	const struct http_headers *headers; /* sent as they are; must stay until the reply */
	struct json_span body;              /* must stay until the reply */
};

struct http_reply {
	const char *error;   /* NULL when an answer came in whole; else a code: "timeout", ... */
	const char *message; /* ...and what happened */
	long status;         /* of the answer, 0 if none came */
	struct json_span headers; /* the wanted header lines, each with its CR LF */
	struct json_span body;
	const char *type; /* Content-Type, "" if none */
	int64_t elapsed;  /* ns */
};

/* Called once for each request, when it has ended; what reply points to is valid until it returns.
 */
typedef void http_done(void *context, void *request, const struct http_reply *reply);

/* Returns NULL with a message in *error (static, or libcurl's). */
struct http *http_new(const struct http_options *options, http_done *done, void *context,
		      const char **error);

/* Abandons what is in flight, without calling done. */
void http_free(struct http *h);

/* Start a request. There must be room. `request` goes to done. */
void http_post(struct http *h, const struct http_request *r, void *request);

/* How many more requests there is room for, and how many are in flight. */
size_t http_room(const struct http *h);
size_t http_in_flight(const struct http *h);

/* A descriptor that is readable when http_run has something to do, or -1; and when to run it
 * anyway. */
int http_descriptor(const struct http *h);
int64_t http_deadline(const struct http *h);

/* Do what can be done without waiting; calls done for what has ended. */
void http_run(struct http *h, int64_t now);

/* End all that is in flight now, with error "cancelled". */
void http_cancel(struct http *h);

/* The value of Accept-Encoding for what can be decoded, or NULL. To be sent, it must stand in the
 * header lists: libcurl puts its own one together anew for each request, at a tenth of what that
 * costs. */
const char *http_encoding(void);

/* Header lists. http_headers_add appends "Name: value"; NULL starts a list. */
struct http_headers *http_headers_add(struct http_headers *list, const char *line);
void http_headers_free(struct http_headers *list);

/* A URL in its parts, for comparing and joining. origin is scheme://host:port in lower case, the
 * port always there; path has no trailing slash, "" for none. The caller frees both. Returns 0, or
 * -1 if it is not an absolute http or https URL, or carries a user or a fragment. A query is left
 * out. */
int http_url_parts(const char *url, char **origin, char **path);

#endif
