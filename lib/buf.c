#include "buf.h"
#include "mem.h"
#include "msg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
	b->length = 0;
}

char *buf_reserve(struct buf *b, size_t n)
{
	if (b->capacity - b->length < n) {
		size_t want = b->length + n;
		if (n > BUF_CEILING || want > BUF_CEILING)
			msg_die(STATUS_SYSTEM, "out of memory: a buffer would pass 2 GiB");
		size_t grown = b->capacity + b->capacity / 2;
		b->capacity = want > grown ? want : grown;
		if (b->capacity < 64)
			b->capacity = 64;
		b->data = mem_resize(b->data, b->capacity, 1);
	}
	return b->data + b->length;
}

void buf_add(struct buf *b, const void *data, size_t n)
{
	if (n == 0)
		return;
	memcpy(buf_reserve(b, n), data, n);
	b->length += n;
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
	*buf_reserve(b, 1) = c;
	b->length++;
}

void buf_addf(struct buf *b, const char *format, ...)
{
	va_list args;
	size_t room = 64; /* most fit, and are formatted once */

	for (int attempt = 0; attempt < 2; attempt++) {
		char *to = buf_reserve(b, room);
		va_start(args, format);
		int n = vsnprintf(to, room, format, args);
		va_end(args);
		if (n <= 0)
			return;
		if ((size_t)n < room) {
			b->length += (size_t)n;
			return;
		}
		room = (size_t)n + 1;
	}
}

void buf_addn(struct buf *b, uint64_t n)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	buf_add(b, digits + at, sizeof digits - at);
}

void buf_consume(struct buf *b, size_t n)
{
	b->length -= n;
	if (n > 0 && b->length > 0)
		memmove(b->data, b->data + n, b->length);
}

char *buf_string(struct buf *b)
{
	*buf_reserve(b, 1) = '\0';
	return b->data;
}
