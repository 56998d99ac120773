/*
 * spool: bytes that must be remembered for a while, in memory up to a limit and beyond it in
 * unlinked temporary files, so that what waits may be far larger than memory.
 *
 * A file is a segment of up to SPOOL_SEGMENT bytes, or one larger entry; when the last of its
 * entries is dropped, its space goes back to the system.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct spool;
struct spool_segment;

#define SPOOL_MEMORY  ((size_t)16 << 20)
#define SPOOL_SEGMENT ((uint64_t)64 << 20)

/* One entry: in memory, or in a segment at an offset. A zeroed one is no entry. */
struct spool_entry {
	char *memory;
	struct spool_segment *segment;
	uint64_t offset;
	size_t length;
};

/* Keep up to limit bytes in memory. */
struct spool *spool_new(size_t limit);
void spool_free(struct spool *s);

/* Remember n bytes. Returns 0, or -1 with errno when the temporary file cannot be written. */
int spool_put(struct spool *s, const void *data, size_t n, struct spool_entry *entry);

/* Append an entry's bytes to out. Returns 0, or -1 with errno. */
int spool_get(const struct spool_entry *entry, struct buf *out);

/* Forget an entry, and zero it. */
void spool_drop(struct spool *s, struct spool_entry *entry);

#endif
