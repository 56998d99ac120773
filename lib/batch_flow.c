/* The phases of a part: what is done in each, and what the answers mean. */
#include "backoff.h"
#include "batch_flow_state.h"
#include "clock.h"
#include "mem.h"
#include "msg.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* The longest wait between two looks, and how long an answer that may be early is waited out, in
 * shortest waits; and how often it must come at the least. */
#define POLLS_MOST       60
#define PATIENCE_POLLS   60
#define PATIENCE_ANSWERS 6

void batch_flow_broken(struct batch_flow *f)
{
	f->broken = true;
	stage_fatal(f->stage, STATUS_SYSTEM);
}

bool batch_flow_move(struct batch_flow *f, struct batch_part *p, enum batch_phase phase)
{
	if (batch_state_move(f->options.state, p, phase) < 0) {
		batch_flow_broken(f);
		return false;
	}
	p->work->due = 0;
	if (phase == BATCH_CREATING)
		return true; /* perhaps not for the first time */
	p->work->step = 0;
	p->work->patience = 0;
	return true;
}

void batch_flow_answered(struct batch_flow *f, struct batch_part *p, uint64_t index)
{
	if (p->items[index].sequence != BATCH_UNCLAIMED) {
		p->answered++;
		f->answered++;
	}
	p->items[index].sequence = BATCH_ANSWERED;
}

void batch_flow_give_up(struct batch_part *p, long status, const char *code, const char *message)
{
	struct batch_work *w = p->work;

	free(w->code);
	free(w->message);
	w->code = mem_copy(code, strlen(code));
	w->message = mem_copy(message, strlen(message));
	w->status = status;
	w->pass = BATCH_PASS_FAIL;
	w->next = 0;
}

void batch_flow_fail(struct batch_flow *f, struct batch_part *p, long status, const char *code,
		     const char *message)
{
	batch_part_explain(p, code, message);
	if (batch_flow_move(f, p, BATCH_FAILED))
		batch_flow_give_up(p, status, code, message);
}

/* Half of the next wait of a growing row, and up to as much again by chance. */
static int64_t next_wait(struct batch_flow *f, struct batch_work *w)
{
	int64_t poll = f->options.poll;
	int64_t limit = backoff_limit(poll, poll * POLLS_MOST, w->step++);

	return limit / 2 + backoff_jitter(limit / 2, limit / 2, 0, backoff_random(&f->random));
}

/* What an answer asks to wait, ns. */
static int64_t asked_wait(const struct http_reply *reply)
{
	struct buf limits = {0};
	double seconds = 0;

	if (reply == NULL || reply->status < 400)
		return 0;
	if (provider_ratelimit(&limits, reply->headers.at, reply->headers.length, clock_wall()))
		json_number(json_get((struct json_span){limits.data, limits.length}, "retry_after"),
			    &seconds);
	buf_free(&limits);
	return seconds > 0 && seconds < 86400 ? (int64_t)(seconds * (double)CLOCK_SEC) : 0;
}

void batch_flow_later(struct batch_flow *f, struct batch_part *p, const struct http_reply *reply)
{
	p->work->due = backoff_until(clock_now(), asked_wait(reply), next_wait(f, p->work));
}

bool batch_flow_patient(struct batch_flow *f, struct batch_part *p)
{
	int64_t now = clock_now();

	if (p->work->patience == 0) {
		p->work->patience = now + f->options.poll * PATIENCE_POLLS;
		p->work->early = 0;
	}
	/* In an outage time passes without an answer. */
	return ++p->work->early < PATIENCE_ANSWERS || now < p->work->patience;
}

/* Give a part what it needs in this run. */
static void start_work(struct batch_part *p)
{
	p->work = mem_zero(1, sizeof *p->work);
	p->work->fd = -1;
}

static void free_work(struct batch_part *p)
{
	struct batch_work *w = p->work;

	if (w == NULL)
		return;
	if (w->fd >= 0)
		close(w->fd);
	for (size_t i = 0; i < w->stranger_count; i++)
		free(w->strangers[i]);
	batch_collect_end(w);
	buf_free(&w->url);
	buf_free(&w->body);
	free(w->strangers);
	free(w->cursor);
	free(w->code);
	free(w->message);
	free(w);
	p->work = NULL;
}

static void on_spooled(void *context, struct batch_part *p)
{
	(void)context;
	start_work(p);
}

struct batch_flow *batch_flow_new(const struct batch_flow_options *options)
{
	struct batch_flow *f = mem_zero(1, sizeof *f);
	const char *reason;

	f->options = *options;
	if (getrandom(&f->random, sizeof f->random, 0) != (ssize_t)sizeof f->random)
		msg_die(STATUS_SYSTEM, "getrandom: %s", strerror(errno));
	f->http = http_new(&options->access->http, batch_answer, f, &reason);
	if (f->http == NULL)
		msg_die(STATUS_SYSTEM, "%s", reason);
	f->spool = batch_spool_new(options->state, &options->limits, on_spooled, f);
	if (options->state->parts == NULL)
		return f;
	f->index = batch_index_new(options->state);
	if (f->index != NULL)
		return f;
	batch_flow_free(f);
	return NULL;
}

