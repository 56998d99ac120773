/* pretty: JSON over several lines, two blanks a level, as some providers really send it. */
#ifndef PRETTY_H
#define PRETTY_H

#include <stddef.h>

struct buf;

/* Append the n bytes of compact JSON (no white space outside of strings) printed over lines. */
void pretty_write(struct buf *out, const char *json, size_t n);

#endif
