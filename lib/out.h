/*
 * out: buffered, checked output of lines.
 *
 * Lines gather until out_write is called: with OUT_WAIT it writes all of them, with OUT_TRY what
 * the descriptor takes without waiting, so that a slow reader never stops a program that has other
 * descriptors to look after. The descriptor's own flags are left alone, as other processes may
 * share them.
 */
#ifndef OUT_H
#define OUT_H

#include "buf.h"

#include <stdbool.h>

/* Write when this much has gathered. */
#define OUT_FULL ((size_t)64 * 1024)

enum out_mode { OUT_TRY, OUT_WAIT };

struct out {
	int fd;
	int try_fd;  /* the same pipe opened again for non-blocking writes, or -1 */
	bool waits;  /* may a write wait for a reader? false for files */
	int error;   /* errno of the write that failed, or 0; EPIPE when the reader has gone */
	size_t sent; /* bytes of pending that are written */
	struct buf pending;
};

/* Write to fd, which the caller closes unless out_close does. */
void out_init(struct out *o, int fd);

/*
 * Let a pipe hold two full writes, where the system allows it: its reader then has one to work on
 * while the next one gathers, instead of the two waiting for each other. A pipe that is larger
 * stays so. No more than that, as what is in a pipe is lost with its reader.
 */
void out_widen(struct out *o);

/* Append n bytes and a newline. */
void out_line(struct out *o, const void *text, size_t n);

/* The bytes that wait to be written. */
size_t out_pending(const struct out *o);

/* Returns 0, or -1 when a write has failed, now or before (o->error). A signal ends OUT_WAIT early,
 * with some still pending. */
int out_write(struct out *o, enum out_mode mode);

/* Forget what is not written. */
void out_drop(struct out *o);

/* Write what is left, close the descriptor, free. Returns 0, or -1 with errno from the first error.
 */
int out_close(struct out *o);

#endif
