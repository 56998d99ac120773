#include "mem.h"
#include "msg.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *check(void *p)
{
	if (p == NULL)
		msg_die(STATUS_SYSTEM, "out of memory");
	return p;
}

void *mem_alloc(size_t n)
{
	return check(malloc(n > 0 ? n : 1));
}

void *mem_zero(size_t count, size_t size)
{
	return check(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *mem_resize(void *old, size_t count, size_t size)
{
	if (size > 0 && count > SIZE_MAX / size)
		check(NULL);
	size_t n = count * size;
	return check(realloc(old, n > 0 ? n : 1));
}

char *mem_copy(const void *data, size_t n)
{
	char *copy = mem_alloc(n + 1);
	if (n > 0)
		memcpy(copy, data, n);
	copy[n] = '\0';
	return copy;
}
