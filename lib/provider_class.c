/*
 * What became of a request: whether sending it again makes sense. Sources: OpenAI API reference
 * (error codes), Anthropic API reference (errors), OpenRouter (errors), google.rpc.RetryInfo.
 */
#include "provider.h"
#include "buf.h"

#include <string.h>

/* What a code says, whatever the status beside it. The last part are codes of the tools. */
static const struct code_class {
	const char *code;
	enum provider_class class;
} codes[] = {
    {"insufficient_quota", PROVIDER_QUOTA},
    {"credit_balance_exhausted", PROVIDER_QUOTA},
    {"organization_spend_limit_exceeded", PROVIDER_QUOTA},
    {"organization_usage_limit_exceeded", PROVIDER_QUOTA},
    {"project_spend_limit_exceeded", PROVIDER_QUOTA},
    {"billing_hard_limit_reached", PROVIDER_QUOTA},
    {"billing_error", PROVIDER_QUOTA},
    {"enforced_spend_limit_reached", PROVIDER_QUOTA},
    {"contract_spend_limit_reached", PROVIDER_QUOTA},
    {"context_length_exceeded", PROVIDER_LENGTH},
    {"content_filter", PROVIDER_PERMANENT},
    {"rate_limit_exceeded", PROVIDER_TRANSIENT},
    {"rate_limit_error", PROVIDER_TRANSIENT},
    {"slow_down", PROVIDER_TRANSIENT},
    {"server_is_overloaded", PROVIDER_TRANSIENT},
    {"overloaded_error", PROVIDER_TRANSIENT},

    {"timeout", PROVIDER_TRANSIENT},
    {"resolve_failed", PROVIDER_TRANSIENT},
    {"connect_failed", PROVIDER_TRANSIENT},
    {"tls_failed", PROVIDER_TRANSIENT},
    {"connection_lost", PROVIDER_TRANSIENT},
    {"transport_error", PROVIDER_TRANSIENT},
    {"command_died", PROVIDER_TRANSIENT},
    {"bad_response", PROVIDER_TRANSIENT},
    {"bad_stream", PROVIDER_TRANSIENT},
    {"error_in_response", PROVIDER_TRANSIENT},
    {"batch_expired", PROVIDER_TRANSIENT},
    {"quota_exhausted", PROVIDER_QUOTA},
    {"too_many_failures", PROVIDER_PERMANENT},
    {"not_ok", PROVIDER_PERMANENT},
};

/* Types too wide to stand against a status, which count where the status says nothing: in a body of
 * status 200, or in a batch's results. */
static const struct code_class types[] = {
    {"server_error", PROVIDER_TRANSIENT},
    {"api_error", PROVIDER_TRANSIENT},
    {"timeout_error", PROVIDER_TRANSIENT},
    {"invalid_request_error", PROVIDER_PERMANENT},
    {"authentication_error", PROVIDER_PERMANENT},
    {"permission_error", PROVIDER_PERMANENT},
    {"not_found_error", PROVIDER_PERMANENT},
    {"request_too_large", PROVIDER_PERMANENT},
    {"invalid_api_key", PROVIDER_PERMANENT},
    {"model_not_found", PROVIDER_PERMANENT},
    {"truncated", PROVIDER_PERMANENT},
    {"refusal", PROVIDER_PERMANENT},
    {"no_answer", PROVIDER_PERMANENT},
};

/* What the message adds where no code says it. A message may quote the request, so words that stop
 * the whole run count only where the provider's own sentence begins. */
static const struct text_class {
	enum provider_class from;
	bool at_start;
	const char *text;
	enum provider_class to;
} texts[] = {
    {PROVIDER_PERMANENT, true, "Your credit balance is too low", PROVIDER_QUOTA},
    {PROVIDER_PERMANENT, true, "prompt is too long", PROVIDER_LENGTH},
    {PROVIDER_PERMANENT, true, "input length and `max_tokens` exceed", PROVIDER_LENGTH},
    {PROVIDER_PERMANENT, true, "The input token count", PROVIDER_LENGTH}, /* Gemini */
    {PROVIDER_PERMANENT, false, "maximum context length is", PROVIDER_LENGTH},
    {PROVIDER_TRANSIENT, true, "Request too large", PROVIDER_PERMANENT},
};

