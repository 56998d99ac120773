#include "interrupt.h"
#include "msg.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int wake[2] = {-1, -1};
static volatile sig_atomic_t count;      /* of others' signals */
static volatile sig_atomic_t asked;      /* by the parent */
static volatile sig_atomic_t time_given; /* ms; by the parent's order, 0 for none */

static void on_signal(int signal_number, siginfo_t *info, void *unused)
{
	int saved = errno;
	bool by_parent = info->si_pid == getppid();
	(void)unused;
	if (signal_number == SIGURG && by_parent) {
		asked = 1;
		if (info->si_code == SI_QUEUE)
			time_given = info->si_value.sival_int;
	} else if (signal_number != SIGURG && count < 2) {
		count = count + 1;
	} else if (signal_number != SIGURG && !(asked && by_parent)) {
		/* A third one kills; but not a SIGTERM with which a tool around this one sees to
		 * it that its command ends, whatever that is. */
		signal(signal_number, SIG_DFL);
		raise(signal_number);
	}
	/* A full pipe wakes the reader as well. */
	ssize_t n = write(wake[1], "", 1);
	(void)n;
	errno = saved;
}

/* A command has ended. */
static void on_child(int unused)
{
	int saved = errno;
	(void)unused;
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
	struct sigaction wakes = {.sa_handler = on_child, .sa_flags = SA_RESTART | SA_NOCLDSTOP};

	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) < 0)
		msg_die(STATUS_SYSTEM, "pipe: %s", strerror(errno));
	sigemptyset(&ignore.sa_mask);
	sigemptyset(&catch.sa_mask);
	sigemptyset(&wakes.sa_mask);
	sigaddset(&catch.sa_mask, SIGINT);
	sigaddset(&catch.sa_mask, SIGTERM);
	sigaddset(&catch.sa_mask, SIGHUP);
	sigaddset(&catch.sa_mask, SIGURG);
	catch_unless_ignored(SIGINT, &catch);
	catch_unless_ignored(SIGTERM, &catch);
	catch_unless_ignored(SIGHUP, &catch);
	sigaction(SIGURG, &catch, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	/* A parent may have had it ignored, and then no command's status could be had; or blocked.
	 */
	sigaction(SIGCHLD, &wakes, NULL);
	sigemptyset(&wakes.sa_mask);
	sigaddset(&wakes.sa_mask, SIGCHLD);
	sigprocmask(SIG_UNBLOCK, &wakes.sa_mask, NULL);
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
	if (time_given > 0)
		return 2;
	return count == 0 ? asked : count;
}

void interrupt_ask(pid_t child)
{
	kill(child, SIGURG);
}

void interrupt_order(pid_t child, int ms)
{
#if defined(_POSIX_REALTIME_SIGNALS) && _POSIX_REALTIME_SIGNALS > 0
	sigqueue(child, SIGURG, (union sigval){.sival_int = ms});
#else
	(void)ms;
	interrupt_ask(child); /* SIGTERM follows, and does the rest */
#endif
}

int interrupt_time(int most)
{
	int own = time_given - time_given / 8;

	return time_given > 0 && own < most ? own : most;
}

bool interrupt_asked(void)
{
	return asked != 0;
}
