/*
 * interrupt: SIGINT, SIGTERM and SIGHUP as something that a poll loop can see. The first one asks
 * the tool to stop reading and finish, the second to give up what is in flight. A third one kills
 * it, should it be stuck.
 *
 * A tool that is wrapped around another one may ask it to stop, which counts as a first signal,
 * never as a second. The signal for it is SIGURG, since a command that is none of ours ignores
 * that: it would not finish what it has in flight if it got SIGTERM.
 */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include <stdbool.h>
#include <sys/types.h>

/* Catch SIGINT, SIGTERM and SIGHUP unless they are ignored, ignore SIGPIPE (writes report EPIPE
 * instead). Exits on failure. */
void interrupt_init(void);

/* A descriptor that is readable from the first signal on, until interrupt_drain. */
int interrupt_fd(void);

/* Make interrupt_fd unreadable until the next signal. */
void interrupt_drain(void);

/* How many signals have come. */
int interrupt_count(void);

/* Ask a child to stop. */
void interrupt_ask(pid_t child);

/* Has the parent asked so? */
bool interrupt_asked(void);

#endif
