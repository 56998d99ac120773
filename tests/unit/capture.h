/* capture: runs a function in a child process and gathers its stderr and exit status. */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the last capture wrote to stderr, as a string; and how long it was. */
static char captured[65536];
static size_t captured_length;

/* Returns the exit status, or -1 if it was killed. */
static inline int capture(void (*function)(void))
{
	int ends[2];
	int status;

	fflush(stdout);
	if (pipe(ends) < 0)
		abort();
	pid_t child = fork();
	if (child < 0)
		abort();
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		function();
		_exit(0);
	}
	close(ends[1]);
	captured_length = 0;
	for (;;) {
		ssize_t n = read(ends[0], captured + captured_length,
				 sizeof captured - 1 - captured_length);
		if (n <= 0)
			break;
		captured_length += (size_t)n;
	}
	captured[captured_length] = '\0';
	close(ends[0]);
	if (waitpid(child, &status, 0) < 0)
		abort();
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
