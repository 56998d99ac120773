/*
 * sqlite: a library to preload that makes one of SQLite's calls for files fail, in a program of
 * which SQLite's library is a shared one: INJECT=KIND:N, the Nth of its kind, and with KIND+ all
 * from then on, as on a disk that is full or gone. When that has happened, the file named in
 * INJECT_HIT is there. The commands that the program starts are left alone.
 *
 * It registers a VFS (https://sqlite.org/vfs.html) before the default one, which does the work.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct file {
	sqlite3_file base;
	sqlite3_file *real; /* behind this struct */
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs vfs;
static char kind[32];
static long left;
static bool for_good, failing;
static char hit_file[4096];

/* Is it this call's turn to fail? */
static bool fails(const char *which)
{
	if (kind[0] == '\0' || strcmp(kind, which) != 0)
		return false;
	if (failing)
		return for_good;
	if (--left > 0)
		return false;
	failing = true;
	int fd = open(hit_file, O_CREAT | O_WRONLY, 0600);
	close(fd);
	return true;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
	return ((struct file *)f)->real;
}

static int file_close(sqlite3_file *f)
{
	return real_of(f)->pMethods->xClose(real_of(f));
}

static int file_read(sqlite3_file *f, void *data, int n, sqlite3_int64 offset)
{
	if (fails("read"))
		return SQLITE_IOERR_READ;
	return real_of(f)->pMethods->xRead(real_of(f), data, n, offset);
}

static int file_write(sqlite3_file *f, const void *data, int n, sqlite3_int64 offset)
{
	if (fails("full")) {
		/* A full disk takes a part first. */
		real_of(f)->pMethods->xWrite(real_of(f), data, n / 2, offset);
		return SQLITE_FULL;
	}
	if (fails("write"))
		return SQLITE_IOERR_WRITE;
	return real_of(f)->pMethods->xWrite(real_of(f), data, n, offset);
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	if (fails("truncate"))
		return SQLITE_IOERR_TRUNCATE;
	return real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int file_sync(sqlite3_file *f, int flags)
{
	if (fails("sync"))
		return SQLITE_IOERR_FSYNC;
	return real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int file_lock(sqlite3_file *f, int level)
{
	if (fails("lock"))
		return SQLITE_IOERR_LOCK;
	return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int file_unlock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int file_check_lock(sqlite3_file *f, int *result)
{
	return real_of(f)->pMethods->xCheckReservedLock(real_of(f), result);
}

static int file_control(sqlite3_file *f, int operation, void *argument)
{
	return real_of(f)->pMethods->xFileControl(real_of(f), operation, argument);
}

static int file_sector(sqlite3_file *f)
{
	return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int file_device(sqlite3_file *f)
{
	return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int file_map(sqlite3_file *f, int page, int size, int extend, void volatile **at)
{
	if (fails("map"))
		return SQLITE_IOERR_SHMMAP;
	return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, at);
}

static int file_shared_lock(sqlite3_file *f, int offset, int n, int flags)
{
	if ((flags & SQLITE_SHM_LOCK) != 0 && fails("shmlock"))
		return SQLITE_IOERR_SHMLOCK;
	return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void file_barrier(sqlite3_file *f)
{
	real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int file_unmap(sqlite3_file *f, int remove)
{
	return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_device,
    .xShmMap = file_map,
    .xShmLock = file_shared_lock,
    .xShmBarrier = file_barrier,
    .xShmUnmap = file_unmap,
};

static int vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct file *file = (struct file *)f;

	(void)v;
	file->base.pMethods = NULL;
	file->real = (sqlite3_file *)(file + 1);
	if (fails("open"))
		return SQLITE_CANTOPEN;
	int code = real_vfs->xOpen(real_vfs, name, file->real, flags, out);
	if (file->real->pMethods != NULL)
		file->base.pMethods = &methods;
	return code;
}

static int vfs_delete(sqlite3_vfs *v, const char *name, int sync)
{
	(void)v;
	if (fails("delete"))
		return SQLITE_IOERR_DELETE;
	return real_vfs->xDelete(real_vfs, name, sync);
}

__attribute__((constructor)) static void start(void)
{
	const char *inject = getenv("INJECT");
	const char *hit = getenv("INJECT_HIT");
	const char *colon = inject != NULL ? strchr(inject, ':') : NULL;

	if (colon == NULL || hit == NULL || (size_t)(colon - inject) >= sizeof kind ||
	    strlen(hit) >= sizeof hit_file)
		return;
	strcpy(hit_file, hit);
	left = atol(colon + 1);
	memcpy(kind, inject, (size_t)(colon - inject));
	for_good = kind[colon - inject - 1] == '+';
	if (for_good)
		kind[colon - inject - 1] = '\0';
	unsetenv("INJECT");
	real_vfs = sqlite3_vfs_find(NULL);
	vfs = *real_vfs;
	vfs.zName = "failing";
	vfs.szOsFile += (int)sizeof(struct file);
	vfs.xOpen = vfs_open;
	vfs.xDelete = vfs_delete;
	sqlite3_vfs_register(&vfs, 1);
}
