/*
 * bare: what libcurl alone can do: the same POST again and again, nothing read, nothing parsed. The
 * yardstick for lbcall.
 *
 *   bare -c CONCURRENCY -n COUNT [-l LANES] URL
 *     -l LANES   that many multi handles over the socket interface and one epoll; without it one
 *                multi handle and curl_multi_poll
 */
#include "buf.h"
#include "clock.h"
#include "mem.h"
#include "msg.h"
#include "opt.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define BODY_SIZE 1024

struct bare;

struct lane {
	struct bare *bare;
	CURLM *multi;
	int64_t due; /* INT64_MAX for never */
};

struct bare {
	CURLU *parts; /* of the URL, so that libcurl does not take it apart for each request */
	int64_t concurrency, count, lanes;
	struct lane *lane;
	CURL **easy;
	struct buf *reply;
	struct buf body;
	struct curl_slist *headers;
	int64_t started, ended;
	int epoll;
};

static size_t on_body(char *data, size_t size, size_t n, void *context)
{
	buf_add(context, data, size * n);
	return size * n;
}

static int on_timer(CURLM *multi, long milliseconds, void *context)
{
	struct lane *lane = context;

	(void)multi;
	lane->due = milliseconds < 0 ? INT64_MAX : clock_now() + milliseconds * CLOCK_MS;
	return 0;
}

/* What libcurl assigns to a socket tells whether it is watched already. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *watched)
{
	struct lane *lane = context;
	struct epoll_event event = {.data.u64 = (uint64_t)fd | (uint64_t)(lane - lane->bare->lane)
								   << 32};
	int operation = watched != NULL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	(void)easy;
	if (what == CURL_POLL_REMOVE)
		operation = EPOLL_CTL_DEL;
	if ((what & CURL_POLL_IN) != 0)
		event.events |= EPOLLIN;
	if ((what & CURL_POLL_OUT) != 0)
		event.events |= EPOLLOUT;
	epoll_ctl(lane->bare->epoll, operation, fd, &event);
	curl_multi_assign(lane->multi, fd, what == CURL_POLL_REMOVE ? NULL : lane);
	return 0;
}

static CURL *make_easy(struct bare *b, struct buf *reply)
{
	CURL *e = curl_easy_init();

	if (e == NULL)
		msg_die(STATUS_SYSTEM, "libcurl: out of memory");
	curl_easy_setopt(e, CURLOPT_CURLU, b->parts);
	curl_easy_setopt(e, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, b->headers);
	curl_easy_setopt(e, CURLOPT_POSTFIELDS, b->body.data);
	curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)b->body.length);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, reply);
	curl_easy_setopt(e, CURLOPT_PRIVATE, reply);
	return e;
}

static void start(struct bare *b)
{
	size_t lane_size = (size_t)((b->concurrency + b->lanes - 1) / b->lanes);

	b->lane = mem_zero((size_t)b->lanes, sizeof *b->lane);
	b->easy = mem_zero((size_t)b->concurrency, sizeof *b->easy);
	b->reply = mem_zero((size_t)b->concurrency, sizeof *b->reply);
	for (int64_t i = 0; i < b->lanes; i++) {
		struct lane *lane = &b->lane[i];
		*lane = (struct lane){b, curl_multi_init(), INT64_MAX};
		curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, (long)lane_size + 8);
		if (b->epoll < 0)
			continue;
		curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
		curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
		curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, on_timer);
		curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
	}
	for (int64_t i = 0; i < b->concurrency && i < b->count; i++) {
		b->easy[i] = make_easy(b, &b->reply[i]);
		curl_multi_add_handle(b->lane[(size_t)i / lane_size].multi, b->easy[i]);
		b->started++;
	}
}

/* What has ended starts again, while there is need. */
static void collect(struct bare *b, CURLM *multi)
{
	CURLMsg *message;
	struct buf *reply;
	long status;
	int left;

	while ((message = curl_multi_info_read(multi, &left)) != NULL) {
		CURL *easy = message->easy_handle;
		if (message->data.result != CURLE_OK)
			msg_die(STATUS_SYSTEM, "%s", curl_easy_strerror(message->data.result));
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &reply);
		if (status != 200 || reply->length == 0)
			msg_die(STATUS_SYSTEM, "status %ld", status);
		b->ended++;
		buf_clear(reply);
		curl_multi_remove_handle(multi, easy);
		if (b->started == b->count)
			continue;
		b->started++;
		curl_multi_add_handle(multi, easy);
	}
}

