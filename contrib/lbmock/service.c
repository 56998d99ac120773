#include "service.h"
#include "calllog.h"
#include "clock.h"
#include "engine.h"
#include "errand.h"
#include "files.h"
#include "fingerprint.h"
#include "incoming.h"
#include "limit.h"
#include "mem.h"
#include "msg.h"
#include "opt.h"
#include "pretty.h"
#include "outcome.h"
#include "request.h"
#include "rng.h"
#include "serial.h"
#include "stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_BYTES     ((uint64_t)200 << 20)
#define ERRANDS_APART  UINT64_C(0x66696c6573) /* of the buckets of calls for files and batches */
#define ADVANCE_MAX    (INT64_C(3650) * 86400 * CLOCK_SEC)
#define DEFAULT_OUTPUT 16 /* tokens that a call without a cap is charged for its answer */

struct service {
	const struct service_options *options;
	struct limit_table *limits;
	struct rng fault_rng; /* apart, so that --latency does not change the faults of a seed */
	struct rng latency_rng;
	struct stats stats;
	struct serial serial;
	struct engine engine;
	struct files *files;
	struct batch_list batches;
	int64_t advance;  /* ns that the provider's clock is ahead */
	int64_t work_due; /* on that clock */
};

/* One call on its way through. */
struct visit {
	struct service *service;
	const struct incoming *call;
	struct outcome *reply;
	int64_t wall; /* on the provider's clock */
	struct limit_verdict verdict;
	struct engine_task task;
};

struct service *service_new(const struct service_options *options)
{
	struct service *s = mem_zero(1, sizeof *s);
	const struct batch_options *batch = &options->batch;

	s->options = options;
	s->limits = limit_new(options->rpm, options->tpm, options->burst);
	rng_seed(&s->fault_rng, options->seed);
	rng_seed(&s->latency_rng, rng_scatter(options->seed));
	serial_seed(&s->serial, options->seed + 1);
	s->engine.prompt_share = options->prompt_share;
	s->engine.quota = options->quota;
	s->engine.retry_after = options->retry_after;
	s->files = files_new(batch->size > 0 ? (uint64_t)batch->size : FILE_BYTES,
			     batch->faults.counts[BATCH_FAULT_FILE_LATE], &s->serial);
	s->batches = (struct batch_list){
	    .options = batch,
	    .engine = &s->engine,
	    .files = s->files,
	    .stats = &s->stats,
	    .log = options->log,
	    .serial = &s->serial,
	};
	batch_start(&s->batches, options->seed);
	s->work_due = INT64_MAX;
	return s;
}

void service_free(struct service *s)
{
	if (s == NULL)
		return;
	limit_free(s->limits);
	engine_free(&s->engine);
	batch_free(&s->batches);
	files_free(s->files);
	free(s);
}

static void send_error(struct visit *v, const struct api_error *error)
{
	outcome_error(v->reply, v->call->route.api, error);
}

/* A rate limit has been hit: OpenAI's words, which Anthropic's body carries as well. */
static void send_limited(struct visit *v)
{
	const struct request *r = &v->service->engine.request;
	const struct limit_verdict *verdict = &v->verdict;
	bool tokens = verdict->outcome != LIMIT_REQUESTS;
	const struct limit_bucket_state *b = tokens ? &verdict->tokens : &verdict->requests;
	struct buf *text = &v->service->engine.scratch;
	int64_t requested =
	    tokens ? r->prompt_tokens + (r->max_tokens >= 0 ? r->max_tokens : DEFAULT_OUTPUT) : 1;
	char wait[48];

	buf_clear(text);
	if (verdict->outcome == LIMIT_TOO_LARGE) {
		buf_adds(text, "Request too large for ");
		json_text(text, r->model);
		buf_addf(text, " on tokens per min (TPM): Limit %lld, Requested %lld.",
			 (long long)b->limit, (long long)requested);
	} else {
		limit_format_duration(wait, sizeof wait, verdict->wait);
		buf_adds(text, "Rate limit reached for ");
		json_text(text, v->task.has_body ? r->model : JSON_LITERAL("\"unknown\""));
		buf_addf(text,
			 " on %s per min (%s): Limit %lld, Used %lld, Requested %lld. "
			 "Please try again in %s.",
			 tokens ? "tokens" : "requests", tokens ? "TPM" : "RPM",
			 (long long)b->limit,
			 (long long)(b->limit > b->remaining ? b->limit - b->remaining : 0),
			 (long long)requested, wait);
		outcome_retry_after(v->reply, verdict->wait);
	}
	send_error(v, &(struct api_error){.status = 429,
					  .type = tokens ? "tokens" : "requests",
					  .code = "rate_limit_exceeded",
					  .message = text->data,
					  .length = text->length});
}

