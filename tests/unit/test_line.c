#include "buf.h"
#include "line.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

/* A pipe that the reader does not wait on. */
static void open_pipe(int ends[2])
{
	if (pipe(ends) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
		abort();
}

static void put(int fd, const char *text, size_t n)
{
	if (n > 0 && write(fd, text, n) != (ssize_t)n)
		abort();
}

/* The lines that are in memory, each as "NUMBER:TEXT|" or, if too long, "NUMBER!TEXT/TOTAL|".
 * Returns the state that they ended in. */
static enum line_state drain(struct line_reader *r, struct buf *out)
{
	struct line line;
	enum line_state state;

	while ((state = line_next(r, &line)) == LINE_OK || state == LINE_TOO_LONG) {
		buf_addf(out, "%" PRIu64 "%c", line.number, state == LINE_OK ? ':' : '!');
		buf_add(out, line.text, line.length);
		if (state == LINE_TOO_LONG)
			buf_addf(out, "/%" PRIu64, line.total);
		buf_addc(out, '|');
	}
	return state;
}

/* Read a text that arrives in two pieces, then its end. */
static void read_split(const char *text, size_t n, size_t split, size_t max, struct buf *out)
{
	struct line_reader r;
	int ends[2];

	buf_clear(out);
	open_pipe(ends);
	line_init(&r, ends[0], max);
	put(ends[1], text, split);
	line_fill(&r, 4096);
	drain(&r, out);
	put(ends[1], text + split, n - split);
	close(ends[1]);
	do
		line_fill(&r, 4096);
	while (drain(&r, out) == LINE_NONE);
	line_free(&r);
	close(ends[0]);
}

#define TEXT(literal) (literal), sizeof(literal) - 1

static void test_lines(void)
{
	static const struct {
		const char *name, *text;
		size_t n, max;
		const char *want;
		size_t want_n;
	} cases[] = {
	    {"nothing", TEXT(""), 100, TEXT("")},
	    {"one line", TEXT("abc\n"), 100, TEXT("1:abc|")},
	    {"the last one without a newline", TEXT("abc\ndef"), 100, TEXT("1:abc|2:def|")},
	    {"CR LF", TEXT("abc\r\ndef\r\n"), 100, TEXT("1:abc|2:def|")},
	    {"a CR at the end of the input", TEXT("abc\r"), 100, TEXT("1:abc|")},
	    {"a CR inside stays", TEXT("a\rb\n"), 100, TEXT("1:a\rb|")},
	    {"empty lines are skipped and counted", TEXT("\n\na\n\n\r\nb\n\n"), 100,
	     TEXT("3:a|6:b|")},
	    {"lines of white space are skipped", TEXT(" \t \na\n\t\n"), 100, TEXT("2:a|")},
	    {"white space around a line stays", TEXT("  a \t\n"), 100, TEXT("1:  a \t|")},
	    {"a byte-order mark", TEXT("\xef\xbb\xbf{}\n"), 100, TEXT("1:{}|")},
	    {"a byte-order mark and nothing else", TEXT("\xef\xbb\xbf\nb\n"), 100, TEXT("2:b|")},
	    {"a byte-order mark on line 2 is text", TEXT("a\n\xef\xbb\xbf{}\n"), 100,
	     TEXT("1:a|2:\xef\xbb\xbf{}|")},
	    {"NUL bytes", TEXT("a\0b\n\0\n"), 100, TEXT("1:a\0b|2:\0|")},
	    {"a line at the limit", TEXT("12345\n12345"), 5, TEXT("1:12345|2:12345|")},
	    {"a line over the limit", TEXT("123456\nab\n"), 5, TEXT("1!123456/6|2:ab|")},
	    {"over the limit at the end of the input", TEXT("ab\n123456"), 5,
	     TEXT("1:ab|2!123456/6|")},
	    {"two over the limit", TEXT("1234567\nabcdefgh\nx\n"), 5,
	     TEXT("1!1234567/7|2!abcdefgh/8|3:x|")},
	};
	struct buf out = {0};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t wrong = 0;
		for (size_t split = 0; split <= cases[i].n; split++) {
			read_split(cases[i].text, cases[i].n, split, cases[i].max, &out);
			if (out.length != cases[i].want_n ||
			    (out.length > 0 && memcmp(out.data, cases[i].want, out.length) != 0)) {
				wrong++;
				tap_show("got", out.data, out.length);
			}
		}
		tap_int((long long)wrong, 0, "%s, however it is cut in two", cases[i].name);
	}
	buf_free(&out);
}

