#include "spool.h"
#include "buf.h"
#include "mem.h"
#include "tempfile.h"

#include <stdlib.h>
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
	int fd = tempfile_open();

	if (fd < 0)
		return NULL;
	struct spool_segment *segment = mem_zero(1, sizeof *segment);
	segment->fd = fd;
	return segment;
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
	if (tempfile_write(segment->fd, data, n, segment->length) < 0)
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
	if (tempfile_read(entry->segment->fd, to, entry->length, entry->offset) < 0)
		return -1;
	out->length += entry->length;
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
