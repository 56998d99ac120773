/* What response bodies say: the error, or the answer and whether it is a whole one. */
#include "provider.h"
#include "buf.h"

#include <inttypes.h>
#include <string.h>

/* Append a code: a name, or an HTTP status as "http_N". Returns whether it was either. */
static bool add_code(struct buf *code, struct json_span value)
{
	int64_t status;

	/* Azure writes the number as a string. */
	if (json_type(value) == JSON_STRING && value.length == 5 && value.at[1] >= '1' &&
	    value.at[1] <= '5')
		value = (struct json_span){value.at + 1, 3};
	if (json_type(value) == JSON_NUMBER) {
		if (json_integer(value, &status) < 0 || status < 100 || status > 599)
			return false;
		buf_addf(code, "http_%" PRId64, status);
		return true;
	}
	if (json_type(value) != JSON_STRING || value.length == 2)
		return false;
	json_unescape(code, value);
	return true;
}

static void add_message(struct buf *message, struct json_span value)
{
	if (json_is_set(value))
		json_text(message, value);
}

/* The message of FastAPI: a string, or what its validation found first. */
static void add_detail(struct buf *message, struct json_span detail)
{
	struct json_span first = json_get(json_element(detail, 0), "msg");

	add_message(message, json_is_set(first) ? first : detail);
}

/* The members of a body that tell whether it is an error. */
enum { ERROR, MESSAGE, DETAIL, OBJECT, CODE, TYPE, ID, CHOICES };

/*
 * Bodies without an error member that are errors all the same: older vLLM and Mistral with
 * "object": "error", FastAPI with detail, gateways with a lone message. No answer has these without
 * an id.
 */
static bool bare_error(const struct json_member *m, struct buf *code, struct buf *message)
{
	struct json_span text = m[MESSAGE].value;
	struct json_span detail = m[DETAIL].value;

	if (json_equals(m[OBJECT].value, "error")) {
		if (!add_code(code, m[CODE].value))
			add_code(code, m[TYPE].value);
		add_message(message, text);
		return true;
	}
	if (m[ID].value.at != NULL || m[CHOICES].value.at != NULL)
		return false;
	if (json_type(text) == JSON_STRING) {
		add_code(code, m[CODE].value);
		add_message(message, text);
		return true;
	}
	if (json_type(detail) == JSON_STRING || json_type(detail) == JSON_ARRAY) {
		add_detail(message, detail);
		return true;
	}
	return false;
}

void provider_members(struct json_member members[PROVIDER_MEMBERS])
{
	static const struct json_member names[PROVIDER_MEMBERS] = {
	    [ERROR] = JSON_MEMBER("error"),   [MESSAGE] = JSON_MEMBER("message"),
	    [DETAIL] = JSON_MEMBER("detail"), [OBJECT] = JSON_MEMBER("object"),
	    [CODE] = JSON_MEMBER("code"),     [TYPE] = JSON_MEMBER("type"),
	    [ID] = JSON_MEMBER("id"),         [CHOICES] = JSON_MEMBER("choices"),
	};

	memcpy(members, names, sizeof names);
}

bool provider_error(struct json_span body, const struct json_member members[PROVIDER_MEMBERS],
		    struct buf *code, struct buf *message)
{
	struct json_member first[PROVIDER_MEMBERS];
	const struct json_member *m = members;

	if (json_type(body) == JSON_ARRAY) { /* Gemini, when it was to stream */
		body = json_element(body, 0);
		m = NULL;
	}
	if (m == NULL) {
		provider_members(first);
		json_find(body, first, PROVIDER_MEMBERS);
		m = first;
	}
	struct json_span error = m[ERROR].value;
	if (!json_is_set(error))
		return bare_error(m, code, message);
	switch (json_type(error)) {
	case JSON_STRING:
		json_unescape(message, error);
		return true;
	case JSON_OBJECT:
		break;
	case JSON_BOOL:
		if (error.at[0] == 'f')
			return false;
		add_message(message, m[MESSAGE].value);
		return true;
	default:
		return true;
	}
	if (!add_code(code, json_get(error, "code")) &&
	    !add_code(code, json_path(error, "details", "error_code", NULL)) &&
	    !add_code(code, json_get(error, "type")))
		add_code(code, json_get(error, "status"));
	add_message(message, json_get(error, "message"));
	return true;
}

/* Append text that says why there is no answer; returns the code. */
static const char *no_answer(struct buf *text, const char *why)
{
	buf_adds(text, why);
	return "no_answer";
}

/*
 * The reasons for which an answer ended early, under whatever name an API gives them. Returns the
 * error code, with a message appended, or NULL if it ended as it should.
 */
static const char *stopped_by(struct buf *text, struct json_span reason)
{
	static const struct {
		const char *reason;
		const char *code;
	} reasons[] = {
	    {"length", "truncated"},
	    {"model_length", "truncated"}, /* Mistral */
	    {"max_tokens", "truncated"},
	    {"model_context_window_exceeded", "truncated"},
	    {"pause_turn", "truncated"}, /* Anthropic: to be asked to go on */
	    {"max_output_tokens", "truncated"},
	    {"MAX_TOKENS", "truncated"},
	    {"refusal", "refusal"},
	    {"content_filter", "content_filter"},
	    {"SAFETY", "content_filter"},
	    {"RECITATION", "content_filter"},
	    {"BLOCKLIST", "content_filter"},
	    {"PROHIBITED_CONTENT", "content_filter"},
	    {"SPII", "content_filter"},
	};

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
		if (!json_equals(reason, reasons[i].reason))
			continue;
		buf_addf(text, "the answer ended early: %s", reasons[i].reason);
		return reasons[i].code;
	}
	return NULL;
}

