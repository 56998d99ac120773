#include "hash.h"

#include <openssl/sha.h>

void hash_bytes(const void *data, size_t n, unsigned char digest[HASH_SIZE])
{
	SHA256(data, n, digest);
}

uint64_t hash_number(const unsigned char digest[HASH_SIZE])
{
	uint64_t n = 0;
	for (int i = 0; i < 8; i++)
		n = n << 8 | digest[i];
	return n;
}

void hash_text(const unsigned char digest[HASH_SIZE], size_t bytes, char *text)
{
	static const char hex[] = "0123456789abcdef";
	for (size_t i = 0; i < bytes; i++) {
		*text++ = hex[digest[i] >> 4];
		*text++ = hex[digest[i] & 15];
	}
	*text = '\0';
}
