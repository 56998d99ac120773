#include "http.h"
#include "clock.h"
#include "http_list.h"
#include "http_state.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
	for (size_t i = 0; i < h->options.concurrency; i++)
		http_transfer_close(&h->transfers[i]);
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
	struct transfer *t = http_transfer_take(h, r, request);

	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, r->body.at);
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.length);
	http_transfer_launch(t);
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
		http_transfer_finish(t, result, now);
	}
}

/* Answers that have begun and then stopped coming, and files that no longer move. */
static void sweep(struct http *h, int64_t now)
{
	h->next_sweep = now + SWEEP_EVERY;
	for (size_t i = 0; i < h->options.concurrency; i++) {
		struct transfer *t = &h->transfers[i];
		if (!t->active || t->last_byte == 0 || now - t->last_byte < http_send_patience(t))
			continue;
		t->stalled = true;
		http_transfer_finish(t, CURLE_OPERATION_TIMEDOUT, now);
	}
}

/* End what libcurl would not take, or all of a lane that is broken. */
static void fail_transfers(struct http *h, const struct lane *broken)
{
	for (size_t i = 0; i < h->options.concurrency; i++) {
		struct transfer *t = &h->transfers[i];
		if (t->active && (t->refused || t->lane == broken))
			http_transfer_finish(t, CURLE_FAILED_INIT, clock_now());
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
			http_transfer_finish(&h->transfers[i], CURLE_ABORTED_BY_CALLBACK,
					     clock_now());
}