/* What the parts of an answer came to. */
struct parts {
	bool any_text;
	struct json_span refusal; /* its text */
	bool call;                /* the model calls a function */
};

/* Append the text of those parts in an array whose type is this one, and note refusals. */
static void add_parts(struct buf *text, struct parts *parts, struct json_span array,
		      const char *text_type)
{
	struct json_iter it = json_iter(array);
	struct json_span part;

	while (json_next(&it, NULL, &part)) {
		struct json_span type = json_get(part, "type");
		struct json_span string = json_get(part, "text");
		if (json_equals(type, text_type) && json_type(string) == JSON_STRING) {
			json_unescape(text, string);
			parts->any_text = true;
		} else if (json_equals(type, "refusal")) {
			parts->refusal = json_get(part, "refusal");
		} else if (json_equals(type, "tool_use")) {
			parts->call = true;
		}
	}
}

/* The code for what was found; text was before bytes long when the search began. */
static const char *judge(struct buf *text, const struct parts *parts, size_t before)
{
	/* An empty text beside a call is how some servers write "none". */
	if (parts->any_text && (text->length > before || !parts->call) &&
	    !json_is_set(parts->refusal))
		return NULL;
	text->length = before;
	if (json_is_set(parts->refusal)) {
		json_text(text, parts->refusal);
		return "refusal";
	}
	return no_answer(text, parts->call ? "the answer is a function call: use --answer"
					   : "the response has no text");
}

/* OpenAI chat and legacy completions. */
static const char *chat_answer(struct json_span choices, struct buf *text)
{
	struct json_span choice = json_element(choices, 0);
	struct json_span message = json_get(choice, "message");
	struct json_span content = json_get(message, "content");
	struct json_span refusal = json_get(message, "refusal");
	struct parts parts = {0};
	size_t before = text->length;

	const char *code = stopped_by(text, json_get(choice, "finish_reason"));
	if (code != NULL)
		return code;
	if (message.at == NULL)
		content = json_get(choice, "text");
	if (json_type(content) == JSON_STRING) {
		json_unescape(text, content);
		parts.any_text = true;
	} else {
		add_parts(text, &parts, content, "text");
	}
	if (json_type(refusal) == JSON_STRING && refusal.length > 2)
		parts.refusal = refusal;
	if (json_count(json_get(message, "tool_calls")) > 0 ||
	    json_is_set(json_get(message, "function_call")))
		parts.call = true;
	return judge(text, &parts, before);
}

/* OpenAI Responses. */
static const char *response_answer(struct json_span body, struct buf *text)
{
	struct json_span status = json_get(body, "status");
	struct parts parts = {0};
	struct json_iter it = json_iter(json_get(body, "output"));
	struct json_span item;
	size_t before = text->length;

	if (json_equals(status, "incomplete")) {
		const char *code =
		    stopped_by(text, json_path(body, "incomplete_details", "reason", NULL));
		if (code == NULL)
			buf_adds(text, "the response is incomplete");
		return code != NULL ? code : "truncated";
	}
	if (json_is_set(status) && !json_equals(status, "completed")) {
		buf_adds(text, "the status of the response is ");
		json_text(text, status);
		return "no_answer";
	}
	while (json_next(&it, NULL, &item)) {
		struct json_span type = json_get(item, "type");
		if (json_equals(type, "message"))
			add_parts(text, &parts, json_get(item, "content"), "output_text");
		else if (json_equals(type, "function_call") ||
			 json_equals(type, "custom_tool_call"))
			parts.call = true;
	}
	return judge(text, &parts, before);
}

/* Anthropic messages. */
static const char *message_answer(struct json_span body, struct buf *text)
{
	struct parts parts = {0};
	size_t before = text->length;

	const char *code = stopped_by(text, json_get(body, "stop_reason"));
	if (code != NULL)
		return code;
	add_parts(text, &parts, json_get(body, "content"), "text");
	return judge(text, &parts, before);
}

/* Gemini's own API. Its parts have no type; thoughts are marked. */
static const char *gemini_answer(struct json_span body, struct buf *text)
{
	struct json_span blocked = json_path(body, "promptFeedback", "blockReason", NULL);
	struct json_span candidate = json_element(json_get(body, "candidates"), 0);
	struct json_iter it = json_iter(json_path(candidate, "content", "parts", NULL));
	struct json_span part;
	struct parts parts = {0};
	size_t before = text->length;

	if (json_is_set(blocked)) {
		buf_adds(text, "the prompt was blocked: ");
		json_text(text, blocked);
		return "content_filter";
	}
	const char *code = stopped_by(text, json_get(candidate, "finishReason"));
	if (code != NULL)
		return code;
	while (json_next(&it, NULL, &part)) {
		struct json_span string = json_get(part, "text");
		struct json_span thought = json_get(part, "thought");
		if (json_is_set(json_get(part, "functionCall")))
			parts.call = true;
		if (json_type(string) != JSON_STRING ||
		    (thought.at != NULL && thought.at[0] == 't'))
			continue;
		json_unescape(text, string);
		parts.any_text = true;
	}
	return judge(text, &parts, before);
}

const char *provider_answer(struct json_span body, struct buf *text)
{
	if (json_type(json_get(body, "choices")) == JSON_ARRAY)
		return chat_answer(json_get(body, "choices"), text);
	if (json_equals(json_get(body, "object"), "response") ||
	    json_type(json_get(body, "output")) == JSON_ARRAY)
		return response_answer(body, text);
	if (json_type(json_get(body, "content")) == JSON_ARRAY)
		return message_answer(body, text);
	if (json_get(body, "candidates").at != NULL || json_get(body, "promptFeedback").at != NULL)
		return gemini_answer(body, text);
	return no_answer(text, "the response is of no known API");
}