/* Is the credential good? If not, the answer is 401. */
static bool admit(struct visit *v)
{
	const char *key = v->service->options->key;

	if (key == NULL || (v->call->credential != NULL && strcmp(v->call->credential, key) == 0))
		return true;
	send_error(v, &(struct api_error){.status = 401});
	stats_count(&v->service->stats, STATS_ERROR);
	return false;
}

/* Take what a call needs from its key's limits. Returns false after an answer that there is not
 * enough. apart tells keys' buckets for different things from one another. */
static bool take_limits(struct visit *v, int64_t tokens, uint64_t apart, int64_t now)
{
	struct service *s = v->service;
	const char *key = v->call->credential != NULL ? v->call->credential : "";

	if (s->options->rpm == 0 && s->options->tpm == 0)
		return true;
	v->verdict = limit_take(s->limits, fingerprint_of(key, strlen(key)) ^ apart, tokens, now);
	outcome_limits(v->reply, v->call->route.api, &v->verdict, v->wall);
	if (v->verdict.outcome == LIMIT_PASS)
		return true;
	send_limited(v);
	stats_count(&s->stats, STATS_LIMITED);
	return false;
}

/* Take a call to a model through all that can happen to it. */
static void serve_model(struct visit *v, int64_t now)
{
	struct service *s = v->service;
	struct engine_task *task = &v->task;
	int64_t tokens = 0;

	if (!admit(v))
		return;
	if (v->call->too_large)
		task->error = (struct api_error){.status = 413};
	else if (engine_read(&s->engine, task))
		tokens = s->engine.request.prompt_tokens;
	if (task->has_body && task->api != API_EMBEDDINGS)
		tokens += s->engine.request.max_tokens >= 0 ? s->engine.request.max_tokens
							    : DEFAULT_OUTPUT;
	if (!take_limits(v, tokens, 0, now))
		return;
	if (!task->has_body) {
		send_error(v, &task->error);
		stats_count(&s->stats, STATS_ERROR);
		return;
	}
	struct fault fault = {FAULT_NONE, 0};
	if (s->engine.quota != 0) {
		fault = fault_draw(&s->options->faults, &s->fault_rng);
		v->reply->delay = latency_draw(&s->options->latency, &s->latency_rng);
	}
	if (engine_serve(&s->engine, task, fault))
		stats_served(&s->stats, task->fault, task->prompt_tokens, task->completion_tokens);
	else
		stats_count(&s->stats, STATS_QUOTA);
}

/* The hash of the credential that came, if one did. */
static uint64_t hash_key(const struct visit *v)
{
	const char *credential = v->call->credential;
	return credential != NULL ? fingerprint_of(credential, strlen(credential)) : 0;
}

/* The log cannot be trusted any more. */
static void check_log(int written)
{
	if (written < 0)
		msg_die(STATUS_SYSTEM, "cannot write the log: %s", strerror(errno));
}

static void log_model(struct visit *v)
{
	const struct engine_task *task = &v->task;
	const struct request *r = &v->service->engine.request;
	bool silent = v->reply->way == OUTCOME_RESET || v->reply->way == OUTCOME_HANG;
	struct calllog_entry e = {
	    .wall = v->wall,
	    .path = api_path(task->api),
	    .status = silent ? 0 : v->reply->status,
	    .fault = task->fault,
	    .prompt_tokens = task->prompt_tokens,
	    .completion_tokens = task->completion_tokens,
	    .max_tokens = task->has_body ? r->max_tokens : -1,
	    .has_key = v->call->credential != NULL,
	    .key = hash_key(v),
	    .hash = fingerprint_of(task->body, task->length),
	};

	if (task->has_body) {
		e.model = r->model;
		e.custom = r->custom;
		e.stream = r->stream;
	}
	check_log(calllog_write(v->service->options->log, &e));
}

/* Take a call for files or batches through all that can happen to it. */
static void serve_errand(struct visit *v, struct errand *e, int64_t now)
{
	struct service *s = v->service;
	enum api api = v->call->route.api;

	if (!admit(v) || !take_limits(v, 0, ERRANDS_APART, now))
		return;
	struct fault fault = fault_draw(&s->options->faults, &s->fault_rng);
	if (!fault_is_of_call(fault.kind))
		fault.kind = FAULT_NONE;
	/* What is cut is carried out; what fails in another way is not. */
	if (!engine_fault(&s->engine, &v->task, fault)) {
		if (api <= API_FILE_CONTENT)
			files_answer(s->files, e);
		else
			batch_answer(&s->batches, e);
		s->work_due = 0;
		if (v->reply->way == OUTCOME_RESET)
			fault.kind = FAULT_NONE; /* there is nothing to cut */
		else if (fault.kind == FAULT_CUT)
			v->reply->way = OUTCOME_CUT;
	}
	if (fault.kind == FAULT_STATUS)
		errand_status(e, "", fault.status);
	else if (fault.kind != FAULT_NONE)
		errand_fault(e, fault_name(fault.kind));
	stats_errand(&s->stats, e, fault);
}

