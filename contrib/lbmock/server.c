#include "server.h"
#include "blob.h"
#include "clock.h"
#include "incoming.h"
#include "listen.h"
#include "mem.h"
#include "msg.h"
#include "outcome.h"
#include "send.h"
#include "service.h"
#include "timers.h"

#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define BODY_MAX   ((size_t)64 << 20)
#define SPOOL_MAX  ((uint64_t)1 << 30) /* of a body that goes to a file */
#define KEEP_BYTES ((size_t)256 << 10) /* a larger buffer is not kept for the next call */
#define HANG_TIME  (INT64_C(600) * CLOCK_SEC)
#define WAKE_PAUSE 400 /* ns for each call that waits; see wake_due */
#define SLEEP_MAX  (60 * CLOCK_SEC)
#define DAEMONS    2

/* A call goes READING -> (WAITING -> DUE or DROPPED) -> over. While WAITING its connection is
 * suspended and its timer in the heap. */
enum call_state { CALL_READING, CALL_WAITING, CALL_DUE, CALL_DROPPED };

struct call {
	struct server *server;
	struct MHD_Connection *connection;
	enum call_state state;
	struct api_route route; /* its id is not kept */
	bool counted;           /* service_answer has been called */
	bool too_large;
	int watched; /* the socket of a hanging call, or -1 */
	struct timer timer;
	struct buf body;
	struct blob *spool; /* instead of the body, where it may be large; else NULL */
	uint64_t came;      /* bytes of the body, kept or not */
	struct outcome reply;
	struct call *next; /* in the list of free ones */
};

struct server {
	const struct server_options *options;
	struct service *service;
	uint16_t port;
	struct MHD_Daemon *daemons[DAEMONS];
	unsigned daemon_count;
	int epoll;   /* waits for the daemons' own epolls, signals, and clients of hanging calls */
	int signals; /* signalfd */
	struct timers timers;
	int64_t next_wake; /* not to look at the timers before */
	struct call *free_calls;
};

/* May its body be too large for memory? */
static bool is_bulky(const struct api_route *route)
{
	return !route->refused &&
	       (route->api == API_FILE_UPLOAD || route->api == API_MESSAGE_BATCH_CREATE);
}

static struct call *new_call(struct server *s, struct MHD_Connection *connection,
			     const char *method, const char *path)
{
	struct call *call = s->free_calls;

	if (call != NULL)
		s->free_calls = call->next;
	else
		call = mem_zero(1, sizeof *call);
	call->server = s;
	call->connection = connection;
	call->state = CALL_READING;
	call->route = api_route(method, path);
	call->spool = is_bulky(&call->route) ? blob_new() : NULL;
	call->counted = false;
	call->too_large = false;
	call->watched = -1;
	call->body.length = 0;
	call->came = 0;
	return call;
}

/* MHD is done with a request: its call can be used again. */
static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode why)
{
	struct server *s = cls;
	struct call *call = *context;

	(void)connection;
	(void)why;
	if (call == NULL)
		return;
	if (call->counted)
		service_done(s->service, call->route.api);
	if (call->body.capacity > KEEP_BYTES)
		buf_free(&call->body);
	if (call->reply.body.capacity > KEEP_BYTES || call->reply.blob != NULL)
		outcome_free(&call->reply);
	blob_drop(call->spool);
	call->spool = NULL;
	call->next = s->free_calls;
	s->free_calls = call;
	*context = NULL;
}

/* Suspend the call until its time. A hanging one also ends when its client leaves, which MHD does
 * not look for on a suspended connection. */
static void wait_with(struct call *call, int64_t now)
{
	struct server *s = call->server;
	bool hang = call->reply.way == OUTCOME_HANG;

	call->state = CALL_WAITING;
	timers_add(&s->timers, &call->timer, now + (hang ? HANG_TIME : call->reply.delay), call);
	if (hang) {
		struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = call};
		call->watched = send_socket(call->connection);
		epoll_ctl(s->epoll, EPOLL_CTL_ADD, call->watched, &event);
	}
	MHD_suspend_connection(call->connection);
}

