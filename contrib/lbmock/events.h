/*
 * events: server-sent events (WHATWG HTML, "Server-sent events"), as providers stream answers in.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* Begin an event: its "event:" line, unless name is NULL, and "data: ". JSON without newlines
 * follows. */
void events_begin(struct buf *out, const char *name);

/* End the event. */
void events_end(struct buf *out);

/* Take the next piece of a text, a few characters: *at and *length become what is left. False if
 * nothing was. */
bool events_piece(const char **at, size_t *left, const char **piece, size_t *length);

/* The length of the first event of n bytes of events, with the blank line behind it; n if there is
 * no such line. */
size_t events_event(const char *events, size_t n);

#endif
