#include "ids.h"
#include "hash.h"
#include "mem.h"
#include "tempfile.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An open-addressed table with linear probing. A slot with a count of 0 is empty. */
struct slot {
	uint64_t hash;
	uint64_t count;
};

#define SLOTS_IN_MEMORY ((size_t)1 << 14)
#define RUN             64 /* slots read from the file at a time */

struct ids {
	struct slot *memory; /* the table, or NULL when it is in the file */
	int fd;
	size_t size; /* slots, a power of two */
	size_t used;
};

struct ids *ids_new(void)
{
	struct ids *s = mem_zero(1, sizeof *s);
	s->size = SLOTS_IN_MEMORY;
	s->memory = mem_zero(s->size, sizeof *s->memory);
	s->fd = -1;
	return s;
}

void ids_free(struct ids *s)
{
	if (s == NULL)
		return;
	if (s->fd >= 0)
		close(s->fd);
	free(s->memory);
	free(s);
}

static int read_slots(const struct ids *s, size_t at, size_t n, struct slot *slots)
{
	if (s->memory == NULL)
		return tempfile_read(s->fd, slots, n * sizeof *slots, at * sizeof *slots);
	memcpy(slots, s->memory + at, n * sizeof *slots);
	return 0;
}

static int write_slot(struct ids *s, size_t at, struct slot slot)
{
	if (s->memory == NULL)
		return tempfile_write(s->fd, &slot, sizeof slot, at * sizeof slot);
	s->memory[at] = slot;
	return 0;
}

/* Where the hash is, or the empty slot where it would go; *slot is what stands there. */
static int find(const struct ids *s, uint64_t hash, size_t *at, struct slot *slot)
{
	struct slot run[RUN];
	size_t start = (size_t)hash & (s->size - 1);

	for (;;) {
		size_t n = s->size - start < RUN ? s->size - start : RUN;
		if (s->memory != NULL)
			n = 1;
		if (read_slots(s, start, n, run) < 0)
			return -1;
		for (size_t i = 0; i < n; i++) {
			if (run[i].count != 0 && run[i].hash != hash)
				continue;
			*at = start + i;
			*slot = run[i];
			return 0;
		}
		start = (start + n) & (s->size - 1);
	}
}

/* Move to a table of four times the size, in a file. */
static int grow(struct ids *s)
{
	struct ids larger = {NULL, tempfile_open(), s->size * 4, s->used};
	struct slot run[RUN], there;
	size_t at;

	if (larger.fd < 0 || ftruncate(larger.fd, (off_t)(larger.size * sizeof *run)) < 0)
		goto failed;
	for (size_t start = 0; start < s->size; start += RUN) {
		if (read_slots(s, start, RUN, run) < 0)
			goto failed;
		for (size_t i = 0; i < RUN; i++)
			if (run[i].count != 0 && (find(&larger, run[i].hash, &at, &there) < 0 ||
						  write_slot(&larger, at, run[i]) < 0))
				goto failed;
	}
	if (s->fd >= 0)
		close(s->fd);
	free(s->memory);
	*s = larger;
	return 0;
failed:
	if (larger.fd >= 0)
		close(larger.fd);
	return -1;
}

/* Set an id's count, or add one to it where uses is 0; *count is what it is then. */
static int update(struct ids *s, const char *id, size_t n, uint64_t uses, uint64_t *count)
{
	unsigned char digest[HASH_SIZE];
	struct slot slot;
	size_t at;

	hash_bytes(id, n, digest);
	uint64_t hash = hash_number(digest);
	if (s->used >= s->size / 4 * 3 && grow(s) < 0)
		return -1;
	if (find(s, hash, &at, &slot) < 0)
		return -1;
	if (slot.count == 0)
		s->used++;
	slot.hash = hash;
	slot.count = uses > 0 ? uses : slot.count + 1;
	*count = slot.count;
	return write_slot(s, at, slot);
}

int ids_use(struct ids *s, const char *id, size_t n, uint64_t *uses)
{
	return update(s, id, n, 0, uses);
}

int ids_set(struct ids *s, const char *id, size_t n, uint64_t uses)
{
	uint64_t count;
	return update(s, id, n, uses, &count);
}
