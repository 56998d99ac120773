#include "sse.h"

#include <string.h>

/* A blank line: deliver the event, if it has data, and start the next one. */
static int dispatch(struct sse *s, sse_event *on_event, void *context)
{
	int status = s->any_data ? on_event(context, &s->event, &s->data) : 0;

	buf_clear(&s->data);
	buf_clear(&s->event);
	s->any_data = false;
	return status;
}

/* The name of a field is this one; n is its length. */
static bool is_field(const char *line, size_t n, const char *name)
{
	return n == strlen(name) && memcmp(line, name, n) == 0;
}

static void take_field(struct sse *s, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	size_t name = colon != NULL ? (size_t)(colon - line) : n;
	size_t value = colon != NULL ? name + 1 : n;

	if (value < n && line[value] == ' ')
		value++;
	if (is_field(line, name, "data")) {
		if (s->any_data)
			buf_addc(&s->data, '\n');
		buf_add(&s->data, line + value, n - value);
		s->any_data = true;
	} else if (is_field(line, name, "event")) {
		buf_clear(&s->event);
		buf_add(&s->event, line + value, n - value);
	}
}

/* One line without its end. A comment is a line whose field has no name. */
static int take_line(struct sse *s, const char *line, size_t n, sse_event *on_event, void *context)
{
	if (!s->past_first) {
		s->past_first = true;
		if (n >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
			line += 3;
			n -= 3;
		}
	}
	if (n == 0)
		return dispatch(s, on_event, context);
	take_field(s, line, n);
	return 0;
}

/* As take_line, for a line whose last n bytes are these and whose others wait in s->line. */
static int end_line(struct sse *s, const char *rest, size_t n, sse_event *on_event, void *context)
{
	if (s->line.length == 0)
		return take_line(s, rest, n, on_event, context);
	buf_add(&s->line, rest, n);
	int status = take_line(s, s->line.data, s->line.length, on_event, context);
	buf_clear(&s->line);
	return status;
}

int sse_feed(struct sse *s, const char *bytes, size_t n, sse_event *on_event, void *context)
{
	const char *p = bytes;
	const char *end = bytes + n;

	while (p < end) {
		if (s->after_return) {
			s->after_return = false;
			if (*p == '\n') {
				p++;
				continue;
			}
		}
		const char *start = p;
		while (p < end && *p != '\n' && *p != '\r')
			p++;
		if (p == end) {
			buf_add(&s->line, start, (size_t)(p - start));
			break;
		}
		s->after_return = *p++ == '\r';
		if (end_line(s, start, (size_t)(p - 1 - start), on_event, context) < 0)
			return -1;
	}
	return 0;
}

int sse_end(struct sse *s, sse_event *on_event, void *context)
{
	if (s->line.length > 0 && end_line(s, "", 0, on_event, context) < 0)
		return -1;
	return dispatch(s, on_event, context);
}

void sse_free(struct sse *s)
{
	buf_free(&s->line);
	buf_free(&s->data);
	buf_free(&s->event);
	*s = (struct sse){0};
}
