/*
 * Bringing a part's outcomes out: each line of its result files is matched with its request, and
 * what is left without one is asked again or fails.
 *
 * A request is asked again, in a part of its own, only when the journal says that it is to be:
 * otherwise it would be paid for twice after a crash between the two.
 */
#include "batch_flow_state.h"
#include "msg.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How much of a file is read at once. */
#define CHUNK ((size_t)1 << 18)
/* How often files are fetched that lack results: it may have been the way they came. */
#define FETCHES 3

void batch_collect_end(struct batch_work *w)
{
	if (w->pass != BATCH_PASS_FILES || w->reading == NULL)
		return;
	if (w->reader.fd >= 0)
		close(w->reader.fd);
	line_free(&w->reader);
}

static bool is_full(const struct batch_flow *f)
{
	return !f->unbounded && stage_is_full(f->stage);
}

/* Read a request back. Returns whether it could be. */
static bool read_request(struct batch_flow *f, struct batch_part *p, uint64_t index,
			 struct record *r)
{
	if (batch_state_line(f->options.state, p, index, &f->line) < 0) {
		batch_flow_broken(f);
		return false;
	}
	struct line line = {f->line.data, f->line.length, 0, f->line.length};
	record_parse(r, &line, false);
	return true;
}

static void emit(struct batch_flow *f, struct batch_part *p, uint64_t index, bool failed)
{
	stage_emit(f->stage, p->items[index].sequence,
		   (struct json_span){f->result.data, f->result.length}, failed);
	batch_flow_answered(f, p, index);
}

/* A request fails, of which no line says so. Returns whether it could be read back. */
static bool fail_request(struct batch_flow *f, struct batch_part *p, uint64_t index,
			 const char *code, const char *message)
{
	struct record r;

	if (!read_request(f, p, index, &r))
		return false;
	buf_clear(&f->result);
	record_fail(&f->result, &r, code, message);
	emit(f, p, index, true);
	return true;
}

/* The same with the status of the answer that refused all of a part: nothing was charged for. */
static bool refuse_request(struct batch_flow *f, struct batch_part *p, uint64_t index)
{
	const struct batch_work *w = p->work;
	struct buf response = {0};
	struct record r;

	if (!read_request(f, p, index, &r))
		return false;
	buf_addf(&response, "{\"status_code\":%ld,\"request_id\":null,\"body\":null}", w->status);
	buf_clear(&f->error);
	record_error(&f->error, w->code, w->message, strlen(w->message));
	struct json_edit edits[] = {{"response", {response.data, response.length}},
				    {"error", {f->error.data, f->error.length}}};
	buf_clear(&f->result);
	record_set(&f->result, &r, edits, 2, NULL, 0);
	buf_free(&response);
	emit(f, p, index, true);
	return true;
}

/* Is the request to be asked again in this run, rather than to fail? */
static bool may_ask_again(const struct batch_flow *f, const struct batch_part *p)
{
	return p->round < f->options.rounds && !f->stopping && !f->quota;
}

/* The outcome of a request, in f->result, and what it means. */
static void take_outcome(struct batch_flow *f, struct batch_part *p, uint64_t index,
			 enum batch_api_outcome outcome)
{
	bool claimed = p->items[index].sequence != BATCH_UNCLAIMED;
	struct json_span result = {f->result.data, f->result.length};
	bool expired = outcome == BATCH_API_AGAIN &&
		       json_equals(json_path(result, "error", "code", NULL), "batch_expired");

	if (expired && p->phase == BATCH_FETCHED && may_ask_again(f, p)) {
		p->work->expired++; /* it is asked again with those that have no line */
		return;
	}
	if (outcome != BATCH_API_GOOD && p->phase == BATCH_FETCHED)
		batch_part_kill(p, index);
	if (claimed)
		emit(f, p, index, outcome != BATCH_API_GOOD);
	else
		batch_flow_answered(f, p, index);
}

