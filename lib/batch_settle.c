/*
 * A part whose batch was to be made, and no answer said whether it was. OpenAI's batches carry the
 * part's tag in their metadata. Anthropic's carry nothing, but their results do: those that may be
 * it are waited for.
 *
 * The list goes back to the account's first batch. How far it is to be read is noted before a batch
 * is made: when the newest one was made that is there then, by the provider's own clock. So it does
 * not matter what ours says, now or then, nor who else makes batches meanwhile, nor whether any is
 * deleted. It spares calls, and is not needed: where it cannot be had all of the list is read.
 */
#include "batch_flow_state.h"
#include "clock.h"
#include "line.h"
#include "mem.h"
#include "msg.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How often the list is read before it is believed that the batch is not there: lists lag. */
#define LOOKS 5
/* Of how many pages: beyond that it leads in a circle. */
#define PAGES 1000
/* How far the clocks of the provider's machines may be from each other, seconds. */
#define SLACK 60

void batch_settle_marked(struct batch_flow *f, struct batch_part *p, const struct http_reply *reply)
{
	bool success = reply->error == NULL && reply->status >= 200 && reply->status < 300;
	struct batch_api_page page;
	const char *problem;
	int64_t earliest = -1;

	if (!success && batch_flow_judge(f, reply) == PROVIDER_TRANSIENT &&
	    batch_flow_patient(f, p)) {
		batch_flow_transient(f, p, reply, PROVIDER_TRANSIENT);
		return;
	}
	p->work->step = 0;
	p->work->patience = 0;
	/* Of a list that has the oldest first, or takes no limit, this is early enough. */
	if (success && batch_api_page(&page, p->route.style, reply->body, &problem) == 0)
		earliest = batch_api_earliest(page);
	p->newest = earliest >= 0 ? earliest / CLOCK_SEC : 0;
}

void batch_settle_step(struct batch_flow *f, struct batch_part *p)
{
	if (p->work->probe[0] != '\0')
		batch_send_fetch(f, p, "output", p->work->probe, BATCH_PROBE);
	else
		batch_send_list(f, p);
}

/* Begin with the first page again, now or later. */
static void start_over(struct batch_work *w)
{
	free(w->cursor);
	w->cursor = NULL;
	w->pages = 0;
	w->pending = false;
	w->probe[0] = '\0';
}

/* It cannot be found out in this run. */
static void leave_open(struct batch_flow *f, struct batch_part *p)
{
	msg_warn("part %" PRIu64 ": it is not known whether it has a batch, and the list of "
		 "batches cannot be read: %s",
		 p->number, buf_string(&f->message));
	batch_flow_give_up(p, 0, buf_string(&f->code), buf_string(&f->message));
}

/* There is no batch: it may be made. */
static void make_again(struct batch_flow *f, struct batch_part *p)
{
	/* Of an earlier run's part only what is asked for is worth paying. */
	if (p->earlier && p->claimed < p->count) {
		if (batch_flow_move(f, p, BATCH_DROPPED))
			p->work->pass = BATCH_PASS_REST;
		return;
	}
	p->phase = p->file[0] != '\0' ? BATCH_UPLOADED : BATCH_SPOOLED;
	p->work->due = 0;
}

static bool is_listed(char *const *ids, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(ids[i], id) == 0)
			return true;
	return false;
}

static bool is_ours(const struct batch_flow *f, const char *id)
{
	for (const struct batch_part *p = f->options.state->parts; p != NULL; p = p->next)
		if (strcmp(p->batch, id) == 0 || is_listed(p->refused, p->refused_count, id))
			return true;
	return false;
}

/* Does a batch of the list end the search? */
static bool consider(struct batch_flow *f, struct batch_part *p, const struct batch_api_batch *b)
{
	struct batch_work *w = p->work;

	if (is_ours(f, b->id) || is_listed(w->strangers, w->stranger_count, b->id))
		return false;
	if (p->route.style == TARGET_OPENAI) {
		bool same = b->tag[0] != '\0'
				? strcmp(b->tag, p->tag) == 0
				: p->file[0] != '\0' && strcmp(b->input_file, p->file) == 0;
		if (same)
			batch_flow_created(f, p, b->id);
		return same;
	}
	if (b->total > 0 && b->total != (int64_t)p->count)
		return false;
	if (b->state == BATCH_API_WAITING) {
		w->pending = true;
		return false;
	}
	memcpy(w->probe, b->id, sizeof w->probe);
	w->due = 0;
	return true;
}

/* Go through a page. Returns whether the search has ended, or is to go on with a probe; sets *old
 * when it has come to batches that were there before. */
