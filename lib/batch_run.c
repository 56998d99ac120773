/* The engine: which part may go on now, and when the next one may. */
#include "batch_flow_state.h"
#include "clock.h"
#include "interrupt.h"

#include <string.h>

/* May the batch of this part be made beside those of its model that the provider has? */
static bool has_room(const struct batch_flow *f, const struct batch_part *p)
{
	uint64_t most = f->options.limits.tokens, tokens = 0;
	bool others = false;

	for (const struct batch_part *o = f->options.state->parts; o != NULL; o = o->next) {
		if (o == p || o->work == NULL || strcmp(o->model, p->model) != 0)
			continue;
		/* One that was turned away waits for room; no other goes before it. */
		if (o->work->refused && o->number < p->number && o->phase == BATCH_UPLOADED)
			return false;
		if (o->phase == BATCH_CREATING || o->phase == BATCH_CREATED) {
			tokens += o->tokens;
			others = true;
		}
	}
	return most == 0 || !others || tokens + p->tokens <= most;
}

/* Have all requests of an earlier part been asked for that will be? */
static bool is_settled(const struct batch_flow *f, const struct batch_part *p)
{
	return !p->earlier || f->input_ended || p->claimed == p->count;
}

/* What is to be done for a part next. */
enum next { NEXT_NOTHING, NEXT_CALL, NEXT_PASS };

static enum next next_of(const struct batch_flow *f, const struct batch_part *p)
{
	const struct batch_work *w = p->work;

	if (w == NULL || w->pass == BATCH_PASS_DONE || w->call != BATCH_IDLE)
		return NEXT_NOTHING;
	if (w->pass != BATCH_PASS_NONE)
		return NEXT_PASS;
	if (f->options.submit && p->phase >= BATCH_CREATED)
		return is_settled(f, p) ? NEXT_PASS : NEXT_NOTHING;
	switch (p->phase) {
	case BATCH_SPOOLED:
	case BATCH_UPLOADED:
		if (f->quota)
			return NEXT_PASS;
		if (p->phase == BATCH_SPOOLED && p->route.style == TARGET_OPENAI)
			return f->stopping ? NEXT_NOTHING : NEXT_CALL;
		return !f->stopping && has_room(f, p) ? NEXT_CALL : NEXT_NOTHING;
	case BATCH_FETCHED:
	case BATCH_COLLECTED:
		return is_settled(f, p) ? NEXT_PASS : NEXT_NOTHING;
	case BATCH_ENDED:
		return NEXT_CALL;
	default:
		return f->stopping ? NEXT_NOTHING : NEXT_CALL;
	}
}

/* Start bringing out what is known of a part. */
static void start_pass(struct batch_flow *f, struct batch_part *p)
{
	if (f->options.submit && p->phase >= BATCH_CREATED)
		p->work->pass = BATCH_PASS_SKIP;
	else if (p->phase < BATCH_CREATING)
		batch_flow_give_up(p, 0, "quota_exhausted",
				   "not sent, since the account has no credit left");
	else
		p->work->pass = BATCH_PASS_FILES;
}

/* Fetch the next file, or go on if there is none. */
static void fetch(struct batch_flow *f, struct batch_part *p)
{
	struct batch_work *w = p->work;

	if (!w->got_output && p->output[0] != '\0')
		batch_send_fetch(f, p, "output", p->output, BATCH_FETCH);
	else if (!w->got_errors && p->errors[0] != '\0')
		batch_send_fetch(f, p, "errors", p->errors, BATCH_FETCH);
	else if (batch_journal_sync_folder(f->options.state->journal) < 0)
		batch_flow_broken(f);
	else
		batch_flow_move(f, p, BATCH_FETCHED);
}

/* Make the batch, once it is known what was there before. */
static void create(struct batch_flow *f, struct batch_part *p)
{
	if (p->newest == BATCH_UNINTENDED)
		batch_send_newest(f, p);
	else
		batch_send_create(f, p);
}

