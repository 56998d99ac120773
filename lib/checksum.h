/* checksum: XXH3 with 64 bits (xxhash.com, format stable since 0.8.0), by libxxhash: tells bytes
 * that were damaged, at the speed of memory. No defence against who wants to deceive. */
#ifndef CHECKSUM_H
#define CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of n bytes. The seed is 0, or the checksum of what stands before them. */
uint64_t checksum_bytes(const void *data, size_t n, uint64_t seed);

#endif
