/*
 * fail: a library to preload that makes one call of a program fail: INJECT=KIND:N, the Nth of its
 * kind. When that has happened, the file named in INJECT_HIT is there.
 *
 * Only calls from the program's own code count, lib included, which is linked into it: libjq and
 * libcurl end the process when memory runs out, and their own calls are not what is tested. The
 * commands that the program starts are left alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* glibc's own names: dlsym would itself allocate. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t n);

static char kind[32]; /* empty: nothing fails (any more) */
static long left;
static char hit_file[4096];
static uintptr_t program_start, program_end;

/* The first object is the program. */
static int find_program(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size;
	(void)context;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		if (p->p_type != PT_LOAD || (p->p_flags & PF_X) == 0)
			continue;
		program_start = info->dlpi_addr + p->p_vaddr;
		program_end = program_start + p->p_memsz;
	}
	return 1;
}

__attribute__((constructor)) static void start(void)
{
	const char *inject = getenv("INJECT");
	const char *hit = getenv("INJECT_HIT");
	const char *colon = inject != NULL ? strchr(inject, ':') : NULL;

	if (colon == NULL || hit == NULL || (size_t)(colon - inject) >= sizeof kind ||
	    strlen(hit) >= sizeof hit_file)
		return;
	dl_iterate_phdr(find_program, NULL);
	strcpy(hit_file, hit);
	left = atol(colon + 1);
	memcpy(kind, inject, (size_t)(colon - inject));
	unsetenv("INJECT");
}

/* Is it this call's turn to fail? */
static bool fails(const char *which, const void *caller)
{
	uintptr_t at = (uintptr_t)caller;

	if (kind[0] == '\0' || strcmp(kind, which) != 0 || at < program_start || at >= program_end)
		return false;
	if (--left > 0)
		return false;
	kind[0] = '\0';
	int fd = (int)syscall(SYS_openat, AT_FDCWD, hit_file, O_CREAT | O_WRONLY, 0600);
	syscall(SYS_close, fd);
	return true;
}

#define CALLER __builtin_return_address(0)

/* Leave the function with an error if it is its turn. */
#define FAIL(which, error, value)             \
	do {                                  \
		if (fails((which), CALLER)) { \
			errno = (error);      \
			return (value);       \
		}                             \
	} while (0)

#define NEXT(type, name) ((type)(uintptr_t)dlsym(RTLD_NEXT, name))

void *malloc(size_t n)
{
	FAIL("malloc", ENOMEM, NULL);
	return __libc_malloc(n);
}

void *calloc(size_t count, size_t size)
{
	FAIL("malloc", ENOMEM, NULL);
	return __libc_calloc(count, size);
}

void *realloc(void *old, size_t n)
{
	FAIL("malloc", ENOMEM, NULL);
	return __libc_realloc(old, n);
}

ssize_t write(int fd, const void *data, size_t n)
{
	/* A single byte is a signal's, to the program itself: no such pipe fails. */
	if (fd != STDERR_FILENO && n > 1) {
		FAIL("write", ENOSPC, -1);
		FAIL("write-eintr", EINTR, -1);
		FAIL("write-eagain", EAGAIN, -1);
		if (fails("write-short", CALLER))
			n = n / 2;
	}
	bool last = fails("write-kill", CALLER);
	ssize_t written = syscall(SYS_write, fd, data, n);
	if (last)
		raise(SIGKILL);
	return written;
}

ssize_t read(int fd, void *data, size_t n)
{
	FAIL("read", EIO, -1);
	FAIL("read-eintr", EINTR, -1);
	if (n > 1 && fails("read-short", CALLER))
		n = 1;
	return syscall(SYS_read, fd, data, n);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t offset)
{
	FAIL("pwrite", ENOSPC, -1);
	FAIL("pwrite-eintr", EINTR, -1);
	if (n > 1 && fails("pwrite-short", CALLER))
		n = n / 2;
	return syscall(SYS_pwrite64, fd, data, n, offset);
}

ssize_t pread(int fd, void *data, size_t n, off_t offset)
{
	FAIL("pread", EIO, -1);
	FAIL("pread-eintr", EINTR, -1);
	if (n > 1 && fails("pread-short", CALLER))
		n = n / 2;
	return syscall(SYS_pread64, fd, data, n, offset);
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
	FAIL("poll", ENOMEM, -1);
	FAIL("poll-eintr", EINTR, -1);
	return NEXT(int (*)(struct pollfd *, nfds_t, int), "poll")(fds, count, timeout);
}

int pipe2(int ends[2], int flags)
{
	FAIL("pipe2", EMFILE, -1);
	return (int)syscall(SYS_pipe2, ends, flags);
}

int close(int fd)
{
	if (fails("close", CALLER)) {
		syscall(SYS_close, fd);
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_close, fd);
}

int ftruncate(int fd, off_t length)
{
	FAIL("ftruncate", ENOSPC, -1);
	return (int)syscall(SYS_ftruncate, fd, length);
}

/* Trying again would be a mistake: it may succeed with nothing on disk. */
int fdatasync(int fd)
{
	static bool failed;

	if (failed)
		abort();
	failed = fails("fdatasync", CALLER);
	if (failed) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	FAIL("fsync", EIO, -1);
	return (int)syscall(SYS_fsync, fd);
}

int rename(const char *from, const char *to)
{
	FAIL("rename", EACCES, -1);
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int unlink(const char *path)
{
	FAIL("unlink", EACCES, -1);
	return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int open(const char *path, int flags, ...)
{
	va_list list;

	va_start(list, flags);
	mode_t mode = (flags & O_CREAT) != 0 ? va_arg(list, mode_t) : 0;
	va_end(list);
	FAIL("open", EMFILE, -1);
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int fcntl(int fd, int command, ...)
{
	va_list list;

	va_start(list, command);
	void *argument = va_arg(list, void *); /* as good as an int for the system call */
	va_end(list);
	if (command == F_OFD_SETLK)
		FAIL("lock", ENOLCK, -1);
	return (int)syscall(SYS_fcntl, fd, command, argument);
}

int epoll_create1(int flags)
{
	FAIL("epoll_create1", EMFILE, -1);
	return (int)syscall(SYS_epoll_create1, flags);
}

int mkostemp(char *path, int flags)
{
	FAIL("mkostemp", ENOSPC, -1);
	return NEXT(int (*)(char *, int), "mkostemp")(path, flags);
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
		 const posix_spawnattr_t *attributes, char *const argv[], char *const environment[])
{
	if (fails("posix_spawnp", CALLER))
		return EAGAIN;
	return NEXT(int (*)(pid_t *, const char *, const posix_spawn_file_actions_t *,
			    const posix_spawnattr_t *, char *const *, char *const *),
		    "posix_spawnp")(pid, file, actions, attributes, argv, environment);
}