/* Start the part's next call. */
static void start_call(struct batch_flow *f, struct batch_part *p)
{
	switch (p->phase) {
	case BATCH_SPOOLED:
		if (p->route.style == TARGET_OPENAI) {
			batch_send_upload(f, p);
			break;
		}
		create(f, p);
		break;
	case BATCH_UPLOADED:
		create(f, p);
		break;
	case BATCH_CREATING:
		batch_settle_step(f, p);
		break;
	case BATCH_CREATED:
		batch_send_poll(f, p);
		break;
	default:
		fetch(f, p);
		break;
	}
}

static void step(struct batch_flow *f, struct batch_part *p, int64_t now)
{
	enum next next = next_of(f, p);

	if (next == NEXT_CALL && p->work->due <= now && http_room(f->http) > 0)
		start_call(f, p);
	if (next == NEXT_PASS && p->work->pass == BATCH_PASS_NONE)
		start_pass(f, p);
	if (next == NEXT_PASS)
		batch_collect_run(f, p);
}

/* All requests without an outcome get one that says where they are. */
static void leave(struct batch_flow *f)
{
	for (struct batch_part *p = f->options.state->parts; p != NULL; p = p->next) {
		struct batch_work *w = p->work;
		if (w == NULL || w->pass != BATCH_PASS_NONE)
			continue;
		if (p->phase < BATCH_CREATING)
			batch_flow_give_up(p, 0, "cancelled",
					   "interrupted before its batch was made");
		else
			batch_flow_give_up(p, 0, "batch_pending",
					   "interrupted; its batch goes on, and the same command "
					   "with the same state fetches the answer");
	}
}

/* Does a part have something in hand that a signal does not stop? */
static bool is_finishing(const struct batch_flow *f, const struct batch_part *p, int64_t now)
{
	const struct batch_work *w = p->work;

	if (w == NULL)
		return false;
	return w->call == BATCH_CREATE || w->call == BATCH_FETCH || next_of(f, p) == NEXT_PASS ||
	       (next_of(f, p) == NEXT_CALL && w->due <= now);
}

/* After a signal: when nothing is in hand any more, leave the rest. */
static void stop(struct batch_flow *f, int64_t now)
{
	for (const struct batch_part *p = f->options.state->parts; p != NULL; p = p->next)
		if (is_finishing(f, p, now))
			return;
	http_cancel(f->http);
	leave(f);
}

static void engine_run(void *context)
{
	struct batch_flow *f = context;
	int64_t now = clock_now();

	/* A tool around us that asks us to stop wants what is in flight to finish. */
	if (stage_stopping(f->stage) && !interrupt_asked())
		f->stopping = true;
	http_run(f->http, now);
	for (struct batch_part *p = f->options.state->parts; p != NULL && !f->broken; p = p->next)
		step(f, p, now);
	if (f->stopping)
		stop(f, now);
}

static int64_t engine_deadline(void *context)
{
	const struct batch_flow *f = context;
	int64_t deadline = http_deadline(f->http);

	for (const struct batch_part *p = f->options.state->parts; p != NULL; p = p->next) {
		enum next next = next_of(f, p);
		if (next == NEXT_PASS && !stage_is_full(f->stage))
			return 0;
		if (next == NEXT_CALL && http_room(f->http) > 0 && p->work->due < deadline)
			deadline = p->work->due;
	}
	return deadline;
}

static int engine_descriptor(void *context)
{
	return http_descriptor(((struct batch_flow *)context)->http);
}

/* Requests go to files: there is always room. The number is what the stage reads at once, in KiB.
 */
static size_t engine_room(void *context)
{
	(void)context;
	return 1024;
}

static size_t engine_in_flight(void *context)
{
	const struct batch_flow *f = context;

	return (size_t)(f->claimed - f->answered);
}

static void engine_cancel(void *context)
{
	struct batch_flow *f = context;

	f->stopping = f->unbounded = true;
	http_cancel(f->http);
	leave(f);
	for (struct batch_part *p = f->options.state->parts; p != NULL; p = p->next)
		if (p->work != NULL && p->work->pass != BATCH_PASS_DONE)
			batch_collect_run(f, p);
}

const struct stage_engine batch_flow_engine = {engine_descriptor, engine_deadline,  engine_run,
					       engine_room,       engine_in_flight, engine_cancel};
