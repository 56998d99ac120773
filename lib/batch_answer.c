/* What the answers to a part's calls mean. */
#include "batch_flow_state.h"
#include "clock.h"
#include "msg.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* Between two warnings of the same outage. */
#define WARN_EVERY (300 * CLOCK_SEC)

static bool is_success(const struct http_reply *reply)
{
	return reply->error == NULL && reply->status >= 200 && reply->status < 300;
}

/* What an answer is called that does not say so itself. */
static void fill_in(struct batch_flow *f, const struct http_reply *reply)
{
	bool success = is_success(reply);

	if (f->code.length == 0 && success)
		buf_adds(&f->code, "bad_response");
	else if (f->code.length == 0)
		buf_addf(&f->code, "http_%ld", reply->status);
	if (f->message.length == 0 && success)
		buf_adds(&f->message, "the answer is none of a Batch API");
	else if (f->message.length == 0)
		buf_addf(&f->message, "HTTP status %ld", reply->status);
}

enum provider_class batch_flow_judge(struct batch_flow *f, const struct http_reply *reply)
{
	struct json_span body = {NULL, 0};
	struct json_error problem;

	buf_clear(&f->code);
	buf_clear(&f->message);
	if (reply->error != NULL) {
		buf_adds(&f->code, reply->error);
		buf_adds(&f->message, reply->message);
	} else if (json_check(reply->body.at, reply->body.length, &body, NULL, 0, &problem) == 0) {
		provider_error(body, NULL, &f->code, &f->message);
	} else {
		body.at = NULL;
	}
	fill_in(f, reply);
	buf_clear(&f->error);
	record_error(&f->error, buf_string(&f->code), f->message.data, f->message.length);
	return provider_classify(reply->status, (struct json_span){f->error.data, f->error.length},
				 body, -1);
}

bool batch_flow_transient(struct batch_flow *f, struct batch_part *p,
			  const struct http_reply *reply, enum provider_class class)
{
	int64_t now = clock_now();

	if (class != PROVIDER_TRANSIENT)
		return false;
	batch_flow_later(f, p, reply);
	if (now >= f->warn)
		msg_warn("part %" PRIu64 ": %s: %s; trying again", p->number, buf_string(&f->code),
			 buf_string(&f->message));
	if (now >= f->warn)
		f->warn = now + WARN_EVERY;
	return true;
}

/* What a call for a part that has no batch failed for will not heal. */
static void refuse_part(struct batch_flow *f, struct batch_part *p, long status,
			enum provider_class class)
{
	if (class == PROVIDER_QUOTA && !f->quota) {
		f->quota = true;
		stage_raise(f->stage, STATUS_STOPPED);
	}
	msg_warn("part %" PRIu64 ": %s: %s", p->number, buf_string(&f->code),
		 buf_string(&f->message));
	batch_flow_fail(f, p, status, buf_string(&f->code), buf_string(&f->message));
}

static bool is_error(const struct http_reply *reply, const char *code)
{
	return reply->error != NULL && strcmp(reply->error, code) == 0;
}

static void uploaded(struct batch_flow *f, struct batch_part *p, const struct http_reply *reply)
{
	const char *problem;

	if (is_success(reply) && batch_api_file(p->file, reply->body, &problem) == 0) {
		batch_flow_move(f, p, BATCH_UPLOADED);
		return;
	}
	enum provider_class class = batch_flow_judge(f, reply);
	/* An answer that makes no sense is no reason to stop either. */
	if (is_success(reply))
		class = PROVIDER_TRANSIENT;
	if (!batch_flow_transient(f, p, reply, class))
		refuse_part(f, p, reply->status, class);
}

void batch_flow_created(struct batch_flow *f, struct batch_part *p, const char *id)
{
	memcpy(p->batch, id, strlen(id) + 1);
	if (!batch_flow_move(f, p, BATCH_CREATED))
		return;
	if (f->options.verbose)
		msg_warn("part %" PRIu64 ": %" PRIu64 " requests: batch %s", p->number, p->count,
			 p->batch);
	if (batch_part_remove(p, f->options.state->journal, "upload") < 0)
		batch_flow_broken(f);
	batch_flow_later(f, p, NULL);
}

/* The outcome of a create that is none of success and certain failure is looked for. */
static void look_for_batch(struct batch_flow *f, struct batch_part *p)
{
	p->work->looks = 0;
	batch_flow_later(f, p, NULL);
}

