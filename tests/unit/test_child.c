/* child: a command is started with pipes, seen to its end, and stopped even if it will not. */
#include "child.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define SH(script) ((char *[]){"sh", "-c", (script), NULL})

static char got[4096];

/* What it writes until its end. */
static const char *drain(struct child *c)
{
	size_t n = 0;

	for (;;) {
		struct pollfd ready = {.fd = c->out, .events = POLLIN};
		poll(&ready, 1, 10000);
		ssize_t more = read(c->out, got + n, sizeof got - 1 - n);
		if (more <= 0)
			break;
		n += (size_t)more;
	}
	got[n] = '\0';
	return got;
}

static int end_of(struct child *c)
{
	int status = -1;
	while (!child_wait(c, &status))
		poll(NULL, 0, 1);
	return status;
}

static void test_running(void)
{
	struct child c;

	tap_int(child_start(&c, (char *[]){"cat", NULL}, 0), 0, "a command is found in PATH");
	tap_ok(c.pid > 0 && (fcntl(c.in, F_GETFL) & O_NONBLOCK) != 0 &&
		   (fcntl(c.out, F_GETFL) & O_NONBLOCK) != 0 && fcntl(c.in, F_GETFD) == FD_CLOEXEC,
	       "its pipes do not block, and are not handed on");
	int status;
	tap_ok(!child_wait(&c, &status), "while it runs, there is no waiting for it");
	tap_int(write(c.in, "hello\n", 6), 6, "it can be written to");
	child_close_in(&c);
	tap_is(drain(&c), "hello\n", "what it writes can be read, to the end");
	tap_int(end_of(&c), 0, "its status");
	tap_ok(c.pid == 0 && c.in == -1, "then none runs");
	child_close_out(&c);
	child_close_out(&c);
	child_stop(&c);
	tap_int(child_start(&c, SH("exit 7"), 0), 0, "another one");
	tap_int(WEXITSTATUS(end_of(&c)), 7, "its exit status");
	child_stop(&c);
	/* valgrind makes a fork of the spawn, from which the failure does not come back. */
	const char *valgrind = getenv("VALGRIND");
	if (valgrind != NULL && *valgrind != '\0')
		return;
	tap_int(child_start(&c, (char *[]){"no-such-command", NULL}, 0), -1, "no such command: -1");
	tap_int(errno, ENOENT, "errno says so");
	tap_ok(c.pid == 0 && c.in == -1 && c.out == -1, "and nothing is open");
}

static void test_take_back(void)
{
	struct child c;

	/* A shell takes its lines byte by byte. */
	child_start(&c, SH("read -r line; echo; kill -KILL $$"), 0);
	tap_int(write(c.in, "one\ntwo\nthree\n", 14), 14, "of three lines");
	tap_is(drain(&c), "\n", "one is read");
	end_of(&c);
	if (access("/proc/self/fd", F_OK) == 0)
		tap_int((long long)child_take_back(&c), 10, "the others can be taken back");
	tap_int((long long)child_take_back(&c), 0, "once");
	child_stop(&c);
	child_start(&c, (char *[]){"cat", NULL}, 0);
	tap_int(write(c.in, "one\n", 4), 4, "a line");
	child_close_in(&c);
	tap_is(drain(&c), "one\n", "that is read");
	end_of(&c);
	tap_int((long long)child_take_back(&c), 0, "cannot be taken back");
	child_stop(&c);
}

static void test_signals(void)
{
	struct child c;

	signal(SIGPIPE, SIG_IGN);
	child_start(&c, SH("kill -PIPE $$; echo survived"), 0);
	tap_is(drain(&c), "", "SIGPIPE has its default action in the command");
	tap_int(WTERMSIG(end_of(&c)), SIGPIPE, "it ends by it");
	child_stop(&c);
	signal(SIGPIPE, SIG_DFL);
}

static void test_stopping(void)
{
	struct child c;

	child_start(&c, (char *[]){"sleep", "100", NULL}, 0);
	pid_t pid = c.pid;
	child_stop(&c);
	tap_ok(c.pid == 0 && c.in == -1 && c.out == -1 && kill(pid, 0) < 0, "SIGTERM ends it");
	child_start(&c, SH("trap '' TERM; echo; while :; do sleep 0.01; done"), 0);
	struct pollfd ready = {.fd = c.out, .events = POLLIN};
	poll(&ready, 1, 10000);
	pid = c.pid;
	child_stop(&c);
	tap_ok(c.pid == 0 && kill(pid, 0) < 0, "SIGKILL ends one that SIGTERM does not");
	/* The first one is a request to finish, the second an order. */
	child_start(
	    &c,
	    SH("trap 'trap \"touch ended; exit\" TERM' TERM; echo; while :; do sleep 0.01; done"),
	    0);
	ready.fd = c.out;
	poll(&ready, 1, 10000);
	unlink("ended");
	child_stop(&c);
	tap_int(access("ended", F_OK), 0, "a second SIGTERM comes before SIGKILL");
	unlink("ended");
}

static void test_pipe_size(void)
{
#ifdef F_SETPIPE_SZ
	struct child c;

	child_start(&c, (char *[]){"cat", NULL}, 4096);
	tap_int(fcntl(c.in, F_GETPIPE_SZ), 4096, "the pipe to it can be made smaller");
	child_stop(&c);
#endif
}

int main(void)
{
	const char *folder = getenv("TMPDIR");

	if (chdir(folder != NULL ? folder : "/tmp") < 0)
		return 1;
	test_running();
	test_take_back();
	test_signals();
	test_stopping();
	test_pipe_size();
	return tap_done();
}