/* A line over the limit is counted, and its start kept, but not gathered. */
static void test_long(void)
{
	struct line_reader r;
	struct line line = {0};
	struct buf text = {0};
	int ends[2];
	const size_t total = 10000000;

	open_pipe(ends);
	line_init(&r, ends[0], 100000);
	enum line_state state = LINE_NONE;
	buf_adds(&text, "begin");
	while (text.length < 50000)
		buf_addc(&text, 'x');
	for (size_t sent = 0; sent < total && state == LINE_NONE; sent += text.length) {
		put(ends[1], text.data, text.length);
		line_fill(&r, LINE_READ_BULK);
		state = line_next(&r, &line);
		memset(text.data, 'y', text.length);
	}
	put(ends[1], "\nnext\n", 6);
	while (state == LINE_NONE) {
		line_fill(&r, LINE_READ_PAGE);
		state = line_next(&r, &line);
	}
	tap_int(state, LINE_TOO_LONG, "ten megabytes over a limit of a tenth are too long");
	tap_int((long long)line.total, (long long)total, "its length is told");
	tap_int((long long)line.length, LINE_KEPT, "4,096 bytes of it are kept");
	tap_ok(memcmp(line.text, "beginxxx", 8) == 0, "they are its first");
	tap_int((long long)line.number, 1, "it counts as one line");
	tap_ok(r.capacity < 1000000, "it was not gathered in memory (%zu bytes)", r.capacity);
	while ((state = line_next(&r, &line)) == LINE_NONE)
		line_fill(&r, LINE_READ_BULK);
	tap_ok(state == LINE_OK && line.length == 4 && memcmp(line.text, "next", 4) == 0,
	       "the line after it is read");
	line_free(&r);
	close(ends[0]);
	close(ends[1]);
	buf_free(&text);
}

static void test_states(void)
{
	struct line_reader r;
	struct line line;
	int ends[2];

	open_pipe(ends);
	line_init(&r, ends[0], 100);
	tap_int(line_next(&r, &line), LINE_NONE, "nothing read yet: no line");
	tap_int(line_fill(&r, 4096), 0, "an empty pipe is no error");
	tap_int(line_next(&r, &line), LINE_NONE, "and no end");
	put(ends[1], "a\nb", 3);
	tap_int(line_fill(&r, 4096), 0, "reads");
	tap_int(line_next(&r, &line), LINE_OK, "a line");
	tap_int(line_next(&r, &line), LINE_NONE, "half a line is none");
	close(ends[1]);
	tap_int(line_fill(&r, 4096), 0, "the end is no error");
	tap_int(line_next(&r, &line), LINE_OK, "the half line is whole now");
	tap_int(line_next(&r, &line), LINE_END, "the end");
	tap_int(line_next(&r, &line), LINE_END, "stays the end");
	line_free(&r);
	close(ends[0]);
	line_init(&r, ends[0], 100);
	tap_ok(line_fill(&r, 4096) == -1 && errno == EBADF,
	       "a descriptor that cannot be read: -1 and errno");
	line_free(&r);
}

/* One read takes about what was asked for, since what is read ahead is a promise. */
static void test_bounded(void)
{
	struct line_reader r;
	struct line line;
	int ends[2];
	char text[20000];

	memset(text, '\n', sizeof text);
	for (size_t i = 0; i < sizeof text; i += 10)
		memcpy(text + i, "123456789", 9);
	open_pipe(ends);
	put(ends[1], text, sizeof text);
	line_init(&r, ends[0], 1000);
	line_fill(&r, LINE_READ_PAGE);
	int count = 0;
	while (line_next(&r, &line) == LINE_OK)
		count++;
	tap_int(count, 409, "of 2,000 lines of ten bytes one read of a page takes 409");
	line_free(&r);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	test_lines();
	test_long();
	test_states();
	test_bounded();
	return tap_done();
}
