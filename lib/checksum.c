#include "checksum.h"

#include <xxhash.h>

uint64_t checksum_bytes(const void *data, size_t n, uint64_t seed)
{
	return XXH3_64bits_withSeed(data, n, seed);
}
