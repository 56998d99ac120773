/*
 * lbcall: requests to results, over HTTP, many at a time.
 *
 * Input: request records (lb-record(5)). Results pass through untouched; anything else fails.
 * Output: for each request its result, as it comes in, or with -k in input order.
 * State: none.
 */
#include "access.h"
#include "buf.h"
#include "cli.h"
#include "clock.h"
#include "credentials.h"
#include "http.h"
#include "mem.h"
#include "msg.h"
#include "provider.h"
#include "record.h"
#include "reply.h"
#include "stage.h"
#include "target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#define REST_AFTER_429 (5 * CLOCK_SEC)
/* After an answer that there is no credit left, so that who reads the results can stop us. */
#define QUOTA_PAUSE (CLOCK_SEC / 4)

/* A request in flight. */
struct call {
	struct call *next_free;
	struct call *next; /* of all there are, in use or free */
	struct buf line;
	struct record record; /* spans of line */
	uint64_t sequence;
	enum target_style style;
	size_t key;
};

struct lbcall {
	struct cli_shared shared;
	struct access access;
	bool keep_order, dry_run;

	struct stage *stage;
	struct http *http;
	struct call *calls, *free_calls;
	struct buf result;
	struct reply reply;
	struct buf id;    /* a JSON string: the same start for all, and the count */
	size_t id_prefix; /* the length of that start */
	uint64_t count;
	bool key_missing; /* a request failed for want of a key */
	int64_t pause;    /* no request is begun before, clock_now time */
};

static const struct cli_option options[] = {
    {'c', "concurrency", "N", "requests in flight, 1 to 10000 (20)"},
    {'k', "keep-order", NULL, "write results in input order"},
    ACCESS_OPTIONS,
    {'n', "dry-run", NULL, "print the HTTP requests, keys masked, and send none"},
};

static void set_option(void *context, int id, char *argument)
{
	struct lbcall *t = context;

	switch (id) {
	case 'c':
		t->access.http.concurrency = (size_t)cli_count("-c", argument, 1, 10000);
		break;
	case 'k':
		t->keep_order = true;
		break;
	case 'n':
		t->dry_run = true;
		break;
	default:
		access_set(&t->access, id, argument);
		break;
	}
}

static void fail(struct lbcall *t, const struct record *r, uint64_t sequence, const char *code,
		 const char *message)
{
	buf_clear(&t->result);
	record_fail(&t->result, r, code, message);
	stage_emit(t->stage, sequence, (struct json_span){t->result.data, t->result.length}, true);
}

static struct call *new_call(struct lbcall *t, const struct record *r, uint64_t sequence)
{
	struct call *call = t->free_calls;

	if (call != NULL) {
		t->free_calls = call->next_free;
	} else {
		call = mem_zero(1, sizeof *call);
		call->next = t->calls;
		t->calls = call;
	}
	buf_clear(&call->line);
	buf_add(&call->line, r->text.at, r->text.length);
	call->record = *r;
	record_move(&call->record, call->line.data);
	call->sequence = sequence;
	return call;
}

/* Instead of sending: the request as it would go out. */
static void print_request(struct lbcall *t, const struct record *r, uint64_t sequence,
			  const struct target *target)
{
	struct buf *out = &t->result;
	const char *host = strstr(target->url, "://") + 3;
	const char *path = strchr(host, '/');

	bool tls = strncmp(target->url, "https:", 6) == 0;
	size_t n = path != NULL ? (size_t)(path - host) : strlen(host);
	const char *own_port = tls ? ":443" : ":80"; /* which HTTP leaves out */
	size_t m = strlen(own_port);

	if (n > m && memcmp(host + n - m, own_port, m) == 0)
		n -= m;
	buf_clear(out);
	buf_addf(out, "POST %s HTTP/1.1\nHost: %.*s\n", path != NULL ? path : "/", (int)n, host);
	credentials_describe(t->access.credentials, target, out);
	buf_addf(out, "Content-Length: %zu\n\n", r->body.length);
	buf_add(out, r->body.at, r->body.length);
	buf_addc(out, '\n');
	stage_emit(t->stage, sequence, (struct json_span){out->data, out->length}, false);
}

/* The request job: send it. */
static void on_request(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		       const void *note, size_t note_length)
{
	struct lbcall *t = context;
	const struct target *target = target_find(t->access.targets, r->url, r->params);
	size_t key;

	(void)s;
	(void)note;
	(void)note_length;
	if (json_is_set(r->method) && !json_equals(r->method, "POST")) {
		fail(t, r, sequence, "unsupported_method", "only POST is supported");
		return;
	}
	if (target->error != NULL) {
		fail(t, r, sequence, target->error, target->message);
		return;
	}
	if (t->dry_run) {
		print_request(t, r, sequence, target);
		return;
	}
	const struct http_headers *headers =
	    credentials_pick(t->access.credentials, target, clock_now(), &key);
	if (headers == NULL) {
		const char *name = credentials_names(t->access.credentials, target->style);
		if (!t->key_missing)
			msg_warn("no API key: set %s, or have another server's URL with -u", name);
		t->key_missing = true;
		stage_raise(t->stage, STATUS_USAGE);
		fail(t, r, sequence, "no_api_key", "the variable for the API key is not set");
		return;
	}
	struct call *call = new_call(t, r, sequence);
	call->style = target->style;
	call->key = key;
	struct http_request request = {target->url, target->socket, headers, call->record.body};
	http_post(t->http, &request, call);
}

/* Neither request nor result: nothing that can be sent. */
static void on_other(struct stage *s, void *context, const struct record *r, uint64_t sequence)
{
	const char *hint = sequence == 0 ? record_hint(r) : NULL;

	(void)s;
	fail(context, r, sequence, "not_a_request",
	     hint != NULL ? hint
			  : "not a request: it has no body; lbchunk makes requests of items");
}

