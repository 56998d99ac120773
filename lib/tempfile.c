#include "tempfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *tempfile_folder(void)
{
	const char *folder = getenv("TMPDIR");
	return folder != NULL && *folder != '\0' ? folder : "/tmp";
}

int tempfile_check(void)
{
	return access(tempfile_folder(), W_OK | X_OK);
}

int tempfile_open(void)
{
	char path[4096];
	int n = snprintf(path, sizeof path, "%s/lb.XXXXXX", tempfile_folder());

	if (n < 0 || (size_t)n >= sizeof path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0)
		unlink(path);
	return fd;
}

int tempfile_write(int fd, const void *data, size_t n, uint64_t offset)
{
	const char *from = data;

	while (n > 0) {
		ssize_t written = pwrite(fd, from, n, (off_t)offset);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return -1;
		from += written;
		n -= (size_t)written;
		offset += (uint64_t)written;
	}
	return 0;
}

int tempfile_read(int fd, void *data, size_t n, uint64_t offset)
{
	char *to = data;

	while (n > 0) {
		ssize_t got = pread(fd, to, n, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got == 0 ? EIO : errno;
			return -1;
		}
		to += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}
