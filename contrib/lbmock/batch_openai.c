#include "batch_openai.h"
#include "api.h"
#include "blob.h"
#include "clock.h"
#include "errand.h"
#include "files.h"
#include "incoming.h"
#include "outcome.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METADATA_MAX 16

static const char *const states[BATCH_STATES] = {
    [BATCH_VALIDATING] = "validating", [BATCH_IN_PROGRESS] = "in_progress",
    [BATCH_FINALIZING] = "finalizing", [BATCH_CANCELLING] = "cancelling",
    [BATCH_FAILED] = "failed",         [BATCH_COMPLETED] = "completed",
    [BATCH_EXPIRED] = "expired",       [BATCH_CANCELLED] = "cancelled",
};

/* Append ,"name":value or null where there is none. */
static void add_json(struct buf *out, const char *name, const struct buf *value)
{
	buf_addf(out, ",\"%s\":", name);
	if (value->length > 0)
		buf_add(out, value->data, value->length);
	else
		buf_adds(out, "null");
}

static void add_counts(struct buf *out, const struct batch *b)
{
	bool validated = b->at[BATCH_IN_PROGRESS] != 0;

	buf_addf(out,
		 ",\"request_counts\":{\"total\":%zu,\"completed\":%" PRId64 ",\"failed\":%" PRId64
		 "},\"usage\":{\"input_tokens\":%" PRId64
		 ",\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":%" PRId64
		 ",\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":%" PRId64
		 "}",
		 validated ? b->count : 0, b->results[BATCH_SUCCEEDED], b->results[BATCH_ERRORED],
		 b->prompt_tokens, b->completion_tokens, b->prompt_tokens + b->completion_tokens);
}

static void add_object(struct buf *out, const struct errand *e, const struct batch *b)
{
	bool ready = b->unready == 0;

	(void)e;
	buf_addf(out, "{\"id\":\"%s\",\"object\":\"batch\",\"endpoint\":\"%s\"", b->id,
		 api_path(b->api));
	add_json(out, "model", &b->model);
	buf_adds(out, ",\"errors\":");
	if (b->state == BATCH_FAILED) {
		buf_adds(out, "{\"object\":\"list\",\"data\":[");
		buf_add(out, b->errors.data, b->errors.length);
		buf_adds(out, "]}");
	} else {
		buf_adds(out, "null");
	}
	errand_string(out, "input_file_id", b->input_file);
	buf_adds(out, ",\"completion_window\":\"24h\"");
	errand_string(out, "status", states[b->state]);
	errand_string(out, "output_file_id", ready ? b->output_file : "");
	errand_string(out, "error_file_id", ready ? b->error_file : "");
	errand_time(out, "created_at", b->created);
	errand_time(out, "in_progress_at", b->at[BATCH_IN_PROGRESS]);
	errand_time(out, "expires_at", b->expires);
	errand_time(out, "finalizing_at", b->at[BATCH_FINALIZING]);
	errand_time(out, "completed_at", b->at[BATCH_COMPLETED]);
	errand_time(out, "failed_at", b->at[BATCH_FAILED]);
	errand_time(out, "expired_at", b->at[BATCH_EXPIRED]);
	errand_time(out, "cancelling_at", b->at[BATCH_CANCELLING]);
	errand_time(out, "cancelled_at", b->at[BATCH_CANCELLED]);
	add_counts(out, b);
	add_json(out, "metadata", &b->metadata);
	buf_addc(out, '}');
}

/* What a call to create one says. */
enum { INPUT_FILE, ENDPOINT, WINDOW, METADATA, MEMBERS };

struct creation {
	struct json_member members[MEMBERS];
	const struct files_entry *file;
	enum api api;
	char file_id[64];
};

/* A string's value, as far as it fits; empty for anything else. */
static void take_string(char *out, size_t size, struct json_span value)
{
	struct buf text = {0};

	if (json_type(value) == JSON_STRING)
		json_unescape(&text, value);
	snprintf(out, size, "%s", buf_string(&text));
	buf_free(&text);
}

/* Has the string more characters than this? */
static bool is_longer(struct json_span string, size_t most)
{
	struct buf text = {0};
	size_t characters = 0;

	json_unescape(&text, string);
	for (size_t i = 0; i < text.length; i++)
		characters += ((unsigned char)text.data[i] & 0xc0) != 0x80;
	buf_free(&text);
	return characters > most;
}

/* Is it null or an object of at most 16 strings, with keys of up to 64 characters and values of up
 * to 512? */
static bool is_metadata(struct json_span value)
{
	struct json_span key, text;

	if (!json_is_set(value))
		return true;
	if (json_type(value) != JSON_OBJECT || json_count(value) > METADATA_MAX)
		return false;
	for (struct json_iter it = json_iter(value); json_next(&it, &key, &text);)
		if (json_type(text) != JSON_STRING || is_longer(key, 64) || is_longer(text, 512))
			return false;
	return true;
}