/* What a failed answer means for the requests to come. */
static void heed_failure(struct lbcall *t, const struct call *call, long status)
{
	struct json_span result = {t->result.data, t->result.length};
	struct json_span body = json_path(result, "response", "body", NULL);
	int64_t now = clock_now();

	if (status == 401) {
		const char *name =
		    credentials_set_aside(t->access.credentials, call->style, call->key);
		if (name != NULL)
			msg_warn("the key in %s was refused (401): it is set aside", name);
	}
	if (status == 429) {
		int64_t rest = REST_AFTER_429;
		if (t->reply.retry_after >= 0 && t->reply.retry_after < 86400)
			rest = (int64_t)(t->reply.retry_after * (double)CLOCK_SEC);
		credentials_rest(t->access.credentials, call->style, call->key, now + rest);
	}
	if (provider_classify(status, json_get(result, "error"), body, -1) == PROVIDER_QUOTA)
		t->pause = now + QUOTA_PAUSE;
}

/* The result job: a reply has come, or will not. */
static void on_done(void *context, void *request, const struct http_reply *reply)
{
	struct lbcall *t = context;
	struct call *call = request;

	t->id.length = t->id_prefix;
	buf_addn(&t->id, ++t->count);
	buf_addc(&t->id, '"');
	struct json_span id = {t->id.data, t->id.length};
	buf_clear(&t->result);
	reply_result(&t->reply, &t->result, &call->record, reply, id, clock_wall());
	stage_emit(t->stage, call->sequence, (struct json_span){t->result.data, t->result.length},
		   t->reply.failed);
	if (t->reply.failed && reply->status != 0)
		heed_failure(t, call, reply->status);
	if (call->line.capacity > 65536)
		buf_free(&call->line);
	call->next_free = t->free_calls;
	t->free_calls = call;
}

static size_t engine_room(void *context)
{
	const struct lbcall *t = context;

	return t->pause > 0 ? 0 : http_room(t->http);
}

static size_t engine_in_flight(void *context)
{
	return http_in_flight(((struct lbcall *)context)->http);
}

static int engine_descriptor(void *context)
{
	return http_descriptor(((struct lbcall *)context)->http);
}

static int64_t engine_deadline(void *context)
{
	const struct lbcall *t = context;
	int64_t deadline = http_deadline(t->http);

	return t->pause > 0 && t->pause < deadline ? t->pause : deadline;
}

static void engine_run(void *context)
{
	struct lbcall *t = context;
	int64_t now = clock_now();

	if (t->pause <= now)
		t->pause = 0;
	http_run(t->http, now);
}

static void engine_cancel(void *context)
{
	http_cancel(((struct lbcall *)context)->http);
}

static const struct stage_engine engine = {engine_descriptor, engine_deadline,  engine_run,
					   engine_room,       engine_in_flight, engine_cancel};

/* Every request may have a connection of its own. */
static void raise_file_limit(size_t concurrency)
{
	struct rlimit limit;
	rlim_t want = (rlim_t)concurrency * 2 + 64;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= want)
		return;
	limit.rlim_cur = limit.rlim_max < want ? limit.rlim_max : want;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < concurrency + 64)
		msg_die(STATUS_USAGE,
			"-c %zu needs %zu open files, and the limit is %llu (ulimit -n)",
			concurrency, concurrency + 64, (unsigned long long)limit.rlim_max);
}

/* Ids tell the calls of one run from those of all others. */
static void make_id_prefix(struct lbcall *t)
{
	uint64_t run;

	if (getrandom(&run, sizeof run, 0) != (ssize_t)sizeof run)
		msg_die(STATUS_SYSTEM, "getrandom: %s", strerror(errno));
	buf_addf(&t->id, "\"call_%016" PRIx64 "_", run);
	t->id_prefix = t->id.length;
}

static void open_all(struct lbcall *t)
{
	const char *reason;

	raise_file_limit(t->access.http.concurrency);
	access_open(&t->access);
	t->http = http_new(&t->access.http, on_done, t, &reason);
	if (t->http == NULL)
		msg_die(STATUS_SYSTEM, "%s", reason);
	make_id_prefix(t);
}

static void close_all(struct lbcall *t)
{
	stage_free(t->stage);
	http_free(t->http);
	access_free(&t->access);
	for (struct call *call = t->calls, *next; call != NULL; call = next) {
		next = call->next;
		buf_free(&call->line);
		free(call);
	}
	buf_free(&t->result);
	buf_free(&t->id);
	reply_free(&t->reply);
}

int main(int argc, char **argv)
{
	static const struct cli_tool tool = {
	    .synopsis = "[options] < requests > results",
	    .purpose = "Send requests to an LLM provider over HTTP, many at a time.",
	    .options = options,
	    .count = sizeof options / sizeof *options,
	    .set = set_option,
	};
	struct lbcall t = {0};
	struct stage_jobs jobs = {.request = on_request, .other = on_other};

	access_init(&t.access);
	t.access.http.concurrency = 20;
	int operand = cli_start(argc, argv, &tool, &t, &t.shared);
	if (operand < argc)
		cli_misuse("unexpected operand '%s': lbcall reads stdin and wraps no command",
			   argv[operand]);
	open_all(&t);
	struct stage_options stage_options = {
	    .max_line = (size_t)t.shared.max_line,
	    .keep_order = t.keep_order,
	    .meter = &t.shared.meter,
	    .engine = &engine,
	};
	t.stage = stage_new(&stage_options, &jobs, &t);
	int status = stage_run(t.stage);
	close_all(&t);
	return status;
}
