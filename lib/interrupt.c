#include "interrupt.h"
#include "msg.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int wake[2] = {-1, -1};
static volatile sig_atomic_t count; /* of others' signals */
static volatile sig_atomic_t asked; /* by the parent */

static void on_signal(int signal_number, siginfo_t *info, void *unused)
{
	int saved = errno;
	(void)unused;
	if (signal_number == SIGURG)
		asked = info->si_pid == getppid() ? 1 : asked;
	else if (count < 2)
		count = count + 1;
	if (count == 2) { /* a third one need not be caught any more */
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
		signal(SIGHUP, SIG_DFL);
	}
	/* A full pipe wakes the reader as well. */
	ssize_t n = write(wake[1], "", 1);
	(void)n;
	errno = saved;
}

/* The shell has SIGINT ignored in what it runs in the background: it stays so. */
static void catch_unless_ignored(int signal_number, const struct sigaction *catch)
{
	struct sigaction old;

	if (sigaction(signal_number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaction(signal_number, catch, NULL);
}

void interrupt_init(void)
{
	struct sigaction catch = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0)
		msg_die(STATUS_SYSTEM, "pipe: %s", strerror(errno));
	sigemptyset(&ignore.sa_mask);
	sigemptyset(&catch.sa_mask);
	sigaddset(&catch.sa_mask, SIGINT);
	sigaddset(&catch.sa_mask, SIGTERM);
	sigaddset(&catch.sa_mask, SIGHUP);
	sigaddset(&catch.sa_mask, SIGURG);
	catch_unless_ignored(SIGINT, &catch);
	catch_unless_ignored(SIGTERM, &catch);
	catch_unless_ignored(SIGHUP, &catch);
	sigaction(SIGURG, &catch, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	/* A parent may have had it ignored, and then no command's status could be had. */
	signal(SIGCHLD, SIG_DFL);
}

int interrupt_fd(void)
{
	return wake[0];
}

void interrupt_drain(void)
{
	char bytes[16];
	while (read(wake[0], bytes, sizeof bytes) == (ssize_t)sizeof bytes)
		;
}

int interrupt_count(void)
{
	return count == 0 ? asked : count;
}

void interrupt_ask(pid_t child)
{
	kill(child, SIGURG);
}

bool interrupt_asked(void)
{
	return asked != 0;
}
