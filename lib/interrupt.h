/*
 * interrupt: SIGINT, SIGTERM and SIGHUP as something that a poll loop can see. The first one asks
 * the tool to stop reading and finish, the second to give up what is in flight. A third one kills
 * it, should it be stuck.
 */
#ifndef INTERRUPT_H
#define INTERRUPT_H

/* Catch SIGINT, SIGTERM and SIGHUP unless they are ignored, ignore SIGPIPE (writes report EPIPE
 * instead). Exits on failure. */
void interrupt_init(void);

/* A descriptor that is readable from the first signal on, until interrupt_drain. */
int interrupt_fd(void);

/* Make interrupt_fd unreadable until the next signal. */
void interrupt_drain(void);

/* How many signals have come. */
int interrupt_count(void);

#endif
