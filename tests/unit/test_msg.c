/* Messages on stderr: one line each, and nothing in them that a terminal would obey. */
#include "msg.h"
#include "capture.h"
#include "tap.h"

#include <errno.h>

static void warn_plain(void)
{
	msg_init("/usr/local/bin/lbtool");
	msg_warn("line %d: %s", 12, "no such thing");
}

static void warn_controls(void)
{
	msg_init("lbtool");
	msg_warn("a\nb\r\t\x1b[31mred\x7f\a");
}

static void warn_utf8(void)
{
	msg_init("lbtool");
	/* U+009B is the one-character form of ESC [; U+00A0 and what is behind it is text. */
	msg_warn("caf\xc3\xa9 \xe2\x82\xac \xc2\x9b"
		 "31m \xc2\x80 \xc2\x9f \xc2\xa0");
}

static void warn_raw(void)
{
	msg_init("lbtool");
	msg_warn("\x9b\x31m \xff \xc2");
}

static void warn_name(void)
{
	msg_init("bin/x\033y\nz");
	msg_warn("m");
}

static void warn_long(void)
{
	static char text[100001];
	memset(text, '\x01', sizeof text - 1);
	msg_init("lbtool");
	msg_warn("%s", text);
}

static void warn_long_name(void)
{
	static char text[5000];
	memset(text, '\x01', sizeof text - 1);
	msg_init(text);
	msg_warn("m");
}

static void warn_percent(void)
{
	msg_init("lbtool");
	msg_warn("%s", "100%s %n");
}

static void warn_without_name(void)
{
	msg_init(NULL);
	msg_warn("m");
}

static void before(void)
{
	if (write(STDERR_FILENO, "<", 1) != 1)
		abort();
}

static void warn_before(void)
{
	msg_init("lbtool");
	msg_set_before(before);
	msg_warn("one");
	msg_set_before(NULL);
	msg_warn("two");
}

static void die_system(void)
{
	msg_init("lbtool");
	msg_die(STATUS_SYSTEM, "disk %s", "full");
}

static void die_usage(void)
{
	msg_init("lbtool");
	msg_die(STATUS_USAGE, "no");
}

int main(void)
{
	capture(warn_plain);
	tap_is(captured, "lbtool: line 12: no such thing\n",
	       "the name without its path, the text, a line");
	capture(warn_controls);
	tap_is(captured, "lbtool: a\\x0ab\\x0d\\x09\\x1b[31mred\\x7f\\x07\n",
	       "control characters are made visible");
	capture(warn_utf8);
	tap_is(captured,
	       "lbtool: caf\xc3\xa9 \xe2\x82\xac \\xc2\\x9b31m \\xc2\\x80 \\xc2\\x9f \xc2\xa0\n",
	       "text beyond ASCII stays, the control characters among it do not");
	capture(warn_raw);
	tap_is(captured, "lbtool: \\x9b1m \xff \xc2\n", "nor the same as single bytes");
	capture(warn_name);
	tap_is(captured, "x\\x1by\\x0az: m\n", "nor those of the name");
	capture(warn_long);
	tap_ok(captured_length > 1000 && captured_length < 20000 &&
		   captured[captured_length - 1] == '\n' && strchr(captured, '\x01') == NULL,
	       "a long message is cut, is still one line, and is still safe");
	capture(warn_long_name);
	tap_ok(captured_length > 3 && captured_length < 1000 &&
		   strcmp(captured + captured_length - 4, ": m\n") == 0,
	       "a long name is cut and leaves room for the message");
	capture(warn_percent);
	tap_is(captured, "lbtool: 100%s %n\n", "data is no format");
	capture(warn_without_name);
	tap_is(captured, "lb: m\n", "without argv[0] there is a name all the same");
	capture(warn_before);
	tap_is(captured, "<lbtool: one\nlbtool: two\n",
	       "the hook runs before each message until it is taken off");
	tap_int(capture(die_system), 4, "msg_die leaves with the status");
	tap_is(captured, "lbtool: disk full\n", "and its message");
	tap_int(capture(die_usage), 2, "another status");
	int saved = dup(STDERR_FILENO);
	close(STDERR_FILENO);
	errno = ENOSPC;
	msg_warn("nobody reads this");
	tap_int(errno, ENOSPC, "errno is kept, even where stderr cannot be written");
	dup2(saved, STDERR_FILENO);
	close(saved);
	msg_init("a/b/lbtool");
	tap_is(msg_name(), "lbtool", "the name can be asked for");
	return tap_done();
}
