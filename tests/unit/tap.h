/*
 * tap: checks that print TAP (https://testanything.org), one line a check, and the plan at the end.
 *
 *     tap_int(buf.length, 3, "adding bytes adds to the length");
 *     return tap_done();
 *
 * Each function takes a printf format for the name of the check; the name says the promise. A
 * failed check prints what it got and what it wanted and lets the program go on.
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count;
static int tap_failures;

/* How many bytes of a value a diagnostic shows. */
#define TAP_SHOWN 400

/* "ok 7 - the name", with newlines and the "#" that begins a TAP directive made harmless. */
static inline void tap_line(bool ok, const char *format, va_list args)
{
	char name[512];

	vsnprintf(name, sizeof name, format, args);
	for (char *p = name; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '#')
			*p = '.';
	tap_count++;
	if (!ok)
		tap_failures++;
	printf("%sok %d - %s\n", ok ? "" : "not ", tap_count, name);
	fflush(stdout);
}

/* "# got: 12 bytes: ab\x00", one line whatever the bytes are. */
static inline void tap_show(const char *label, const void *data, size_t n)
{
	const unsigned char *bytes = data;

	printf("# %s: ", label);
	if (data == NULL) {
		printf("(null)\n");
		return;
	}
	printf("%zu bytes: ", n);
	for (size_t i = 0; i < n && i < TAP_SHOWN; i++) {
		if (bytes[i] >= 0x20 && bytes[i] < 0x7f && bytes[i] != '\\')
			putchar(bytes[i]);
		else
			printf("\\x%02x", bytes[i]);
	}
	printf("%s\n", n > TAP_SHOWN ? "..." : "");
	fflush(stdout);
}

/* The condition holds. */
__attribute__((format(printf, 2, 3))) static inline void tap_ok(bool ok, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_line(ok, format, args);
	va_end(args);
}

/* Two strings, either of which may be NULL, are equal. */
__attribute__((format(printf, 3, 4))) static inline void tap_is(const char *got, const char *want,
								const char *format, ...)
{
	bool ok = got == want || (got != NULL && want != NULL && strcmp(got, want) == 0);
	va_list args;

	va_start(args, format);
	tap_line(ok, format, args);
	va_end(args);
	if (!ok) {
		tap_show("got", got, got != NULL ? strlen(got) : 0);
		tap_show("want", want, want != NULL ? strlen(want) : 0);
	}
}

/* Two integers are equal. */
__attribute__((format(printf, 3, 4))) static inline void tap_int(long long got, long long want,
								 const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_line(got == want, format, args);
	va_end(args);
	if (got != want) {
		printf("# got: %lld\n# want: %lld\n", got, want);
		fflush(stdout);
	}
}

/* n bytes are the same as m bytes. */
__attribute__((format(printf, 5, 6))) static inline void
tap_bytes(const void *got, size_t n, const void *want, size_t m, const char *format, ...)
{
	bool ok = n == m && (n == 0 || (got != NULL && want != NULL && memcmp(got, want, n) == 0));
	va_list args;

	va_start(args, format);
	tap_line(ok, format, args);
	va_end(args);
	if (!ok) {
		tap_show("got", got, n);
		tap_show("want", want, m);
	}
}

/* Print the plan. Returns the exit status: 0 if all checks held. */
static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	if (fflush(stdout) != 0)
		return 1;
	return tap_failures == 0 && tap_count > 0 ? 0 : 1;
}

#endif
