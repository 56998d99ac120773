/*
 * server: the fastest answer that a client can be measured against. Every POST gets the same chat
 * completion, at once or after a delay. One thread, loopback only; not a mock of anything.
 *
 *   server [-d DELAY]
 *
 * Prints its port when it listens, and runs until it is killed. It reads one request at a time from
 * a connection, as clients without pipelining send them, and believes what they say.
 */
#include "buf.h"
#include "clock.h"
#include "mem.h"
#include "msg.h"
#include "opt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BODY_SIZE 600

/* The delay is the same for all, so those that wait for their answer are a queue. */
struct connection {
	struct connection *next; /* in the queue */
	int64_t due;
	int fd; /* -1 when it was closed while it waited */
	bool waits;
	size_t length;
	char text[8192];
};

struct server {
	int epoll, listener;
	int64_t delay;
	struct connection *first, **last;
	struct buf reply;
};

static void make_reply(struct buf *reply)
{
	struct buf body = {0};

	buf_adds(&body,
		 "{\"id\":\"chatcmpl-0\",\"object\":\"chat.completion\",\"created\":1767225600,"
		 "\"model\":\"gpt-4o-mini\",\"usage\":{\"prompt_tokens\":210,"
		 "\"completion_tokens\":60,\"total_tokens\":270},\"choices\":[{\"index\":0,"
		 "\"finish_reason\":\"stop\",\"message\":{\"role\":\"assistant\",\"content\":\"");
	while (body.length < BODY_SIZE - 5)
		buf_addc(&body, body.length % 8 == 0 ? ' ' : 'a');
	buf_adds(&body, "\"}}]}");
	buf_addf(reply,
		 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n"
		 "x-request-id: req_0\r\nx-ratelimit-limit-requests: 10000\r\n"
		 "x-ratelimit-remaining-requests: 9999\r\n\r\n",
		 body.length);
	buf_add(reply, body.data, body.length);
	buf_free(&body);
}

static void drop(struct connection *c)
{
	close(c->fd);
	c->fd = -1;
	if (!c->waits)
		free(c);
}

static void answer(struct server *s, struct connection *c)
{
	c->length = 0;
	if (send(c->fd, s->reply.data, s->reply.length, MSG_NOSIGNAL | MSG_DONTWAIT) !=
	    (ssize_t)s->reply.length)
		drop(c);
}

/* Has the whole request come? */
static bool is_whole(const struct connection *c)
{
	const char *end = memmem(c->text, c->length, "\r\n\r\n", 4);
	size_t body = 0;

	if (end == NULL)
		return false;
	for (const char *line = c->text; line < end; line = strchr(line, '\n') + 1) {
		if (strncasecmp(line, "content-length:", 15) == 0) {
			body = strtoul(line + 15, NULL, 10);
			break;
		}
	}
	return c->length >= (size_t)(end - c->text) + 4 + body;
}

static void read_request(struct server *s, struct connection *c)
{
	ssize_t n = recv(c->fd, c->text + c->length, sizeof c->text - 1 - c->length, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || c->waits) {
		drop(c);
		return;
	}
	c->length += (size_t)n;
	c->text[c->length] = '\0';
	if (!is_whole(c))
		return;
	if (s->delay == 0) {
		answer(s, c);
		return;
	}
	c->waits = true;
	c->due = clock_now() + s->delay;
	c->next = NULL;
	*s->last = c;
	s->last = &c->next;
}

static void answer_due(struct server *s)
{
	struct connection *c;
	int64_t now = s->first != NULL ? clock_now() : 0;

	while ((c = s->first) != NULL && c->due <= now) {
		s->first = c->next;
		if (s->first == NULL)
			s->last = &s->first;
		c->waits = false;
		if (c->fd < 0)
			free(c);
		else
			answer(s, c);
	}
}

static void accept_all(struct server *s)
{
	int fd, on = 1;

	while ((fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct connection *c = mem_zero(1, sizeof *c);
		struct epoll_event event = {EPOLLIN, {.ptr = c}};
		c->fd = fd;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event);
	}
}

/*
 * With a delay, requests are fetched once a millisecond. Were this process to sleep until one
 * comes, the kernel would wake it for each on the client's time: in a virtual machine, where that
 * takes an interrupt from one core to the other, a sixth of all that the client is charged with.
 */
static int wait_events(struct server *s, struct epoll_event *events, int most)
{
	const struct timespec tick = {0, CLOCK_MS};

	if (s->first == NULL)
		return epoll_wait(s->epoll, events, most, -1);
	nanosleep(&tick, NULL);
	return epoll_wait(s->epoll, events, most, 0);
}

static void serve(struct server *s)
{
	struct epoll_event events[512];

	for (;;) {
		int n = wait_events(s, events, 512);
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == s)
				accept_all(s);
			else
				read_request(s, events[i].data.ptr);
		}
		answer_due(s);
	}
}

static void listen_loopback(struct server *s)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct epoll_event event = {EPOLLIN, {.ptr = s}};
	socklen_t size = sizeof address;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->listener < 0 || s->epoll < 0 ||
	    bind(s->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(s->listener, 10000) < 0 ||
	    getsockname(s->listener, (struct sockaddr *)&address, &size) < 0 ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &event) < 0)
		msg_die(STATUS_SYSTEM, "%s", strerror(errno));
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct server s = {.last = &s.first};
	struct rlimit files;
	int option;

	msg_init(argv[0]);
	while ((option = getopt(argc, argv, "d:")) != -1)
		if (option != 'd' || opt_duration(optarg, &s.delay) < 0)
			msg_die(STATUS_USAGE, "usage: server [-d DELAY]");
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	make_reply(&s.reply);
	listen_loopback(&s);
	serve(&s);
}
