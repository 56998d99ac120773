/*
 * stream: runs a table of event streams through assemble. Each is also fed byte by byte, with other
 * line ends, and cut at every byte: a cut one is never taken for a whole one.
 */
#ifndef STREAM_H
#define STREAM_H

#include "assemble.h"
#include "buf.h"
#include "json.h"
#include "mem.h"
#include "tap.h"

#include <stdlib.h>

struct stream {
	const char *name;
	const char *text;
	int status;
	const char *want; /* the body, or the reason */
};

/* The reasons that assemble_finish gives. */
#define EARLY   "stream ended early"
#define BAD     "bad event in stream"
#define STRANGE "unknown kind of stream"

/* An event; one with a name, which its data repeat; the end of a chat. */
#define D(json)       "data: " json "\n\n"
#define E(name, json) "event: " name "\ndata: {\"type\":\"" name "\"" json "}\n\n"
#define DONE          "data: [DONE]\n\n"

/* Assemble the first n bytes of a text in pieces of this size, each with an end of memory of its
 * own. Returns assemble_finish's status; out becomes the body or the reason. */
static inline int stream_run(const char *text, size_t n, size_t piece, struct buf *out)
{
	struct assemble *a = assemble_new();
	const char *reason = NULL;

	buf_clear(out);
	for (size_t i = 0; i < n; i += piece) {
		size_t length = n - i < piece ? n - i : piece;
		char *copy = mem_alloc(length);
		memcpy(copy, text + i, length);
		assemble_feed(a, copy, length);
		free(copy);
	}
	int status = assemble_finish(a, out, &reason);
	if (status < 0)
		buf_adds(out, reason);
	buf_string(out);
	assemble_free(a);
	return status;
}

/* The whole stream in pieces of one size. */
static inline void stream_whole(const struct stream *s, size_t piece, const char *how)
{
	struct buf out = {0};
	struct json_error error;
	int status = stream_run(s->text, strlen(s->text), piece, &out);

	tap_int(status, s->status, "%s, %s: status", s->name, how);
	tap_is(out.data, s->want, "%s, %s", s->name, how);
	if (status >= 0)
		tap_ok(json_check(out.data, out.length, NULL, NULL, 0, &error) == 0,
		       "%s, %s: is JSON", s->name, how);
	buf_free(&out);
}

/* Cut after each byte, a success or an error body must be the whole one's. */
static inline void stream_cuts(const struct stream *s)
{
	size_t n = strlen(s->text);
	size_t wrong = 0;
	struct buf out = {0};

	for (size_t cut = 0; cut < n; cut++) {
		int status = stream_run(s->text, cut, n + 1, &out);
		if (status >= 0 && (status != s->status || strcmp(out.data, s->want) != 0))
			wrong++;
	}
	tap_int((long long)wrong, 0, "%s, cut: is never taken for a whole one", s->name);
	buf_free(&out);
}

/* The same stream with CR LF. */
static inline void stream_line_ends(const struct stream *s)
{
	struct buf text = {0}, out = {0};

	for (const char *p = s->text; *p != '\0'; p++) {
		if (*p == '\n')
			buf_addc(&text, '\r');
		buf_addc(&text, *p);
	}
	tap_int(stream_run(text.data, text.length, 7, &out), s->status, "%s, with CR LF: status",
		s->name);
	tap_is(out.data, s->want, "%s, with CR LF", s->name);
	buf_free(&text);
	buf_free(&out);
}

static inline void stream_test(const struct stream *streams, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		stream_whole(&streams[i], strlen(streams[i].text) + 1, "at once");
		stream_whole(&streams[i], 1, "byte by byte");
		stream_line_ends(&streams[i]);
		stream_cuts(&streams[i]);
	}
}

#endif