static void take_line(struct batch_flow *f, struct batch_part *p, const struct line *line)
{
	struct batch_work *w = p->work;
	struct batch_api_line l;
	const char *problem;
	char id[BATCH_ID];
	struct record r;

	if (batch_api_line(&l, p->route.style, (struct json_span){line->text, line->length},
			   &problem) < 0) {
		w->garbage++;
		return;
	}
	int64_t index = batch_part_index(p, l.custom_id);
	if (index < 0) {
		w->unknown++;
		return;
	}
	struct batch_item *item = &p->items[index];
	if (item->sequence == BATCH_UNCLAIMED && p->phase == BATCH_COLLECTED)
		return;
	if (item->sequence == BATCH_ANSWERED) {
		w->repeated += w->fetches == 0;
		return;
	}
	if (!read_request(f, p, (uint64_t)index, &r))
		return;
	batch_part_id(p, (uint64_t)index, r.custom_id, id);
	if (!json_equals(l.custom_id, id)) {
		w->unknown++;
		return;
	}
	buf_clear(&f->result);
	take_outcome(f, p, (uint64_t)index, batch_api_result(&f->reply, &f->result, &r, &l));
}

/* Open the part's next file of results. Returns whether there is one. */
static bool open_next(struct batch_flow *f, struct batch_part *p)
{
	struct batch_work *w = p->work;
	bool errors = w->reading != NULL;

	if (errors)
		batch_collect_end(w);
	if (errors && strcmp(w->reading, "errors") == 0)
		return false;
	w->reading = errors || p->output[0] == '\0' ? "errors" : "output";
	line_init(&w->reader, -1, BATCH_LINE_MOST);
	if (strcmp(w->reading, "errors") == 0 && p->errors[0] == '\0')
		return false;
	w->reader.fd = batch_part_open(p, f->options.state->journal, w->reading, O_RDONLY);
	if (w->reader.fd < 0)
		batch_flow_broken(f);
	return w->reader.fd >= 0;
}

/* Say what was wrong with the files. */
static void report(const struct batch_part *p)
{
	const struct {
		const char *what;
		uint64_t count;
	} kinds[] = {{"that cannot be read", p->work->garbage},
		     {"with unknown ids", p->work->unknown},
		     {"for a request that has one", p->work->repeated}};
	struct buf text = {0};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].count > 0)
			buf_addf(&text, "%s %s: %" PRIu64, text.length > 0 ? "," : "",
				 kinds[i].what, kinds[i].count);
	if (text.length > 0)
		msg_warn("part %" PRIu64 ": in its results are lines%s; they are left out",
			 p->number, buf_string(&text));
	buf_free(&text);
}

static uint64_t count_rest(const struct batch_part *p)
{
	uint64_t rest = 0;

	for (uint64_t i = 0; i < p->count; i++)
		rest += p->items[i].sequence != BATCH_ANSWERED;
	return rest;
}

/* Fetch the files once more, if they lack results that must be there: then it is no loss. */
static bool fetch_again(struct batch_flow *f, struct batch_part *p)
{
	struct batch_work *w = p->work;
	bool lacking = w->garbage > 0 || p->outcome == BATCH_API_ENDED;

	if (p->phase != BATCH_FETCHED || !lacking || count_rest(p) <= w->expired || w->gone)
		return false;
	if (++w->fetches >= FETCHES)
		return false;
	w->pass = BATCH_PASS_NONE;
	w->reading = NULL;
	w->got_output = w->got_errors = false;
	w->garbage = w->unknown = w->expired = 0;
	if (batch_flow_move(f, p, BATCH_ENDED))
		batch_flow_later(f, p, NULL);
	return true;
}

/* All lines are read. Note which requests are to be asked anew: those that failed, and those
 * without a line. */
static void end_files(struct batch_flow *f, struct batch_part *p)
{
	struct batch_work *w = p->work;

	report(p);
	if (fetch_again(f, p))
		return;
	w->pass = BATCH_PASS_REST;
	w->next = 0;
	if (p->phase != BATCH_FETCHED)
		return;
	for (uint64_t i = 0; i < p->count; i++)
		if (p->items[i].sequence != BATCH_ANSWERED)
			batch_part_kill(p, i);
	batch_flow_move(f, p, BATCH_COLLECTED);
}

