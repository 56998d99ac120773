/*
 * A transfer's life: taken from those that are free, told what to send, launched, and finished.
 */
#include "clock.h"
#include "http_list.h"
#include "http_state.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX 65536 /* bytes of wanted header lines of one answer */

size_t http_transfer_body(char *data, size_t size, size_t n, void *context)
{
	struct transfer *t = context;

	n *= size;
	t->last_byte = clock_now();
	if (n > t->http->options.max_response - t->body.length) {
		t->too_large = true;
		return 0;
	}
	buf_add(&t->body, data, n);
	return n;
}

static size_t on_header(char *data, size_t size, size_t n, void *context)
{
	struct transfer *t = context;
	const char *colon;

	n *= size;
	if (n > 5 && memcmp(data, "HTTP/", 5) == 0) {
		buf_clear(&t->headers); /* a status line: what came before was a 1xx answer's */
		return n;
	}
	colon = memchr(data, ':', n);
	if (colon != NULL && t->headers.length + n < HEADERS_MAX &&
	    t->http->options.wants_header(data, (size_t)(colon - data)))
		buf_add(&t->headers, data, n);
	return n;
}

/* libcurl sends a request again by itself when a connection that was in use before ends without an
 * answer. The first one may have been served, and billed: that is not for us to decide. */
static int on_send(void *context, char *address, char *local, int port, int local_port)
{
	struct transfer *t = context;

	(void)address;
	(void)local;
	(void)port;
	(void)local_port;
	t->resent = t->sent;
	t->sent = true;
	return t->resent ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static void set_options(struct transfer *t)
{
	const struct http_options *o = &t->http->options;
	CURL *e = t->easy;

	curl_easy_setopt(e, CURLOPT_PRIVATE, t);
	curl_easy_setopt(e, CURLOPT_SHARE, t->http->share);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_POST, 1L);
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, http_encoding());
	/* For no host; else it looks for the variables again on each request. */
	if (!t->http->proxied)
		curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	/* Answers may take minutes, after which a router may have forgotten the connection. */
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(o->timeout / CLOCK_MS));
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(o->connect_timeout / CLOCK_MS));
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->message);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, http_transfer_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	http_socket_transfer(t);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_send);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
}

/* A URL in its parts, or NULL where libcurl must have its text: to say what is wrong with it, or
 * since its copies of the parts (7.88) lack the zone of an IPv6 address. */
static CURLU *url_parts(const char *url)
{
	CURLU *parts = curl_url();
	char *zone = NULL;

	if (parts == NULL)
		mem_alloc(SIZE_MAX); /* ends the program: out of memory */
	if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_ZONEID, &zone, 0) == CURLUE_NO_ZONEID)
		return parts;
	curl_free(zone);
	curl_url_cleanup(parts);
	return NULL;
}

static bool same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void forget_target(struct transfer *t)
{
	free(t->url);
	free(t->socket);
	curl_url_cleanup(t->parts);
	t->url = t->socket = NULL;
	t->parts = NULL;
}

/* Most requests go where the handle's last one went, and then nothing is to be done. Given the URL
 * in its parts, libcurl does not take it apart for each request: an eighth of all instructions. */
static void set_target(struct transfer *t, const char *url, const char *socket)
{
	if (same(t->url, url) && same(t->socket, socket))
		return;
	forget_target(t);
	t->url = mem_copy(url, strlen(url));
	t->socket = socket != NULL ? mem_copy(socket, strlen(socket)) : NULL;
	t->parts = url_parts(url);
	curl_easy_setopt(t->easy, CURLOPT_CURLU, t->parts);
	curl_easy_setopt(t->easy, CURLOPT_URL, url);
	curl_easy_setopt(t->easy, CURLOPT_UNIX_SOCKET_PATH, socket);
	/* Told to speak HTTP/2 if it can, libcurl holds requests back until it knows whether they
	 * can share the first one's connection. TLS tells that; without, only the first answer
	 * would, which may take minutes. */
	bool tls = strncasecmp(url, "https:", 6) == 0;
	curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION,
			 tls ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
}

