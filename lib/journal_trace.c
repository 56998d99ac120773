/* How many requests are out: a number in LOG.inflight, for who comes after a kill. */
#include "journal.h"
#include "journal_state.h"
#include "msg.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SUFFIX ".inflight"

/* The number and a newline, always as long, so that it is written over in place. */
#define WIDTH 20

static int open_trace(struct journal *j)
{
	char *path = journal_beside(j, SUFFIX);
	const char *why;

	j->trace = journal_open_file(path, O_RDWR | O_CREAT, &why);
	free(path);
	return j->trace < 0 ? journal_complain(j, SUFFIX, why) : 0;
}

int journal_trace(struct journal *j, uint64_t in_flight, bool exact)
{
	char text[WIDTH + 2];
	ssize_t n;

	if (j->traced == in_flight || (!exact && j->traced > in_flight))
		return 0;
	if (j->trace < 0 && open_trace(j) < 0)
		return -1;
	/* So that not each of many that go out costs a write. */
	j->traced = exact ? in_flight : in_flight + in_flight / 8 + 64;
	snprintf(text, sizeof text, "%-*" PRIu64 "\n", WIDTH, j->traced);
	do
		n = pwrite(j->trace, text, WIDTH + 1, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? journal_complain(j, SUFFIX, NULL) : 0;
}

void journal_untrace(struct journal *j)
{
	if (!j->locked) /* another process's */
		return;
	char *path = journal_beside(j, SUFFIX);
	if (unlink(path) < 0 && errno != ENOENT)
		journal_complain(j, SUFFIX, NULL);
	free(path);
	j->traced = 0;
}

int journal_traced(const struct journal *j, uint64_t *in_flight)
{
	char *path = journal_beside(j, SUFFIX);
	char text[WIDTH + 2] = "";
	const char *why;
	int fd = journal_open_file(path, O_RDONLY, &why);
	int result = 0;

	free(path);
	*in_flight = 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : journal_complain(j, SUFFIX, why);
	if (journal_read_at(fd, text, WIDTH + 1, 0) < 0)
		result = journal_complain(j, SUFFIX, NULL);
	else
		*in_flight = strtoull(text, NULL, 10);
	close(fd);
	return result;
}
