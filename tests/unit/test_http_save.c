/* Answers that go to a file, what is sent again, and how long a transfer may take. */
#include "http_client.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>

#define LARGE ((size_t)8 << 20)

static void test_save(void)
{
	static const char busy[] = "{\"error\":{\"code\":\"busy\"}}";
	struct answer a = {0};
	size_t n = 3 << 20; /* more than max_response */
	size_t wrong = 0;
	int fd = file_of("begun ", 6);
	struct http_extra extra = {
	    .method = HTTP_GET, .save = true, .save_fd = fd, .save_most = (int64_t)n};
	char *data = mem_alloc(n + 1);

	ask(&a, "/bytes/3145728", "", &extra);
	tap_int(a.saved, (long long)n, "an answer goes to a file");
	tap_is(buf_string(&a.error), "", "however large it is in memory's terms");
	tap_int((long long)a.body.length, 0, "and not to memory");
	tap_int((long long)pread(fd, data, n + 1, 6), (long long)n, "behind what is there");
	for (size_t i = 0; i < n; i++)
		wrong += data[i] != server_byte(i);
	tap_int((long long)wrong, 0, "byte for byte");
	ask(&a, "/busy", "", &extra);
	tap_is(buf_string(&a.body), busy, "an answer that is no success goes to memory");
	tap_int(a.status, 503, "with its status");
	tap_int(a.saved, 0, "and not to the file");
	extra.save_most--;
	ask(&a, "/bytes/3145728", "", &extra);
	tap_is(buf_string(&a.error), "response_too_large", "one byte too many");
	tap_is(buf_string(&a.message), "the file is larger than 3145727 bytes", "what it is");
	tap_ok(a.saved <= extra.save_most, "is not written");
	check_clean("an answer that was saved");
	ask(&a, "/half", "", &extra);
	tap_is(buf_string(&a.error), "connection_lost", "half an answer");
	tap_int(a.saved, 50, "how much of it came");
	extra.save_fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	ask(&a, "/bytes/100", "", &extra);
	tap_is(buf_string(&a.error), "file_failed", "a full disk");
	tap_int(a.file_errno, ENOSPC, "is told as that");
	tap_is(buf_string(&a.message), "cannot write the file that came", "in words");
	close(extra.save_fd);
	close(fd);
	free(data);
	forget(&a);
}

/* A connection that was kept and ends as the second request comes. */
static void test_again(void)
{
	struct answer a = {0};
	int fd = file_of("x", 1);
	struct http_upload upload = {.fd = fd, .length = 1};
	struct http_extra get = {.method = HTTP_GET}, delete = {.method = HTTP_DELETE};
	struct http_extra post = {.method = HTTP_POST}, sends = {.upload = &upload};
	const struct {
		const char *name, *error;
		const struct http_extra *extra;
		int served;
	} cases[] = {
	    {"GET", "", &get, 2},
	    {"DELETE", "", &delete, 2},
	    {"POST", "connection_lost", &post, 1},
	    {"a plain POST", "connection_lost", NULL, 1},
	    {"an upload", "connection_lost", &sends, 1},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		http_free(http);
		start(1);
		ask(&a, "/once", "", &get);
		tap_int(a.status, 200, "a connection is made");
		int before = *server.served;
		ask(&a, "/once", "", cases[i].extra);
		tap_is(buf_string(&a.error), cases[i].error, "%s: sent again only if it may be",
		       cases[i].name);
		tap_int(*server.served - before, cases[i].served, "%s: how often it is served",
			cases[i].name);
	}
	close(fd);
	forget(&a);
}

/* All at a time. What moves may take longer than the timeout; what does not, may not. */
static void test_slow(void)
{
	enum { SIP, DRIP, GULP, STALLED, MUTE, MUTE_GET, PLAIN, COUNT };
	static const struct {
		const char *path, *error, *message;
	} want[COUNT] = {
	    [SIP] = {"/sip", "", ""},
	    [DRIP] = {"/drip", "", ""},
	    [GULP] = {"/gulp", "timeout", "the upload stalled"},
	    [STALLED] = {"/stall", "timeout", "the response stalled"},
	    [MUTE] = {"/mute", "timeout", "no answer came in time"},
	    [MUTE_GET] = {"/mute", "timeout", "no answer came in time"},
	    [PLAIN] = {"/drip", "timeout", NULL},
	};
	struct answer answers[COUNT] = {0};
	char *data = mem_zero(LARGE, 1);
	int fd = file_of(data, LARGE);
	struct http_upload upload = {.fd = fd, .length = (int64_t)LARGE};
	struct http_extra sends = {.upload = &upload};
	struct http_extra saves = {
	    .method = HTTP_GET, .save = true, .save_fd = fd, .save_most = 100};
	struct http_extra get = {.method = HTTP_GET};

	http_free(http);
	start(COUNT);
	for (size_t i = 0; i < COUNT; i++)
		begin(&answers[i], want[i].path, "",
		      i == PLAIN                           ? &get
		      : i == SIP || i == GULP || i == MUTE ? &sends
							   : &saves);
	run();
	tap_ok(answers[MUTE].elapsed < STALL && answers[MUTE_GET].elapsed < STALL,
	       "for an answer to begin, it is the timeout that counts");
	tap_ok(answers[GULP].elapsed >= STALL && answers[STALLED].elapsed >= STALL,
	       "for the rest of it to come, and of a file to go, it is the other one");
	for (size_t i = 0; i < COUNT; i++) {
		tap_is(buf_string(&answers[i].error), want[i].error, "%s", want[i].path);
		if (want[i].message != NULL)
			tap_is(buf_string(&answers[i].message), want[i].message, "what it says");
		forget(&answers[i]);
	}
	close(fd);
	free(data);
}

int main(void)
{
	set_up();
	test_save();
	test_again();
	test_slow();
	clean_up();
	return tap_done();
}
