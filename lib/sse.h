/*
 * sse: the event stream of the HTML standard (section 9.2, "Server-sent events"), as far as LLM
 * providers use it: lines in, the data of one event at a time out. id and retry are ignored, since
 * nobody reconnects to an answer.
 */
#ifndef SSE_H
#define SSE_H

#include "buf.h"

#include <stdbool.h>

struct sse {
	struct buf line;  /* an unfinished line */
	struct buf data;  /* the data lines of the event so far, joined by newlines */
	struct buf event; /* its name, empty if it has none */
	bool any_data;
	bool after_return; /* the last byte was a CR, whose LF may follow */
	bool past_first;   /* the first line, which may start with a byte-order mark, is done */
};

/* Called for each event with data. Returns 0 to go on or -1 to stop. */
typedef int sse_event(void *context, const struct buf *name, const struct buf *data);

/* Feed n bytes. Returns 0, or -1 when the callback returned -1; the stream is over then, and takes
 * no more. A zeroed struct is a new stream. */
int sse_feed(struct sse *s, const char *bytes, size_t n, sse_event *on_event, void *context);

/*
 * The end of the stream. The standard drops an event without the blank line behind it, but some
 * servers leave that line, or even the newline, out after their last "data: [DONE]": deliver what
 * stands there, for the callback to judge whether it is whole. Returns as sse_feed does.
 */
int sse_end(struct sse *s, sse_event *on_event, void *context);

void sse_free(struct sse *s);

#endif
