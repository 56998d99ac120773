#include "http.h"
#include "clock.h"
#include "http_list.h"
#include "http_state.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX 65536 /* bytes of wanted header lines of one answer */
#define SWEEP_EVERY CLOCK_SEC

static size_t on_body(char *data, size_t size, size_t n, void *context)
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
	/* Else it looks for the variables again on each request. */
	if (!t->http->proxied)
		curl_easy_setopt(e, CURLOPT_PROXY, "");
	/* Answers may take minutes, after which a router may have forgotten the connection. */
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)(o->timeout / CLOCK_MS));
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(o->connect_timeout / CLOCK_MS));
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->message);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
	http_socket_transfer(t);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_send);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
}

/* Does the environment name a proxy in one of the variables that libcurl knows? */
static bool names_proxy(void)
{
	static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
					    "ALL_PROXY"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (getenv(names[i]) != NULL)
			return true;
	return false;
}

const char *http_encoding(void)
{
	return curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_LIBZ ? "gzip" : NULL;
}

static int open_lanes(struct http *h)
{
	for (size_t i = 0; i < h->lane_count; i++) {
		struct lane *lane = &h->lanes[i];
		lane->http = h;
		lane->due = INT64_MAX;
		lane->multi = curl_multi_init();
		if (lane->multi == NULL)
			return -1;
		http_socket_lane(lane);
		/* Its default moves with the number of transfers, and closes connections as it
		 * does. */
		curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, (long)HTTP_LANE + 8);
	}
	return 0;
}

struct http *http_new(const struct http_options *options, http_done *done, void *context,
		      const char **error)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
		*error = "libcurl cannot be initialised";
		return NULL;
	}
	struct http *h = mem_zero(1, sizeof *h);
	h->options = *options;
	h->done = done;
	h->context = context;
	h->next_sweep = INT64_MAX;
	h->proxied = names_proxy();
	h->lane_count = (options->concurrency + HTTP_LANE - 1) / HTTP_LANE;
	h->lanes = mem_zero(h->lane_count, sizeof *h->lanes);
	h->transfers = mem_zero(options->concurrency, sizeof *h->transfers);
	for (size_t i = options->concurrency; i-- > 0;) {
		struct transfer *t = &h->transfers[i];
		t->http = h;
		t->lane = &h->lanes[i / HTTP_LANE];
		t->next_free = h->free;
		h->free = t;
	}
	h->poller = poller_new();
	h->share = curl_share_init();
	if (h->poller == NULL || h->share == NULL || open_lanes(h) < 0) {
		*error = "libcurl cannot be initialised";
		http_free(h);
		return NULL;
	}
	curl_share_setopt(h->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
	curl_share_setopt(h->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	return h;
}

void http_free(struct http *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < h->options.concurrency; i++) {
		struct transfer *t = &h->transfers[i];
		if (t->active)
			curl_multi_remove_handle(t->lane->multi, t->easy);
		curl_easy_cleanup(t->easy);
		buf_free(&t->body);
		buf_free(&t->headers);
	}
	for (size_t i = 0; i < h->lane_count; i++)
		curl_multi_cleanup(h->lanes[i].multi);
	curl_share_cleanup(h->share);
	poller_free(h->poller);
	free(h->sockets);
	free(h->transfers);
	free(h->lanes);
	free(h);
	curl_global_cleanup();
}

size_t http_room(const struct http *h)
{
	return h->options.concurrency - h->in_flight;
}

size_t http_in_flight(const struct http *h)
{
	return h->in_flight;
}

int http_descriptor(const struct http *h)
{
	return poller_descriptor(h->poller);
}

int64_t http_deadline(const struct http *h)
{
	int64_t due = h->next_sweep;

	if (h->in_flight == 0)
		return INT64_MAX;
	if (h->any_refused)
		return 0;
	for (size_t i = 0; i < h->lane_count; i++)
		if (h->lanes[i].due < due)
			due = h->lanes[i].due;
	if (poller_descriptor(h->poller) < 0) {
		int64_t soon = clock_now() + CLOCK_MS;
		due = due < soon ? due : soon;
	}
	return due;
}

