/* hash: SHA-256 (FIPS 180-4), by libcrypto. Not for several threads. */
#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SIZE 32

/* The digest of n bytes. */
void hash_bytes(const void *data, size_t n, unsigned char digest[HASH_SIZE]);

/* The first 8 bytes of a digest as a number, and the first `bytes` of it as lower-case hexadecimal
 * with a NUL behind them: text has room for 2 * bytes + 1. */
uint64_t hash_number(const unsigned char digest[HASH_SIZE]);
void hash_text(const unsigned char digest[HASH_SIZE], size_t bytes, char *text);

#endif