/* End the wait: MHD will call on_request again. */
static void wake(struct call *call, enum call_state state)
{
	struct server *s = call->server;

	call->state = call->reply.way == OUTCOME_HANG ? CALL_DROPPED : state;
	timers_remove(&s->timers, &call->timer);
	if (call->watched >= 0)
		epoll_ctl(s->epoll, EPOLL_CTL_DEL, call->watched, NULL);
	call->watched = -1;
	MHD_resume_connection(call->connection);
}

/* Take in a piece of the body. */
static void take_body(struct call *call, const char *data, size_t n)
{
	call->came += n;
	if (call->too_large)
		return;
	if (call->spool != NULL) {
		call->too_large = n > SPOOL_MAX - blob_length(call->spool);
		if (!call->too_large)
			blob_add(call->spool, data, n);
		return;
	}
	call->too_large = n > BODY_MAX - call->body.length;
	if (call->too_large)
		call->body.length = 0;
	else
		buf_add(&call->body, data, n);
}

/* The call has come in whole. */
static enum MHD_Result answer(struct call *call, const char *method, const char *path)
{
	struct server *s = call->server;
	int64_t now = clock_now();
	struct incoming question = {
	    .route = call->route,
	    .method = method,
	    .path = path,
	    .body = call->body.data,
	    .length = call->body.length,
	    .came = call->came,
	    .too_large = call->too_large,
	};

	if (call->spool != NULL && !call->too_large) {
		question.spool = call->spool;
		question.body = blob_map(call->spool);
		question.length = (size_t)blob_length(call->spool);
	}
	incoming_read(&question, call->connection, s->options->credentials);
	service_answer(s->service, &question, &call->reply, clock_wall(), now);
	call->counted = true;
	if (call->reply.way != OUTCOME_HANG && call->reply.delay <= 0)
		return send_reply(call->connection, &call->reply);
	wait_with(call, now);
	return MHD_YES;
}

/* MHD calls this when headers are in, for each piece of the body, at its end, and when the call is
 * resumed. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *size, void **context)
{
	struct call *call = *context;

	(void)version;
	if (call == NULL) {
		*context = new_call(cls, connection, method, url);
		return MHD_YES;
	}
	if (*size > 0) {
		take_body(call, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (call->state == CALL_READING)
		return answer(call, method, url);
	if (call->state == CALL_DUE)
		return send_reply(connection, &call->reply);
	send_shutdown(connection);
	return MHD_NO;
}

/* Allow as many open descriptors as the system lets us; returns how many that is. */
static unsigned raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1024;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur < 1000000 ? (unsigned)limit.rlim_cur : 1000000;
}

/* Serve the listening socket fd, which becomes MHD's. */
static int start_daemon(struct server *s, int fd)
{
	unsigned descriptors = raise_descriptors();
	struct MHD_Daemon *daemon = MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, s,
	    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
	    descriptors > 64 ? descriptors - 32 : descriptors, MHD_OPTION_NOTIFY_COMPLETED,
	    on_completed, s, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16 << 10, MHD_OPTION_END);
	if (daemon == NULL) {
		msg_warn("cannot start the server: %s", strerror(errno));
		close(fd);
		return -1;
	}
	s->daemons[s->daemon_count++] = daemon;
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct epoll_event event = {.events = EPOLLIN};
	if (info == NULL || epoll_ctl(s->epoll, EPOLL_CTL_ADD, info->epoll_fd, &event) < 0) {
		msg_warn("cannot start the server: %s", strerror(errno));
		return -1;
	}
	return 0;
}

