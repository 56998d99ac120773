/* Event streams as the HTML standard reads them, whatever pieces they come in. */
#include "sse.h"
#include "tap.h"

#include <stdlib.h>

/* Each event becomes "name=data;", with line feeds in the data shown as they are. */
static int collect(void *context, const struct buf *name, const struct buf *data)
{
	struct buf *events = context;

	buf_add(events, name->data, name->length);
	buf_addc(events, '=');
	buf_add(events, data->data, data->length);
	buf_addc(events, ';');
	return 0;
}

/* Feed the text in pieces of this size, each at the end of memory of its own; end says whether to
 * call sse_end. */
static void run(struct buf *events, const char *text, size_t n, size_t piece, bool end)
{
	struct sse s = {0};

	buf_adds(events, "");
	for (size_t i = 0; i < n; i += piece) {
		size_t length = n - i < piece ? n - i : piece;
		char *copy = malloc(length);
		if (copy == NULL)
			abort();
		memcpy(copy, text + i, length);
		sse_feed(&s, copy, length, collect, events);
		free(copy);
	}
	if (end)
		sse_end(&s, collect, events);
	sse_free(&s);
}

static const struct {
	const char *name;
	const char *text;
	const char *events;
	const char *at_end; /* what sse_end delivers on top, "" for nothing */
} cases[] = {
    {"an event", "data: a\n\n", "=a;", ""},
    {"the space behind the colon is optional", "data:a\n\n", "=a;", ""},
    {"and only one is taken", "data:  a\n\n", "= a;", ""},
    {"two events", "data: a\n\ndata: b\n\n", "=a;=b;", ""},
    {"lines end in CR LF", "data: a\r\n\r\ndata: b\r\n\r\n", "=a;=b;", ""},
    {"lines end in CR", "data: a\r\rdata: b\r\r", "=a;=b;", ""},
    {"lines end as they like", "data: a\r\n\ndata: b\n\rdata: c\r\r\n", "=a;=b;=c;", ""},
    {"data of several lines is joined", "data: a\ndata: b\ndata\ndata: d\n\n", "=a\nb\n\nd;", ""},
    {"CR LF inside an event is one line end", "data: a\r\ndata: b\r\n\r\n", "=a\nb;", ""},
    {"names", "event: x\ndata: a\n\ndata: b\n\n", "x=a;=b;", ""},
    {"the last name counts", "event: x\nevent:y\ndata: a\n\n", "y=a;", ""},
    {"a name without data is no event", "event: x\n\ndata: a\n\n", "=a;", ""},
    {"comments are skipped", ": OPENROUTER PROCESSING\n\n:\ndata: a\n: b\n\n", "=a;", ""},
    {"id, retry and unknown fields are skipped", "id: 1\nretry: 9\nfoo: 2\ndata: a\n\n", "=a;", ""},
    {"names of fields are exact", "Data: a\n data: b\ndata : c\ndatab: d\ndat: e\n\n", "", ""},
    {"empty data is an event", "data:\n\ndata\n\n", "=;=;", ""},
    {"blank lines alone are none", "\n\n\r\n\r\r", "", ""},
    {"a byte-order mark at the start",
     "\xef\xbb\xbf"
     "data: a\n\n",
     "=a;", ""},
    {"only at the start",
     "data: a\n\n\xef\xbb\xbf"
     "data: b\n\n",
     "=a;", ""},
    {"only one",
     "\xef\xbb\xbf\xef\xbb\xbf"
     "data: a\n\n",
     "", ""},
    {"colons in data", "data: a: b:c\n\n", "=a: b:c;", ""},
    {"no blank line at the end", "data: a\n\ndata: [DONE]\n", "=a;", "=[DONE];"},
    {"no line end at the end", "data: a\n\ndata: [DONE]", "=a;", "=[DONE];"},
    {"CR at the end", "data: a\r\n\r\ndata: [DONE]\r", "=a;", "=[DONE];"},
    {"an unfinished line is a part of its event", "data: a\ndata: b", "", "=a\nb;"},
    {"an unfinished comment is nothing", "data: a\n\n: b", "=a;", ""},
    {"nothing", "", "", ""},
};

static void test_cases(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t n = strlen(cases[i].text);
		for (size_t piece = 1; piece <= n + 1; piece = piece < 4 ? piece + 1 : n + 1) {
			struct buf events = {0}, all = {0}, want = {0};
			run(&events, cases[i].text, n, piece, false);
			tap_is(buf_string(&events), cases[i].events, "%s, in pieces of %zu",
			       cases[i].name, piece);
			run(&all, cases[i].text, n, piece, true);
			buf_adds(&want, cases[i].events);
			buf_adds(&want, cases[i].at_end);
			tap_is(buf_string(&all), buf_string(&want),
			       "%s, and the end, in pieces of %zu", cases[i].name, piece);
			buf_free(&events);
			buf_free(&all);
			buf_free(&want);
			if (piece > n)
				break;
		}
	}
}

static void test_nul(void)
{
	static const char text[] = "data: a\0b\n\n";
	struct buf events = {0};

	run(&events, text, sizeof text - 1, 3, false);
	tap_bytes(events.data, events.length, "=a\0b;", 5, "a NUL is a byte like others");
	buf_free(&events);
}

static int stop_at_second(void *context, const struct buf *name, const struct buf *data)
{
	int *count = context;

	(void)name;
	(void)data;
	return ++*count == 2 ? -1 : 0;
}

static void test_stop(void)
{
	static const char text[] = "data: 1\n\ndata: 2\n\ndata: 3\n\n";
	struct sse s = {0};
	int count = 0;

	tap_int(sse_feed(&s, text, sizeof text - 1, stop_at_second, &count), -1,
		"a callback that says stop ends the feed");
	tap_int(count, 2, "and is not called again");
	sse_free(&s);

	count = 1;
	tap_int(sse_feed(&s, "data: 2", 7, stop_at_second, &count), 0,
		"a freed stream starts anew");
	tap_int(sse_end(&s, stop_at_second, &count), -1, "the end passes a stop on as well");
	sse_free(&s);
}

int main(void)
{
	test_cases();
	test_nul();
	test_stop();
	return tap_done();
}
