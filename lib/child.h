/* child: a command with pipes to its stdin and from its stdout. */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child {
	pid_t pid; /* 0 when none runs */
	int in;    /* non-blocking, to its stdin; -1 when closed */
	int out;   /* non-blocking, from its stdout; -1 when closed */
	int back;  /* the other end of `in`, once that is closed; -1 if it cannot be had */
};

/* One that does not run. */
#define CHILD_NONE ((struct child){0, -1, -1, -1})

/*
 * Start argv (looked up in PATH). pipe_size, if not 0, asks for a smaller or larger pipe to its
 * stdin where the system can (best effort, bytes). Its signals have their default actions. Returns
 * 0, or -1 with errno: ENOENT when there is no such command.
 */
int child_start(struct child *c, char *const argv[], int pipe_size);

/* Close the pipe to its stdin, so that it sees the end of its input. */
void child_close_in(struct child *c);

/* Once it has ended: how many of the last bytes that were written to its stdin it left unread. They
 * are taken out, so that nobody reads them any more. 0 where that cannot be known. */
size_t child_take_back(struct child *c);

/* Close the pipe from its stdout. */
void child_close_out(struct child *c);

/* Has it ended? If so, sets *status to what waitpid gives. Does not wait. */
bool child_wait(struct child *c, int *status);

/* Close all pipes and send SIGTERM, to a command that takes the first for a request again after
 * half a second, and after a second SIGKILL; wait for its end. */
void child_stop(struct child *c);

#endif
