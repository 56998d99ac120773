/*
 * http_client: a client of http_server for tests, and the check that every one of them needs: that
 * whatever a handle was used for, a plain POST after it comes out as from a new one.
 */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "clock.h"
#include "http.h"
#include "http_server.h"
#include "tap.h"

#include <poll.h>

/* The server's long pause is longer than the first, by more than the client takes to see it, and
 * shorter than the second. */
#define TIMEOUT CLOCK_SEC
#define STALL   (5 * CLOCK_SEC)

static struct http_server server;
static struct http *http;
static struct http_headers *headers;

/* A copy of a reply. */
struct answer {
	bool done;
	long status;
	int file_errno;
	int64_t saved, elapsed;
	struct buf error, message, body;
};

static inline void on_done(void *context, void *request, const struct http_reply *reply)
{
	struct answer *a = request;

	(void)context;
	a->done = true;
	a->status = reply->status;
	a->file_errno = reply->file_errno;
	a->saved = reply->saved;
	a->elapsed = reply->elapsed;
	buf_adds(&a->error, reply->error != NULL ? reply->error : "");
	buf_adds(&a->message, reply->message != NULL ? reply->message : "");
	buf_add(&a->body, reply->body.at, reply->body.length);
}

static inline void forget(struct answer *a)
{
	buf_free(&a->error);
	buf_free(&a->message);
	buf_free(&a->body);
	memset(a, 0, sizeof *a);
}

static inline bool keep_all(const char *name, size_t length)
{
	(void)name;
	(void)length;
	return true;
}

static inline void start(size_t concurrency)
{
	struct http_options options = {
	    .concurrency = concurrency,
	    .timeout = TIMEOUT,
	    .connect_timeout = 10 * CLOCK_SEC,
	    .stall_timeout = STALL,
	    .max_response = (size_t)1 << 20,
	    .wants_header = keep_all,
	};
	const char *error = NULL;

	http = http_new(&options, on_done, NULL, &error);
	if (http == NULL) {
		printf("# %s\n", error);
		exit(1);
	}
}

static inline void run(void)
{
	while (http_in_flight(http) > 0) {
		struct pollfd fd = {http_descriptor(http), POLLIN, 0};
		int64_t left = http_deadline(http) - clock_now();
		poll(&fd, 1, left <= 0 ? 0 : left > CLOCK_SEC ? 1000 : (int)(left / CLOCK_MS) + 1);
		http_run(http, clock_now());
	}
}

/* Send without waiting. */
static inline void begin(struct answer *a, const char *path, const char *body,
			 const struct http_extra *extra)
{
	char url[128];
	struct http_request r = {url, NULL, headers, {body, strlen(body)}};

	snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server.port, path);
	forget(a);
	if (extra != NULL)
		http_send(http, &r, extra, a);
	else
		http_post(http, &r, a);
}

static inline void ask(struct answer *a, const char *path, const char *body,
		       const struct http_extra *extra)
{
	begin(a, path, body, extra);
	run();
}

/* An unlinked file with this in it. */
static inline int file_of(const char *data, size_t n)
{
	FILE *file = tmpfile();

	if (file == NULL || fwrite(data, 1, n, file) != n || fflush(file) != 0)
		exit(1);
	int fd = dup(fileno(file));
	fclose(file);
	return fd;
}

/* Does the answer's text, an echo, have this line in its head? */
static inline bool has(struct answer *a, const char *line)
{
	struct buf whole = {0};

	buf_addf(&whole, "%s\r\n", line);
	bool there = strstr(buf_string(&a->body), buf_string(&whole)) != NULL;
	buf_free(&whole);
	return there;
}

/* What a plain POST from a new handle comes to. */
static struct buf fresh;

/* The next one is the same. */
static inline void check_clean(const char *after)
{
	struct answer a = {0};

	ask(&a, "/echo", "body", NULL);
	tap_is(buf_string(&a.body), buf_string(&fresh), "a plain POST after %s is as ever", after);
	ask(&a, "/mute", "body", NULL);
	tap_is(buf_string(&a.error), "timeout", "and --timeout counts again");
	forget(&a);
}

static inline void test_plain(void)
{
	struct answer a = {0};

	ask(&a, "/echo", "body", NULL);
	tap_ok(strncmp(buf_string(&a.body), "POST /echo HTTP/1.1\r\n", 21) == 0 &&
		   has(&a, "Content-Type: application/json") && has(&a, "Content-Length: 4"),
	       "a plain POST");
	buf_add(&fresh, a.body.data, a.body.length);
	forget(&a);
}

/* Start the server, and a client with one handle. */
static inline void set_up(void)
{
	static const char *const proxies[] = {"http_proxy", "all_proxy", "ALL_PROXY"};

	for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++)
		unsetenv(proxies[i]);
	server_start(&server);
	headers = http_headers_add(NULL, "Content-Type: application/json");
	headers = http_headers_add(headers, "X-Key: k");
	start(1);
	test_plain();
}

/* Free all, the client unless that is done. */
static inline void clean_up(void)
{
	http_free(http);
	http_headers_free(headers);
	buf_free(&fresh);
	server_stop(&server);
}

#endif
