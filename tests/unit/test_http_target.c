/* Where requests go: each to its own URL, whatever the handle's last one was. */
#include "http_client.h"

#include <ifaddrs.h>
#include <net/if.h>

static void ask_url(struct answer *a, const char *url, const char *socket)
{
	struct http_request r = {url, socket, headers, {"body", 4}};

	forget(a);
	http_post(http, &r, a);
	run();
}

/* By one handle, in this order. %d is the server's port. */
static void test_targets(void)
{
	static const char gone[] = "/nowhere/at/all.sock";
	static const struct {
		const char *name;
		const char *url, *socket;
		const char *line; /* what the server gets; NULL if it gets nothing */
		const char *error;
	} cases[] = {
	    {"a URL", "http://127.0.0.1:%d/echo/a", NULL, "POST /echo/a HTTP/1.1", ""},
	    {"the same", "http://127.0.0.1:%d/echo/a", NULL, "POST /echo/a HTTP/1.1", ""},
	    {"a longer path", "http://127.0.0.1:%d/echo/a/b", NULL, "POST /echo/a/b HTTP/1.1", ""},
	    {"a query", "http://127.0.0.1:%d/echo?v=1%%202&w", NULL,
	     "POST /echo?v=1%202&w HTTP/1.1", ""},
	    {"no query", "http://127.0.0.1:%d/echo", NULL, "POST /echo HTTP/1.1", ""},
	    {"dots", "http://127.0.0.1:%d/x/../echo/./c", NULL, "POST /echo/c HTTP/1.1", ""},
	    {"bytes that are encoded", "http://127.0.0.1:%d/echo/\xc3\xa9", NULL,
	     "POST /echo/%c3%a9 HTTP/1.1", ""},
	    {"a scheme in capitals", "HTTP://127.0.0.1:%d/echo", NULL, "POST /echo HTTP/1.1", ""},
	    {"a socket that is gone", "http://127.0.0.1:%d/echo", gone, NULL, "connect_failed"},
	    {"no socket", "http://127.0.0.1:%d/echo", NULL, "POST /echo HTTP/1.1", ""},
	    {"no URL", "http://127.0.0.1:%d00000/echo", NULL, NULL, "transport_error"},
	    {"a good one", "http://127.0.0.1:%d/echo", NULL, "POST /echo HTTP/1.1", ""},
	    {"another scheme", "ftp://127.0.0.1:%d/echo", NULL, NULL, "transport_error"},
	    {"ours again", "http://127.0.0.1:%d/echo/d", NULL, "POST /echo/d HTTP/1.1", ""},
	};
	struct answer a = {0};
	char url[128];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(url, sizeof url, cases[i].url, server.port);
		ask_url(&a, url, cases[i].socket);
		tap_is(buf_string(&a.error), cases[i].error, "%s: the error", cases[i].name);
		if (cases[i].line == NULL)
			tap_ok(a.message.length > 0, "%s: its message", cases[i].name);
		else
			tap_ok(has(&a, cases[i].line), "%s: the server got %s", cases[i].name,
			       cases[i].line);
	}
	forget(&a);
}

/* The name that was asked for, also after another one of the same server. */
static void test_hosts(void)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost", "127.0.0.1"};
	struct answer a = {0};
	char url[64], line[64];

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		snprintf(url, sizeof url, "http://%s:%d/echo", hosts[i], server.port);
		snprintf(line, sizeof line, "Host: %s:%d", hosts[i], server.port);
		ask_url(&a, url, NULL);
		tap_ok(has(&a, line), "%s", line);
	}
	forget(&a);
}

/* A URL belongs to the caller, who may use its memory for the next one. */
static void test_memory(void)
{
	struct answer a = {0};
	char url[64];

	snprintf(url, sizeof url, "http://127.0.0.1:%d/echo/1", server.port);
	ask_url(&a, url, NULL);
	url[strlen(url) - 1] = '2';
	ask_url(&a, url, NULL);
	tap_ok(has(&a, "POST /echo/2 HTTP/1.1"), "another URL in the same memory");
	forget(&a);
}

/* A link-local address of this machine, which means something only with its zone. Returns whether
 * there is one. */
static bool find_local(struct sockaddr_in6 *found)
{
	struct ifaddrs *list, *at;

	if (getifaddrs(&list) < 0)
		return false;
	for (at = list; at != NULL; at = at->ifa_next) {
		if (at->ifa_addr == NULL || at->ifa_addr->sa_family != AF_INET6)
			continue;
		memcpy(found, at->ifa_addr, sizeof *found);
		if (IN6_IS_ADDR_LINKLOCAL(&found->sin6_addr))
			break;
	}
	bool there = at != NULL;
	freeifaddrs(list);
	return there;
}

/* A connection comes about, to a server that then does not answer. */
static void test_zone(void)
{
	struct sockaddr_in6 local;
	socklen_t size = sizeof local;
	char address[INET6_ADDRSTRLEN], zone[IF_NAMESIZE], url[128];
	struct answer a = {0};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || !find_local(&local) || bind(fd, (struct sockaddr *)&local, size) < 0 ||
	    listen(fd, 1) < 0 || getsockname(fd, (struct sockaddr *)&local, &size) < 0 ||
	    if_indextoname(local.sin6_scope_id, zone) == NULL) {
		tap_ok(true, "the zone of an address # SKIP no link-local address");
	} else {
		inet_ntop(AF_INET6, &local.sin6_addr, address, sizeof address);
		snprintf(url, sizeof url, "http://[%s%%25%s]:%d/echo", address, zone,
			 ntohs(local.sin6_port));
		ask_url(&a, url, NULL);
		tap_is(buf_string(&a.error), "timeout", "the zone of an address");
	}
	if (fd >= 0)
		close(fd);
	forget(&a);
}

int main(void)
{
	set_up();
	test_targets();
	test_hosts();
	test_memory();
	test_zone();
	check_clean("all of these");
	clean_up();
	return tap_done();
}
