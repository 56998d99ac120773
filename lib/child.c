#include "child.h"
#include "clock.h"
#include "interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void close_pipe(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static void set_pipe_size(int fd, int bytes)
{
#ifdef F_SETPIPE_SZ
	if (bytes > 0)
		fcntl(fd, F_SETPIPE_SZ, bytes);
#else
	(void)fd;
	(void)bytes;
#endif
}

static int spawn(pid_t *pid, char *const argv[], int in, int out)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	int error = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	errno = error;
	return error == 0 ? 0 : -1;
}

int child_start(struct child *c, char *const argv[], int pipe_size)
{
	int in[2], out[2];

	*c = CHILD_NONE;
	if (pipe2(in, O_CLOEXEC) < 0)
		return -1;
	if (pipe2(out, O_CLOEXEC) < 0) {
		close_pipe(in);
		return -1;
	}
	set_pipe_size(in[1], pipe_size);
	if (spawn(&c->pid, argv, in[0], out[1]) < 0) {
		int saved = errno;
		close_pipe(in);
		close_pipe(out);
		c->pid = 0;
		errno = saved;
		return -1;
	}
	close(in[0]);
	close(out[1]);
	c->in = in[1];
	c->out = out[0];
	fcntl(c->in, F_SETFL, O_NONBLOCK);
	fcntl(c->out, F_SETFL, O_NONBLOCK);
	return 0;
}

/* The other end of the pipe, opened anew: had it been open all the time, writing to a command that
 * reads no more would not fail. */
static int open_back(int in)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", in);
	return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

void child_close_in(struct child *c)
{
	if (c->in < 0)
		return;
	c->back = open_back(c->in);
	close(c->in);
	c->in = -1;
}

size_t child_take_back(struct child *c)
{
	char bytes[4096];
	size_t unread = 0;
	ssize_t n;

	child_close_in(c);
	if (c->back < 0)
		return 0;
	while ((n = read(c->back, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR))
		unread += n > 0 ? (size_t)n : 0;
	close(c->back);
	c->back = -1;
	return unread;
}

void child_close_out(struct child *c)
{
	if (c->out >= 0)
		close(c->out);
	c->out = -1;
}

bool child_wait(struct child *c, int *status)
{
	if (c->pid > 0 && waitpid(c->pid, status, WNOHANG) == 0)
		return false;
	c->pid = 0;
	return true;
}

/* When SIGTERM is sent, in ms. */
static const int terms[] = {250, 750};

bool child_press(struct child *c, int most)
{
	if (c->pressed == 0) {
		c->pressed = clock_now();
		c->most = most;
	}
	int passed = (int)((clock_now() - c->pressed) / CLOCK_MS);
	int limit = interrupt_time(c->most);
	if (passed >= limit) {
		kill(c->pid, SIGKILL);
		return false;
	}
	/* All tools around it begin at once, and what time each has reaches it from the outermost
	 * one: the order is given again until all must know. */
	if (passed < terms[0]) {
		interrupt_order(c->pid, limit);
	} else if (c->terms < sizeof terms / sizeof *terms && passed >= terms[c->terms]) {
		kill(c->pid, SIGTERM);
		c->terms++;
	}
	return true;
}

void child_stop(struct child *c)
{
	const struct timespec pause = {0, 10 * 1000 * 1000};
	int status;

	child_close_in(c);
	child_close_out(c);
	if (c->pid <= 0)
		return;
	while (!child_wait(c, &status)) {
		child_press(c, 1000);
		nanosleep(&pause, NULL);
	}
}
