#include "service.h"
#include "model.h"
#include "calllog.h"
#include "clock.h"
#include "completion.h"
#include "embeddings.h"
#include "fingerprint.h"
#include "limit.h"
#include "mem.h"
#include "msg.h"
#include "pretty.h"
#include "outcome.h"
#include "request.h"
#include "rng.h"
#include "stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_LENGTH      24
#define DEFAULT_OUTPUT 16 /* tokens that a call without a cap is charged for its answer */

struct service {
	const struct service_options *options;
	struct limit_table *limits;
	struct rng fault_rng; /* apart, so that --latency does not change the faults of a seed */
	struct rng latency_rng;
	struct stats stats;
	uint64_t id_state;
	int64_t served;
	uint64_t refusals;
	uint64_t garbage;

	/* Used again for each call. */
	struct request request;
	struct model model;
	struct buf scratch;
};

/* One call on its way through. */
struct visit {
	struct service *service;
	const struct service_call *call;
	struct outcome *reply;
	char id[ID_LENGTH + 1];
	int64_t wall;
	struct limit_verdict verdict;
	struct fault fault;    /* only if it was applied */
	int64_t prompt_tokens; /* billed */
	int64_t completion_tokens;
	bool has_body; /* the request has been read */
};

struct service *service_new(const struct service_options *options)
{
	struct service *s = mem_zero(1, sizeof *s);

	s->options = options;
	s->limits = limit_new(options->rpm, options->tpm, options->burst);
	rng_seed(&s->fault_rng, options->seed);
	rng_seed(&s->latency_rng, rng_scatter(options->seed));
	s->id_state = rng_scatter(options->seed + 1);
	return s;
}

void service_free(struct service *s)
{
	if (s == NULL)
		return;
	limit_free(s->limits);
	request_free(&s->request);
	model_free(&s->model);
	buf_free(&s->scratch);
	free(s);
}

/* A new id: 24 letters and digits, five bits each. */
static void make_id(struct service *s, char id[ID_LENGTH + 1])
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint64_t bits = 0;

	for (unsigned i = 0; i < ID_LENGTH; i++, bits >>= 5) {
		if (i % 12 == 0)
			bits = rng_scatter(s->id_state++);
		id[i] = digits[bits & 31];
	}
	id[ID_LENGTH] = '\0';
}

static void send_error(struct visit *v, const struct api_error *error)
{
	v->reply->status = error->status;
	v->reply->body.length = 0;
	api_error(&v->reply->body, v->call->api, error, v->id);
}

