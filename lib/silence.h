/*
 * silence: tells the user when a command gives no answers while the tool around it keeps its input
 * open. One that answers only at the end of its input, and the tool, would wait for each other
 * without a word. Pure but for the message.
 */
#ifndef SILENCE_H
#define SILENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct silence {
	int64_t since; /* clock_now time */
	bool told;
};

/* The command has answered, or from now on its input is kept open for nothing but its answers. */
void silence_break(struct silence *q, int64_t now);

/* To be called while its input is kept open, with so many records in it. After half a minute of
 * silence it is said, once, what to do. Returns when to be called again though nothing happens
 * (clock_now time), INT64_MAX for not at all. */
int64_t silence_check(struct silence *q, size_t in_command, int64_t now);

#endif
