/* tempfile: an unlinked temporary file in $TMPDIR, with reads and writes that are whole or fail. */
#ifndef TEMPFILE_H
#define TEMPFILE_H

#include <stddef.h>
#include <stdint.h>

/* A new, empty file without a name. Returns its descriptor, or -1 with errno. */
int tempfile_open(void);

/* Can one be made? Returns 0, or -1 with errno. */
int tempfile_check(void);

/* The folder that they are made in. */
const char *tempfile_folder(void);

/* Write or read n bytes at an offset. Returns 0, or -1 with errno; a read past the end is EIO. */
int tempfile_write(int fd, const void *data, size_t n, uint64_t offset);
int tempfile_read(int fd, void *data, size_t n, uint64_t offset);

#endif
