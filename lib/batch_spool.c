#include "batch_spool.h"
#include "mem.h"
#include "msg.h"
#include "out.h"
#include "tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Parts that are open at a time; of more kinds of requests than this, the part that has waited
 * longest for another request is closed. */
#define OPEN_MOST 16

/* A part that is being filled. */
struct filling {
	struct batch_part *part; /* NULL: none */
	struct out requests, upload;
	uint64_t upload_bytes, inputs;
	size_t room; /* for items */
	uint64_t used;
};

struct batch_spool {
	struct batch_state *state;
	struct batch_limits limits;
	batch_spooled *spooled;
	void *context;
	struct filling open[OPEN_MOST];
	uint64_t used; /* counts additions */
	struct buf line;
};

struct batch_spool *batch_spool_new(struct batch_state *state, const struct batch_limits *limits,
				    batch_spooled *spooled, void *context)
{
	struct batch_spool *s = mem_zero(1, sizeof *s);

	s->state = state;
	s->limits = *limits;
	s->spooled = spooled;
	s->context = context;
	return s;
}

/* A part that has not been entered comes to nothing: its files only take room, which may be what is
 * wanting. What cannot be removed is a later run's (batch_state_drop). */
static void discard(const struct batch_spool *s, struct batch_part *p)
{
	batch_part_remove(p, s->state->journal, "requests");
	batch_part_remove(p, s->state->journal, "upload");
	batch_part_free(p);
}

static void abandon(const struct batch_spool *s, struct filling *f)
{
	close(f->requests.fd);
	close(f->upload.fd);
	buf_free(&f->requests.pending);
	buf_free(&f->upload.pending);
	discard(s, f->part);
	f->part = NULL;
}

void batch_spool_free(struct batch_spool *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < OPEN_MOST; i++)
		if (s->open[i].part != NULL)
			abandon(s, &s->open[i]);
	buf_free(&s->line);
	free(s);
}

static bool is_text(const char *text, struct json_span value)
{
	return strlen(text) == value.length &&
	       (value.length == 0 || memcmp(text, value.at, value.length) == 0);
}

static char *copy_value(struct json_span value)
{
	return mem_copy(value.at != NULL ? value.at : "", value.length);
}

static struct batch_part *make_part(struct batch_spool *s, const struct batch_route *route,
				    const struct record *r, struct json_span model, unsigned round)
{
	struct batch_part *p = batch_part_new(s->state->next++);

	p->url = copy_value(r->url);
	p->model = copy_value(model);
	p->params = r->params;
	p->round = round;
	p->base = mem_copy(route->base, strlen(route->base));
	batch_route_copy(&p->route, route);
	return p;
}

/* Write all that has gathered. Returns 0, or -1 with errno. */
static int flush(struct out *o)
{
	while (out_pending(o) > 0)
		if (out_write(o, OUT_WAIT) < 0) {
			errno = o->error;
			return -1;
		}
	return 0;
}

/* Open the files of a part. Returns 0, or -1 after a message. */
static int open_files(struct batch_spool *s, struct filling *f, struct batch_part *p)
{
	int flags = O_WRONLY | O_CREAT | O_TRUNC;
	int requests = batch_part_open(p, s->state->journal, "requests", flags);
	int upload = requests < 0 ? -1 : batch_part_open(p, s->state->journal, "upload", flags);

	if (upload < 0) {
		if (requests >= 0)
			close(requests);
		discard(s, p);
		return -1;
	}
	if (batch_part_tag(p->tag) < 0)
		msg_die(STATUS_SYSTEM, "getrandom: %s", strerror(errno));
	*f = (struct filling){.part = p};
	out_init(&f->requests, requests);
	out_init(&f->upload, upload);
	const char *head = batch_api_format(p->route.style)->head;
	buf_adds(&f->upload.pending, head);
	f->upload_bytes = strlen(head);
	return 0;
}