void http_post(struct http *h, const struct http_request *r, void *request)
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
	/* Told to speak HTTP/2 if it can, libcurl holds requests back until it knows whether they
	 * can share the first one's connection. TLS tells that; without, only the first answer
	 * would, which may take minutes. */
	bool tls = strncasecmp(r->url, "https:", 6) == 0;
	curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION,
			 tls ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(t->easy, CURLOPT_URL, r->url);
	curl_easy_setopt(t->easy, CURLOPT_UNIX_SOCKET_PATH, r->socket);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, http_headers_list(r->headers));
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, r->body.at);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.length);
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

static const char *error_message(const struct transfer *t, CURLcode result)
{
	if (t->too_large)
		return "the response is larger than --max-response";
	if (t->stalled)
		return "the response stalled";
	if (t->resent)
		return "the connection was closed before an answer came";
	if (result == CURLE_ABORTED_BY_CALLBACK)
		return "interrupted before an answer came";
	return t->message[0] != '\0' ? t->message : curl_easy_strerror(result);
}

/* A transfer has ended: report it, and put it back. */
static void finish(struct transfer *t, CURLcode result, int64_t now)
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
	reply.body = (struct json_span){t->body.data, t->body.length};
	reply.headers = (struct json_span){t->headers.data, t->headers.length};
	t->active = false;
	h->in_flight--;
	h->done(h->context, t->request, &reply);
	/* A large answer's memory does not stay. */
	if (t->body.capacity > 65536)
		buf_free(&t->body);
	t->next_free = h->free;
	h->free = t;
}

static void collect(struct lane *lane, int64_t now)
{
	CURLMsg *message;
	struct transfer *t;
	int left;

	while ((message = curl_multi_info_read(lane->multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		CURLcode result = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
		finish(t, result, now);
	}
}

/* Answers that have begun and then stopped coming. */
static void sweep(struct http *h, int64_t now)
{
	h->next_sweep = now + SWEEP_EVERY;
	for (size_t i = 0; i < h->options.concurrency; i++) {
		struct transfer *t = &h->transfers[i];
		if (!t->active || t->last_byte == 0 ||
		    now - t->last_byte < h->options.stall_timeout)
			continue;
		t->stalled = true;
		finish(t, CURLE_OPERATION_TIMEDOUT, now);
	}
}

/* End what libcurl would not take, or all of a lane that is broken. */
static void fail_transfers(struct http *h, const struct lane *broken)
{
	for (size_t i = 0; i < h->options.concurrency; i++) {
		struct transfer *t = &h->transfers[i];
		if (t->active && (t->refused || t->lane == broken))
			finish(t, CURLE_FAILED_INIT, clock_now());
	}
	h->any_refused = false;
}

/* Let libcurl look at one socket of a lane, or at its timers. */
static void drive(struct lane *lane, curl_socket_t fd, int action)
{
	int running;

	if (curl_multi_socket_action(lane->multi, fd, action, &running) == CURLM_OK)
		collect(lane, clock_now());
	else
		fail_transfers(lane->http, lane);
}

void http_run(struct http *h, int64_t now)
{
	struct poller_event events[256];
	size_t n;

	if (h->any_refused)
		fail_transfers(h, NULL);
	for (size_t i = 0; i < h->lane_count; i++) {
		struct lane *lane = &h->lanes[i];
		if (lane->due > now)
			continue;
		lane->due = INT64_MAX;
		drive(lane, CURL_SOCKET_TIMEOUT, 0);
	}
	n = poller_poll(h->poller, events, sizeof events / sizeof *events);
	for (size_t i = 0; i < n; i++) {
		struct lane *lane = http_socket_lane_of(h, events[i].fd);
		if (lane == NULL) {
			/* An idle connection was closed by the other side: libcurl sees it when it
			 * wants to use it again. */
			poller_watch(h->poller, events[i].fd, 0);
			continue;
		}
		int action = (events[i].ready & POLLER_IN ? CURL_CSELECT_IN : 0) |
			     (events[i].ready & POLLER_OUT ? CURL_CSELECT_OUT : 0);
		drive(lane, events[i].fd, action);
	}
	if (now >= h->next_sweep)
		sweep(h, now);
}

void http_cancel(struct http *h)
{
	for (size_t i = 0; i < h->options.concurrency; i++)
		if (h->transfers[i].active)
			finish(&h->transfers[i], CURLE_ABORTED_BY_CALLBACK, clock_now());
}
