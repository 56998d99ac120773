/*
 * fingerprint: a fast 64-bit hash of bytes, for telling requests apart, breaking ties and seeding
 * made-up data. Not collision resistant against an adversary.
 */
#ifndef FINGERPRINT_H
#define FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

/* The hash of n bytes; the same on every machine. */
uint64_t fingerprint_of(const void *data, size_t n);

#endif