static void run_files(struct batch_flow *f, struct batch_part *p)
{
	struct batch_work *w = p->work;
	struct line line;

	/* One that is not read now keeps no file open. */
	if (w->reading == NULL && is_full(f))
		return;
	if (w->reading == NULL && !open_next(f, p)) {
		end_files(f, p);
		return;
	}
	while (!is_full(f)) {
		switch (line_next(&w->reader, &line)) {
		case LINE_NONE:
			if (line_fill(&w->reader, CHUNK) < 0) {
				batch_part_complain(p, f->options.state->journal, w->reading);
				batch_flow_broken(f);
				return;
			}
			break;
		case LINE_OK:
			take_line(f, p, &line);
			break;
		case LINE_TOO_LONG:
			w->garbage++;
			break;
		case LINE_END:
			if (!open_next(f, p)) {
				end_files(f, p);
				return;
			}
			break;
		}
	}
}

/* Ask a request again, in another part. Returns whether that could be noted. */
static bool ask_again(struct batch_flow *f, struct batch_part *p, uint64_t index)
{
	unsigned round = p->phase == BATCH_DROPPED ? p->round : p->round + 1;
	struct batch_item *item = &p->items[index];
	struct record r;

	if (!read_request(f, p, index, &r))
		return false;
	if (batch_spool_add(f->spool, &p->route, &r, round, item->sequence) < 0) {
		batch_flow_broken(f);
		return false;
	}
	/* It is another part's now. */
	p->answered++;
	item->sequence = BATCH_ANSWERED;
	return true;
}

/* Why a request without a line fails. */
static void fail_rest(struct batch_flow *f, struct batch_part *p, uint64_t index)
{
	if (p->work->gone)
		fail_request(f, p, index, "batch_lost", "the provider has its results no more");
	else if (p->outcome == BATCH_API_CANCELLED)
		fail_request(f, p, index, "batch_cancelled", "the batch was cancelled");
	else if (p->outcome == BATCH_API_FAILED)
		fail_request(f, p, index, p->code, p->message);
	else
		fail_request(f, p, index, "batch_lost", "the batch ended without a result for it");
}

static void run_rest(struct batch_flow *f, struct batch_part *p)
{
	struct batch_work *w = p->work;
	bool again =
	    p->phase == BATCH_DROPPED || (!w->gone && p->outcome != BATCH_API_CANCELLED &&
					  p->outcome != BATCH_API_FAILED && may_ask_again(f, p));
	uint64_t asked = 0;

	for (; w->next < p->count && !is_full(f); w->next++) {
		uint64_t sequence = p->items[w->next].sequence;
		if (sequence == BATCH_UNCLAIMED || sequence == BATCH_ANSWERED)
			continue;
		if (again && !ask_again(f, p, w->next))
			return;
		if (!again)
			fail_rest(f, p, w->next);
		asked += again;
	}
	if (asked > 0 && p->phase != BATCH_DROPPED)
		msg_warn("part %" PRIu64 ": %" PRIu64
			 " requests have no result, and are asked again",
			 p->number, asked);
	if (asked > 0 && f->input_ended && batch_spool_close(f->spool) < 0)
		batch_flow_broken(f);
	if (w->next == p->count)
		w->pass = BATCH_PASS_DONE;
}

/* The same outcome for all, or with BATCH_PASS_SKIP none. */
static void run_all(struct batch_flow *f, struct batch_part *p)
{
	struct batch_work *w = p->work;

	for (; w->next < p->count && !is_full(f); w->next++) {
		uint64_t sequence = p->items[w->next].sequence;
		if (sequence == BATCH_UNCLAIMED || sequence == BATCH_ANSWERED)
			continue;
		bool refused = w->pass == BATCH_PASS_FAIL && w->status > 0;
		if (refused && !refuse_request(f, p, w->next))
			return;
		if (w->pass == BATCH_PASS_FAIL && !refused &&
		    !fail_request(f, p, w->next, w->code, w->message))
			return;
		if (w->pass == BATCH_PASS_SKIP) {
			stage_skip(f->stage, sequence);
			batch_flow_answered(f, p, w->next);
		}
	}
	if (w->next == p->count)
		w->pass = BATCH_PASS_DONE;
}

void batch_collect_run(struct batch_flow *f, struct batch_part *p)
{
	struct batch_work *w = p->work;

	if (w->pass == BATCH_PASS_FILES)
		run_files(f, p);
	if (w->pass == BATCH_PASS_REST)
		run_rest(f, p);
	if (w->pass == BATCH_PASS_FAIL || w->pass == BATCH_PASS_SKIP)
		run_all(f, p);
	if (w->pass != BATCH_PASS_DONE)
		return;
	free(p->items);
	p->items = NULL;
}
