#include "blob.h"
#include "buf.h"
#include "mem.h"
#include "msg.h"
#include "tempfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define GATHER ((size_t)64 << 10) /* bytes that gather before they are written */

struct blob {
	int fd;
	unsigned holders;
	uint64_t written;
	struct buf pending;
	void *map; /* NULL: not mapped */
};

_Noreturn static void fail(const char *what)
{
	msg_die(STATUS_SYSTEM, "cannot %s a temporary file in %s: %s", what, tempfile_folder(),
		strerror(errno));
}

struct blob *blob_new(void)
{
	struct blob *b = mem_zero(1, sizeof *b);

	b->fd = tempfile_open();
	if (b->fd < 0)
		fail("make");
	b->holders = 1;
	return b;
}

struct blob *blob_share(struct blob *b)
{
	b->holders++;
	return b;
}

void blob_drop(struct blob *b)
{
	if (b == NULL || --b->holders > 0)
		return;
	if (b->map != NULL)
		munmap(b->map, (size_t)b->written);
	close(b->fd);
	buf_free(&b->pending);
	free(b);
}

static void flush(struct blob *b)
{
	if (tempfile_write(b->fd, b->pending.data, b->pending.length, b->written) < 0)
		fail("write");
	b->written += b->pending.length;
	b->pending.length = 0;
}

void blob_add(struct blob *b, const void *data, size_t n)
{
	buf_add(&b->pending, data, n);
	if (b->pending.length >= GATHER)
		flush(b);
}

uint64_t blob_length(const struct blob *b)
{
	return b->written + b->pending.length;
}

void blob_read(struct blob *b, void *data, size_t n, uint64_t offset)
{
	flush(b);
	if (tempfile_read(b->fd, data, n, offset) < 0)
		fail("read");
}

const char *blob_map(struct blob *b)
{
	flush(b);
	buf_free(&b->pending);
	if (b->map == NULL && b->written > 0) {
		b->map = mmap(NULL, (size_t)b->written, PROT_READ, MAP_SHARED, b->fd, 0);
		if (b->map == MAP_FAILED)
			fail("map");
	}
	return b->map;
}

void blob_rest(struct blob *b)
{
	if (b == NULL)
		return;
	flush(b);
	buf_free(&b->pending);
	if (b->map != NULL)
		madvise(b->map, (size_t)b->written, MADV_DONTNEED);
}
