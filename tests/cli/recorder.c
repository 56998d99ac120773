/*
 * recorder: an HTTP server for tests, which keeps what it is sent and answers what it is told.
 *
 *   recorder DIR
 *
 * It listens on a free port of loopback, and writes the port to descriptor 5 when it does. When a
 * request is whole, its head is appended to DIR/heads, byte for byte, and its body with a newline
 * behind it to DIR/bodies.
 *
 * The answer to /v1/some/name is the file DIR/some_name, or DIR/default if there is none such: a
 * whole HTTP response, sent as it is but for these marks:
 *
 *   @@STOP@@   nothing more is sent, and the connection stays open
 *   @@WAIT@@   the rest is sent when the file DIR/go exists
 *
 * A response that says "Connection: close" ends the connection.
 */
#include "buf.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS 2048

struct client {
	int fd;
	struct buf in;
	struct buf answer; /* what is left of it from sent on */
	size_t sent;
	bool busy, stopped, waits, closes;
};

static const char *directory;
static struct client clients[CLIENTS];
static size_t client_count;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void append(const char *name, const void *data, size_t n, const char *end)
{
	struct buf text = {0};
	char path[4096];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0600);
	if (fd < 0)
		die(path);
	buf_add(&text, data, n);
	buf_adds(&text, end);
	if (write(fd, text.data, text.length) != (ssize_t)text.length)
		die(path);
	close(fd);
	buf_free(&text);
}

static bool load(struct buf *out, const char *name)
{
	char path[4096];
	size_t n;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	do {
		n = fread(buf_reserve(out, 65536), 1, 65536, file);
		out->length += n;
	} while (n > 0);
	fclose(file);
	return true;
}

/* The file's name for a request line: "POST http://host/v1/a/b HTTP/1.1" is a_b. */
static void find_answer(struct client *c, const char *head)
{
	char name[256];
	const char *path = strchr(head, ' ');

	path = path != NULL ? path + 1 : head;
	if (strncmp(path, "http://", 7) == 0)
		path += 7 + strcspn(path + 7, "/ ");
	if (strncmp(path, "/v1/", 4) == 0)
		path += 4;
	size_t n = strcspn(path, "? \r");
	snprintf(name, sizeof name, "%.*s", n < 200 ? (int)n : 200, path);
	for (char *p = name; *p != '\0'; p++)
		if (*p == '/' || *p == '.')
			*p = '_';
	buf_clear(&c->answer);
	c->sent = 0;
	if (!load(&c->answer, name) && !load(&c->answer, "default"))
		buf_adds(&c->answer, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
	c->closes = strstr(buf_string(&c->answer), "Connection: close") != NULL;
	c->busy = true;
}

/* The value of a header in the head, or NULL. */
static const char *header(const char *head, const char *name)
{
	for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, strlen(name)) == 0)
			return line + strlen(name);
	}
	return NULL;
}

/* Is a request whole? Then keep it, and choose the answer. */
static void take_request(struct client *c)
{
	const char *text = buf_string(&c->in);
	const char *end = strstr(text, "\r\n\r\n");

	if (c->busy || end == NULL)
		return;
	size_t head_length = (size_t)(end - text) + 4;
	char *head = mem_copy(text, head_length);
	const char *length = header(head, "content-length:");
	size_t n = length != NULL ? strtoull(length, NULL, 10) : 0;
	if (c->in.length - head_length >= n) {
		append("heads", head, head_length, "");
		append("bodies", c->in.data + head_length, n, "\n");
		find_answer(c, head);
		buf_consume(&c->in, head_length + n);
	}
	free(head);
}

static void drop(struct client *c)
{
	close(c->fd);
	buf_free(&c->in);
	buf_free(&c->answer);
	*c = clients[--client_count];
}

/* Send what may be sent. Returns false when the connection is at its end. */
static bool send_answer(struct client *c)
{
	char go[4096];

	snprintf(go, sizeof go, "%s/go", directory);
	while (c->busy && !c->stopped) {
		char *rest = c->answer.data + c->sent;
		size_t n = c->answer.length - c->sent;
		char *stop = memmem(rest, n, "@@STOP@@", 8);
		char *wait = memmem(rest, n, "@@WAIT@@", 8);
		c->waits = wait == rest && n > 0;
		if (c->waits && access(go, F_OK) < 0)
			return true;
		if (c->waits) {
			c->sent += 8;
			continue;
		}
		if (stop != NULL)
			n = (size_t)(stop - rest);
		if (wait != NULL && (size_t)(wait - rest) < n)
			n = (size_t)(wait - rest);
		if (n == 0) {
			c->stopped = stop != NULL;
			c->busy = c->stopped;
			return c->stopped || !c->closes;
		}
		ssize_t written = send(c->fd, rest, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (written < 0)
			return errno == EAGAIN || errno == EINTR;
		c->sent += (size_t)written;
	}
	return true;
}

static bool serve(struct client *c, short events)
{
	if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) {
		ssize_t n = recv(c->fd, buf_reserve(&c->in, 65536), 65536, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return false;
		if (n > 0)
			c->in.length += (size_t)n;
	}
	take_request(c);
	return send_answer(c);
}

static int start(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, 1024) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		die("recorder");
	dprintf(5, "%d\n", ntohs(address.sin_port));
	close(5);
	return fd;
}

int main(int argc, char **argv)
{
	static struct pollfd fds[CLIENTS + 1];

	if (argc != 2)
		return 2;
	directory = argv[1];
	append("heads", "", 0, "");
	append("bodies", "", 0, "");
	int listener = start();
	for (;;) {
		int timeout = -1;
		for (size_t i = 0; i < client_count; i++) {
			struct client *c = &clients[i];
			bool sends = c->busy && !c->stopped && !c->waits;
			if (c->waits)
				timeout = 10;
			fds[i] = (struct pollfd){c->fd, sends ? POLLIN | POLLOUT : POLLIN, 0};
		}
		size_t count = client_count;
		fds[count] = (struct pollfd){count < CLIENTS ? listener : -1, POLLIN, 0};
		if (poll(fds, (nfds_t)count + 1, timeout) < 0 && errno != EINTR)
			die("poll");
		for (size_t i = count; i-- > 0;)
			if ((fds[i].revents != 0 || clients[i].waits) &&
			    !serve(&clients[i], fds[i].revents))
				drop(&clients[i]);
		if (fds[count].revents != 0) {
			int fd = accept(listener, NULL, NULL);
			if (fd >= 0)
				clients[client_count++] = (struct client){.fd = fd};
		}
	}
}
