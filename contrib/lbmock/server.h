/*
 * server: HTTP for a service, on libmicrohttpd. One thread: calls whose reply is to come later are
 * suspended, and one heap of timers resumes them, so that ten thousand may wait at a time.
 */
#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>
#include <stdint.h>

struct server;
struct service;

struct server_options {
	const char *bind;   /* a numeric address */
	uint16_t port;      /* 0: any that is free */
	const char *socket; /* a Unix socket to listen on as well, or NULL; one that is left over
			       from before is removed */
	bool credentials;   /* does the service care who calls? */
};

/* Listen. The options and the service must stay. NULL after a message. The caller frees with
 * server_free. */
struct server *server_new(const struct server_options *options, struct service *service);

/* The port it listens on. */
uint16_t server_port(const struct server *s);

/* Serve until SIGTERM or SIGINT, which must be blocked. Returns 0, or -1 after a message. */
int server_run(struct server *s);

/* Drop all calls, stop listening and free. */
void server_free(struct server *s);

#endif