static void run_poll(struct bare *b)
{
	CURLM *multi = b->lane[0].multi;
	int running;

	while (b->ended < b->count) {
		curl_multi_perform(multi, &running);
		collect(b, multi);
		curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
}

static void run_timers(struct bare *b)
{
	int64_t now = clock_now();
	int running;

	for (int64_t i = 0; i < b->lanes; i++) {
		struct lane *lane = &b->lane[i];
		if (lane->due > now)
			continue;
		lane->due = INT64_MAX;
		curl_multi_socket_action(lane->multi, CURL_SOCKET_TIMEOUT, 0, &running);
		collect(b, lane->multi);
	}
}

static void run_epoll(struct bare *b)
{
	struct epoll_event events[512];
	int running;

	while (b->ended < b->count) {
		int64_t due = INT64_MAX, left;
		for (int64_t i = 0; i < b->lanes; i++)
			due = b->lane[i].due < due ? b->lane[i].due : due;
		left = due == INT64_MAX ? CLOCK_SEC : due - clock_now();
		left = left < 0 ? 0 : (left + CLOCK_MS - 1) / CLOCK_MS;
		int n = epoll_wait(b->epoll, events, 512, left < 1000 ? (int)left : 1000);
		for (int i = 0; i < n; i++) {
			struct lane *lane = &b->lane[events[i].data.u64 >> 32];
			uint32_t what = events[i].events;
			int action = (what & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
				     (what & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
				     (what & EPOLLERR ? CURL_CSELECT_ERR : 0);
			curl_multi_socket_action(lane->multi,
						 (curl_socket_t)(events[i].data.u64 & 0xffffffff),
						 action, &running);
			collect(b, lane->multi);
		}
		run_timers(b);
	}
}

static void stop(struct bare *b)
{
	for (int64_t i = 0; i < b->concurrency; i++) {
		curl_easy_cleanup(b->easy[i]);
		buf_free(&b->reply[i]);
	}
	for (int64_t i = 0; i < b->lanes; i++)
		curl_multi_cleanup(b->lane[i].multi);
	curl_slist_free_all(b->headers);
	curl_url_cleanup(b->parts);
	buf_free(&b->body);
	free(b->reply);
	free(b->easy);
	free(b->lane);
	curl_global_cleanup();
}

static void read_options(struct bare *b, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "c:n:l:")) != -1) {
		int64_t *value = option == 'c'   ? &b->concurrency
				 : option == 'n' ? &b->count
						 : &b->lanes;
		if (option == '?' || opt_count(optarg, value) < 0 || *value < 1)
			msg_die(STATUS_USAGE, "see the head of bare.c for its options");
	}
	if (optind + 1 != argc)
		msg_die(STATUS_USAGE, "one URL");
	b->parts = curl_url();
	if (b->parts == NULL || curl_url_set(b->parts, CURLUPART_URL, argv[optind], 0) != CURLUE_OK)
		msg_die(STATUS_USAGE, "no URL: %s", argv[optind]);
}

int main(int argc, char **argv)
{
	struct bare b = {.concurrency = 20, .count = 1000, .epoll = -1};
	struct rlimit files;

	msg_init(argv[0]);
	read_options(&b, argc, argv);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if (b.lanes > 0)
		b.epoll = epoll_create1(EPOLL_CLOEXEC);
	else
		b.lanes = 1;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	b.headers = curl_slist_append(NULL, "Content-Type: application/json");
	buf_adds(&b.body, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"");
	while (b.body.length < BODY_SIZE - 4)
		buf_addc(&b.body, 'x');
	buf_adds(&b.body, "\"}]}");
	start(&b);
	if (b.epoll >= 0)
		run_epoll(&b);
	else
		run_poll(&b);
	stop(&b);
	return 0;
}
