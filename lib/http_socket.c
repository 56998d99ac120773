/*
 * Sockets and timers: what libcurl wants watched, under one poller for all multi handles.
 */
#include "clock.h"
#include "http_state.h"
#include "mem.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct socket_state *socket_state(struct http *h, curl_socket_t fd)
{
	size_t want = (size_t)fd + 1;

	if (want > h->socket_count) {
		size_t count = h->socket_count * 2 > want ? h->socket_count * 2 : want + 64;
		h->sockets = mem_resize(h->sockets, count, sizeof *h->sockets);
		memset(h->sockets + h->socket_count, 0,
		       (count - h->socket_count) * sizeof *h->sockets);
		h->socket_count = count;
	}
	return &h->sockets[fd];
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *unused)
{
	struct lane *lane = context;
	struct http *h = lane->http;
	struct socket_state *state = socket_state(h, fd);
	int events = 0;

	(void)easy;
	(void)unused;
	if (what == CURL_POLL_REMOVE) {
		state->lane = NULL;
		events = state->ours ? POLLER_IN : 0;
	} else {
		state->lane = lane;
		events =
		    (what & CURL_POLL_IN ? POLLER_IN : 0) | (what & CURL_POLL_OUT ? POLLER_OUT : 0);
		/* What one of ours was watched for anyway needs no change. */
		if (state->ours && events != 0)
			events |= POLLER_IN;
	}
	return poller_watch(h->poller, fd, events) < 0 && errno != EPERM ? -1 : 0;
}

static int on_timer(CURLM *multi, long milliseconds, void *context)
{
	struct lane *lane = context;

	(void)multi;
	lane->due = milliseconds < 0 ? INT64_MAX : clock_now() + milliseconds * CLOCK_MS;
	return 0;
}

static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http *h = context;

	(void)purpose;
	int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	struct socket_state *state = socket_state(h, fd);
	*state = (struct socket_state){NULL, true};
	poller_forget(h->poller, fd);
	return fd;
}

static int on_close(void *context, curl_socket_t fd)
{
	struct http *h = context;

	*socket_state(h, fd) = (struct socket_state){NULL, false};
	poller_forget(h->poller, fd);
	return close(fd);
}

void http_socket_lane(struct lane *lane)
{
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
}

void http_socket_transfer(struct transfer *t)
{
	curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
	curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t->http);
	curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
	curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETDATA, t->http);
}

struct lane *http_socket_lane_of(struct http *h, int fd)
{
	return socket_state(h, fd)->lane;
}
