#include "batch_state.h"
#include "batch_event.h"
#include "clock.h"
#include "line.h"
#include "mem.h"
#include "msg.h"
#include "tempfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const suffixes[] = {"requests", "upload", "output", "errors"};
enum { SUFFIXES = sizeof suffixes / sizeof *suffixes };

/* The largest number of a part. */
#define PART_MOST INT32_MAX
/* How much of N.requests is read at once. */
#define CHUNK ((size_t)1 << 18)

static void link_part(struct batch_state *s, struct batch_part *p)
{
	*s->end = p;
	s->end = &p->next;
	if (s->next <= p->number)
		s->next = p->number + 1;
}

static struct batch_part *find_part(const struct batch_state *s, uint64_t number)
{
	struct batch_part *p = s->parts;

	while (p != NULL && p->number != number)
		p = p->next;
	return p;
}

static const char *apply(void *context, struct json_span event)
{
	struct batch_state *s = context;
	int64_t number;

	if (json_integer(json_get(event, "part"), &number) < 0 || number < 1 || number > PART_MOST)
		return "it has no part";
	struct batch_part *p = find_part(s, (uint64_t)number);
	bool spooled = json_equals(json_get(event, "event"), "spooled");
	if (spooled && p != NULL)
		return "there is such a part already";
	if (!spooled && p == NULL)
		return "there is no such part";
	if (p == NULL) {
		p = batch_part_new((uint64_t)number);
		p->earlier = true;
		link_part(s, p);
	}
	return batch_event_apply(p, event);
}

/* The number in the name of a part's file; 0 if it is no such name. */
static uint64_t number_of(const char *name)
{
	uint64_t number = 0;
	const char *p = name;

	for (; *p >= '0' && *p <= '9' && number < PART_MOST; p++)
		number = number * 10 + (uint64_t)(*p - '0');
	for (size_t i = 0; i < SUFFIXES && p > name && number <= PART_MOST; i++)
		if (*p == '.' && strcmp(p + 1, suffixes[i]) == 0)
			return number;
	return 0;
}

/* Files of parts that were not whole when an earlier run ended. */
static int find_strays(struct batch_state *s)
{
	int fd = openat(batch_journal_folder(s->journal), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return batch_journal_complain(s->journal, NULL);
	}
	while ((entry = readdir(dir)) != NULL) {
		uint64_t number = number_of(entry->d_name);
		if (number == 0 || find_part(s, number) != NULL)
			continue;
		s->strays = mem_resize(s->strays, s->stray_count + 1, sizeof *s->strays);
		s->strays[s->stray_count++] = number;
	}
	closedir(dir);
	for (size_t i = 0; i < s->stray_count; i++)
		if (s->next <= s->strays[i])
			s->next = s->strays[i] + 1;
	return 0;
}

struct batch_state *batch_state_open(const char *path, bool write)
{
	struct batch_state *s = mem_zero(1, sizeof *s);

	s->end = &s->parts;
	s->next = 1;
	s->apart = s->requests = -1;
	s->journal = batch_journal_open(path, write);
	if (s->journal != NULL && batch_journal_read(s->journal, apply, s) == 0 &&
	    (!write || find_strays(s) == 0))
		return s;
	batch_state_free(s);
	return NULL;
}

void batch_state_free(struct batch_state *s)
{
	if (s == NULL)
		return;
	for (struct batch_part *p = s->parts, *next; p != NULL; p = next) {
		next = p->next;
		batch_part_free(p);
	}
	if (s->apart >= 0)
		close(s->apart);
	if (s->requests >= 0)
		close(s->requests);
	batch_journal_free(s->journal);
	buf_free(&s->text);
	free(s->strays);
	free(s);
}

int batch_state_move(struct batch_state *s, struct batch_part *p, enum batch_phase phase)
{
	buf_clear(&s->text);
	batch_event_members(&s->text, p, phase);
	if (batch_journal_add(s->journal, batch_event_name(phase), p->number, clock_wall(),
			      (struct json_span){s->text.data, s->text.length}) < 0)
		return -1;
	p->phase = phase;
	return 0;
}

int batch_state_refuse(struct batch_state *s, struct batch_part *p)
{
	if (batch_journal_add(s->journal, "refused", p->number, clock_wall(), JSON_LITERAL("")) < 0)
		return -1;
	batch_event_refuse(p);
	return 0;
}

int batch_state_add(struct batch_state *s, struct batch_part *p)
{
	link_part(s, p);
	return batch_state_move(s, p, BATCH_SPOOLED);
}

/* N.requests is not what the journal has of it. Returns -1. */
static int changed(const struct batch_state *s, const struct batch_part *p)
{
	msg_warn("%s/%" PRIu64 ".requests: it is not as lbbatch wrote it",
		 batch_journal_path(s->journal), p->number);
	return -1;
}

/* A line of N.requests. Returns 0 or -1. */
static int take_line(struct batch_state *s, struct batch_part *p, uint64_t index, uint64_t offset,
		     const struct line *line, struct record *r)
{
	if (index >= p->count || line->length >= BATCH_LINE_MOST ||
	    offset + line->length >= p->bytes || record_parse(r, line, false) != RECORD_REQUEST)
		return changed(s, p);
	p->items[index] = (struct batch_item){BATCH_UNCLAIMED, offset & (BATCH_FILE_MOST - 1),
					      line->length & (BATCH_LINE_MOST - 1), 0};
	return 0;
}

