/* base64: RFC 4648, section 4, with padding. */
#ifndef BASE64_H
#define BASE64_H

#include <stddef.h>

struct buf;

/* Append the encoding of n bytes. */
void base64_encode(struct buf *out, const void *data, size_t n);

#endif
