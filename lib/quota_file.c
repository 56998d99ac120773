/*
 * The page: in memory, or mapped from a file.
 *
 * A file that is being made is empty, then a page of zeros, then one with a magic, which is a
 * single word. All three count as new, so it takes no lock: several may make it at the same moment,
 * and one that is killed half-way leaves no damaged file.
 */
#include "buf.h"
#include "mem.h"
#include "quota_state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic_text[] = "lbrate";

enum { VERSION = 1, MAGIC_LENGTH = sizeof magic_text - 1 };

/* The mapped page: of several, as tests have, the last. */
static void *volatile mapped;

/*
 * Somebody has cut the file short, and touching the page would kill us with all that is in flight.
 * One of zeros takes its place, without a magic. mmap is a plain system call, so it may be called
 * here, though POSIX does not say so.
 */
static void on_bus_error(int signal_number, siginfo_t *info, void *unused)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	int saved = errno;

	(void)unused;
	if ((uintptr_t)info->si_addr - (uintptr_t)mapped >= QUOTA_PAGE ||
	    mmap(mapped, QUOTA_PAGE, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED)
		signal(signal_number, SIG_DFL); /* it comes again */
	errno = saved;
}

static void catch_bus_error(void *page)
{
	struct sigaction catch = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};

	mapped = page;
	sigemptyset(&catch.sa_mask);
	sigaction(SIGBUS, &catch, NULL);
}

bool quota_is_lost(const struct quota *q)
{
	return q->mapped && atomic_load(&q->page->magic) == 0;
}

static uint64_t make_magic(void)
{
	uint16_t version = VERSION;
	uint64_t magic;

	memcpy(&magic, magic_text, MAGIC_LENGTH);
	memcpy((char *)&magic + MAGIC_LENGTH, &version, sizeof version);
	return magic;
}

static bool all_zero(const void *data, size_t n)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < n; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

/* Why the file is none for us, or NULL. */
static const char *refuse(const struct stat *info)
{
	if (!S_ISREG(info->st_mode))
		return "no regular file";
	if (info->st_uid != geteuid())
		return "it belongs to another user";
	if (info->st_size != 0 && info->st_size != QUOTA_PAGE)
		return "no state file of lbthrottle, or a damaged one";
	return NULL;
}

/* Why the page is none for us, or NULL. A new one gets its magic; if somebody else is making it
 * that is the same. */
static const char *check_page(struct quota_page *page)
{
	uint64_t own = make_magic();

	if (all_zero(page, QUOTA_PAGE))
		atomic_store(&page->magic, own);
	uint64_t magic = atomic_load(&page->magic);
	if (magic == own)
		return NULL;
	if (memcmp(&magic, magic_text, MAGIC_LENGTH) == 0)
		return "a state file of another version of lbthrottle";
	return "no state file of lbthrottle, or a damaged one";
}

/* Give a new file its length, and room on the disk: where there was none, writing to the mapped
 * page would kill us. Returns 0 or an error number. */
static int extend(int fd, const struct stat *info)
{
	if (info->st_size == 0 && ftruncate(fd, QUOTA_PAGE) < 0)
		return errno;
	return info->st_blocks > 0 ? 0 : posix_fallocate(fd, 0, QUOTA_PAGE);
}

/* The page of an open file; or NULL with *why, or if that is NULL errno, saying why not. */
static struct quota_page *map_page(int fd, const char **why)
{
	struct stat info;

	if (fstat(fd, &info) < 0)
		return NULL;
	*why = refuse(&info);
	if (*why != NULL)
		return NULL;
	int error = extend(fd, &info);
	if (error != 0) {
		errno = error;
		return NULL;
	}
	void *page = mmap(NULL, QUOTA_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return NULL;
	*why = check_page(page);
	if (*why == NULL)
		return page;
	munmap(page, QUOTA_PAGE);
	return NULL;
}

static struct quota_page *open_page(const char *path, struct buf *problem)
{
	struct quota_page *page = NULL;
	const char *why = NULL;
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);

	if (fd >= 0)
		page = map_page(fd, &why);
	else if (errno == ELOOP)
		why = "it is a symbolic link";
	if (page == NULL)
		buf_addf(problem, "%s: %s", path, why != NULL ? why : strerror(errno));
	if (fd >= 0)
		close(fd);
	return page;
}

/* Options that are given go before those that were. */
static void enter(_Atomic int64_t *place, int64_t value)
{
	if (value > 0)
		atomic_store(place, value);
}

struct quota *quota_open(const char *path, const struct quota_limits *limits, struct buf *problem)
{
	struct quota_page *page =
	    path != NULL ? open_page(path, problem) : mem_zero(1, sizeof *page);

	if (page == NULL)
		return NULL;
	if (path != NULL)
		catch_bus_error(page);
	enter(&page->burst, limits->burst);
	enter(&page->lanes[QUOTA_REQUESTS].given, limits->requests);
	enter(&page->lanes[QUOTA_TOKENS].given, limits->tokens);
	enter(&page->lanes[QUOTA_DAY].given, limits->day);

	struct quota *q = mem_zero(1, sizeof *q);
	*q = (struct quota){
	    .page = page, .mapped = path != NULL, .adaptive = limits->adaptive, .last_order = -1};
	return q;
}

void quota_close(struct quota *q)
{
	if (q == NULL)
		return;
	if (q->mapped)
		munmap(q->page, QUOTA_PAGE);
	else
		free(q->page);
	free(q);
}
