#include "out.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void open_pipe(int ends[2])
{
	if (pipe(ends) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
		abort();
}

/* What can be read now. */
static void take(int fd, struct buf *into)
{
	ssize_t n;

	while ((n = read(fd, buf_reserve(into, 65536), 65536)) > 0)
		into->length += (size_t)n;
}

/* count numbered lines of 100 bytes to o, and to want as well. */
static void add_lines(struct out *o, struct buf *want, int count)
{
	char line[101];

	for (int i = 0; i < count; i++) {
		snprintf(line, sizeof line, "%0100d", i);
		out_line(o, line, 100);
		buf_addf(want, "%s\n", line);
	}
}

static void test_gathers(void)
{
	struct out o;
	struct buf got = {0};
	int ends[2];

	open_pipe(ends);
	out_init(&o, ends[1]);
	out_line(&o, "a\0b", 3);
	out_line(&o, "", 0);
	out_line(&o, "c", 1);
	tap_int((long long)out_pending(&o), 7, "lines gather, a newline behind each");
	take(ends[0], &got);
	tap_int((long long)got.length, 0, "nothing is written before out_write");
	tap_int(out_write(&o, OUT_TRY), 0, "OUT_TRY writes what the pipe takes");
	tap_int((long long)out_pending(&o), 0, "nothing is left");
	take(ends[0], &got);
	tap_bytes(got.data, got.length, "a\0b\n\nc\n", 7, "the bytes are those that were given");
	tap_int(out_close(&o), 0, "closes");
	tap_int((long long)read(ends[0], got.data, 1), 0, "the reader sees the end");
	close(ends[0]);
	buf_free(&got);
}

/* A pipe that is full, both with the file's own O_NONBLOCK and without. */
static void test_full_pipe(bool nonblocking)
{
	const char *kind = nonblocking ? "a non-blocking pipe" : "a pipe";
	struct out o;
	struct buf got = {0}, want = {0};
	int ends[2];

	open_pipe(ends);
	if (nonblocking && fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0)
		abort();
	int flags = fcntl(ends[1], F_GETFL);
	out_init(&o, ends[1]);
	add_lines(&o, &want, 3000);
	tap_int(out_write(&o, OUT_TRY), 0, "%s that is full is no error", kind);
	size_t left = out_pending(&o);
	tap_ok(left > 0 && left < want.length, "%s: a part is written, a part is left", kind);
	tap_int(fcntl(ends[1], F_GETFL), flags, "%s: its flags are left alone", kind);
	tap_int(out_write(&o, OUT_TRY), 0, "%s that is still full is no error", kind);
	tap_int((long long)out_pending(&o), (long long)left, "%s: nothing more is written", kind);
	for (int i = 0; i < 1000 && out_pending(&o) > 0; i++) {
		take(ends[0], &got);
		add_lines(&o, &want, i < 30 ? 100 : 0);
		out_write(&o, OUT_TRY);
	}
	take(ends[0], &got);
	tap_int((long long)out_pending(&o), 0, "%s: all is written as the reader reads", kind);
	tap_bytes(got.data, got.length, want.data, want.length,
		  "%s: short writes lose, double and move nothing", kind);
	out_close(&o);
	close(ends[0]);
	buf_free(&got);
	buf_free(&want);
}

/* OUT_WAIT, and out_close, wait for a reader, also when the file is non-blocking. */
static void test_waits(bool nonblocking, bool close_only)
{
	struct out o;
	struct buf got = {0}, want = {0};
	int ends[2], status;

	if (pipe(ends) < 0 || (nonblocking && fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0))
		abort();
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		close(ends[0]);
		out_init(&o, ends[1]);
		add_lines(&o, &want, 20000);
		if (!close_only && (out_write(&o, OUT_WAIT) != 0 || out_pending(&o) != 0))
			_exit(1);
		_exit(out_close(&o) == 0 ? 0 : 2);
	}
	close(ends[1]);
	take(ends[0], &got);
	waitpid(child, &status, 0);
	tap_int(status, 0, "%s returns 0%s", close_only ? "out_close" : "OUT_WAIT",
		nonblocking ? ", file non-blocking" : "");
	struct out unused = {0};
	add_lines(&unused, &want, 20000);
	tap_bytes(got.data, got.length, want.data, want.length, "and has written all");
	buf_free(&unused.pending);
	buf_free(&got);
	buf_free(&want);
	close(ends[0]);
}

static void test_errors(void)
{
	struct out o;
	int ends[2];

	open_pipe(ends);
	close(ends[0]);
	out_init(&o, ends[1]);
	out_line(&o, "x", 1);
	tap_int(out_write(&o, OUT_TRY), -1, "a pipe without a reader: -1");
	tap_int(o.error, EPIPE, "the error is EPIPE");
	tap_int(out_write(&o, OUT_WAIT), -1, "and stays");
	errno = 0;
	tap_ok(out_close(&o) == -1 && errno == EPIPE, "out_close tells it again");

	out_init(&o, open("/dev/full", O_WRONLY | O_CLOEXEC));
	out_line(&o, "x", 1);
	tap_int(out_write(&o, OUT_TRY), -1, "a full disk: -1");
	tap_int(o.error, ENOSPC, "the error is ENOSPC");
	tap_ok(out_close(&o) == -1 && errno == ENOSPC, "out_close tells it again");

	out_init(&o, open("/dev/full", O_WRONLY | O_CLOEXEC));
	out_line(&o, "x", 1);
	tap_ok(out_close(&o) == -1 && errno == ENOSPC, "out_close finds it when it is the first");

	out_init(&o, -1);
	out_line(&o, "x", 1);
	tap_ok(out_close(&o) == -1 && errno == EBADF, "no descriptor at all: EBADF");
}

static void test_file(void)
{
	struct out o;
	struct buf got = {0}, want = {0};
	FILE *file = tmpfile();

	if (file == NULL)
		abort();
	int fd = dup(fileno(file));
	out_init(&o, fd);
	add_lines(&o, &want, 5000);
	tap_int(out_write(&o, OUT_TRY), 0, "a file takes all at once");
	tap_int((long long)out_pending(&o), 0, "nothing is left");
	tap_int(out_close(&o), 0, "closes");
	lseek(fileno(file), 0, SEEK_SET);
	take(fileno(file), &got);
	tap_bytes(got.data, got.length, want.data, want.length, "the file holds it");
	fclose(file);
	buf_free(&got);
	buf_free(&want);
}

#ifdef F_SETPIPE_SZ
/* How large a pipe of that many bytes is when it has been widened. */
static int widened(int bytes)
{
	struct out o;
	int ends[2];

	open_pipe(ends);
	fcntl(ends[1], F_SETPIPE_SZ, bytes);
	out_init(&o, ends[1]);
	out_widen(&o);
	int size = fcntl(ends[0], F_GETPIPE_SZ);
	out_close(&o);
	close(ends[0]);
	return size;
}

static void test_widen(void)
{
	int two = (int)(2 * OUT_FULL);

	/* The system keeps a user who has many pipes to small ones. */
	if (widened(two) == two)
		tap_int(widened(4096), two, "a small pipe has room for two writes then");
	else
		tap_ok(true, "a small pipe is widened # SKIP the system allows none");
	tap_int(widened(2 * two), 2 * two, "a larger one stays");
}
#else
static void test_widen(void)
{
}
#endif

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	test_gathers();
	test_full_pipe(false);
	test_full_pipe(true);
	test_waits(false, false);
	test_waits(true, false);
	test_waits(true, true);
	test_errors();
	test_file();
	test_widen();
	return tap_done();
}