/* Has N.requests the length that the journal has of it? */
static bool is_whole(int fd, const struct batch_part *p)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (uint64_t)st.st_size == p->bytes;
}

int batch_state_load(struct batch_state *s, struct batch_part *p,
		     void (*visit)(void *context, struct batch_part *p, uint64_t index,
				   const struct record *r),
		     void *context)
{
	struct line_reader reader;
	struct line line;
	struct record r;
	enum line_state state;
	uint64_t index = 0, offset = 0;
	int result = 0;
	int fd = batch_part_open(p, s->journal, suffixes[0], O_RDONLY);

	if (fd < 0)
		return -1;
	if (!is_whole(fd, p)) {
		close(fd);
		return changed(s, p);
	}
	p->items = mem_zero((size_t)p->count, sizeof *p->items);
	line_init(&reader, fd, BATCH_LINE_MOST);
	while (result == 0 && (state = line_next(&reader, &line)) != LINE_END) {
		if (state == LINE_NONE) {
			result = line_fill(&reader, CHUNK) < 0
				     ? batch_part_complain(p, s->journal, suffixes[0])
				     : 0;
			continue;
		}
		result = take_line(s, p, index, offset, &line, &r);
		if (result == 0)
			visit(context, p, index, &r);
		offset += line.length + 1;
		index++;
	}
	if (result == 0 && (index != p->count || offset != p->bytes))
		result = changed(s, p);
	line_free(&reader);
	close(fd);
	return result;
}

/* Read n bytes. Returns 0 or -1. */
static int read_at(int fd, char *to, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, to + done, n - done, (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0)
			errno = EIO;
		if (got <= 0)
			return -1;
		done += (size_t)got;
	}
	return 0;
}

/* The descriptor of the part's N.requests, or -1 after a message. */
static int open_requests(struct batch_state *s, const struct batch_part *p)
{
	if (s->reading == p)
		return s->requests;
	if (s->requests >= 0)
		close(s->requests);
	s->requests = batch_part_open(p, s->journal, suffixes[0], O_RDONLY);
	s->reading = s->requests >= 0 ? p : NULL;
	return s->requests;
}

int batch_state_line(struct batch_state *s, struct batch_part *p, uint64_t index, struct buf *line)
{
	const struct batch_item *item = &p->items[index];
	int fd = item->apart ? s->apart : open_requests(s, p);

	if (fd < 0)
		return -1;
	buf_clear(line);
	if (read_at(fd, buf_reserve(line, item->length), item->length, item->offset) < 0)
		return item->apart ? batch_journal_complain(s->journal, "temporary file")
				   : changed(s, p);
	line->length = item->length;
	return 0;
}

int batch_state_replace(struct batch_state *s, struct batch_part *p, uint64_t index,
			struct json_span line)
{
	struct batch_item *item = &p->items[index];
	bool fits = line.length < BATCH_LINE_MOST && s->apart_end < BATCH_FILE_MOST;

	if (s->apart < 0)
		s->apart = tempfile_open();
	if (s->apart >= 0 && !fits)
		errno = EFBIG;
	if (s->apart < 0 || !fits ||
	    tempfile_write(s->apart, line.at, line.length, s->apart_end) < 0) {
		msg_warn("temporary file for requests: %s", strerror(errno));
		return -1;
	}
	item->offset = s->apart_end & (BATCH_FILE_MOST - 1);
	item->length = line.length & (BATCH_LINE_MOST - 1);
	item->apart = 1;
	s->apart_end += line.length;
	return 0;
}

static int remove_files(const struct batch_state *s, const struct batch_part *p)
{
	int result = 0;

	for (size_t i = 0; i < SUFFIXES; i++)
		if (batch_part_remove(p, s->journal, suffixes[i]) < 0)
			result = -1;
	return result;
}

int batch_state_drop(struct batch_state *s)
{
	for (struct batch_part *p = s->parts; p != NULL; p = p->next) {
		if (!p->earlier || p->phase > BATCH_UPLOADED)
			continue;
		if (batch_state_move(s, p, BATCH_DROPPED) < 0 || remove_files(s, p) < 0)
			return -1;
	}
	for (size_t i = 0; i < s->stray_count; i++) {
		struct batch_part stray = {.number = s->strays[i]};
		if (remove_files(s, &stray) < 0)
			return -1;
	}
	s->stray_count = 0;
	return 0;
}

uint64_t batch_state_unclaimed(const struct batch_state *s, uint64_t *parts)
{
	uint64_t sum = 0;

	*parts = 0;
	for (const struct batch_part *p = s->parts; p != NULL; p = p->next) {
		bool out = p->phase >= BATCH_CREATING && p->phase < BATCH_COLLECTED;
		if (!p->earlier || !out || p->claimed == p->count)
			continue;
		sum += p->count - p->claimed;
		++*parts;
	}
	return sum;
}
