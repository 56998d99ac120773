#include "batch_messages.h"
#include "blob.h"
#include "clock.h"
#include "errand.h"
#include "incoming.h"

#include <inttypes.h>
#include <string.h>
#include <stdlib.h>
#include <time.h>

#define REQUESTS_MAX 100000
#define BYTES_MAX    ((int64_t)256 << 20)
#define ID_MAX       64
#define KEPT         (INT64_C(29) * 86400 * CLOCK_SEC) /* results, from a batch's creation on */

/* Append ,"name":"RFC 3339 time" or null where the time, in unix ns, is 0. */
static void add_time(struct buf *out, const char *name, int64_t time)
{
	time_t seconds = (time_t)(time / CLOCK_SEC);
	struct tm tm;
	char text[40] = "";

	if (time != 0 && gmtime_r(&seconds, &tm) != NULL)
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	errand_string(out, name, text);
}

/* When the results went away, in unix ns; 0: they have not. */
static int64_t archived_at(const struct batch *b, int64_t time)
{
	return batch_ended(b) && time - b->created >= KEPT ? b->created + KEPT : 0;
}

/* Append ,"results_url":"..." below the address that the caller knows, or null. */
static void add_url(struct buf *out, const struct errand *e, const struct batch *b)
{
	const char *host = e->call->host != NULL ? e->call->host : "localhost";
	struct buf url = {0};

	if (batch_ended(b) && b->unready == 0 && archived_at(b, e->time) == 0)
		buf_addf(&url, "http://%s/v1/messages/batches/%s/results", host, b->id);
	errand_string(out, "results_url", buf_string(&url));
	buf_free(&url);
}

static void add_object(struct buf *out, const struct errand *e, const struct batch *b)
{
	bool ended = batch_ended(b);

	buf_addf(out,
		 "{\"id\":\"%s\",\"type\":\"message_batch\",\"processing_status\":\"%s\","
		 "\"request_counts\":{\"processing\":%zu",
		 b->id,
		 ended                          ? "ended"
		 : b->state == BATCH_CANCELLING ? "canceling"
						: "in_progress",
		 ended ? 0 : b->count);
	/* They stay 0 until the whole batch has ended. */
	buf_addf(out,
		 ",\"succeeded\":%" PRId64 ",\"errored\":%" PRId64 ",\"canceled\":%" PRId64
		 ",\"expired\":%" PRId64 "}",
		 ended ? b->results[BATCH_SUCCEEDED] : 0, ended ? b->results[BATCH_ERRORED] : 0,
		 ended ? b->results[BATCH_CALLED_OFF] : 0, ended ? b->results[BATCH_LATE] : 0);
	add_time(out, "created_at", b->created);
	add_time(out, "expires_at", b->expires);
	add_time(out, "ended_at", ended ? b->at[b->state] : 0);
	add_time(out, "archived_at", archived_at(b, e->time));
	add_time(out, "cancel_initiated_at", b->at[BATCH_CANCELLING]);
	add_url(out, e, b);
	buf_addc(out, '}');
}

/* Is it a string of 1 to 64 letters, digits, underscores and dashes? */
static bool is_good_id(struct json_span custom)
{
	if (json_type(custom) != JSON_STRING || custom.length < 3 || custom.length > ID_MAX + 2)
		return false;
	for (size_t i = 1; i < custom.length - 1; i++) {
		char c = custom.at[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '_' || c == '-'))
			return false;
	}
	return true;
}

/* Take one request. Returns false after an answer that it is not good. */
static bool take_request(struct batch *b, struct errand *e, struct json_span request)
{
	struct json_member members[] = {JSON_MEMBER("custom_id"), JSON_MEMBER("params")};

	json_find(request, members, 2);
	if (!is_good_id(members[0].value)) {
		errand_complain(e, 400, NULL,
				"requests.%zu.custom_id: String should match pattern "
				"'^[a-zA-Z0-9_-]{1,64}$'",
				b->count);
		return false;
	}
	if (json_type(members[1].value) != JSON_OBJECT) {
		errand_complain(e, 400, NULL, "requests.%zu.params: Field required", b->count);
		return false;
	}
	if (seen_before(&b->ids, members[0].value.at, members[0].value.length)) {
		errand_complain(e, 400, NULL, "requests.%zu.custom_id: Duplicate custom_id '%.*s'",
				b->count, (int)members[0].value.length - 2,
				members[0].value.at + 1);
		return false;
	}
	batch_item(b, (uint64_t)(request.at - b->text), request.length);
	return true;
}