/* Have a file on disk, unless it is not wanted any more, and close it. Returns 0, or -1 after a
 * message. */
static int close_file(const struct batch_spool *s, const struct batch_part *p, struct out *o,
		      const char *name, bool wanted)
{
	int result = wanted ? flush(o) : 0;

	if (wanted && result == 0)
		result = fdatasync(o->fd);
	int problem = errno;
	if (close(o->fd) < 0 && result == 0) {
		problem = errno;
		result = -1;
	}
	buf_free(&o->pending);
	errno = problem;
	return result < 0 ? batch_part_complain(p, s->state->journal, name) : 0;
}

/* A part is full. It is entered when its files are on disk. */
static int close_part(struct batch_spool *s, struct filling *f)
{
	struct batch_part *p = f->part;
	const char *tail = batch_api_format(p->route.style)->tail;

	buf_adds(&f->upload.pending, tail);
	p->upload = f->upload_bytes + strlen(tail);
	p->claimed = p->count;
	f->part = NULL;
	int result = close_file(s, p, &f->requests, "requests", true);
	/* After a failure nothing else is tried: the next one could succeed with nothing on disk.
	 */
	if (close_file(s, p, &f->upload, "upload", result == 0) < 0)
		result = -1;
	if (result < 0 || batch_journal_sync_folder(s->state->journal) < 0) {
		discard(s, p);
		return -1;
	}
	if (batch_state_add(s->state, p) < 0)
		return -1;
	s->spooled(s->context, p);
	return 0;
}

int batch_spool_close(struct batch_spool *s)
{
	for (size_t i = 0; i < OPEN_MOST; i++)
		if (s->open[i].part != NULL && close_part(s, &s->open[i]) < 0)
			return -1;
	return 0;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return b != 0 && b < a ? b : a;
}

static uint64_t most_bytes(const struct batch_spool *s, enum target_style style)
{
	return lesser(batch_api_format(style)->bytes, s->limits.bytes);
}

static uint64_t most_requests(const struct batch_spool *s, enum target_style style)
{
	return lesser(batch_api_format(style)->requests, s->limits.requests);
}

const char *batch_spool_refuses(const struct batch_spool *s, const struct batch_route *route,
				const struct record *r, const char **message)
{
	const struct batch_api_format *format = batch_api_format(route->style);
	size_t around =
	    strlen(format->head) + strlen(format->tail) + 256 + 2 * strlen(route->endpoint);

	*message = batch_api_refuses(route->style, r->body);
	if (*message != NULL)
		return "batch_unsupported";
	*message = "it is larger than a batch may be";
	if (r->body.length + around > most_bytes(s, route->style) ||
	    r->text.length >= BATCH_LINE_MOST)
		return "request_too_large";
	*message = "it has more inputs than a batch may have";
	if (format->inputs > 0 && batch_api_inputs(route->endpoint, r->body) > format->inputs)
		return "request_too_large";
	return NULL;
}

/* Is the part one for such requests? */
static bool is_kind(const struct batch_part *p, const struct batch_route *route,
		    const struct record *r, struct json_span model, unsigned round)
{
	return is_text(p->model, model) && is_text(p->url, r->url) && p->params == r->params &&
	       p->round == round && strcmp(p->route.base, route->base) == 0;
}

/* The part that such a request goes into, opened if need be; NULL after a message. */
static struct filling *find_open(struct batch_spool *s, const struct batch_route *route,
				 const struct record *r, struct json_span model, unsigned round)
{
	struct filling *oldest = &s->open[0];

	for (size_t i = 0; i < OPEN_MOST; i++) {
		struct filling *f = &s->open[i];
		if (f->part != NULL && is_kind(f->part, route, r, model, round))
			return f;
		if (oldest->part != NULL && (f->part == NULL || f->used < oldest->used))
			oldest = f;
	}
	if (oldest->part != NULL && close_part(s, oldest) < 0)
		return NULL;
	if (open_files(s, oldest, make_part(s, route, r, model, round)) < 0)
		return NULL;
	return oldest;
}