struct transfer *http_transfer_take(struct http *h, const struct http_request *r, void *request)
{
	struct transfer *t = h->free;

	h->free = t->next_free;
	if (t->easy == NULL) {
		t->easy = curl_easy_init();
		if (t->easy == NULL)
			mem_alloc(SIZE_MAX); /* ends the program: out of memory */
		set_options(t);
	}
	t->request = request;
	t->active = true;
	t->too_large = t->stalled = t->sent = t->resent = false;
	t->last_byte = 0;
	t->message[0] = '\0';
	t->started = clock_now();
	buf_clear(&t->body);
	buf_clear(&t->headers);
	set_target(t, r->url, r->socket);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, http_headers_list(r->headers));
	return t;
}

void http_transfer_launch(struct transfer *t)
{
	struct http *h = t->http;

	t->refused = curl_multi_add_handle(t->lane->multi, t->easy) != CURLM_OK;
	if (t->refused)
		h->any_refused = true;
	if (h->in_flight++ == 0)
		h->next_sweep = t->started + SWEEP_EVERY;
}

/* libcurl's error as one of ours; lb-record(5) lists them. */
static const char *error_code(const struct transfer *t, CURLcode result)
{
	if (t->too_large)
		return "response_too_large";
	if (t->stalled)
		return "timeout";
	if (t->resent)
		return "connection_lost";
	switch (result) {
	case CURLE_OPERATION_TIMEDOUT:
		return "timeout";
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return "resolve_failed";
	case CURLE_COULDNT_CONNECT:
		return "connect_failed";
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
		return "tls_failed";
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return "connection_lost";
	case CURLE_ABORTED_BY_CALLBACK:
		return "cancelled";
	default:
		return "transport_error";
	}
}

/* libcurl names the host of the URL, which has nothing to do with it. */
static const char *socket_message(struct transfer *t)
{
	long error = 0;

	curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &error);
	snprintf(t->message, sizeof t->message, "cannot connect to the socket %s: %s", t->socket,
		 error != 0 ? strerror((int)error) : "no reason is known");
	return t->message;
}

static const char *error_message(struct transfer *t, CURLcode result)
{
	if (t->too_large)
		return "the response is larger than --max-response";
	if (t->stalled)
		return "the response stalled";
	if (t->resent)
		return "the connection was closed before an answer came";
	if (result == CURLE_ABORTED_BY_CALLBACK)
		return "interrupted before an answer came";
	if (result == CURLE_COULDNT_CONNECT && t->socket != NULL)
		return socket_message(t);
	return t->message[0] != '\0' ? t->message : curl_easy_strerror(result);
}

void http_transfer_finish(struct transfer *t, CURLcode result, int64_t now)
{
	struct http *h = t->http;
	struct http_reply reply = {.elapsed = now - t->started};
	const char *type = NULL;

	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &reply.status);
	curl_easy_getinfo(t->easy, CURLINFO_CONTENT_TYPE, &type);
	reply.type = type != NULL ? type : "";
	curl_multi_remove_handle(t->lane->multi, t->easy);
	if (result != CURLE_OK) {
		reply.error = error_code(t, result);
		reply.message = error_message(t, result);
	}
	if (t->sending != NULL)
		http_send_report(t, &reply);
	reply.body = (struct json_span){t->body.data, t->body.length};
	reply.headers = (struct json_span){t->headers.data, t->headers.length};
	t->active = false;
	h->in_flight--;
	h->done(h->context, t->request, &reply);
	if (t->sending != NULL) {
		/* The next request finds the handle as it was made. */
		http_send_free(t);
		curl_easy_reset(t->easy);
		forget_target(t);
		set_options(t);
	}
	/* A large answer's memory does not stay. */
	if (t->body.capacity > 65536)
		buf_free(&t->body);
	t->next_free = h->free;
	h->free = t;
}

void http_transfer_close(struct transfer *t)
{
	if (t->active)
		curl_multi_remove_handle(t->lane->multi, t->easy);
	if (t->sending != NULL)
		http_send_free(t);
	curl_easy_cleanup(t->easy);
	forget_target(t);
	buf_free(&t->body);
	buf_free(&t->headers);
}
