/*
 * http: many requests at a time over libcurl; the only module that knows it.
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

enum http_method { HTTP_POST, HTTP_GET, HTTP_DELETE };

/* A plain field of a form. */
struct http_field {
	const char *name, *value;
};

/* Part of a file, to be sent as the body. */
struct http_upload {
	int fd;                 /* its own offset is neither used nor moved */
	int64_t offset, length; /* bytes */

	/* NULL: the bytes are the body. Else the body is multipart/form-data, the bytes are in the
	 * field of this name, and the other fields stand before it. */
	const char *name;
	const char *filename, *type; /* that field's file name and Content-Type */
	const struct http_field *fields;
	size_t field_count;
};

/* What makes a request more than a POST of bytes in memory; zeroed it adds nothing. */
struct http_extra {
	enum http_method method;
	const struct http_upload *upload; /* sent instead of the body; must stay until the reply */
	bool save; /* write the body of a 2xx answer to save_fd as it comes */
	int save_fd;
	int64_t save_most; /* bytes, decoded; instead of max_response */
};

struct http_reply {
	/* NULL when an answer came in whole; else a code: "timeout", ... Of a file here that could
	 * not be read or written it is "file_failed". */
	const char *error;
	const char *message;      /* ...and what happened */
	int file_errno;           /* of "file_failed"; 0 if the file was shorter than its upload */
	long status;              /* of the answer, 0 if none came */
	struct json_span headers; /* the wanted header lines, each with its CR LF */
	struct json_span body;
	const char *type; /* Content-Type, "" if none */
	int64_t elapsed;  /* ns */
	int64_t saved;    /* bytes written to save_fd, also when what came was not all */
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

/*
 * As http_post, with more to it. The length of an upload is told beforehand, and no leave to send
 * it is asked for ("Expect"). While a file's bytes move, in either direction, `timeout` does not
 * count, only stall_timeout; between the last byte sent and the first one received, `timeout` does.
 * An answer of 400 and above to an upload counts as whole even if the connection ends within it.
 * GET, DELETE and forms leave out the Content-Type of headers. A GET or DELETE may be sent again
 * when a connection ends before an answer; a POST never is.
 */
void http_send(struct http *h, const struct http_request *r, const struct http_extra *extra,
	       void *request);

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
