#include "msg.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *name = "lb";
static void (*before_message)(void);

void msg_init(const char *argv0)
{
	const char *slash = argv0 != NULL ? strrchr(argv0, '/') : NULL;
	if (argv0 != NULL)
		name = slash != NULL ? slash + 1 : argv0;
}

const char *msg_name(void)
{
	return name;
}

void msg_set_before(void (*before)(void))
{
	before_message = before;
}

static bool is_c1(unsigned char c)
{
	return c >= 0x80 && c < 0xa0;
}

/* How many bytes a character of UTF-8 has behind its first. */
static size_t bytes_to_come(unsigned char first)
{
	if (first < 0xc2 || first > 0xf4)
		return 0;
	if (first < 0xe0)
		return 1;
	return first < 0xf0 ? 2 : 3;
}

/*
 * Append the text, of which each byte may take four, with control characters as \xNN: those of
 * ASCII, and U+0080 to U+009F, which terminals obey too (U+009B is ESC [), whether they stand there
 * as UTF-8 (C2 and the byte) or as that byte alone. Such a byte inside another character is text.
 * Returns the number of bytes appended.
 */
static size_t put_visible(char *out, const char *text, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	size_t length = 0;
	size_t pending = 0; /* bytes of a character of UTF-8 still to come */

	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)text[i];
		bool control = c < 0x20 || c == 0x7f || (is_c1(c) && pending == 0) ||
			       (c == 0xc2 && i + 1 < n && is_c1((unsigned char)text[i + 1]));
		if ((c & 0xc0) == 0x80)
			pending -= pending > 0;
		else
			pending = control ? 0 : bytes_to_come(c);
		if (!control) {
			out[length++] = (char)c;
			continue;
		}
		memcpy(out + length, "\\x", 2);
		out[length + 2] = hex[c >> 4];
		out[length + 3] = hex[c & 15];
		length += 4;
	}
	return length;
}

static void say(const char *format, va_list args)
{
	char text[2048];
	char line[sizeof text * 4 + 256];
	size_t n = 0;

	if (before_message != NULL)
		before_message();
	vsnprintf(text, sizeof text, format, args);
	n += put_visible(line + n, name, strnlen(name, 50));
	line[n++] = ':';
	line[n++] = ' ';
	n += put_visible(line + n, text, strlen(text));
	line[n++] = '\n';
	/* One write, so that lines of several processes do not mix. There is nowhere to report
	 * that stderr itself cannot be written. */
	ssize_t written = write(STDERR_FILENO, line, n);
	(void)written;
}

void msg_warn(const char *format, ...)
{
	int saved = errno;
	va_list args;
	va_start(args, format);
	say(format, args);
	va_end(args);
	errno = saved;
}

void msg_die(enum msg_status status, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say(format, args);
	va_end(args);
	exit((int)status);
}
