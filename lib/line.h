/*
 * line: reads lines from a descriptor, in bounded memory, without ever waiting more than one
 * read(2).
 *
 * A reader asks line_next for lines until it answers LINE_NONE, then calls line_fill, when poll
 * says that there is something to read or when it may wait. Empty lines are skipped, CR LF and a
 * byte-order mark at the start are accepted, and the last line needs no newline.
 */
#ifndef LINE_H
#define LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What of an over-long line is kept. */
#define LINE_KEPT 4096

/* What one read should ask for: a lot when only throughput matters, a page when every line that is
 * read ahead is a promise (lbcall with requests in flight). */
#define LINE_READ_BULK ((size_t)128 * 1024)
#define LINE_READ_PAGE ((size_t)4096)

enum line_state {
	LINE_NONE,     /* no whole line in memory: call line_fill */
	LINE_OK,       /* a line */
	LINE_TOO_LONG, /* a line over the limit; text is its first LINE_KEPT bytes */
	LINE_END       /* the input has ended */
};

struct line {
	const char *text; /* without its newline; valid until the next call on the reader */
	size_t length;
	uint64_t number; /* from 1, empty lines counted */
	uint64_t total;  /* the whole line's length, beyond length for LINE_TOO_LONG */
};

struct line_reader {
	int fd;
	size_t max;
	char *data;
	size_t start, end, capacity;
	size_t searched; /* no newline in the first bytes from start on */
	uint64_t number;
	uint64_t dropped; /* bytes of an over-long line left out so far */
	bool dropping;
	bool ended;
};

/* A reader of lines up to max bytes. It does not own the descriptor. */
void line_init(struct line_reader *r, int fd, size_t max);
void line_free(struct line_reader *r);

/* The next line that is in memory. */
enum line_state line_next(struct line_reader *r, struct line *line);

/* One read(2) of about most bytes, more while a long line is being gathered. Returns 0, also when
 * there was nothing to read on a non-blocking descriptor or a signal came; -1 with errno. */
int line_fill(struct line_reader *r, size_t most);

/* Read no more: what is in memory ends with its last newline. For after an error, which may have
 * cut a line short. */
void line_stop(struct line_reader *r);

#endif
