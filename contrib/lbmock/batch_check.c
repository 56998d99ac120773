/* Validating the lines of OpenAI's batches. */
#include "batch_openai.h"
#include "tokens.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ERRORS_MAX 100   /* more are not told of */
#define INPUTS_MAX 50000 /* of embeddings */

enum { CUSTOM_ID, METHOD, URL, BODY, MEMBERS };

static const struct json_member members[MEMBERS] = {
    JSON_MEMBER("custom_id"),
    JSON_MEMBER("method"),
    JSON_MEMBER("url"),
    JSON_MEMBER("body"),
};

/* Note what is wrong. line is its number, or 0 if it is the whole file; param may be NULL. */
static void complain(struct batch *b, size_t line, const char *code, const char *param,
		     const char *format, ...) __attribute__((format(printf, 5, 6)));

static void complain(struct batch *b, size_t line, const char *code, const char *param,
		     const char *format, ...)
{
	char message[512];
	va_list args;

	if (b->error_count++ >= ERRORS_MAX)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	buf_addf(&b->errors, "%s{\"code\":\"%s\",\"message\":", b->errors.length > 0 ? "," : "",
		 code);
	json_quote(&b->errors, message, strlen(message));
	buf_adds(&b->errors, ",\"param\":");
	if (param != NULL)
		json_quote(&b->errors, param, strlen(param));
	else
		buf_adds(&b->errors, "null");
	if (line > 0)
		buf_addf(&b->errors, ",\"line\":%zu}", line);
	else
		buf_adds(&b->errors, ",\"line\":null}");
}

static bool read_line(const struct batch *b, size_t item, struct json_member found[MEMBERS])
{
	struct json_error wrong;
	struct json_span root;
	const struct batch_item *i = &b->items[item];

	memcpy(found, members, sizeof members);
	return json_check(b->text + i->offset, (size_t)i->length, &root, found, MEMBERS, &wrong) ==
		   0 &&
	       json_type(root) == JSON_OBJECT;
}

bool batch_openai_read(const struct batch *b, size_t item, struct json_span *custom,
		       struct json_span *body)
{
	struct json_member found[MEMBERS];

	if (!read_line(b, item, found))
		return false;
	*custom = found[CUSTOM_ID].value;
	*body = found[BODY].value;
	return json_type(*custom) == JSON_STRING && json_type(*body) == JSON_OBJECT;
}

/* A repeated id is found by its bytes: one that is escaped in another way passes for another. */
static void check_id(struct batch *b, size_t line, struct json_span custom)
{
	if (seen_before(&b->ids, custom.at, custom.length))
		complain(b, line, "duplicate_custom_id", "custom_id",
			 "The custom_id for this request is a duplicate of another request. The "
			 "custom_id parameter must be unique for each request in a batch.");
}

static void check_body(struct batch_list *l, struct batch *b, size_t line, struct json_span body)
{
	struct json_member found[] = {JSON_MEMBER("model"), JSON_MEMBER("stream"),
				      JSON_MEMBER("input")};
	struct tokens_request request;

	json_find(body, found, 3);
	struct json_span model = found[0].value;
	if (json_type(model) == JSON_STRING && b->model.length == 0)
		buf_add(&b->model, model.at, model.length);
	else if (json_type(model) == JSON_STRING &&
		 (model.length != b->model.length ||
		  memcmp(model.at, b->model.data, model.length) != 0))
		complain(b, line, "model_mismatch", "body.model",
			 "The provided model does not match the other requests' model.");
	if (found[1].value.at != NULL && found[1].value.at[0] == 't')
		complain(b, line, "invalid_request", "body.stream",
			 "Streaming is not supported in batches.");
	b->inputs +=
	    json_type(found[2].value) == JSON_ARRAY ? (int64_t)json_count(found[2].value) : 1;
	if (l->options->enqueued > 0) {
		tokens_request(body, &request);
		b->tokens += request.input;
	}
}

static void check_line(struct batch_list *l, struct batch *b, size_t item)
{
	struct json_member found[MEMBERS];
	size_t line = item + 1;

	if (!read_line(b, item, found)) {
		complain(b, line, "invalid_json_line", NULL,
			 "This line is not parseable as valid JSON.");
		return;
	}
	for (unsigned i = 0; i < MEMBERS; i++) {
		if (json_type(found[i].value) != (i == BODY ? JSON_OBJECT : JSON_STRING)) {
			complain(b, line, "missing_required_parameter", found[i].name,
				 "Missing required parameter: '%s'.", found[i].name);
			return;
		}
	}
	check_id(b, line, found[CUSTOM_ID].value);
	if (!json_equals(found[METHOD].value, "POST"))
		complain(b, line, "invalid_method", "method", "The method must be POST.");
	if (!json_equals(found[URL].value, api_path(b->api)))
		complain(b, line, "url_mismatch", "url",
			 "The URL of this request is not the batch's endpoint, %s.",
			 api_path(b->api));
	check_body(l, b, line, found[BODY].value);
}

void batch_openai_admit(struct batch_list *l, struct batch *b)
{
	int64_t enqueued = b->tokens;

	if (b->error_count > 0 || l->options->enqueued == 0)
		return;
	for (size_t i = 0; i < l->count; i++) {
		const struct batch *other = l->batches[i];
		if (other != b && other->at[BATCH_IN_PROGRESS] != 0 && !batch_ended(other) &&
		    !other->anthropic && other->model.length == b->model.length &&
		    memcmp(other->model.data, b->model.data, b->model.length) == 0)
			enqueued += other->tokens;
	}
	if (enqueued > l->options->enqueued)
		complain(b, 0, "token_limit_exceeded", NULL,
			 "Enqueued token limit reached for %.*s. Limit: %" PRId64
			 " enqueued tokens. Please try again once some in_progress batches have "
			 "been completed.",
			 (int)b->model.length, b->model.length > 0 ? b->model.data : "",
			 l->options->enqueued);
}

bool batch_openai_check(struct batch_list *l, struct batch *b, size_t most)
{
	if (b->checked == 0 && (b->count == 0 || b->count > BATCH_OPENAI_MAX)) {
		bool empty = b->count == 0;
		complain(b, 0, empty ? "empty_file" : "too_many_tasks", NULL,
			 empty ? "The input file is empty. Please ensure that the batch contains "
				 "at least one request."
			       : "The number of requests exceeds the maximum of 50,000.");
		b->checked = b->count;
		return true;
	}
	if (b->checked == b->count)
		return true;
	for (; most > 0 && b->checked < b->count; most--)
		check_line(l, b, b->checked++);
	if (b->checked < b->count)
		return false;
	if (b->api == API_EMBEDDINGS && b->inputs > INPUTS_MAX)
		complain(b, 0, "too_many_tasks", NULL,
			 "The number of embedding inputs exceeds the maximum of 50,000.");
	return true;
}
