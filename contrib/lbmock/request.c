#include "request.h"
#include "tokens.h"

#include <string.h>

/* The members that are looked for, in the order of the enumeration. */
enum {
	MODEL,
	MESSAGES,
	INPUT,
	SYSTEM,
	INSTRUCTIONS,
	MAX_TOKENS,
	MAX_COMPLETION,
	MAX_OUTPUT,
	STREAM,
	STREAM_OPTIONS,
	RESPONSE_FORMAT,
	TEXT,
	OUTPUT_CONFIG,
	DIMENSIONS,
	ENCODING,
	USER,
	METADATA,
	MEMBERS
};

static const struct json_member members[MEMBERS] = {
    JSON_MEMBER("model"),
    JSON_MEMBER("messages"),
    JSON_MEMBER("input"),
    JSON_MEMBER("system"),
    JSON_MEMBER("instructions"),
    JSON_MEMBER("max_tokens"),
    JSON_MEMBER("max_completion_tokens"),
    JSON_MEMBER("max_output_tokens"),
    JSON_MEMBER("stream"),
    JSON_MEMBER("stream_options"),
    JSON_MEMBER("response_format"),
    JSON_MEMBER("text"),
    JSON_MEMBER("output_config"),
    JSON_MEMBER("dimensions"),
    JSON_MEMBER("encoding_format"),
    JSON_MEMBER("user"),
    JSON_MEMBER("metadata"),
};

/* A body being read. */
struct reader {
	struct request *request;
	struct json_member found[MEMBERS];
};

static bool is_true(struct json_span value)
{
	return value.at != NULL && value.length == 4 && memcmp(value.at, "true", 4) == 0;
}

static void add_text(struct reader *r, struct json_span string)
{
	struct buf *text = &r->request->text;
	if (json_type(string) != JSON_STRING)
		return;
	if (text->length > 0 && text->data[text->length - 1] != '\n')
		buf_addc(text, '\n');
	json_unescape(text, string);
}

/* Add a content: a string, or an array of strings or of parts that have a text. */
static void add_content(struct reader *r, struct json_span content)
{
	struct json_span part;

	if (json_type(content) != JSON_ARRAY) {
		add_text(r, content);
		return;
	}
	for (struct json_iter it = json_iter(content); json_next(&it, NULL, &part);)
		add_text(r, json_type(part) == JSON_STRING ? part : json_get(part, "text"));
}

/* Add a message to the text. A user's is the one to answer, until there is another. */
static void add_message(struct reader *r, struct json_span content, bool user)
{
	struct request *q = r->request;
	size_t at = q->text.length;

	add_content(r, content);
	if (at > 0 && at < q->text.length && q->text.data[at] == '\n' &&
	    q->text.data[at - 1] != '\n')
		at++;
	if (user || q->user_length == 0) {
		q->user_at = at;
		q->user_length = user ? q->text.length - at : 0;
	}
}

static void add_messages(struct reader *r, struct json_span messages)
{
	struct json_span message;
	struct json_span key;
	struct json_span value;

	if (json_type(messages) == JSON_STRING) {
		add_message(r, messages, true);
		return;
	}
	for (struct json_iter it = json_iter(messages); json_next(&it, NULL, &message);) {
		struct json_span role = {NULL, 0};
		struct json_span content = {NULL, 0};
		for (struct json_iter in = json_iter(message); json_next(&in, &key, &value);) {
			if (json_equals(key, "role"))
				role = value;
			else if (json_equals(key, "content"))
				content = value;
		}
		add_message(r, content, json_equals(role, "user"));
	}
}

/* A count, as far as one makes sense: sums of a few cannot overflow. */
static int64_t integer_or(struct json_span number, int64_t otherwise)
{
	int64_t value;
	if (json_integer(number, &value) < 0 || value < 0)
		return otherwise;
	return value < INT64_C(1000000000000) ? value : INT64_C(1000000000000);
}

