/* Doing a batch's requests, one at a time, with what goes wrong with them. */
#include "batch.h"
#include "batch_messages.h"
#include "batch_openai.h"
#include "blob.h"
#include "calllog.h"
#include "clock.h"
#include "engine.h"
#include "fingerprint.h"
#include "msg.h"
#include "stats.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Write down a request that was served. */
static void log_request(const struct batch_list *l, const struct batch *b,
			const struct engine_task *t, struct json_span custom, struct fault fault)
{
	struct calllog_entry entry = {
	    .wall = t->wall,
	    .path = api_path(t->api),
	    .custom = custom,
	    .status = t->reply->status,
	    .fault = fault,
	    .prompt_tokens = t->prompt_tokens,
	    .completion_tokens = t->completion_tokens,
	    .max_tokens = -1,
	    .has_key = b->has_key,
	    .key = b->key,
	    .hash = fingerprint_of(t->body, t->length),
	    .batch = b->id,
	};

	if (t->has_body) {
		entry.model = l->engine->request.model;
		entry.max_tokens = l->engine->request.max_tokens;
		entry.stream = l->engine->request.stream;
	}
	if (calllog_write(l->log, &entry) < 0)
		msg_die(STATUS_SYSTEM, "cannot write the log: %s", strerror(errno));
}

/* Anthropic's batches do without some things; what is wrong with a request that was read, or NULL.
 */
static const char *find_refusal(const struct engine *e, const struct batch *b)
{
	if (b->anthropic && e->request.stream)
		return "stream: streaming is not supported in batches";
	if (b->anthropic && e->request.max_tokens == 0)
		return "max_tokens: must be at least 1 in batches";
	return NULL;
}

/* Let the engine make the reply to a request. */
static enum batch_result serve(struct batch_list *l, struct batch *b, struct json_span custom,
			       struct json_span body, struct fault fault, int64_t time)
{
	struct engine_task task = {
	    .api = b->api,
	    .body = body.at,
	    .length = body.length,
	    .wall = time,
	    .reply = &l->reply,
	};
	bool readable = engine_read(l->engine, &task);
	const char *refusal = readable ? find_refusal(l->engine, b) : NULL;

	if (refusal != NULL)
		task.error = (struct api_error){.status = 400, .message = refusal};
	if (!readable || refusal != NULL)
		outcome_error(&l->reply, b->api, &task.error);
	else
		engine_serve(l->engine, &task, fault);
	b->prompt_tokens += task.prompt_tokens;
	b->completion_tokens += task.completion_tokens;
	stats_batched(l->stats, task.prompt_tokens, task.completion_tokens);
	/* One of the result hits in any case, the others only if the engine applied them. */
	if (fault_is_of_call(fault.kind) || fault_is_of_answer(fault.kind))
		fault = task.fault;
	if (l->log != NULL)
		log_request(l, b, &task, custom, fault);
	return l->reply.status == 200 ? BATCH_SUCCEEDED : BATCH_ERRORED;
}

/* Append the line that tells a result. */
static void add_line(struct batch_list *l, const struct batch *b, struct json_span custom,
		     enum batch_result result)
{
	if (b->anthropic)
		batch_messages_line(&l->line, custom, result, &l->reply);
	else
		batch_openai_line(&l->line, custom, result, &l->reply);
}

/* Write a result where it belongs, with a fault of results if there is one. */
static void write_result(struct batch_list *l, struct batch *b, struct json_span custom,
			 enum batch_result result, enum fault_kind fault)
{
	struct blob **to = b->anthropic || result == BATCH_SUCCEEDED ? &b->output : &b->failures;
	char stranger[SERIAL_LENGTH + 16];

	if (fault == FAULT_OMIT)
		return;
	buf_clear(&l->line);
	add_line(l, b, custom, result);
	if (fault == FAULT_BROKEN) {
		l->line.length /= 2;
		buf_addc(&l->line, '\n');
	} else if (fault == FAULT_TWICE) {
		add_line(l, b, custom, result);
	} else if (fault == FAULT_STRANGER) {
		int n = snprintf(stranger, sizeof stranger, "\"stranger-%s\"", l->reply.id);
		add_line(l, b, (struct json_span){stranger, (size_t)n}, result);
	}
	if (*to == NULL)
		*to = blob_new();
	blob_add(*to, l->line.data, l->line.length);
}

void batch_run(struct batch_list *l, struct batch *b, enum batch_result wanted, int64_t time)
{
	struct fault fault = {FAULT_NONE, 0};
	struct json_span custom = {NULL, 0};
	struct json_span body = {NULL, 0};
	size_t item = b->next;

	b->next = (b->next + b->stride) % b->count;
	b->done++;
	outcome_start(&l->reply);
	serial_next(l->serial, l->reply.id);
	if (b->anthropic)
		batch_messages_read(b, item, &custom, &body);
	else if (!batch_openai_read(b, item, &custom, &body))
		return; /* of a batch that is cancelled before it was validated */
	if (wanted == BATCH_SUCCEEDED) {
		fault = fault_draw(&l->options->faults.requests, &l->request_rng);
		wanted = fault.kind == FAULT_EXPIRE ? BATCH_LATE
						    : serve(l, b, custom, body, fault, time);
	}
	b->results[wanted]++;
	write_result(l, b, custom, wanted, fault.kind);
}