/* What a request would add to a part. */
struct addition {
	uint64_t line; /* to N.requests */
	uint64_t bytes, tokens, inputs;
};

static bool fits(const struct batch_spool *s, const struct filling *f, const struct addition *a)
{
	const struct batch_part *p = f->part;
	const struct batch_api_format *format = batch_api_format(p->route.style);

	if (p->count == 0)
		return true;
	/* What a record has beside its body is not sent, and may be larger than it. */
	if (p->bytes + a->line >= BATCH_FILE_MOST)
		return false;
	if (f->upload_bytes + strlen(format->separator) + a->bytes + strlen(format->tail) >
	    most_bytes(s, p->route.style))
		return false;
	if (format->inputs > 0 && f->inputs + a->inputs > format->inputs)
		return false;
	return s->limits.tokens == 0 || p->tokens + a->tokens <= s->limits.tokens;
}

/* Write out what has gathered, if that is much. Returns 0, or -1 after a message. */
static int write_full(const struct batch_spool *s, const struct batch_part *p, struct out *o,
		      const char *name)
{
	if (out_pending(o) < OUT_FULL || flush(o) == 0)
		return 0;
	return batch_part_complain(p, s->state->journal, name);
}

static void add_item(struct filling *f, const struct record *r, uint64_t sequence)
{
	struct batch_part *p = f->part;

	if (p->count == f->room) {
		f->room = f->room > 0 ? 2 * f->room : 256;
		p->items = mem_resize(p->items, f->room, sizeof *p->items);
	}
	p->items[p->count++] = (struct batch_item){sequence, p->bytes & (BATCH_FILE_MOST - 1),
						   r->text.length & (BATCH_LINE_MOST - 1), 0};
	p->bytes += r->text.length + 1;
	out_line(&f->requests, r->text.at, r->text.length);
}

/* Make the line that is sent. */
static void make_line(struct batch_spool *s, const struct filling *f, const struct record *r)
{
	char id[BATCH_ID];

	batch_part_id(f->part, f->part->count, r->custom_id, id);
	buf_clear(&s->line);
	batch_api_request(&s->line, f->part->route.style, r, f->part->route.endpoint, id);
}

int batch_spool_add(struct batch_spool *s, const struct batch_route *route, const struct record *r,
		    unsigned round, uint64_t sequence)
{
	struct json_span model = json_get(r->body, "model");
	struct filling *f = find_open(s, route, r, model, round);
	struct addition a = {.line = r->text.length + 1};
	struct tokens_request tokens;

	if (f == NULL)
		return -1;
	if (s->limits.tokens > 0) {
		tokens_request(r->body, &tokens);
		a.tokens = (uint64_t)tokens.input;
	}
	if (batch_api_format(route->style)->inputs > 0)
		a.inputs = batch_api_inputs(route->endpoint, r->body);
	make_line(s, f, r);
	a.bytes = s->line.length;
	if (!fits(s, f, &a)) {
		if (close_part(s, f) < 0)
			return -1;
		f = find_open(s, route, r, model, round);
		if (f == NULL)
			return -1;
		make_line(s, f, r);
		a.bytes = s->line.length;
	}
	const char *separator = batch_api_format(route->style)->separator;
	if (f->part->count > 0) {
		buf_adds(&f->upload.pending, separator);
		f->upload_bytes += strlen(separator);
	}
	buf_add(&f->upload.pending, s->line.data, s->line.length);
	f->upload_bytes += a.bytes;
	f->inputs += a.inputs;
	f->part->tokens += a.tokens;
	f->used = ++s->used;
	add_item(f, r, sequence);
	if (f->part->count == most_requests(s, route->style))
		return close_part(s, f);
	if (write_full(s, f->part, &f->requests, "requests") < 0)
		return -1;
	return write_full(s, f->part, &f->upload, "upload");
}