/* The options that do not bear on the text. */
static void read_options(struct reader *r)
{
	struct request *q = r->request;
	struct json_span format = r->found[RESPONSE_FORMAT].value;
	struct json_span metadata = r->found[METADATA].value;
	unsigned cap = q->api == API_RESPONSES ? MAX_OUTPUT : MAX_TOKENS;

	if (q->api == API_CHAT && json_is_set(r->found[MAX_COMPLETION].value))
		cap = MAX_COMPLETION;
	q->max_tokens = integer_or(r->found[cap].value, -1);
	q->stream = is_true(r->found[STREAM].value);
	q->include_usage = is_true(json_get(r->found[STREAM_OPTIONS].value, "include_usage"));
	q->dimensions = integer_or(r->found[DIMENSIONS].value, -1);
	q->base64 = json_equals(r->found[ENCODING].value, "base64");
	if (q->api == API_RESPONSES)
		format = json_get(r->found[TEXT].value, "format");
	else if (q->api == API_MESSAGES)
		format = json_get(r->found[OUTPUT_CONFIG].value, "format");
	q->json_mode = json_equals(json_get(format, "type"), "json_object");
	q->schema = q->api == API_CHAT ? json_path(format, "json_schema", "schema", NULL)
				       : json_get(format, "schema");
	if (json_type(q->schema) != JSON_OBJECT)
		q->schema = (struct json_span){NULL, 0};
	q->custom = json_get(metadata, "custom_id");
	if (json_type(q->custom) != JSON_STRING)
		q->custom = r->found[USER].value;
	if (json_type(q->custom) != JSON_STRING)
		q->custom = json_get(metadata, "user_id");
	if (json_type(q->custom) != JSON_STRING)
		q->custom = (struct json_span){NULL, 0};
}

/* Is everything there without which the provider would not begin? */
static int check_required(struct reader *r, struct api_error *error)
{
	bool anthropic = r->request->api == API_MESSAGES;
	bool chat = r->request->api == API_CHAT;
	unsigned input = anthropic || chat ? MESSAGES : INPUT;
	enum json_type type = json_type(r->found[input].value);

	*error = (struct api_error){.status = 400, .type = "invalid_request_error"};
	if (json_type(r->found[MODEL].value) != JSON_STRING) {
		error->message =
		    anthropic ? "model: Field required" : "you must provide a model parameter";
		return -1;
	}
	if (type != JSON_ARRAY && (type != JSON_STRING || input == MESSAGES)) {
		error->code = "missing_required_parameter";
		error->param = members[input].name;
		error->message = anthropic ? "messages: Field required"
				 : chat    ? "Missing required parameter: 'messages'."
					   : "Missing required parameter: 'input'.";
		return -1;
	}
	if (anthropic && json_type(r->found[MAX_TOKENS].value) != JSON_NUMBER) {
		error->message = "max_tokens: Field required";
		return -1;
	}
	return 0;
}

static int refuse_json(struct api_error *error, const struct json_error *wrong, struct buf *scratch)
{
	buf_clear(scratch);
	buf_addf(scratch, "We could not parse the JSON body of your request: %s at byte %zu.",
		 wrong->reason, wrong->offset);
	*error = (struct api_error){.status = 400,
				    .type = "invalid_request_error",
				    .message = scratch->data,
				    .length = scratch->length};
	return -1;
}

int request_read(struct request *r, enum api api, const char *body, size_t n,
		 struct api_error *error, struct buf *scratch)
{
	struct reader reader = {.request = r};
	struct json_span root;
	struct json_error wrong;
	struct buf text = r->text;

	text.length = 0;
	*r = (struct request){.api = api, .text = text, .max_tokens = -1, .dimensions = -1};
	memcpy(reader.found, members, sizeof members);
	if (json_check(body, n, &root, reader.found, MEMBERS, &wrong) < 0)
		return refuse_json(error, &wrong, scratch);
	r->model = reader.found[MODEL].value;
	read_options(&reader);
	if (check_required(&reader, error) < 0)
		return -1;
	struct tokens_request estimate;
	tokens_request(root, &estimate);
	r->prompt_tokens = estimate.input > 0 ? estimate.input : 1;
	if (api == API_EMBEDDINGS) {
		r->input = reader.found[INPUT].value;
		return 0;
	}
	unsigned system = api == API_RESPONSES ? INSTRUCTIONS : SYSTEM;
	if (api != API_CHAT && json_is_set(reader.found[system].value))
		add_message(&reader, reader.found[system].value, false);
	add_messages(&reader, reader.found[api == API_RESPONSES ? INPUT : MESSAGES].value);
	return 0;
}

void request_free(struct request *r)
{
	buf_free(&r->text);
}
