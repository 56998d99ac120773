#include "line.h"
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void line_init(struct line_reader *r, int fd, size_t max)
{
	*r = (struct line_reader){.fd = fd, .max = max};
}

void line_free(struct line_reader *r)
{
	free(r->data);
	r->data = NULL;
}

/* Take the n bytes at start, and their newline if there is one, out of the buffer as a line.
 * Returns false if it is an empty one. */
static bool take(struct line_reader *r, size_t n, size_t newline, struct line *line)
{
	const char *text = r->data + r->start;
	size_t length = n;

	r->start += n + newline;
	r->searched = 0;
	r->number++;
	if (r->number == 1 && length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		length -= 3;
	}
	if (length > 0 && text[length - 1] == '\r')
		length--;
	*line = (struct line){text, length, r->number, length};
	while (length > 0 && (*text == ' ' || *text == '\t' || *text == '\r')) {
		text++;
		length--;
	}
	return length > 0;
}

/* The line has passed the limit: keep its start, and forget what more of it has come. */
static void drop_excess(struct line_reader *r)
{
	size_t have = r->end - r->start;

	r->dropping = true;
	if (have > LINE_KEPT) {
		r->dropped += have - LINE_KEPT;
		r->end = r->start + LINE_KEPT;
	}
	r->searched = r->end - r->start;
}

/* The end of an over-long line: n bytes of it are still in the buffer. */
static enum line_state take_long(struct line_reader *r, size_t n, size_t newline, struct line *line)
{
	uint64_t total = r->dropped + n;
	size_t kept = n < LINE_KEPT ? n : LINE_KEPT;

	r->number++;
	*line = (struct line){r->data + r->start, kept, r->number, total};
	r->start += n + newline;
	r->searched = 0;
	r->dropped = 0;
	r->dropping = false;
	return LINE_TOO_LONG;
}

enum line_state line_next(struct line_reader *r, struct line *line)
{
	for (;;) {
		size_t have = r->end - r->start;
		size_t newline = 1;
		size_t n;
		const char *stop = NULL;
		if (have > r->searched)
			stop = memchr(r->data + r->start + r->searched, '\n', have - r->searched);
		if (stop != NULL) {
			n = (size_t)(stop - (r->data + r->start));
		} else if (r->ended) {
			if (have == 0)
				return LINE_END;
			n = have;
			newline = 0;
		} else {
			r->searched = have;
			if (have > r->max || r->dropping)
				drop_excess(r);
			return LINE_NONE;
		}
		if (r->dropping || n > r->max)
			return take_long(r, n, newline, line);
		if (take(r, n, newline, line))
			return LINE_OK;
	}
}

int line_fill(struct line_reader *r, size_t most)
{
	size_t have = r->end - r->start;

	if (r->start > 0 && have > 0)
		memmove(r->data, r->data + r->start, have);
	r->start = 0;
	r->end = have;
	/* A line longer than what is asked for is gathered in reads as large as what is there
	 * already, so that the moves above stay linear. */
	if (most < have)
		most = have;
	if (r->capacity - r->end < most) {
		r->capacity = r->end + most;
		r->data = mem_resize(r->data, r->capacity, 1);
	}
	ssize_t n = read(r->fd, r->data + r->end, most);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
	if (n == 0)
		r->ended = true;
	r->end += (size_t)n;
	return 0;
}

void line_stop(struct line_reader *r)
{
	while (r->end > r->start && r->data[r->end - 1] != '\n')
		r->end--;
	r->searched = 0;
	r->dropping = false;
	r->ended = true;
}
