/* Opening, locking, appending. */
#include "journal.h"
#include "journal_state.h"
#include "mem.h"
#include "msg.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int journal_complain(const struct journal *j, const char *suffix, const char *why)
{
	msg_warn("%s%s: %s", j->path, suffix, why != NULL ? why : strerror(errno));
	return -1;
}

char *journal_beside(const struct journal *j, const char *suffix)
{
	struct buf path = {0};

	buf_adds(&path, j->path);
	buf_adds(&path, suffix);
	return buf_string(&path);
}

int journal_open_file(const char *path, int flags, const char **why)
{
	/* O_NONBLOCK: a FIFO would wait for another process, only to be refused. */
	int fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	struct stat st;

	*why = NULL;
	if (fd < 0 && errno == ELOOP)
		*why = "it is a symbolic link: name the file itself";
	else if (fd < 0 || fstat(fd, &st) < 0)
		*why = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		*why = "it is no regular file";
	else if (st.st_uid != geteuid())
		*why = "it belongs to another user";
	if (*why == NULL || fd < 0)
		return fd;
	close(fd);
	return -1;
}

#ifdef F_OFD_SETLK
/* An open file description's lock: unlike fcntl's older ones it does not go when another descriptor
 * of the file is closed. */
static int set_lock(int fd, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	errno = errno == EACCES ? EAGAIN : errno;
	return -1;
}

int journal_lock_file(int fd)
{
	return set_lock(fd, F_WRLCK);
}

static void unlock_file(int fd)
{
	set_lock(fd, F_UNLCK);
}

bool journal_is_locked(int fd)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
#else
int journal_lock_file(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB);
}

static void unlock_file(int fd)
{
	flock(fd, LOCK_UN);
}

bool journal_is_locked(int fd)
{
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return errno == EWOULDBLOCK;
	flock(fd, LOCK_UN);
	return false;
}
#endif

int journal_sync_folder(const struct journal *j)
{
	const char *slash = strrchr(j->path, '/');
	size_t length = slash == NULL ? 0 : (size_t)(slash - j->path);
	char *folder =
	    slash == NULL ? mem_copy(".", 1) : mem_copy(j->path, length > 0 ? length : 1);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = fd < 0 ? -1 : fsync(fd);

	/* Some file systems cannot do this, and have no need of it. */
	if (fd >= 0 && result < 0 && errno == EINVAL)
		result = 0;
	int problem = errno;
	if (fd >= 0)
		close(fd);
	free(folder);
	errno = problem;
	return result;
}

/* Open the file of j->path, as its access says. Returns 0, or -1 after a message. */
static int open_log(struct journal *j)
{
	int flags = j->access == JOURNAL_READ ? O_RDONLY : O_RDWR | O_APPEND;
	const char *why;

	j->fd = journal_open_file(j->path, flags, &why);
	if (j->fd >= 0)
		return 0;
	if (errno != ENOENT || j->access != JOURNAL_CREATE)
		return journal_complain(j, "", why);
	j->fd = journal_open_file(j->path, flags | O_CREAT, &why);
	if (j->fd < 0)
		return journal_complain(j, "", why);
	return journal_sync_folder(j) < 0 ? journal_complain(j, "", NULL) : 0;
}

struct journal *journal_open(const char *path, enum journal_access access)
{
	struct journal *j = mem_zero(1, sizeof *j);

	j->path = mem_copy(path, strlen(path));
	j->access = access;
	j->trace = -1;
	if (open_log(j) == 0)
		return j;
	journal_free(j);
	return NULL;
}

void journal_free(struct journal *j)
{
	if (j == NULL)
		return;
	if (j->fd >= 0)
		close(j->fd);
	if (j->trace >= 0)
		close(j->trace);
	journal_index_free(&j->index);
	buf_free(&j->window);
	buf_free(&j->id);
	free(j->path);
	free(j);
}

bool journal_is_file(const struct journal *j, int fd)
{
	struct stat mine, other;

	return fstat(j->fd, &mine) == 0 && fstat(fd, &other) == 0 && mine.st_dev == other.st_dev &&
	       mine.st_ino == other.st_ino;
}

/* Is the open file still the one of that name? One that took its place may be locked by another
 * process, which then does not know of this one. */
static bool is_in_place(const struct journal *j)
{
	struct stat mine, named;

	return fstat(j->fd, &mine) == 0 && lstat(j->path, &named) == 0 &&
	       mine.st_dev == named.st_dev && mine.st_ino == named.st_ino;
}

int journal_lock(struct journal *j)
{
	if (j->locked)
		return 0;
	for (int tries = 0; tries < 100; tries++) {
		if (journal_lock_file(j->fd) < 0)
			break;
		if (is_in_place(j)) {
			j->locked = true;
			j->settled = false;
			return 0;
		}
		close(j->fd);
		j->window.length = 0;
		if (open_log(j) < 0)
			return -1;
	}
	if (errno == EAGAIN || errno == EWOULDBLOCK) {
		msg_warn("%s: another process is writing to it", j->path);
		return -1;
	}
	return journal_complain(j, "", NULL);
}

void journal_unlock(struct journal *j)
{
	if (j->locked)
		unlock_file(j->fd);
	j->locked = false;
}

size_t journal_write(int fd, const char *data, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t written = write(fd, data + done, n - done);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			break;
		done += (size_t)written;
	}
	return done;
}

int journal_append(struct journal *j, const char *text, const struct journal_line *lines,
		   size_t count)
{
	size_t all = count > 0 ? lines[count - 1].end : 0, whole = 0, start = 0;

	if (journal_settle(j) < 0)
		return -1;
	size_t written = journal_write(j->fd, text, all);
	int problem = errno;
	j->unsynced = true;
	for (size_t i = 0; i < count && lines[i].end <= written; i++) {
		if (lines[i].named && j->loaded)
			journal_index_put(&j->index,
					  journal_index_entry(lines[i].id,
							      j->trust_ids ? 0 : lines[i].request,
							      j->end + start, lines[i].failed));
		whole = start = lines[i].end;
	}
	j->end += whole;
	if (written == all)
		return 0;
	/* If this fails too, the torn line is cut off at the next start. */
	if (whole < written && ftruncate(j->fd, (off_t)j->end) < 0)
		j->settled = false;
	errno = problem;
	return journal_complain(j, "", NULL);
}

void journal_begin_sync(struct journal *j)
{
#ifdef SYNC_FILE_RANGE_WRITE
	/* A hint, which promises nothing: what fails will show when it is synchronised. */
	sync_file_range(j->fd, (off_t)j->synced, 0, SYNC_FILE_RANGE_WRITE);
#else
	(void)j;
#endif
}

int journal_sync(struct journal *j)
{
	if (!j->unsynced)
		return 0;
	j->synced = j->end;
	/* It is tried once only: after a failure the pages may count as clean, and another try
	 * could succeed with nothing on disk. */
	j->unsynced = false;
	if (fdatasync(j->fd) == 0)
		return 0;
	return journal_complain(j, ": it cannot be brought to disk", NULL);
}
