/*
 * blob: bytes in an unlinked temporary file, for what may be large: uploads, results. Shared by
 * whoever needs them; the last one to drop it frees it. A file that cannot be written or read ends
 * the program with status 4.
 */
#ifndef BLOB_H
#define BLOB_H

#include <stddef.h>
#include <stdint.h>

struct blob;

/* A new, empty blob. The caller drops it. */
struct blob *blob_new(void);

/* One more that holds it. Returns it. */
struct blob *blob_share(struct blob *b);

/* One fewer; NULL is fine. */
void blob_drop(struct blob *b);

/* Append n bytes. */
void blob_add(struct blob *b, const void *data, size_t n);

/* The length in bytes. */
uint64_t blob_length(const struct blob *b);

/* Read n bytes that are there, from an offset on. */
void blob_read(struct blob *b, void *data, size_t n, uint64_t offset);

/* All of it, mapped into memory until it is freed; nothing may be appended any more. */
const char *blob_map(struct blob *b);

/* Give the memory back that it takes; it is read again when it is looked at. NULL is fine. */
void blob_rest(struct blob *b);

#endif
