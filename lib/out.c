#include "out.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * O_NONBLOCK belongs to the open file, which other processes share. On Linux a pipe can be opened
 * once more, with flags of its own; elsewhere, or where that is refused, writes of a page behind
 * poll do.
 */
static int open_again(int fd)
{
#ifdef __linux__
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
#else
	(void)fd;
	return -1;
#endif
}

void out_init(struct out *o, int fd)
{
	struct stat st;

	*o = (struct out){.fd = fd, .try_fd = -1, .waits = true};
	if ((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0) {
		o->try_fd = fd;
		return;
	}
	if (fstat(fd, &st) < 0)
		return;
	if (S_ISREG(st.st_mode) || (S_ISCHR(st.st_mode) && !isatty(fd)))
		o->waits = false;
	else if (S_ISFIFO(st.st_mode))
		o->try_fd = open_again(fd);
}

void out_widen(struct out *o)
{
#ifdef F_SETPIPE_SZ
	int size = fcntl(o->fd, F_GETPIPE_SZ);
	if (size >= 0 && (size_t)size < 2 * OUT_FULL)
		fcntl(o->fd, F_SETPIPE_SZ, (int)(2 * OUT_FULL));
#else
	(void)o;
#endif
}

void out_line(struct out *o, const void *text, size_t n)
{
	buf_reserve(&o->pending, n + 1);
	buf_add(&o->pending, text, n);
	buf_addc(&o->pending, '\n');
}

size_t out_pending(const struct out *o)
{
	return o->pending.length - o->sent;
}

/* One write. Returns bytes written, 0 if none can be without waiting or a signal came, -1 on an
 * error. */
static ssize_t write_some(struct out *o, enum out_mode mode)
{
	const char *data = o->pending.data + o->sent;
	size_t n = out_pending(o);
	int fd = o->fd;
	struct pollfd ready = {.fd = fd, .events = POLLOUT};

	if (mode == OUT_TRY && o->try_fd >= 0) {
		fd = o->try_fd;
	} else if (mode == OUT_TRY && o->waits) {
		if (poll(&ready, 1, 0) <= 0)
			return 0;
		if (n > PIPE_BUF)
			n = PIPE_BUF;
	}
	ssize_t written = write(fd, data, n);
	/* Someone made the open file non-blocking: wait here where waiting is allowed. */
	while (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) && mode == OUT_WAIT &&
	       poll(&ready, 1, -1) > 0)
		written = write(fd, data, n);
	if (written >= 0)
		return written;
	if (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)
		return 0;
	o->error = errno;
	return -1;
}

int out_write(struct out *o, enum out_mode mode)
{
	while (o->error == 0 && out_pending(o) > 0) {
		size_t left = out_pending(o);
		ssize_t n = write_some(o, mode);
		if (n < 0)
			return -1;
		o->sent += (size_t)n;
		/* When waiting is allowed and the descriptor waits, a short write is a signal's. */
		bool blocking = mode == OUT_WAIT && (size_t)n < left &&
				(fcntl(o->fd, F_GETFL) & O_NONBLOCK) == 0;
		if (n == 0 || blocking)
			break;
	}
	if (out_pending(o) == 0) {
		buf_clear(&o->pending);
		o->sent = 0;
	} else if (o->sent >= OUT_FULL && o->sent >= o->pending.length / 2) {
		buf_consume(&o->pending, o->sent);
		o->sent = 0;
	}
	return o->error == 0 ? 0 : -1;
}

void out_drop(struct out *o)
{
	buf_clear(&o->pending);
	o->sent = 0;
}

int out_close(struct out *o)
{
	while (o->error == 0 && out_pending(o) > 0)
		out_write(o, OUT_WAIT);
	if (o->try_fd >= 0 && o->try_fd != o->fd)
		close(o->try_fd);
	if (close(o->fd) < 0 && o->error == 0)
		o->error = errno;
	buf_free(&o->pending);
	errno = o->error;
	return o->error == 0 ? 0 : -1;
}