/* Was the request surely not carried out? */
static bool is_certain(const struct http_reply *reply)
{
	static const char *const unsent[] = {"connect_failed", "resolve_failed", "tls_failed"};

	for (size_t i = 0; i < sizeof unsent / sizeof *unsent; i++)
		if (is_error(reply, unsent[i]))
			return true;
	return reply->error == NULL && reply->status >= 400 && reply->status < 500 &&
	       reply->status != 408;
}

/* The provider does not see the file yet that it has just taken. */
static bool is_early(const struct batch_part *p, const struct http_reply *reply)
{
	bool status = reply->status == 404 || reply->status == 400;

	return status && p->file[0] != '\0' && reply->body.at != NULL &&
	       memmem(reply->body.at, reply->body.length, "file", 4) != NULL;
}

static void created(struct batch_flow *f, struct batch_part *p, const struct http_reply *reply)
{
	struct batch_api_batch batch;
	const char *problem;

	if (is_success(reply) &&
	    batch_api_read(&batch, p->route.style, reply->body, &problem) == 0) {
		batch_flow_created(f, p, batch.id);
		return;
	}
	if (!is_certain(reply)) {
		look_for_batch(f, p);
		return;
	}
	enum provider_class class = batch_flow_judge(f, reply);
	/* As far as the journal goes the outcome is open; it would be looked for in vain. */
	p->phase = p->file[0] != '\0' ? BATCH_UPLOADED : BATCH_SPOOLED;
	if (batch_flow_transient(f, p, reply, class))
		return;
	if (class != PROVIDER_QUOTA && is_early(p, reply) && batch_flow_patient(f, p)) {
		batch_flow_later(f, p, reply);
		return;
	}
	refuse_part(f, p, reply->status, class);
}

/* A batch has ended: those that wait for its room may go. */
static void wake_refused(struct batch_flow *f, const struct batch_part *ended)
{
	for (struct batch_part *p = f->options.state->parts; p != NULL; p = p->next)
		if (p->work != NULL && p->work->refused && strcmp(p->model, ended->model) == 0)
			p->work->due = 0;
}

void batch_flow_ended(struct batch_flow *f, struct batch_part *p, const struct batch_api_batch *b)
{
	p->outcome = b->state;
	memcpy(p->output, b->output_file, sizeof p->output);
	memcpy(p->errors, b->error_file, sizeof p->errors);
	if (!batch_flow_move(f, p, BATCH_ENDED))
		return;
	p->work->refused = false;
	wake_refused(f, p);
	if (f->options.verbose)
		msg_warn("part %" PRIu64 ": batch %s: %.*s", p->number, p->batch,
			 b->status.length > 2 ? (int)b->status.length - 2 : 0, b->status.at + 1);
}

/* The provider has no room for the batch now: it is made again later. */
static void queue_full(struct batch_flow *f, struct batch_part *p)
{
	struct batch_work *w = p->work;

	if (batch_state_refuse(f->options.state, p) < 0) {
		batch_flow_broken(f);
		return;
	}
	if (!w->refused)
		msg_warn("part %" PRIu64 ": the provider's queue is full; waiting for room "
			 "(--enqueued keeps batches within it)",
			 p->number);
	w->refused = true;
	w->patience = 0;
	w->step = 2 + w->refusals++;
	batch_flow_later(f, p, NULL);
}

/* Leave in f->message why a batch failed. */
static void say_why(struct batch_flow *f, const struct batch_api_batch *b)
{
	buf_clear(&f->message);
	json_text(&f->message, b->error_code);
	buf_adds(&f->message, f->message.length > 0 ? ": " : "");
	json_text(&f->message, b->error_message);
	if (f->message.length == 0)
		buf_adds(&f->message, "the batch failed");
	if (b->error_line > 0)
		buf_addf(&f->message, " (line %" PRId64 " of the batch)", b->error_line);
}

/* The batch failed, mostly because the provider would not begin it. What it has done all the same
 * is paid for, and brought out. */