/* Take all requests. Returns false after an answer that says what is wrong. */
static bool take_requests(struct batch *b, struct errand *e)
{
	struct json_member requests = JSON_MEMBER("requests");
	struct json_error wrong;
	struct json_span request;

	if (json_check(e->call->body, e->call->length, NULL, &requests, 1, &wrong) < 0) {
		errand_complain(e, 400, NULL, "The request body is not valid JSON: %s at byte %zu.",
				wrong.reason, wrong.offset);
		return false;
	}
	if (json_type(requests.value) != JSON_ARRAY || json_count(requests.value) == 0) {
		errand_complain(e, 400, NULL, "requests: List should have at least 1 item");
		return false;
	}
	if (json_count(requests.value) > REQUESTS_MAX) {
		errand_complain(e, 413, NULL, "requests: List should have at most %d items",
				REQUESTS_MAX);
		return false;
	}
	for (struct json_iter it = json_iter(requests.value); json_next(&it, NULL, &request);)
		if (!take_request(b, e, request))
			return false;
	return true;
}

static void create(struct batch_list *l, struct errand *e)
{
	int64_t most = l->options->size > 0 ? l->options->size : BYTES_MAX;

	if (e->call->too_large || (int64_t)e->call->length > most) {
		errand_refuse(e, &(struct api_error){.status = 413});
		return;
	}
	struct batch *b = batch_new(l, e, "msgbatch_", BATCH_IN_PROGRESS, e->call->spool);
	b->api = API_MESSAGES;
	if (!take_requests(b, e)) {
		batch_drop(b);
		return;
	}
	batch_add(l, b);
	memcpy(e->batch, b->id, sizeof b->id);
	e->requests = (int64_t)b->count;
	add_object(&e->reply->body, e, b);
}

static void refuse_cancel(struct errand *e, const struct batch *b)
{
	errand_complain(e, 400, NULL, "Batch %s cannot be canceled because it has already ended.",
			b->id);
}

const struct batch_provider batch_messages = {
    .page = 1000,
    .list = "{\"data\":[",
    .create = create,
    .add_object = add_object,
    .refuse_cancel = refuse_cancel,
};

void batch_messages_results(struct errand *e, const struct batch *b)
{
	if (!batch_ended(b) || archived_at(b, e->time) != 0) {
		errand_complain(e, 404, NULL,
				"Batch '%s' has no available results. The batch may not have ended "
				"or results have expired.",
				b->id);
		return;
	}
	e->reply->content_type = "application/x-jsonl";
	if (b->output != NULL)
		outcome_blob(e->reply, b->output, 0, blob_length(b->output));
}

void batch_messages_read(const struct batch *b, size_t item, struct json_span *custom,
			 struct json_span *params)
{
	struct json_member members[] = {JSON_MEMBER("custom_id"), JSON_MEMBER("params")};
	struct json_span request = {b->text + b->items[item].offset, b->items[item].length};

	json_find(request, members, 2);
	*custom = members[0].value;
	*params = members[1].value;
}

void batch_messages_line(struct buf *out, struct json_span custom, enum batch_result result,
			 const struct outcome *reply)
{
	buf_adds(out, "{\"custom_id\":");
	buf_add(out, custom.at, custom.length);
	buf_adds(out, ",\"result\":{\"type\":");
	switch (result) {
	case BATCH_SUCCEEDED:
		buf_adds(out, "\"succeeded\",\"message\":");
		buf_add(out, reply->body.data, reply->body.length);
		break;
	case BATCH_ERRORED:
		buf_adds(out, "\"errored\",\"error\":");
		buf_add(out, reply->body.data, reply->body.length);
		break;
	case BATCH_LATE:
		buf_adds(out, "\"expired\"");
		break;
	default:
		buf_adds(out, "\"canceled\"");
		break;
	}
	buf_adds(out, "}}\n");
}
