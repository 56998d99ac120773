/* What answers report of tokens. APIs differ in names, and in what a count has in it. */
#include "provider.h"

/* What is above this is no count, and sums of a few below it can be held. */
#define MOST (INT64_MAX / 8)

/* A count, which some servers write as 12.0. Returns whether it is one. */
static bool read_count(struct json_span count, int64_t *value)
{
	double number;

	if (json_integer(count, value) == 0)
		return *value >= 0 && *value <= MOST;
	if (json_number(count, &number) < 0 || !(number >= 0 && number < 1e15))
		return false;
	*value = (int64_t)number;
	return (double)*value == number;
}

/* Add a count to a sum. One that is absent or null adds nothing. Returns whether it was a count. */
static bool add(int64_t *sum, struct json_span count)
{
	int64_t value;

	if (!json_is_set(count))
		return true;
	if (!read_count(count, &value))
		return false;
	*sum += value;
	return true;
}

/* Chat, completions and embeddings; of DeepSeek, which counted hits before there were details. Some
 * leave thoughts out of the completion (xAI, and Gemini in this form): what the total has beyond
 * the prompt is output, too. */
static bool chat_usage(struct json_span usage, struct provider_usage *u)
{
	struct json_span prompt = json_get(usage, "prompt_tokens_details");
	struct json_span completion = json_get(usage, "completion_tokens_details");
	struct json_span cached = json_get(prompt, "cached_tokens");
	int64_t total;

	if (!json_is_set(cached))
		cached = json_get(usage, "prompt_cache_hit_tokens");
	if (!add(&u->input, json_get(usage, "prompt_tokens")) || !add(&u->cached, cached) ||
	    !add(&u->cache_write, json_get(prompt, "cache_write_tokens")) ||
	    !add(&u->output, json_get(usage, "completion_tokens")) ||
	    !add(&u->reasoning, json_get(completion, "reasoning_tokens")))
		return false;
	if (read_count(json_get(usage, "total_tokens"), &total) && total - u->input > u->output)
		u->output = total - u->input;
	return true;
}

static bool responses_usage(struct json_span usage, struct provider_usage *u)
{
	struct json_span input = json_get(usage, "input_tokens_details");
	struct json_span output = json_get(usage, "output_tokens_details");

	return add(&u->input, json_get(usage, "input_tokens")) &&
	       add(&u->cached, json_get(input, "cached_tokens")) &&
	       add(&u->cache_write, json_get(input, "cache_write_tokens")) &&
	       add(&u->output, json_get(usage, "output_tokens")) &&
	       add(&u->reasoning, json_get(output, "reasoning_tokens"));
}

/* Anthropic: what was cached or written to a cache is not in input_tokens. What is written counts
 * as for five minutes where it is not split by time. */
static bool messages_usage(struct json_span usage, struct provider_usage *u)
{
	struct json_span read = json_get(usage, "cache_read_input_tokens");
	struct json_span split = json_get(usage, "cache_creation");
	int64_t written = 0;

	if (!add(&written, json_get(usage, "cache_creation_input_tokens")) ||
	    !add(&u->cache_write, json_get(split, "ephemeral_5m_input_tokens")) ||
	    !add(&u->cache_write_1h, json_get(split, "ephemeral_1h_input_tokens")))
		return false;
	if (written < u->cache_write + u->cache_write_1h)
		written = u->cache_write + u->cache_write_1h;
	u->cache_write = written - u->cache_write_1h;
	u->input = written;
	return add(&u->input, json_get(usage, "input_tokens")) && add(&u->input, read) &&
	       add(&u->cached, read) && add(&u->output, json_get(usage, "output_tokens"));
}

/* Gemini's own API: thoughts are not in the count of the candidates, nor is what tools have brought
 * in that of the prompt. */
static bool gemini_usage(struct json_span usage, struct provider_usage *u)
{
	struct json_span thoughts = json_get(usage, "thoughtsTokenCount");

	return add(&u->input, json_get(usage, "promptTokenCount")) &&
	       add(&u->input, json_get(usage, "toolUsePromptTokenCount")) &&
	       add(&u->cached, json_get(usage, "cachedContentTokenCount")) &&
	       add(&u->output, json_get(usage, "candidatesTokenCount")) &&
	       add(&u->output, thoughts) && add(&u->reasoning, thoughts);
}

/* Is either of these counts there? */
static bool has(struct json_span usage, const char *input, const char *output)
{
	return json_is_set(json_get(usage, input)) || json_is_set(json_get(usage, output));
}

static bool read_usage(struct json_span body, struct provider_usage *u)
{
	struct json_span usage = json_get(body, "usage");
	struct json_span gemini = json_get(body, "usageMetadata");

	if (has(usage, "prompt_tokens", "completion_tokens"))
		return chat_usage(usage, u);
	if (has(usage, "input_tokens", "output_tokens"))
		return has(usage, "cache_read_input_tokens", "cache_creation_input_tokens") ||
			       json_is_set(json_get(usage, "cache_creation"))
			   ? messages_usage(usage, u)
			   : responses_usage(usage, u);
	/* Of a list, such as embeddings, nothing is output; of another answer a total does not
	 * tell how much is. */
	struct json_span total = json_get(usage, "total_tokens");
	if (json_equals(json_get(body, "object"), "list") && json_is_set(total))
		return add(&u->input, total);
	return has(gemini, "promptTokenCount", "candidatesTokenCount") && gemini_usage(gemini, u);
}

bool provider_usage(struct json_span body, struct provider_usage *usage)
{
	struct provider_usage u = {0};

	bool any = read_usage(body, &u);
	if (!any)
		u = (struct provider_usage){0};
	/* A part that is more than the whole would make a price negative. */
	if (u.input < u.cached + u.cache_write + u.cache_write_1h)
		u.input = u.cached + u.cache_write + u.cache_write_1h;
	if (u.output < u.reasoning)
		u.output = u.reasoning;
	*usage = u;
	return any;
}
