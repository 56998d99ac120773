/*
 * http_server: a server for tests of the HTTP client, in processes of its own. What it does with a
 * request is told by the first part of its path:
 *
 *   /echo     answers with all it got, head and body
 *   /sum      answers "LENGTH SUM" of the body (FNV-1a)
 *   /bytes/N  answers N bytes of a pattern
 *   /busy     answers 503 with a JSON error
 *   /once     answers the first request of a connection, and hangs up on the second
 *   /half     sends half of its answer and hangs up
 *   /drip     sends its answer slowly, a byte at a time
 *   /stall    sends half of its answer and no more
 *   /sip      reads the body slowly, then answers
 *   /gulp     reads a part of the body and no more
 *   /mute     reads all and does not answer
 *   /refuse   answers 413 before it has read the body, and hangs up
 *   /break    the same, with half of the answer
 *
 * What never ends ends with the server.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "buf.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of what is slow: the pieces, the pause between two of them, and the long one after half of them.
 */
#define DRIPS       10
#define SHORT_PAUSE 80   /* ms */
#define LONG_PAUSE  2500 /* ms */

struct http_server {
	pid_t pid;
	int port;
	int *served; /* requests read, of all connections */
};

static inline uint32_t server_sum(uint32_t sum, const char *data, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum = (sum ^ (unsigned char)data[i]) * 16777619u;
	return sum;
}

#define SERVER_SUM 2166136261u

/* Byte i of what /bytes sends. */
static inline char server_byte(size_t i)
{
	return (char)('a' + i % 23);
}

static inline void server_pause(long milliseconds)
{
	struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};

	nanosleep(&time, NULL);
}

static inline void server_send(int fd, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);
		if (sent <= 0)
			_exit(0);
		data += sent;
		n -= (size_t)sent;
	}
}

static inline void server_head(int fd, int status, size_t length)
{
	char head[128];

	snprintf(head, sizeof head,
		 "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		 status, length);
	server_send(fd, head, strlen(head));
}

static inline void server_answer(int fd, int status, const char *body, size_t length)
{
	server_head(fd, status, length);
	server_send(fd, body, length);
}

/* Until the client has hung up. */
static inline void server_wait(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, MSG_PEEK) > 0)
		server_pause(SHORT_PAUSE);
	_exit(0);
}

/* Read some more into b. */
static inline void server_read(int fd, struct buf *b, size_t most)
{
	ssize_t n = recv(fd, buf_reserve(b, most), most, 0);

	if (n <= 0)
		_exit(0);
	b->length += (size_t)n;
}

static inline bool server_is(const char *path, const char *name)
{
	return strncmp(path, name, strlen(name)) == 0;
}

/* Read the body behind the head, as the path wants it. */
static inline void server_body(int fd, struct buf *in, size_t head, size_t length, const char *path)
{
	if (server_is(path, "/gulp"))
		for (;;)
			server_pause(SHORT_PAUSE);
	if (server_is(path, "/refuse") || server_is(path, "/break")) {
		static const char text[] = "{\"error\":{\"message\":\"large\"}}";
		size_t n = sizeof text - 1;
		server_head(fd, 413, server_is(path, "/break") ? 2 * n : n);
		server_send(fd, text, n);
		shutdown(fd, SHUT_WR);
		for (;;) {
			in->length = head;
			server_read(fd, in, 65536);
		}
	}
	for (int drips = 0; in->length < head + length;) {
		server_read(fd, in, server_is(path, "/sip") ? length / DRIPS + 1 : 65536);
		if (server_is(path, "/sip") && drips++ < DRIPS)
			server_pause(drips == DRIPS / 2 ? LONG_PAUSE : SHORT_PAUSE);
	}
}

static inline void server_bytes(int fd, const char *path)
{
	size_t n = strtoul(path, NULL, 10);
	char *text = malloc(n);

	if (text == NULL)
		_exit(1);
	for (size_t i = 0; i < n; i++)
		text[i] = server_byte(i);
	server_answer(fd, 200, text, n);
	free(text);
}

/* Answer one request; all of it is in `in`. */
static inline void server_serve(int fd, const struct buf *in, size_t head, const char *path,
				int turn)
{
	char text[64];

	if (server_is(path, "/echo")) {
		server_answer(fd, 200, in->data, in->length);
	} else if (server_is(path, "/bytes/")) {
		server_bytes(fd, path + 7);
	} else if (server_is(path, "/busy")) {
		server_answer(fd, 503, "{\"error\":{\"code\":\"busy\"}}", 25);
	} else if (server_is(path, "/once") && turn > 1) {
		_exit(0);
	} else if (server_is(path, "/half")) {
		server_head(fd, 200, 100);
		server_send(fd, in->data, 50);
		_exit(0);
	} else if (server_is(path, "/drip")) {
		server_head(fd, 200, DRIPS);
		for (int i = 0; i < DRIPS; i++) {
			server_send(fd, "x", 1);
			server_pause(i == DRIPS / 2 ? LONG_PAUSE : SHORT_PAUSE);
		}
	} else if (server_is(path, "/stall")) {
		server_head(fd, 200, 100);
		server_send(fd, in->data, 50);
		server_wait(fd);
	} else if (server_is(path, "/mute")) {
		server_wait(fd);
	} else {
		snprintf(text, sizeof text, "%zu %u", in->length - head,
			 server_sum(SERVER_SUM, in->data + head, in->length - head));
		server_answer(fd, 200, text, strlen(text));
	}
}

static inline void server_connection(int fd, int *served)
{
	struct buf in = {0};

	for (int turn = 1;; turn++) {
		const char *end;
		char path[256] = "";
		size_t length = 0;
		buf_clear(&in);
		while ((end = strstr(buf_string(&in), "\r\n\r\n")) == NULL)
			server_read(fd, &in, 4096);
		size_t head = (size_t)(end + 4 - in.data);
		const char *field = strstr(in.data, "Content-Length: ");
		if (field != NULL && field < end)
			length = strtoul(field + 16, NULL, 10);
		sscanf(in.data, "%*s %255s", path);
		__atomic_add_fetch(served, 1, __ATOMIC_SEQ_CST);
		server_body(fd, &in, head, length, path);
		server_serve(fd, &in, head, path, turn);
	}
}

static inline void server_run(int listener, int *served)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			_exit(1);
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(listener);
			server_connection(fd, served);
		}
		close(fd);
	}
}

/* Start one. Ends the program if it cannot. */
static inline void server_start(struct http_server *s)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int small = 65536; /* so that a client that sends more must wait */

	s->served = mmap(NULL, sizeof *s->served, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	if (s->served == MAP_FAILED || listener < 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(listener, 16) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &size) < 0)
		exit(1);
	s->port = ntohs(address.sin_port);
	s->pid = fork();
	if (s->pid < 0)
		exit(1);
	if (s->pid == 0)
		server_run(listener, s->served);
	close(listener);
}

static inline void server_stop(struct http_server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	munmap(s->served, sizeof *s->served);
}

#endif
