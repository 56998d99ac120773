/*
 * interrupt: SIGINT, SIGTERM and SIGHUP as something that a poll loop can see. The first one asks
 * the tool to stop reading and finish, the second to give up what is in flight. A third one kills
 * it, should it be stuck.
 *
 * A tool that is wrapped around another one may ask it to stop, which counts as a first signal,
 * never as a second; or order it to give up, which counts as a second, never as a third. The signal
 * for both is SIGURG, since a command that is none of ours ignores that: it would not finish what
 * it has in flight if it got SIGTERM. And SIGTERM would be a third signal, and kill, where the
 * terminal has given two to all of them already.
 *
 * An order says how much time there is, in the value that sigqueue(3) sends along. Each tool keeps
 * an eighth of it back and gives its own command the rest: with a command at the end that ignores
 * every signal, each of the tools around it has that killed before it is killed itself.
 */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include <stdbool.h>
#include <sys/types.h>

/* Catch SIGINT, SIGTERM and SIGHUP unless they are ignored, ignore SIGPIPE (writes report EPIPE
 * instead). Exits on failure. */
void interrupt_init(void);

/* A descriptor that is readable when a signal has come or a child has ended, until interrupt_drain.
 */
int interrupt_fd(void);

/* Make interrupt_fd unreadable until the next signal. */
void interrupt_drain(void);

/* How many signals have come, asking and orders taken for what they count as. */
int interrupt_count(void);

/* Ask a child to stop. */
void interrupt_ask(pid_t child);

/* Order a child to give up, and to be gone in so many ms from its first such order. */
void interrupt_order(pid_t child, int ms);

/* How many ms this tool has to see its own command gone: most, or less by the parent's order. */
int interrupt_time(int most);

/* Has the parent asked or ordered so? */
bool interrupt_asked(void);

#endif