static void failed(struct batch_flow *f, struct batch_part *p, const struct batch_api_batch *b)
{
	bool begun = b->completed > 0 || b->output_file[0] != '\0' || b->error_file[0] != '\0';

	if (!begun && json_equals(b->error_code, "token_limit_exceeded")) {
		wake_refused(f, p);
		queue_full(f, p);
		return;
	}
	say_why(f, b);
	msg_warn("part %" PRIu64 ": %s", p->number, buf_string(&f->message));
	if (!begun) {
		wake_refused(f, p);
		batch_flow_fail(f, p, 0, "batch_failed", buf_string(&f->message));
		return;
	}
	/* Without a file it is not known for which requests we pay. */
	const char *code =
	    b->completed > 0 && b->output_file[0] == '\0' ? "batch_lost" : "batch_failed";
	batch_part_explain(p, code, buf_string(&f->message));
	batch_flow_ended(f, p, b);
}

static void polled(struct batch_flow *f, struct batch_part *p, const struct http_reply *reply)
{
	struct batch_api_batch b;
	const char *problem;

	if (is_success(reply) && batch_api_read(&b, p->route.style, reply->body, &problem) == 0) {
		if (b.state == BATCH_API_WAITING)
			p->work->patience = 0; /* it is known: nothing is late any more */
		if (b.state == BATCH_API_WAITING || (b.late && batch_flow_patient(f, p)))
			batch_flow_later(f, p, NULL);
		else if (b.state == BATCH_API_FAILED)
			failed(f, p, &b);
		else
			batch_flow_ended(f, p, &b);
		return;
	}
	enum provider_class class = batch_flow_judge(f, reply);
	if (is_success(reply))
		class = PROVIDER_TRANSIENT;
	if (reply->status == 404 && batch_flow_patient(f, p))
		batch_flow_later(f, p, reply);
	else if (reply->status == 404)
		batch_flow_fail(f, p, 0, "batch_lost",
				"the provider does not know the batch any more");
	else if (!batch_flow_transient(f, p, reply, class))
		batch_flow_give_up(p, 0, buf_string(&f->code), buf_string(&f->message));
}

static void fetched(struct batch_flow *f, struct batch_part *p, const struct http_reply *reply)
{
	struct batch_work *w = p->work;
	bool *got = strcmp(w->file, "output") == 0 ? &w->got_output : &w->got_errors;

	if (is_success(reply)) {
		*got = true;
		w->step = 0;
		w->patience = 0;
		if (fdatasync(w->fd) < 0) {
			batch_part_complain(p, f->options.state->journal, w->file);
			batch_flow_broken(f);
		}
		return;
	}
	enum provider_class class = batch_flow_judge(f, reply);
	if (reply->status == 404 && batch_flow_patient(f, p)) {
		batch_flow_later(f, p, reply);
	} else if (reply->status == 404) {
		msg_warn("part %" PRIu64 ": the provider has the batch's %s no more", p->number,
			 w->file);
		*got = w->gone = true;
	} else if (!batch_flow_transient(f, p, reply, class)) {
		batch_flow_give_up(p, 0, buf_string(&f->code), buf_string(&f->message));
	}
}

/* One of our own files could not be read or written. */
static void file_failed(struct batch_flow *f, const struct batch_part *p,
			const struct http_reply *reply)
{
	const char *why = reply->file_errno != 0 ? strerror(reply->file_errno) : reply->message;

	msg_warn("%s: a file of part %" PRIu64 ": %s",
		 batch_journal_path(f->options.state->journal), p->number, why);
	batch_flow_broken(f);
}

void batch_answer(void *context, void *request, const struct http_reply *reply)
{
	struct batch_flow *f = context;
	struct batch_part *p = request;
	struct batch_work *w = p->work;
	enum batch_call call = w->call;
	void (*const take[])(struct batch_flow *, struct batch_part *,
			     const struct http_reply *) = {
	    [BATCH_UPLOAD] = uploaded,
	    [BATCH_CREATE] = created,
	    [BATCH_POLL] = polled,
	    [BATCH_FETCH] = fetched,
	    [BATCH_MARK] = batch_settle_marked,
	    [BATCH_LOOK] = batch_settle_looked,
	    [BATCH_PROBE] = batch_settle_probed,
	};

	w->call = BATCH_IDLE;
	if (is_success(reply))
		f->warn = 0;
	if (f->broken)
		; /* nothing is built upon what failed */
	else if (is_error(reply, "file_failed"))
		file_failed(f, p, reply);
	else if (!is_error(reply, "cancelled"))
		take[call](f, p, reply);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