static bool search(struct batch_flow *f, struct batch_part *p, struct batch_api_page *page,
		   bool *old)
{
	struct batch_api_batch b;

	while (batch_api_next(page, &b)) {
		if (b.created >= 0 && b.created / CLOCK_SEC < p->newest - SLACK) {
			*old = true;
			return false;
		}
		if (consider(f, p, &b))
			return true;
	}
	return false;
}

/* Is there another page to look at? Then the cursor is its. A server that has no pages gives the
 * same one again. */
static bool next_page(struct batch_work *w, const struct batch_api_page *page, bool old)
{
	bool more = page->more && !old && (w->cursor == NULL || strcmp(w->cursor, page->last) != 0);

	free(w->cursor);
	w->cursor = more ? mem_copy(page->last, strlen(page->last)) : NULL;
	return more;
}

void batch_settle_looked(struct batch_flow *f, struct batch_part *p, const struct http_reply *reply)
{
	struct batch_work *w = p->work;
	struct batch_api_page page;
	const char *problem;
	bool old = false;
	bool success = reply->error == NULL && reply->status >= 200 && reply->status < 300;

	if (!success || batch_api_page(&page, p->route.style, reply->body, &problem) < 0) {
		enum provider_class class = batch_flow_judge(f, reply);
		start_over(w);
		if (!batch_flow_transient(f, p, reply, success ? PROVIDER_TRANSIENT : class))
			leave_open(f, p);
		return;
	}
	if (search(f, p, &page, &old)) {
		free(w->cursor);
		w->cursor = NULL;
		return;
	}
	if (next_page(w, &page, old)) {
		if (++w->pages < PAGES)
			return;
		buf_clear(&f->code);
		buf_adds(&f->code, "bad_response");
		buf_clear(&f->message);
		buf_adds(&f->message, "it has no end");
		start_over(w);
		leave_open(f, p);
		return;
	}
	bool pending = w->pending;
	start_over(w);
	w->looks = pending ? 0 : w->looks + 1;
	if (w->looks < LOOKS)
		batch_flow_later(f, p, NULL);
	else
		make_again(f, p);
}

/* Whose are the results in N.output? The first line that can be read tells. */
enum owner { OWNER_UNKNOWN, OWNER_PART, OWNER_OTHER };

static enum owner owner_of(const struct batch_flow *f, const struct batch_part *p)
{
	int fd = batch_part_open(p, f->options.state->journal, "output", O_RDONLY);
	enum owner owner = OWNER_UNKNOWN;
	struct line_reader reader;
	struct batch_api_line l;
	struct line line;
	const char *problem;
	enum line_state state;

	if (fd < 0)
		return OWNER_UNKNOWN;
	line_init(&reader, fd, BATCH_LINE_MOST);
	while (owner == OWNER_UNKNOWN && (state = line_next(&reader, &line)) != LINE_END) {
		if (state == LINE_NONE && line_fill(&reader, LINE_READ_BULK) < 0)
			break;
		if (state == LINE_OK &&
		    batch_api_line(&l, p->route.style, (struct json_span){line.text, line.length},
				   &problem) == 0)
			owner = batch_part_index(p, l.custom_id) >= 0 ? OWNER_PART : OWNER_OTHER;
	}
	line_free(&reader);
	close(fd);
	return owner;
}

/* The batch that was looked at is another part's, or somebody else's: on with the list. */
static void pass_over(struct batch_work *w)
{
	w->strangers = mem_resize(w->strangers, w->stranger_count + 1, sizeof *w->strangers);
	w->strangers[w->stranger_count++] = mem_copy(w->probe, strlen(w->probe));
	start_over(w);
	w->due = 0;
}

void batch_settle_probed(struct batch_flow *f, struct batch_part *p, const struct http_reply *reply)
{
	struct batch_work *w = p->work;
	bool success = reply->error == NULL && reply->status >= 200 && reply->status < 300;
	enum owner owner = success ? owner_of(f, p) : OWNER_UNKNOWN;

	if (owner == OWNER_PART) {
		batch_flow_created(f, p, w->probe);
		return;
	}
	enum provider_class class = batch_flow_judge(f, reply);
	if (owner == OWNER_OTHER || reply->status == 404 || reply->status == 410) {
		pass_over(w);
		return;
	}
	/* To take it for another's would be to make, and pay, a second one. */
	if (success && batch_flow_patient(f, p))
		class = PROVIDER_TRANSIENT;
	if (!batch_flow_transient(f, p, reply, class)) {
		start_over(w);
		leave_open(f, p);
	}
}
