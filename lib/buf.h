/*
 * buf: growable bytes.
 *
 * Invariants: data is NULL or holds capacity bytes; length <= capacity; what is behind length is
 * undefined (there is no NUL unless buf_string put one there). A zeroed struct is an empty buffer.
 * Inputs are bounded, so no buffer needs to pass BUF_CEILING; one that would ends the program with
 * status 4, as running out of memory does.
 */
#ifndef BUF_H
#define BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define BUF_CEILING ((size_t)1 << 31)

struct buf {
	char *data;
	size_t length;
	size_t capacity;
};

/* Free the bytes and leave an empty buffer. */
void buf_free(struct buf *b);

/* Forget the contents and keep the memory. */
void buf_clear(struct buf *b);

/* Make room for n more bytes; returns where they go. Raise b->length after filling them. */
char *buf_reserve(struct buf *b, size_t n);

/* Append n bytes, a C string, one byte, or formatted text. */
void buf_add(struct buf *b, const void *data, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append a number that is not negative in decimal: what a record's path uses instead of a format.
 */
void buf_addn(struct buf *b, uint64_t n);

/* Remove the first n bytes. */
void buf_consume(struct buf *b, size_t n);

/* The contents with a NUL behind them (not counted in length). Valid until the next change. */
char *buf_string(struct buf *b);

#endif
