/*
 * ids: remembers which ids have been given out, so that each can be made different from all before
 * it.
 *
 * It keeps a 64-bit hash and a count for each id, the first few thousand in memory and beyond that
 * in an unlinked temporary file, so that memory does not grow with the input. Two different ids
 * with the same hash (one chance in 37 million at a million ids) would only cost the second a
 * suffix that it did not need.
 */
#ifndef IDS_H
#define IDS_H

#include <stddef.h>
#include <stdint.h>

struct ids;

struct ids *ids_new(void);
void ids_free(struct ids *s);

/* Count one more use of the n bytes at id. Sets *uses to how many there have been with this one.
 * Returns 0, or -1 with errno when the temporary file fails. */
int ids_use(struct ids *s, const char *id, size_t n, uint64_t *uses);

/* Let an id that was used count as used this many times. Errors as above. */
int ids_set(struct ids *s, const char *id, size_t n, uint64_t uses);

#endif
