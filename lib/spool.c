#include "spool.h"
#include "buf.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct spool_segment {
	int fd;
	uint64_t length;
	uint64_t live; /* entries that are not dropped */
};

struct spool {
	size_t limit;
	size_t in_memory;
	struct spool_segment *current; /* takes new entries; NULL at first */
};

struct spool *spool_new(size_t limit)
{
	struct spool *s = mem_zero(1, sizeof *s);
	s->limit = limit;
	return s;
}

static void segment_free(struct spool_segment *segment)
{
	if (segment == NULL)
		return;
	close(segment->fd);
	free(segment);
}

/* Entries are dropped by their owners before. */
void spool_free(struct spool *s)
{
	if (s == NULL)
		return;
	segment_free(s->current);
	free(s);
}

static struct spool_segment *segment_new(void)
{
	const char *folder = getenv("TMPDIR");
	char path[4096];

	if (folder == NULL || *folder == '\0')
		folder = "/tmp";
	int n = snprintf(path, sizeof path, "%s/lb.XXXXXX", folder);
	if (n < 0 || (size_t)n >= sizeof path) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return NULL;
	unlink(path);
	struct spool_segment *segment = mem_zero(1, sizeof *segment);
	segment->fd = fd;
	return segment;
}

static int write_at(int fd, const char *data, size_t n, uint64_t offset)
{
	while (n > 0) {
		ssize_t written = pwrite(fd, data, n, (off_t)offset);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return -1;
		data += written;
		n -= (size_t)written;
		offset += (uint64_t)written;
	}
	return 0;
}

static int put_on_disk(struct spool *s, const void *data, size_t n, struct spool_entry *entry)
{
	struct spool_segment *segment = s->current;

	if (segment == NULL || (segment->length > 0 && segment->length + n > SPOOL_SEGMENT)) {
		segment = segment_new();
		if (segment == NULL)
			return -1;
		if (s->current != NULL && s->current->live == 0)
			segment_free(s->current);
		s->current = segment;
	}
	if (write_at(segment->fd, data, n, segment->length) < 0)
		return -1;
	*entry = (struct spool_entry){NULL, segment, segment->length, n};
	segment->length += n;
	segment->live++;
	return 0;
}

int spool_put(struct spool *s, const void *data, size_t n, struct spool_entry *entry)
{
	if (s->in_memory + n > s->limit)
		return put_on_disk(s, data, n, entry);
	*entry = (struct spool_entry){mem_copy(data, n), NULL, 0, n};
	s->in_memory += n;
	return 0;
}

int spool_get(const struct spool_entry *entry, struct buf *out)
{
	if (entry->memory != NULL) {
		buf_add(out, entry->memory, entry->length);
		return 0;
	}
	char *to = buf_reserve(out, entry->length);
	size_t done = 0;
	while (done < entry->length) {
		ssize_t n = pread(entry->segment->fd, to + done, entry->length - done,
		                  (off_t)(entry->offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n == 0 ? EIO : errno;
			return -1;
		}
		done += (size_t)n;
	}
	out->length += done;
	return 0;
}

void spool_drop(struct spool *s, struct spool_entry *entry)
{
	struct spool_segment *segment = entry->segment;

	if (entry->memory != NULL) {
		s->in_memory -= entry->length;
		free(entry->memory);
	} else if (segment != NULL && --segment->live == 0) {
		if (segment != s->current) {
			segment_free(segment);
		} else if (ftruncate(segment->fd, 0) == 0) {
			segment->length = 0;
		}
	}
	*entry = (struct spool_entry){0};
}