static int open_all(struct server *s)
{
	struct epoll_event event = {.events = EPOLLIN};
	sigset_t stops;

	sigemptyset(&stops);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->signals = signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK);
	event.data.ptr = s;
	if (s->epoll < 0 || s->signals < 0 ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->signals, &event) < 0) {
		msg_warn("cannot start the server: %s", strerror(errno));
		return -1;
	}
	s->port = s->options->port;
	int fd = listen_tcp(s->options->bind, &s->port);
	if (fd < 0 || start_daemon(s, fd) < 0)
		return -1;
	if (s->options->socket == NULL)
		return 0;
	fd = listen_unix(s->options->socket);
	return fd < 0 ? -1 : start_daemon(s, fd);
}

struct server *server_new(const struct server_options *options, struct service *service)
{
	struct server *s = mem_zero(1, sizeof *s);

	s->options = options;
	s->service = service;
	s->epoll = -1;
	s->signals = -1;
	if (open_all(s) < 0) {
		server_free(s);
		return NULL;
	}
	return s;
}

uint16_t server_port(const struct server *s)
{
	return s->port;
}

/* How long to sleep: until the next timer or work on batches, or not at all when MHD has work left.
 * In ms, as epoll_wait takes it, rounded up; -1: for ever. */
static int sleep_time(struct server *s)
{
	const struct timer *first = timers_first(&s->timers);
	MHD_UNSIGNED_LONG_LONG ms;

	for (unsigned i = 0; i < s->daemon_count; i++)
		if (MHD_get_timeout(s->daemons[i], &ms) == MHD_YES && ms == 0)
			return 0;
	int64_t left = service_idle(s->service, clock_wall());
	if (first != NULL) {
		int64_t due = first->due > s->next_wake ? first->due : s->next_wake;
		due -= clock_now();
		left = due < left ? due : left;
	}
	if (left == INT64_MAX)
		return -1;
	if (left > SLEEP_MAX)
		left = SLEEP_MAX;
	return left <= 0 ? 0 : (int)((left + CLOCK_MS - 1) / CLOCK_MS);
}

/* Wake the calls that are due. To resume one, MHD walks the list of all that are suspended, at some
 * 20 ns each: thousands at a time would cost more than answering them does. So when many wait,
 * timers are let gather, for as long as keeps the walks at about a twentieth of the time: 4 ms for
 * 10,000. */
static void wake_due(struct server *s)
{
	int64_t now = clock_now();
	struct timer *first = timers_first(&s->timers);

	if (first == NULL || first->due > now || s->next_wake > now)
		return;
	s->next_wake = now + (int64_t)s->timers.count * WAKE_PAUSE;
	for (; first != NULL && first->due <= now; first = timers_first(&s->timers))
		wake(first->owner, CALL_DUE);
}

int server_run(struct server *s)
{
	struct epoll_event events[64];

	for (;;) {
		int count = epoll_wait(s->epoll, events, 64, sleep_time(s));
		if (count < 0 && errno != EINTR) {
			msg_warn("cannot wait for calls: %s", strerror(errno));
			return -1;
		}
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == s)
				return 0;
			if (events[i].data.ptr != NULL)
				wake(events[i].data.ptr, CALL_DROPPED);
		}
		wake_due(s);
		for (unsigned i = 0; i < s->daemon_count; i++)
			MHD_run(s->daemons[i]);
		service_work(s->service, clock_wall());
	}
}

void server_free(struct server *s)
{
	struct timer *timer;

	if (s == NULL)
		return;
	/* MHD must not be stopped while connections are suspended. */
	while ((timer = timers_first(&s->timers)) != NULL) {
		struct call *call = timer->owner;
		wake(call, CALL_DROPPED);
	}
	for (unsigned i = 0; i < s->daemon_count; i++)
		MHD_stop_daemon(s->daemons[i]);
	if (s->daemon_count == DAEMONS)
		unlink(s->options->socket);
	for (struct call *call; (call = s->free_calls) != NULL;) {
		s->free_calls = call->next;
		buf_free(&call->body);
		blob_drop(call->spool);
		outcome_free(&call->reply);
		free(call);
	}
	timers_free(&s->timers);
	if (s->signals >= 0)
		close(s->signals);
	if (s->epoll >= 0)
		close(s->epoll);
	free(s);
}
