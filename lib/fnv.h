/* fnv: FNV-1a, 64 bits (Fowler, Noll, Vo; RFC 9923): a quick hash for tables. It is no secret and
 * no proof: whoever wants collisions can make them. */
#ifndef FNV_H
#define FNV_H

#include <stddef.h>
#include <stdint.h>

#define FNV_START UINT64_C(14695981039346656037)

/* The hash h, FNV_START at first, with n more bytes. */
uint64_t fnv_add(uint64_t h, const void *data, size_t n);

#endif
