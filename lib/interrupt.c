#include "interrupt.h"
#include "msg.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int wake[2] = {-1, -1};
static volatile sig_atomic_t count;

static void on_signal(int signal_number)
{
	int saved = errno;
	if (count < 2)
		count = count + 1;
	if (count == 2) { /* a third one need not be caught any more */
		signal(SIGINT, SIG_DFL);
		signal(SIGTERM, SIG_DFL);
	}
	(void)signal_number;
	/* A full pipe wakes the reader as well. */
	ssize_t n = write(wake[1], "", 1);
	(void)n;
	errno = saved;
}

void interrupt_init(void)
{
	struct sigaction catch = {.sa_handler = on_signal};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0)
		msg_die(STATUS_SYSTEM, "pipe: %s", strerror(errno));
	sigemptyset(&catch.sa_mask);
	sigemptyset(&ignore.sa_mask);
	sigaction(SIGINT, &catch, NULL);
	sigaction(SIGTERM, &catch, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
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
	return count;
}