/* Read what is to be made. Returns false after an answer that says what is wrong. */
static bool read_creation(struct batch_list *l, struct errand *e, struct creation *c)
{
	struct json_error wrong;
	char endpoint[64];

	*c = (struct creation){
	    .members = {JSON_MEMBER("input_file_id"), JSON_MEMBER("endpoint"),
			JSON_MEMBER("completion_window"), JSON_MEMBER("metadata")},
	};
	if (json_check(e->call->body, e->call->length, NULL, c->members, MEMBERS, &wrong) < 0) {
		errand_complain(e, 400, NULL,
				"We could not parse the JSON body of your request: %s at byte %zu.",
				wrong.reason, wrong.offset);
		return false;
	}
	for (unsigned i = INPUT_FILE; i <= WINDOW; i++) {
		if (json_type(c->members[i].value) != JSON_STRING) {
			errand_complain(e, 400, c->members[i].name,
					"Missing required parameter: '%s'.", c->members[i].name);
			return false;
		}
	}
	take_string(endpoint, sizeof endpoint, c->members[ENDPOINT].value);
	c->api = api_batchable(endpoint);
	if (c->api == API_UNKNOWN)
		errand_complain(e, 400, "endpoint", "Invalid value: '%s'.", endpoint);
	else if (!json_equals(c->members[WINDOW].value, "24h"))
		errand_complain(e, 400, "completion_window", "Invalid value: expected '24h'.");
	else if (!is_metadata(c->members[METADATA].value))
		errand_complain(e, 400, "metadata",
				"Expected an object of at most 16 strings, of at most 512 "
				"characters under keys of at most 64.");
	take_string(c->file_id, sizeof c->file_id, c->members[INPUT_FILE].value);
	c->file = e->reply->status == 200 ? files_find(l->files, e, c->file_id, strlen(c->file_id))
					  : NULL;
	if (e->reply->status != 200)
		return false;
	if (c->file == NULL)
		errand_complain(e, 404, "input_file_id", "No such File object: %s", c->file_id);
	else if (strcmp(c->file->purpose, "batch") != 0)
		errand_complain(e, 400, "input_file_id", "The file's purpose is '%s', not 'batch'.",
				c->file->purpose);
	return e->reply->status == 200;
}

/* Find the lines, as far as a batch may have them. */
static void find_lines(struct batch *b, uint64_t offset, uint64_t length)
{
	const char *at = b->text + offset;
	const char *end = at + length;

	while (at < end && b->count <= BATCH_OPENAI_MAX) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline != NULL ? newline : end;
		batch_item(b, (uint64_t)(at - b->text), (uint64_t)(stop - at));
		at = stop + 1;
	}
}

static void create(struct batch_list *l, struct errand *e)
{
	struct creation c;

	if (e->call->too_large) {
		errand_refuse(e, &(struct api_error){.status = 413});
		return;
	}
	if (!read_creation(l, e, &c))
		return;
	struct batch *b = batch_new(l, e, "batch_", BATCH_VALIDATING, c.file->blob);
	b->api = c.api;
	memcpy(b->input_file, c.file_id, sizeof b->input_file);
	if (json_is_set(c.members[METADATA].value))
		json_compact(&b->metadata, c.members[METADATA].value);
	find_lines(b, c.file->offset, c.file->length);
	batch_add(l, b);
	memcpy(e->batch, b->id, sizeof b->id);
	memcpy(e->file, b->input_file, sizeof e->file);
	e->requests = (int64_t)b->count;
	e->metadata = (struct json_span){b->metadata.data, b->metadata.length};
	add_object(&e->reply->body, e, b);
}

static void refuse_cancel(struct errand *e, const struct batch *b)
{
	errand_complain(e, 409, NULL, "Cannot cancel a batch with status '%s'.", states[b->state]);
}

const struct batch_provider batch_openai = {
    .page = 100,
    .list = "{\"object\":\"list\",\"data\":[",
    .create = create,
    .add_object = add_object,
    .refuse_cancel = refuse_cancel,
};

void batch_openai_line(struct buf *out, struct json_span custom, enum batch_result result,
		       const struct outcome *reply)
{
	buf_addf(out, "{\"id\":\"batch_req_%s\",\"custom_id\":", reply->id);
	buf_add(out, custom.at, custom.length);
	switch (result) {
	case BATCH_LATE:
		buf_adds(out, ",\"response\":null,\"error\":{\"code\":\"batch_expired\","
			      "\"message\":\"This request could not be executed before the "
			      "completion window expired.\"}}\n");
		break;
	case BATCH_CALLED_OFF:
		buf_adds(out, ",\"response\":null,\"error\":{\"code\":\"batch_cancelled\","
			      "\"message\":\"The batch was cancelled before this request was "
			      "executed.\"}}\n");
		break;
	default:
		buf_addf(out,
			 ",\"response\":{\"status_code\":%d,\"request_id\":\"req_%s\",\"body\":",
			 reply->status, reply->id);
		buf_add(out, reply->body.data, reply->body.length);
		buf_adds(out, "},\"error\":null}\n");
		break;
	}
}

/* Make a file of a blob, which is dropped; its id is stored. Nothing for NULL. */
static void make_file(struct batch_list *l, const struct batch *b, struct blob **blob,
		      const char *kind, char id[64], int64_t time)
{
	char name[96];

	if (*blob == NULL)
		return;
	snprintf(name, sizeof name, "%s_%s.jsonl", b->id, kind);
	const struct files_entry *entry =
	    files_add(l->files, "batch_output", name, *blob, 0, blob_length(*blob), time);
	snprintf(id, 64, "%s", entry->id);
	blob_drop(*blob);
	*blob = NULL;
}

void batch_openai_file(struct batch_list *l, struct batch *b, int64_t time)
{
	make_file(l, b, &b->output, "output", b->output_file, time);
	make_file(l, b, &b->failures, "error", b->error_file, time);
}