void batch_flow_free(struct batch_flow *f)
{
	if (f == NULL)
		return;
	http_free(f->http);
	for (struct batch_part *p = f->options.state->parts; p != NULL; p = p->next)
		free_work(p);
	batch_spool_free(f->spool);
	batch_index_free(f->index);
	for (size_t i = 0; i < BATCH_ROUTES; i++) {
		batch_route_free(&f->routes[i]);
		free(f->route_keys[i]);
	}
	buf_free(&f->line);
	buf_free(&f->result);
	buf_free(&f->code);
	buf_free(&f->message);
	buf_free(&f->error);
	reply_free(&f->reply);
	free(f);
}

void batch_flow_attach(struct batch_flow *f, struct stage *stage)
{
	f->stage = stage;
}

static void fail_request(struct batch_flow *f, const struct record *r, uint64_t sequence,
			 const char *code, const char *message)
{
	buf_clear(&f->result);
	record_fail(&f->result, r, code, message);
	stage_emit(f->stage, sequence, (struct json_span){f->result.data, f->result.length}, true);
}

/* The route of a request, or NULL after it has failed. */
static const struct batch_route *find_route(struct batch_flow *f, const struct record *r,
					    uint64_t sequence)
{
	const char *code, *message;
	struct batch_route route;

	buf_clear(&f->line);
	buf_addc(&f->line, r->params ? 'p' : 'b');
	buf_add(&f->line, r->url.at, r->url.length);
	const char *key = buf_string(&f->line);
	for (size_t i = 0; i < BATCH_ROUTES; i++)
		if (f->route_keys[i] != NULL && strcmp(f->route_keys[i], key) == 0)
			return &f->routes[i];
	code = batch_route_find(&route, f->options.access->targets, r, &message);
	if (code != NULL) {
		batch_route_free(&route);
		fail_request(f, r, sequence, code, message);
		return NULL;
	}
	size_t i = f->next_route++ % BATCH_ROUTES;
	batch_route_free(&f->routes[i]);
	free(f->route_keys[i]);
	f->route_keys[i] = mem_copy(key, f->line.length);
	f->routes[i] = route;
	return &f->routes[i];
}

/* Is this request one of an earlier run's? Then that is asked for. */
static bool claim(struct batch_flow *f, const struct record *r, const struct batch_route *route,
		  uint64_t sequence)
{
	struct batch_part *p;

	switch (batch_index_claim(f->index, r, sequence, &p)) {
	case BATCH_NEW:
		return false;
	case BATCH_FAULT:
		batch_flow_broken(f);
		return true;
	case BATCH_FOUND:
		break;
	}
	f->claimed++;
	if (p->work != NULL)
		return true;
	start_work(p);
	if (strcmp(p->base, route->base) == 0) {
		batch_route_copy(&p->route, route);
		return true;
	}
	msg_warn("%s: part %" PRIu64 " was sent to %s, not to %s: give the same URL",
		 batch_journal_path(f->options.state->journal), p->number, p->base, route->base);
	stage_fatal(f->stage, STATUS_USAGE);
	return true;
}

void batch_flow_request(struct batch_flow *f, const struct record *r, uint64_t sequence)
{
	const char *message;

	if (json_is_set(r->method) && !json_equals(r->method, "POST")) {
		fail_request(f, r, sequence, "unsupported_method", "only POST is supported");
		return;
	}
	const struct batch_route *route = find_route(f, r, sequence);
	if (route == NULL || (f->index != NULL && claim(f, r, route, sequence)))
		return;
	const char *code = batch_spool_refuses(f->spool, route, r, &message);
	if (code != NULL) {
		fail_request(f, r, sequence, code, message);
		return;
	}
	f->claimed++;
	if (batch_spool_add(f->spool, route, r, 0, sequence) < 0)
		batch_flow_broken(f);
}

/* What earlier runs have in the state that this one does not ask for. */
static void report_unclaimed(const struct batch_flow *f)
{
	uint64_t parts, requests = batch_state_unclaimed(f->options.state, &parts);

	if (requests > 0)
		msg_warn("%s: %" PRIu64 " more requests are in batches there (%" PRIu64
			 "), which the input does not name; they are left",
			 batch_journal_path(f->options.state->journal), requests, parts);
}

void batch_flow_finish(struct batch_flow *f, bool stopped)
{
	f->input_ended = true;
	if (batch_spool_close(f->spool) < 0)
		batch_flow_broken(f);
	if (!stopped) {
		report_unclaimed(f);
		if (batch_state_drop(f->options.state) < 0)
			batch_flow_broken(f);
	}
	batch_index_free(f->index);
	f->index = NULL;
}
