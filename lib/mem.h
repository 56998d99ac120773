/*
 * mem: allocation that does not fail. Inputs are bounded, so running out of memory means that the
 * machine is out of memory: one message, exit status 4.
 */
#ifndef MEM_H
#define MEM_H

#include <stddef.h>

/* n bytes, uninitialised; n may be 0. The caller frees. */
void *mem_alloc(size_t n);

/* count times size bytes, zeroed. The caller frees. */
void *mem_zero(size_t count, size_t size);

/* Like realloc for an array of count elements of size bytes. */
void *mem_resize(void *old, size_t count, size_t size);

/* A copy of the n bytes at data, with a NUL behind them. The caller frees. */
char *mem_copy(const void *data, size_t n);

#endif