static void run_errand(struct visit *v, int64_t now)
{
	struct service *s = v->service;
	struct errand e = {
	    .call = v->call,
	    .reply = v->reply,
	    .time = v->wall,
	    .requests = -1,
	};

	serve_errand(v, &e, now);
	if (s->options->log != NULL)
		check_log(calllog_errand(s->options->log, &e, v->wall, v->call->credential != NULL,
					 hash_key(v)));
}

/* What is not there, or not with this method. */
static void refuse_route(struct visit *v)
{
	const struct incoming *call = v->call;
	struct buf *text = &v->service->engine.scratch;
	bool known = call->route.api != API_UNKNOWN;
	struct buf methods = {0};

	buf_clear(text);
	buf_addf(text, known ? "Not allowed to use %s on %s." : "Unknown request URL: %s %s.",
		 call->method, call->path);
	send_error(v, &(struct api_error){.status = known ? 405 : 404,
					  .type = "invalid_request_error",
					  .code = known ? "method_not_supported" : "unknown_url",
					  .message = text->data,
					  .length = text->length});
	if (known) {
		api_methods(&methods, call->path);
		outcome_header(v->reply, "allow", "%s", buf_string(&methods));
		buf_free(&methods);
	}
}

/* The endpoints that are lbmock's own, and models. */
static void serve_other(struct visit *v)
{
	struct service *s = v->service;
	const char *by = v->call->query.by;
	int64_t step;

	if (v->call->route.api == API_STATS) {
		stats_write(&v->reply->body, &s->stats);
	} else if (v->call->route.api == API_MODELS) {
		buf_adds(&v->reply->body, "{\"object\":\"list\",\"data\":[{\"id\":\"lbmock-1\","
					  "\"object\":\"model\",\"created\":1767225600,"
					  "\"owned_by\":\"lbmock\"}]}");
	} else if (by == NULL || opt_duration(by, &step) < 0 || step > ADVANCE_MAX - s->advance) {
		send_error(v, &(struct api_error){.status = 400,
						  .message = "by: expected a duration like 24h"});
	} else {
		s->advance += step;
		s->work_due = 0;
		buf_addf(&v->reply->body, "{\"time\":%lld}",
			 (long long)((v->wall + step) / CLOCK_SEC));
	}
}

static void print_pretty(struct visit *v)
{
	struct buf *text = &v->service->engine.scratch;

	buf_clear(text);
	pretty_write(text, v->reply->body.data, v->reply->body.length);
	buf_clear(&v->reply->body);
	buf_add(&v->reply->body, text->data, text->length);
}

void service_answer(struct service *s, const struct incoming *call, struct outcome *reply,
		    int64_t wall, int64_t now)
{
	enum api api = call->route.api;
	bool provider = api_is_model(api) || api_is_stored(api);
	struct visit v = {.service = s, .call = call, .reply = reply, .wall = wall + s->advance};

	v.task = (struct engine_task){
	    .api = api, .body = call->body, .length = call->length, .wall = v.wall, .reply = reply};
	outcome_start(reply);
	serial_next(&s->serial, reply->id);
	outcome_header(reply, api_is_anthropic(api) ? "request-id" : "x-request-id", "req_%s",
		       reply->id);
	if (provider)
		stats_begin(&s->stats);
	if (api == API_UNKNOWN || call->route.refused) {
		refuse_route(&v);
		if (provider)
			stats_count(&s->stats, STATS_ERROR);
	} else if (api_is_model(api)) {
		serve_model(&v, now);
		if (s->options->log != NULL)
			log_model(&v);
	} else if (api_is_stored(api)) {
		run_errand(&v, now);
	} else {
		serve_other(&v);
	}
	if (s->options->pretty && !reply->stream && reply->blob == NULL &&
	    v.task.fault.kind != FAULT_GARBAGE)
		print_pretty(&v);
}

void service_done(struct service *s, enum api api)
{
	if (api_is_model(api) || api_is_stored(api))
		stats_end(&s->stats);
}

int64_t service_idle(const struct service *s, int64_t wall)
{
	if (s->work_due == INT64_MAX)
		return INT64_MAX;
	return s->work_due > wall + s->advance ? s->work_due - wall - s->advance : 0;
}

void service_work(struct service *s, int64_t wall)
{
	if (service_idle(s, wall) == 0)
		s->work_due = batch_work(&s->batches, wall + s->advance);
}
