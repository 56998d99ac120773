#include "seen.h"
#include "fingerprint.h"
#include "mem.h"

#include <stdlib.h>

/* Where a hash is, or would go. */
static uint64_t *find_slot(const struct seen *s, uint64_t hash)
{
	size_t i = (size_t)hash & (s->capacity - 1);

	while (s->slots[i] != 0 && s->slots[i] != hash)
		i = (i + 1) & (s->capacity - 1);
	return &s->slots[i];
}

static void grow(struct seen *s)
{
	struct seen old = *s;

	s->capacity = old.capacity > 0 ? old.capacity * 2 : 64;
	s->slots = mem_zero(s->capacity, sizeof *s->slots);
	for (size_t i = 0; i < old.capacity; i++)
		if (old.slots[i] != 0)
			*find_slot(s, old.slots[i]) = old.slots[i];
	free(old.slots);
}

bool seen_before(struct seen *s, const void *data, size_t n)
{
	uint64_t hash = fingerprint_of(data, n);

	if (hash == 0)
		hash = 1;
	if (2 * s->count >= s->capacity)
		grow(s);
	uint64_t *slot = find_slot(s, hash);
	if (*slot == hash)
		return true;
	*slot = hash;
	s->count++;
	return false;
}

void seen_free(struct seen *s)
{
	free(s->slots);
	*s = (struct seen){0};
}