/* A rate limit has been hit: OpenAI's words, which Anthropic's body carries as well. */
static void send_limited(struct visit *v)
{
	const struct request *r = &v->service->request;
	const struct limit_verdict *verdict = &v->verdict;
	bool tokens = verdict->outcome != LIMIT_REQUESTS;
	const struct limit_bucket_state *b = tokens ? &verdict->tokens : &verdict->requests;
	struct buf *text = &v->service->scratch;
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
		json_text(text, v->has_body ? r->model : JSON_LITERAL("\"unknown\""));
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

static void send_quota(struct visit *v)
{
	if (v->call->api == API_MESSAGES)
		send_error(v,
			   &(struct api_error){
			       .status = 400,
			       .message =
				   "Your credit balance is too low to access the Anthropic API. "
				   "Please go to Plans & Billing to upgrade or purchase credits."});
	else
		send_error(v, &(struct api_error){
				  .status = 429,
				  .type = "insufficient_quota",
				  .code = "insufficient_quota",
				  .message =
				      "You exceeded your current quota, please check your plan and "
				      "billing details."});
}

/* 200 with what is not JSON: an HTML page cut off with invalid UTF-8, half an answer, or nothing.
 */
static void send_garbage(struct visit *v)
{
	static const char html[] = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
				   "<body>\xff\xfe caf\xe9 <center><h1>502 Bad Ga";
	static const char half[] =
	    "{\"id\":\"chatcmpl-0\",\"object\":\"chat.completion\",\"choices\":[{\"ind";

	switch (v->service->garbage++ % 3) {
	case 0:
		v->reply->content_type = "text/html";
		buf_add(&v->reply->body, html, sizeof html - 1);
		break;
	case 1:
		buf_adds(&v->reply->body, half);
		break;
	default:
		break;
	}
}

/* A fault instead of an answer. Returns false if the fault is none of those. */
static bool send_fault(struct visit *v, struct fault fault)
{
	switch (fault.kind) {
	case FAULT_STATUS:
		send_error(v, &(struct api_error){.status = fault.status});
		if (fault.status == 429)
			outcome_retry_after(v->reply, v->service->options->retry_after);
		break;
	case FAULT_HANG:
		v->reply->way = OUTCOME_HANG;
		break;
	case FAULT_RESET:
		v->reply->way = OUTCOME_RESET;
		break;
	case FAULT_GARBAGE:
		send_garbage(v);
		break;
	case FAULT_ERROR200:
		buf_adds(&v->reply->body,
			 "{\"error\":{\"message\":\"Provider returned error\",\"code\":502}}");
		break;
	default:
		return false;
	}
	v->fault = fault;
	return true;
}

static void send_answer(struct visit *v, struct fault fault)
{
	struct request *r = &v->service->request;
	struct completion c;
	uint64_t choice = 0; /* of the answer that goes missing */

	if (v->call->api == API_EMBEDDINGS) {
		embeddings_body(&v->reply->body, r);
	} else {
		c = (struct completion){.request = r, .created = v->wall / CLOCK_SEC, .id = v->id};
		if (fault.kind == FAULT_MISSING)
			choice = fingerprint_of(v->call->body, v->call->length);
		if (fault.kind == FAULT_REFUSE)
			completion_refuse(&c, v->service->refusals++ % 2 == 1);
		if (fault.kind == FAULT_REFUSE ||
		    completion_make(&c, &v->service->model, fault.kind, choice))
			v->fault = fault;
		completion_write(&v->reply->body, &c);
		v->completion_tokens = c.tokens;
		v->reply->stream = r->stream;
		if (r->stream)
			v->reply->content_type = "text/event-stream";
	}
	v->prompt_tokens = r->prompt_tokens;
	if (fault.kind == FAULT_CUT) {
		v->reply->way = OUTCOME_CUT;
		v->fault = fault;
	}
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

/* Take a call to a provider's endpoint through all that can happen to it. */
static void serve(struct visit *v, int64_t now)
{
	struct service *s = v->service;
	const struct service_call *call = v->call;
	struct api_error error;
	const char *key = call->credential != NULL ? call->credential : "";

	if (!admit(v))
		return;
	if (call->too_large)
		error = (struct api_error){.status = 413};
	else
		v->has_body = request_read(&s->request, call->api, call->body, call->length, &error,
					   &s->scratch) == 0;
	int64_t tokens = v->has_body ? s->request.prompt_tokens : 0;
	if (v->has_body && call->api != API_EMBEDDINGS)
		tokens += s->request.max_tokens >= 0 ? s->request.max_tokens : DEFAULT_OUTPUT;
	if (s->options->rpm > 0 || s->options->tpm > 0) {
		v->verdict = limit_take(s->limits, fingerprint_of(key, strlen(key)), tokens, now);
		outcome_limits(v->reply, call->api, &v->verdict, v->wall);
	}
	if (v->verdict.outcome != LIMIT_PASS) {
		send_limited(v);
		stats_count(&s->stats, STATS_LIMITED);
	} else if (!v->has_body) {
		send_error(v, &error);
		stats_count(&s->stats, STATS_ERROR);
	} else if (s->options->quota >= 0 && s->served >= s->options->quota) {
		send_quota(v);
		stats_count(&s->stats, STATS_QUOTA);
	} else {
		struct fault fault = fault_draw(&s->options->faults, &s->fault_rng);
		s->served++;
		v->reply->delay = latency_draw(&s->options->latency, &s->latency_rng);
		if (!send_fault(v, fault))
			send_answer(v, fault);
		stats_served(&s->stats, v->fault, v->prompt_tokens, v->completion_tokens);
	}
}

static void log_visit(struct visit *v)
{
	const struct service_call *call = v->call;
	const struct request *r = &v->service->request;
	bool silent = v->reply->way == OUTCOME_RESET || v->reply->way == OUTCOME_HANG;
	char status[8];
	struct calllog_entry e = {
	    .wall = v->wall,
	    .path = api_path(call->api),
	    .status = silent ? 0 : v->reply->status,
	    .fault = fault_name(v->fault.kind),
	    .prompt_tokens = v->prompt_tokens,
	    .completion_tokens = v->completion_tokens,
	    .max_tokens = v->has_body ? r->max_tokens : -1,
	    .has_key = call->credential != NULL,
	    .hash = fingerprint_of(call->body, call->length),
	};

	if (e.has_key)
		e.key = fingerprint_of(call->credential, strlen(call->credential));
	if (v->fault.kind == FAULT_STATUS) {
		snprintf(status, sizeof status, "%d", v->fault.status);
		e.fault = status;
	}
	if (v->has_body) {
		e.model = r->model;
		e.custom = r->custom;
		e.stream = r->stream;
	}
	if (calllog_write(v->service->options->log, &e) < 0)
		msg_die(STATUS_SYSTEM, "cannot write the log: %s", strerror(errno));
}

/* The endpoints that are not a provider's work: models and statistics, or none. */
static void serve_other(struct visit *v)
{
	const char *method = api_method(v->call->api);
	struct buf *text = &v->service->scratch;

	buf_clear(text);
	if (method == NULL || strcmp(method, v->call->method) != 0) {
		buf_addf(text,
			 method == NULL ? "Unknown request URL: %s %s."
					: "Not allowed to use %s on %s.",
			 v->call->method, v->call->path);
		send_error(v, &(struct api_error){.status = method == NULL ? 404 : 405,
						  .type = "invalid_request_error",
						  .code = method == NULL ? "unknown_url"
									 : "method_not_supported",
						  .message = text->data,
						  .length = text->length});
		if (method != NULL)
			outcome_header(v->reply, "allow", "%s", method);
	} else if (v->call->api == API_STATS) {
		stats_write(&v->reply->body, &v->service->stats);
	} else {
		buf_adds(&v->reply->body, "{\"object\":\"list\",\"data\":[{\"id\":\"lbmock-1\","
					  "\"object\":\"model\",\"created\":1767225600,"
					  "\"owned_by\":\"lbmock\"}]}");
	}
}

static void print_pretty(struct visit *v)
{
	struct buf *text = &v->service->scratch;

	buf_clear(text);
	pretty_write(text, v->reply->body.data, v->reply->body.length);
	buf_clear(&v->reply->body);
	buf_add(&v->reply->body, text->data, text->length);
}

void service_answer(struct service *s, const struct service_call *call, struct outcome *reply,
		    int64_t wall, int64_t now)
{
	struct visit v = {.service = s, .call = call, .reply = reply, .wall = wall};
	bool provider = call->api <= API_MESSAGES;

	make_id(s, v.id);
	outcome_start(reply);
	outcome_header(reply, call->api == API_MESSAGES ? "request-id" : "x-request-id", "req_%s",
		       v.id);
	if (provider)
		stats_begin(&s->stats);
	if (provider && strcmp(call->method, "POST") == 0) {
		serve(&v, now);
		if (s->options->log != NULL)
			log_visit(&v);
	} else {
		serve_other(&v);
		if (provider)
			stats_count(&s->stats, STATS_ERROR);
	}
	if (s->options->pretty && !reply->stream && v.fault.kind != FAULT_GARBAGE)
		print_pretty(&v);
}

void service_done(struct service *s, enum api api)
{
	if (api <= API_MESSAGES)
		stats_end(&s->stats);
}
