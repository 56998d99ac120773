/* http_state: what the parts of the HTTP client share; for http*.c only. */
#ifndef HTTP_STATE_H
#define HTTP_STATE_H

#include "buf.h"
#include "clock.h"
#include "http.h"
#include "poller.h"

#include <curl/curl.h>
#include <stdbool.h>

#define SWEEP_EVERY CLOCK_SEC

struct sending;

/* A multi handle. */
struct lane {
	struct http *http;
	CURLM *multi;
	int64_t due; /* when libcurl wants to be called; INT64_MAX for never */
};

struct transfer {
	struct transfer *next_free;
	struct http *http;
	struct lane *lane;
	CURL *easy;
	char *url, *socket; /* the target that it was told last */
	CURLU *parts;       /* of the URL, or NULL */
	void *request;
	struct sending *sending; /* of http_send; NULL for a plain POST */
	struct buf body, headers;
	int64_t started, last_byte; /* last_byte is 0 until the body begins */
	bool active, too_large, stalled;
	bool refused;      /* libcurl would not take it */
	bool sent, resent; /* libcurl has begun to send it; it wanted to once more */
	char message[CURL_ERROR_SIZE];
};

/* What libcurl wants of a socket. Sockets that we opened stay watched for reading between
 * requests, which saves two system calls on each; the flag tells them from libcurl's own, whose
 * end we do not see. */
struct socket_state {
	struct lane *lane; /* NULL while libcurl has no interest */
	bool ours;
};

struct http {
	struct http_options options;
	http_done *done;
	void *context;
	struct poller *poller;
	CURLSH *share;
	struct lane *lanes;
	size_t lane_count;
	struct transfer *transfers;
	struct transfer *free;
	size_t in_flight;
	struct socket_state *sockets;
	size_t socket_count;
	int64_t next_sweep;
	bool proxied; /* the environment names a proxy */
	bool any_refused;
};

/* Take a free transfer for a request and set what all have. There must be one. */
struct transfer *http_transfer_take(struct http *h, const struct http_request *r, void *request);

/* Let libcurl have it, once all is set. */
void http_transfer_launch(struct transfer *t);

/* What libcurl calls with a piece of the body: gather it in memory. */
size_t http_transfer_body(char *data, size_t size, size_t n, void *context);

/* A transfer has ended: report it, and put it back. */
void http_transfer_finish(struct transfer *t, CURLcode result, int64_t now);

/* Free what a transfer holds, abandoning it. */
void http_transfer_close(struct transfer *t);

/* The most time that may pass without a byte, ns, once t->last_byte is set. */
int64_t http_send_patience(const struct transfer *t);

/* For a transfer with `sending`: add to the reply what it knows; free it. */
void http_send_report(const struct transfer *t, struct http_reply *reply);
void http_send_free(struct transfer *t);

/* Have libcurl tell this lane's sockets and timers. */
void http_socket_lane(struct lane *lane);

/* Have a transfer's sockets opened and closed here. */
void http_socket_transfer(struct transfer *t);

/* Which lane wants to hear of this descriptor, or NULL. */
struct lane *http_socket_lane_of(struct http *h, int fd);

#endif
