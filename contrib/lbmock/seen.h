/* seen: which strings have come before. It keeps 64 bits of each, so that one in 2^64 pairs passes
 * for equal. */
#ifndef SEEN_H
#define SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A zeroed struct has seen nothing. */
struct seen {
	uint64_t *slots; /* 0: free */
	size_t capacity; /* a power of two, or 0; never more than half full */
	size_t count;
};

/* Have these n bytes come before? If not, they have now. */
bool seen_before(struct seen *s, const void *data, size_t n);

/* Forget everything. */
void seen_free(struct seen *s);

#endif
