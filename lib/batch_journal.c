#include "batch_journal.h"
#include "buf.h"
#include "clock.h"
#include "mem.h"
#include "msg.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION 1
static const char name[] = "journal";
static const char head[] = "{\"lbbatch\":1}\n";

struct batch_journal {
	char *path;
	int folder, fd;
	bool writes;
	bool broken; /* an event could not be written: none may follow */
	struct buf text;
};

int batch_journal_complain(const struct batch_journal *j, const char *file)
{
	msg_warn("%s%s%s: %s", j->path, file != NULL ? "/" : "", file != NULL ? file : "",
		 strerror(errno));
	return -1;
}

static int refuse(const struct batch_journal *j, const char *why)
{
	msg_warn("%s: %s", j->path, why);
	return -1;
}

int batch_journal_sync_folder(const struct batch_journal *j)
{
	/* Some file systems cannot do this, and have no need of it. */
	if (fsync(j->folder) == 0 || errno == EINVAL)
		return 0;
	return batch_journal_complain(j, NULL);
}

/* A folder that was just made is in the one above it. */
static int sync_parent(const struct batch_journal *j)
{
	int fd = openat(j->folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = fd < 0 || (fsync(fd) < 0 && errno != EINVAL) ? -1 : 0;
	int problem = errno;

	if (fd >= 0)
		close(fd);
	errno = problem;
	/* One that may be searched but not read cannot be synchronised, and need not. */
	return result < 0 && problem != EACCES ? batch_journal_complain(j, NULL) : 0;
}

static int open_folder(struct batch_journal *j)
{
	struct stat st;
	bool made = j->writes && mkdir(j->path, 0700) == 0;
	int problem = j->writes && !made ? errno : 0;

	j->folder = open(j->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (j->folder < 0 && errno == ENOTDIR && lstat(j->path, &st) == 0 && S_ISLNK(st.st_mode))
		return refuse(j, "it is a symbolic link: name the directory itself");
	if (j->folder < 0 && problem != 0 && problem != EEXIST) {
		msg_warn("%s: cannot make the directory: %s", j->path, strerror(problem));
		return -1;
	}
	if (j->folder < 0)
		return batch_journal_complain(j, NULL);
	if (fstat(j->folder, &st) < 0)
		return batch_journal_complain(j, NULL);
	if (st.st_uid != geteuid())
		return refuse(j, "it belongs to another user");
	return made ? sync_parent(j) : 0;
}

/* Is there anything in the folder? */
static bool is_empty(const struct batch_journal *j)
{
	int fd = openat(j->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	bool empty = true;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return true;
	}
	while (empty && (entry = readdir(dir)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	closedir(dir);
	return empty;
}

static int open_file(struct batch_journal *j)
{
	int flags =
	    (j->writes ? O_RDWR | O_APPEND : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	struct stat st;

	j->fd = openat(j->folder, name, flags);
	if (j->fd < 0 && errno == ENOENT && !is_empty(j))
		return refuse(j, "it holds other things, and no journal: name a directory that "
				 "lbbatch may have for itself");
	if (j->fd < 0 && errno == ENOENT && j->writes) {
		j->fd = openat(j->folder, name, flags | O_CREAT, 0600);
		if (j->fd >= 0 && batch_journal_sync_folder(j) < 0)
			return -1;
	}
	if (j->fd < 0 || fstat(j->fd, &st) < 0)
		return batch_journal_complain(j, name);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return refuse(j, "its journal is no regular file of the user's own");
	if (j->writes && flock(j->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? refuse(j, "another process is working on it")
					    : batch_journal_complain(j, name);
	return 0;
}

struct batch_journal *batch_journal_open(const char *path, bool write)
{
	struct batch_journal *j = mem_zero(1, sizeof *j);

	j->path = mem_copy(path, strlen(path));
	j->folder = j->fd = -1;
	j->writes = write;
	if (open_folder(j) == 0 && open_file(j) == 0)
		return j;
	batch_journal_free(j);
	return NULL;
}

void batch_journal_free(struct batch_journal *j)
{
	if (j == NULL)
		return;
	if (j->fd >= 0)
		close(j->fd);
	if (j->folder >= 0)
		close(j->folder);
	buf_free(&j->text);
	free(j->path);
	free(j);
}

int batch_journal_folder(const struct batch_journal *j)
{
	return j->folder;
}

const char *batch_journal_path(const struct batch_journal *j)
{
	return j->path;
}

/* Write and synchronise; after a failure nothing more is written, since it is not known what stands
 * there. */
static int append(struct batch_journal *j, const char *text, size_t n)
{
	size_t done = 0;

	if (j->broken)
		return -1;
	while (done < n) {
		ssize_t written = write(j->fd, text + done, n - done);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			break;
		done += (size_t)written;
	}
	if (done == n && fdatasync(j->fd) == 0)
		return 0;
	j->broken = true;
	return batch_journal_complain(j, name);
}

/* All of the file. */
static int load(struct batch_journal *j, struct buf *text)
{
	for (;;) {
		char *at = buf_reserve(text, 65536);
		ssize_t got = pread(j->fd, at, 65536, (off_t)text->length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return batch_journal_complain(j, name);
		if (got == 0)
			return 0;
		text->length += (size_t)got;
	}
}

/* Cut off what stands behind the last newline, and begin a new journal. */
static int make_whole(struct batch_journal *j, struct buf *text)
{
	size_t whole = text->length;

	while (whole > 0 && text->data[whole - 1] != '\n')
		whole--;
	bool torn = whole < text->length;
	text->length = whole;
	if (!j->writes)
		return 0;
	if (torn) {
		if (whole > 0)
			msg_warn("%s/%s: the last line was torn, and is cut off", j->path, name);
		if (ftruncate(j->fd, (off_t)whole) < 0)
			return batch_journal_complain(j, name);
	}
	if (whole > 0)
		return 0;
	return append(j, head, sizeof head - 1);
}

/* What is wrong with a line, or NULL. */
static const char *take_line(struct json_span line, uint64_t number,
			     const char *(*apply)(void *context, struct json_span event),
			     void *context)
{
	struct json_error error;
	struct json_span root;
	int64_t version;

	if (json_check(line.at, line.length, &root, NULL, 0, &error) < 0)
		return error.reason;
	if (json_type(root) != JSON_OBJECT)
		return "it is no event";
	if (number > 1)
		return apply(context, root);
	if (json_integer(json_get(root, "lbbatch"), &version) < 0)
		return "this is no journal of lbbatch";
	return version == VERSION ? NULL : "it was made by another version of lbbatch";
}

int batch_journal_read(struct batch_journal *j,
		       const char *(*apply)(void *context, struct json_span event), void *context)
{
	struct buf text = {0};
	uint64_t number = 0;
	int result = load(j, &text);

	if (result == 0)
		result = make_whole(j, &text);
	for (size_t at = 0; result == 0 && at < text.length;) {
		const char *stop = memchr(text.data + at, '\n', text.length - at);
		struct json_span line = {text.data + at, (size_t)(stop - text.data) - at};
		const char *problem = take_line(line, ++number, apply, context);
		at += line.length + 1;
		if (problem == NULL)
			continue;
		msg_warn("%s/%s: line %" PRIu64 " cannot be read: %s", j->path, name, number,
			 problem);
		result = -1;
	}
	buf_free(&text);
	return result;
}

int batch_journal_add(struct batch_journal *j, const char *event, uint64_t part, int64_t wall,
		      struct json_span members)
{
	buf_clear(&j->text);
	buf_addf(&j->text, "{\"event\":\"%s\",\"part\":%" PRIu64 ",\"at\":%" PRId64, event, part,
		 wall / CLOCK_SEC);
	buf_add(&j->text, members.at, members.length);
	buf_adds(&j->text, "}\n");
	return append(j, j->text.data, j->text.length);
}
