/* Reading: all lines, one of them, and the end of the file. */
#include "journal.h"
#include "journal_state.h"
#include "mem.h"
#include "msg.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Around a line that is read back alone, and when lines are read back in about their order. */
#define WINDOW_LEAST ((size_t)4096)
#define WINDOW_MOST  ((size_t)64 * 1024)

ssize_t journal_read_at(int fd, char *data, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, data + done, n - done, (off_t)(offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

/* Read more behind what there is of a line. Returns 0, or -1 with errno. */
static int fill(struct journal_reader *r)
{
	size_t have = r->end - r->start;

	if (have > 0)
		memmove(r->data, r->data + r->start, have);
	r->start = 0;
	r->end = have;
	if (r->capacity - have < JOURNAL_CHUNK) {
		r->capacity = 2 * have + JOURNAL_CHUNK;
		r->data = mem_resize(r->data, r->capacity, 1);
	}
	ssize_t got = journal_read_at(r->fd, r->data + have, r->capacity - have, r->next + have);
	if (got < 0)
		return -1;
	r->ended = (size_t)got < r->capacity - have;
	r->end += (size_t)got;
	return 0;
}

int journal_next(struct journal_reader *r, struct json_span *line)
{
	size_t searched = 0;

	for (;;) {
		size_t have = r->end - r->start;
		const char *at = have > 0 ? r->data + r->start : NULL;
		const char *stop = NULL;
		if (have > searched)
			stop = memchr(at + searched, '\n', have - searched);
		if (stop == NULL && !r->ended) {
			searched = have;
			if (fill(r) < 0)
				return -1;
			continue;
		}
		if (have == 0)
			return 0;
		size_t n = stop != NULL ? (size_t)(stop - at) : have;
		*line = (struct json_span){at, n};
		r->whole = stop != NULL;
		r->offset = r->next;
		r->next += n + (stop != NULL);
		r->start += n + (stop != NULL);
		r->number++;
		return 1;
	}
}

static bool is_blank(const struct json_span *line)
{
	for (size_t i = 0; i < line->length; i++)
		if (line->at[i] != ' ' && line->at[i] != '\t' && line->at[i] != '\r')
			return false;
	return true;
}

enum journal_kind journal_judge(struct record *r, const struct json_span *line, uint64_t number,
				bool whole)
{
	struct line text = {line->at, line->length, number, line->length};

	record_parse(r, &text, false);
	if (r->kind == RECORD_RESULT)
		return JOURNAL_GOOD;
	if (r->kind != RECORD_BAD && json_type(record_lb(r, JOURNAL_LOGGED)) == JSON_OBJECT)
		return JOURNAL_GOOD;
	if (is_blank(line))
		return JOURNAL_BLANK;
	/* The start of a line is no JSON; nor is it all of a file that was never a log. */
	if (whole || r->kind != RECORD_BAD ||
	    (number == 1 && *line->at != '{' && *line->at != '\0'))
		return JOURNAL_BAD;
	return JOURNAL_TORN;
}

/* Say what is wrong with a line; number 0 is that of the last one. Returns -1. */
static int complain_line(const struct journal *j, const struct record *r)
{
	struct buf line = {0};

	if (r->number > 0)
		buf_addf(&line, "line %" PRIu64, r->number);
	else
		buf_adds(&line, "the last line");
	if (r->kind == RECORD_BAD)
		buf_addf(&line, " cannot be read: not JSON: %s at byte %zu", r->problem.reason,
			 r->problem.offset + 1);
	else
		buf_adds(&line, " is no result");
	/* The first line, and JSON of another kind, tell most often of a file that is no log. */
	if (r->kind != RECORD_BAD || r->number == 1)
		buf_adds(&line, "; is this the right file?");
	msg_warn("%s: %s (--repair moves such lines to %s.bad)", j->path, buf_string(&line),
		 j->path);
	buf_free(&line);
	return -1;
}

static void add_line(struct journal *j, const char *id, size_t length, uint64_t request,
		     uint64_t offset, bool failed)
{
	j->lines++;
	if (length == 0) {
		j->unnamed++;
		j->unnamed_failed += failed;
		return;
	}
	journal_index_add(&j->index,
			  journal_index_entry(journal_id(id, length), j->trust_ids ? 0 : request,
					      offset, failed));
}

/* Returns 0, or -1 after a message. */
static int load_line(struct journal *j, const struct journal_reader *reader, struct json_span line)
{
	struct journal_sealed sealed;
	struct record r;
	uint64_t request;

	if (journal_unseal(line, &sealed)) {
		add_line(j, sealed.id.at, sealed.id.length, sealed.request, reader->offset, false);
		return 0;
	}
	switch (journal_judge(&r, &line, reader->number, reader->whole)) {
	case JOURNAL_BLANK:
		break;
	case JOURNAL_GOOD:
		journal_mark(&r, JOURNAL_LOGGED, &request, &j->id);
		add_line(j, j->id.data, j->id.length, request, reader->offset, record_failed(&r));
		break;
	case JOURNAL_TORN:
		j->torn = line.length;
		break;
	case JOURNAL_BAD:
		return complain_line(j, &r);
	}
	return 0;
}

int journal_load(struct journal *j, bool trust_ids)
{
	struct journal_reader reader = {.fd = j->fd};
	struct json_span line;
	int more, result = 0;

	j->trust_ids = trust_ids;
	j->lines = j->unnamed = j->unnamed_failed = j->torn = 0;
	journal_index_free(&j->index);
	while (result == 0 && (more = journal_next(&reader, &line)) == 1)
		result = load_line(j, &reader, line);
	if (result == 0 && more < 0)
		result = journal_complain(j, "", NULL);
	free(reader.data);
	journal_index_sort(&j->index);
	j->loaded_end = reader.next;
	j->loaded = true;
	return result;
}

bool journal_loaded(const struct journal *j)
{
	return j->loaded;
}

size_t journal_memory(const struct journal *j)
{
	return journal_index_size(&j->index);
}

/* What is an id that is known with other requests only? */
static enum journal_found other_request(const struct journal *j, uint64_t hash)
{
	return journal_index_done_since(&j->index, hash, j->loaded_end) ? JOURNAL_SHARED
									: JOURNAL_CHANGED;
}

/* Set the window to n bytes from the offset on. Returns 0, or -1 with errno. */
static int set_window(struct journal *j, uint64_t offset, size_t n)
{
	buf_clear(&j->window);
	ssize_t got = journal_read_at(j->fd, buf_reserve(&j->window, n), n, offset);
	if (got < 0)
		return -1;
	j->window_at = offset;
	j->window.length = (size_t)got;
	return 0;
}

int journal_read_line(struct journal *j, uint64_t offset, struct json_span *line)
{
	struct buf *w = &j->window;
	bool near = offset >= j->window_at && offset <= j->window_at + w->length + WINDOW_MOST;
	size_t want = near ? WINDOW_MOST : WINDOW_LEAST;
	bool last = false;

	for (;;) {
		if (offset >= j->window_at && offset < j->window_at + w->length) {
			size_t skip = (size_t)(offset - j->window_at);
			const char *at = w->data + skip;
			const char *stop = memchr(at, '\n', w->length - skip);
			size_t n = stop != NULL ? (size_t)(stop - at) : w->length - skip;
			*line = (struct json_span){at, n};
			if (stop != NULL || last)
				return 0;
		}
		if (last) {
			errno = EIO; /* the file has become shorter */
			return -1;
		}
		if (set_window(j, offset, want) < 0)
			return -1;
		last = w->length < want;
		want *= 4;
	}
}

/* Read what a line answers: *id is its id without escapes, *request what was asked, or 0. Returns 0
 * if the line is good, or -1. */
static int read_result(struct journal *j, const struct json_span *line,
		       struct journal_result *result, struct json_span *id, uint64_t *request)
{
	struct journal_sealed sealed;
	struct record r;

	if (journal_unseal(*line, &sealed)) {
		*id = sealed.id;
		*request = sealed.request;
		*result = (struct journal_result){*line, {id->at - 1, id->length + 2}};
		return 0;
	}
	if (journal_judge(&r, line, 0, true) != JOURNAL_GOOD)
		return -1;
	journal_mark(&r, JOURNAL_LOGGED, request, &j->id);
	if (*request == 0 && r.body.at != NULL)
		*request = journal_request(&r);
	*id = (struct json_span){j->id.data, j->id.length};
	*result = (struct journal_result){r.text, r.custom_id};
	return 0;
}

enum journal_found journal_find(struct journal *j, const struct buf *id, uint64_t request,
				struct journal_result *result)
{
	uint64_t hash = journal_id(id->data, id->length);
	struct journal_entry *e = NULL;
	struct json_span line, logged_id;
	uint64_t logged;

	if (!j->trust_ids)
		e = journal_index_find(&j->index, hash, request);
	if (e == NULL)
		e = journal_index_find(&j->index, hash, 0);
	if (e == NULL)
		return journal_index_done(&j->index, hash) ? other_request(j, hash) : JOURNAL_NEW;
	if (journal_index_failed(e))
		return JOURNAL_NEW;
	if (journal_read_line(j, journal_index_offset(e), &line) < 0) {
		journal_complain(j, "", NULL);
		return JOURNAL_FAULT;
	}
	if (read_result(j, &line, result, &logged_id, &logged) < 0) {
		msg_warn("%s: it was changed by another process", j->path);
		return JOURNAL_FAULT;
	}
	if (logged_id.length != id->length || memcmp(logged_id.at, id->data, id->length) != 0)
		return JOURNAL_NEW; /* another id with the same hash */
	if (!j->trust_ids && logged != 0 && logged != request)
		return other_request(j, hash);
	return JOURNAL_DONE;
}

int journal_settle(struct journal *j)
{
	struct json_span last = {NULL, 0};
	struct stat st;
	struct record r;
	size_t n = 0, step = WINDOW_LEAST;

	if (j->settled)
		return 0;
	if (fstat(j->fd, &st) < 0)
		return journal_complain(j, "", NULL);
	uint64_t size = (uint64_t)st.st_size;
	/* What stands behind the last newline, looked for from the end in larger and larger steps.
	 */
	while (n < size && last.at == NULL) {
		n = size < step ? (size_t)size : step;
		step *= 4;
		if (set_window(j, size - n, n) < 0)
			return journal_complain(j, "", NULL);
		size_t at = j->window.length;
		while (at > 0 && j->window.data[at - 1] != '\n')
			at--;
		if (at > 0 || n == size)
			last = (struct json_span){j->window.data + at, j->window.length - at};
	}
	enum journal_kind kind = journal_judge(&r, &last, last.length == size, false);
	j->end = size;
	if (kind == JOURNAL_BAD)
		return complain_line(j, &r);
	if (kind == JOURNAL_GOOD) {
		if (journal_write(j->fd, "\n", 1) != 1)
			return journal_complain(j, "", NULL);
		j->end++;
	} else if (last.length > 0) {
		j->end -= last.length;
		msg_warn("%s: the last line was torn, and is cut off (bytes: %zu)", j->path,
			 last.length);
		if (ftruncate(j->fd, (off_t)j->end) < 0)
			return journal_complain(j, "", NULL);
	}
	buf_clear(&j->window);
	j->settled = true;
	return 0;
}