/* Where an error may name itself, the most particular first. */
enum { NAMES = 3 };

static bool by_table(const struct code_class *table, size_t count, struct buf names[NAMES],
		     enum provider_class *class)
{
	for (size_t name = 0; name < NAMES; name++) {
		for (size_t i = 0; i < count; i++) {
			if (strcmp(buf_string(&names[name]), table[i].code) != 0)
				continue;
			*class = table[i].class;
			return true;
		}
	}
	return false;
}

/* The status that an error names itself by, "http_429", or the response's own. */
static long status_of(struct buf names[NAMES], long status)
{
	for (size_t i = 0; i < NAMES; i++) {
		const char *name = buf_string(&names[i]);
		if (names[i].length == 8 && memcmp(name, "http_", 5) == 0 && name[5] >= '4' &&
		    name[5] <= '5' && name[6] >= '0' && name[6] <= '9' && name[7] >= '0' &&
		    name[7] <= '9')
			return (name[5] - '0') * 100 + (name[6] - '0') * 10 + (name[7] - '0');
	}
	return status;
}

static enum provider_class by_status(long status)
{
	switch (status) {
	case 402: /* Payment Required */
		return PROVIDER_QUOTA;
	case 408: /* Request Timeout */
	case 409: /* Conflict: the vendors' own clients send it again */
	case 425: /* Too Early */
	case 429: /* Too Many Requests */
		return PROVIDER_TRANSIENT;
	case 501: /* Not Implemented */
	case 505: /* HTTP Version Not Supported */
		return PROVIDER_PERMANENT;
	default:
		return status >= 500 ? PROVIDER_TRANSIENT : PROVIDER_PERMANENT;
	}
}

static enum provider_class classify(long status, struct buf names[NAMES])
{
	enum provider_class class;
	long named = status_of(names, status);

	if (by_table(codes, sizeof codes / sizeof *codes, names, &class))
		return class;
	if (named >= 300)
		return by_status(named);
	if (by_table(types, sizeof types / sizeof *types, names, &class))
		return class;
	/* An error that nobody knows, in an answer that says success, is an accident. */
	return status >= 200 ? PROVIDER_TRANSIENT : PROVIDER_PERMANENT;
}

static enum provider_class refine(enum provider_class class, struct buf *message)
{
	const char *text = buf_string(message);

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		const struct text_class *t = &texts[i];
		if (t->from == class && (t->at_start ? strncmp(text, t->text, strlen(t->text)) == 0
						     : strstr(text, t->text) != NULL))
			return t->to;
	}
	return class;
}

enum provider_class provider_classify(long status, struct json_span error, struct json_span body,
				      int should_retry)
{
	struct buf names[NAMES] = {0};
	struct buf message = {0};
	struct json_span own = json_get(error, "code");
	struct json_span type = json_path(body, "error", "type", NULL);

	if (!json_is_set(error))
		return PROVIDER_OK;
	if (json_type(own) == JSON_STRING)
		json_unescape(&names[0], own);
	provider_error(body, NULL, &names[1], &message);
	if (json_type(type) == JSON_STRING)
		json_unescape(&names[2], type);
	if (message.length == 0)
		json_text(&message, json_get(error, "message"));

	enum provider_class class = refine(classify(status, names), &message);
	if (status > 0 && (class == PROVIDER_TRANSIENT || class == PROVIDER_PERMANENT) &&
	    should_retry >= 0)
		class = should_retry > 0 ? PROVIDER_TRANSIENT : PROVIDER_PERMANENT;

	for (size_t i = 0; i < NAMES; i++)
		buf_free(&names[i]);
	buf_free(&message);
	return class;
}

int64_t provider_retry_delay(struct json_span body, int64_t wall)
{
	struct json_span first = json_type(body) == JSON_ARRAY ? json_element(body, 0) : body;
	struct json_iter it = json_iter(json_path(first, "error", "details", NULL));
	struct json_span detail;
	int64_t delay = -1;

	while (delay < 0 && json_next(&it, NULL, &detail)) {
		struct json_span value = json_get(detail, "retryDelay");
		if (json_type(value) == JSON_STRING &&
		    provider_duration(value.at + 1, value.length - 2, wall, &delay) < 0)
			delay = -1;
	}
	return delay;
}
