/* child: a command with pipes to its stdin and from its stdout. */
#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct child {
	pid_t pid;       /* 0 when none runs */
	int in;          /* non-blocking, to its stdin; -1 when closed */
	int out;         /* non-blocking, from its stdout; -1 when closed */
	int back;        /* the other end of `in`, once that is closed; -1 if it cannot be had */
	int64_t pressed; /* clock_now time of the first child_press; 0 for none */
	int most;        /* ...the time that it gave, ms */
	unsigned terms;  /* ...and how often SIGTERM has been sent since */
};

/* One that does not run. */
#define CHILD_NONE ((struct child){0, -1, -1, -1, 0, 0, 0})

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

/*
 * Make it end; to be called again every few ms until it has. First it is ordered to (interrupt.h),
 * which is for the tools of this suite: they have their books to settle, and take no harm from what
 * follows. After a quarter of a second there is SIGTERM, to a command that takes the first for a
 * request again after half a second more, and when so many ms have passed as the first call gives,
 * or interrupt_time leaves, SIGKILL. Returns whether it has not come to that yet.
 */
bool child_press(struct child *c, int most);

/* Close all pipes, press it to end, within a second if nothing has begun to yet, and wait for its
 * end. */
void child_stop(struct child *c);

#endif
