/*
 * measure: run a command and note what it took.
 *
 *   measure [-c CORE] [-i FILE] [-o FILE] [-n TIMES] [-r FILE] COMMAND [ARG...]
 *     -c CORE   on that core only: the CORE-th, from 0, of those we may run on, modulo their number
 *     -i, -o    stdin and stdout of the command
 *     -n TIMES  run it that often, one after the other (1)
 *     -r FILE   append a line for each run: seconds on the clock, of user and of system time, and
 * the peak resident set in KiB, of the command alone. Without it nothing is measured: the command
 * takes this process's place.
 *
 * The exit status is 0 if the command's was 0 or 1 (some records failed) each time.
 */
#include "clock.h"
#include "msg.h"
#include "opt.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct plan {
	const char *in, *out, *results;
	int64_t times;
	char **command;
};

static void pin(int64_t wanted)
{
	cpu_set_t allowed, one;
	int skip;

	if (sched_getaffinity(0, sizeof allowed, &allowed) < 0)
		return;
	skip = (int)(wanted % CPU_COUNT(&allowed));
	for (size_t core = 0; core < CPU_SETSIZE; core++) {
		if (!CPU_ISSET(core, &allowed) || skip-- > 0)
			continue;
		CPU_ZERO(&one);
		CPU_SET(core, &one);
		sched_setaffinity(0, sizeof one, &one);
		return;
	}
}

static int redirect(const char *file, int flags, int to)
{
	if (file == NULL)
		return 0;
	int fd = open(file, flags, 0600);
	if (fd < 0)
		return -1;
	if (fd != to) {
		dup2(fd, to);
		close(fd);
	}
	return 0;
}

static _Noreturn void become(const struct plan *plan)
{
	if (redirect(plan->in, O_RDONLY, STDIN_FILENO) == 0 &&
	    redirect(plan->out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO) == 0)
		execvp(plan->command[0], plan->command);
	msg_warn("%s: %s", plan->command[0], strerror(errno));
	_exit(127);
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static int run_once(const struct plan *plan, FILE *results)
{
	struct rusage usage;
	int status;

	fflush(results);
	int64_t began = clock_now();
	pid_t pid = fork();
	if (pid < 0)
		msg_die(STATUS_SYSTEM, "fork: %s", strerror(errno));
	if (pid == 0)
		become(plan);
	if (wait4(pid, &status, 0, &usage) < 0)
		msg_die(STATUS_SYSTEM, "wait4: %s", strerror(errno));
	fprintf(results, "%.6f %.6f %.6f %ld\n", (double)(clock_now() - began) / 1e9,
		seconds(usage.ru_utime), seconds(usage.ru_stime), usage.ru_maxrss);
	if (WIFEXITED(status) && WEXITSTATUS(status) <= 1)
		return 0;
	msg_warn("%s ended with wait status %#x", plan->command[0], (unsigned)status);
	return -1;
}

int main(int argc, char **argv)
{
	struct plan plan = {.times = 1};
	int64_t core = -1;
	int option, failed = 0;

	msg_init(argv[0]);
	while ((option = getopt(argc, argv, "+c:i:o:n:r:")) != -1) {
		if (option == 'i')
			plan.in = optarg;
		else if (option == 'o')
			plan.out = optarg;
		else if (option == 'r')
			plan.results = optarg;
		else if (option == '?' ||
			 opt_count(optarg, option == 'c' ? &core : &plan.times) < 0)
			msg_die(STATUS_USAGE, "see the head of measure.c for its options");
	}
	plan.command = argv + optind;
	if (plan.command[0] == NULL)
		msg_die(STATUS_USAGE, "no command");
	if (core >= 0)
		pin(core);
	if (plan.results == NULL)
		become(&plan);
	FILE *results = fopen(plan.results, "a");
	if (results == NULL)
		msg_die(STATUS_SYSTEM, "%s: %s", plan.results, strerror(errno));
	fcntl(fileno(results), F_SETFD, FD_CLOEXEC);
	while (plan.times-- > 0 && failed == 0)
		failed = run_once(&plan, results);
	if (fclose(results) != 0)
		msg_die(STATUS_SYSTEM, "%s: %s", plan.results, strerror(errno));
	return failed == 0 ? 0 : 1;
}
