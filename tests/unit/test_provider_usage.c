/* The tokens that answers report, API by API; the samples follow the providers' documentation. */
#include "provider.h"
#include "tap.h"

struct usage_case {
	const char *name;
	const char *body;
	bool any;
	/* input, cached, cache_write, cache_write_1h, output, reasoning */
	struct provider_usage want;
};

static const struct usage_case openai[] = {
    {"chat",
     "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"usage\":{\"prompt_tokens\":19,"
     "\"completion_tokens\":10,\"total_tokens\":29}}",
     true,
     {19, 0, 0, 0, 10, 0}},
    {"chat, part of the prompt cached, part written, reasoning inside the output",
     "{\"usage\":{\"prompt_tokens\":2006,\"completion_tokens\":300,\"total_tokens\":2306,"
     "\"prompt_tokens_details\":{\"cached_tokens\":1920,\"cache_write_tokens\":64,"
     "\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":128,"
     "\"audio_tokens\":0,\"accepted_prediction_tokens\":0}}}",
     true,
     {2006, 1920, 64, 0, 300, 128}},
    {"Responses",
     "{\"object\":\"response\",\"usage\":{\"input_tokens\":36,\"input_tokens_details\":"
     "{\"cached_tokens\":0},\"output_tokens\":87,\"output_tokens_details\":"
     "{\"reasoning_tokens\":0},\"total_tokens\":123}}",
     true,
     {36, 0, 0, 0, 87, 0}},
    {"Responses, cached, written, reasoned",
     "{\"usage\":{\"input_tokens\":5000,\"input_tokens_details\":{\"cached_tokens\":4096,"
     "\"cache_write_tokens\":512},\"output_tokens\":900,\"output_tokens_details\":"
     "{\"reasoning_tokens\":640},\"total_tokens\":5900}}",
     true,
     {5000, 4096, 512, 0, 900, 640}},
    {"Responses, details of the output only",
     "{\"usage\":{\"input_tokens\":7,\"input_tokens_details\":null,\"output_tokens\":9,"
     "\"output_tokens_details\":{\"reasoning_tokens\":4}}}",
     true,
     {7, 0, 0, 0, 9, 4}},
    {"embeddings",
     "{\"object\":\"list\",\"data\":[],\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}",
     true,
     {8, 0, 0, 0, 0, 0}},
    {"Gemini in the form of chat: thoughts are in the total alone",
     "{\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":198,\"total_tokens\":623}}",
     true,
     {20, 0, 0, 0, 603, 0}},
    {"xAI, reasoning beside the completion",
     "{\"usage\":{\"prompt_tokens\":32,\"completion_tokens\":9,\"total_tokens\":135,"
     "\"completion_tokens_details\":{\"reasoning_tokens\":94}}}",
     true,
     {32, 0, 0, 0, 103, 94}},
    {"a total that is less, or no count, says nothing",
     "{\"usage\":{\"prompt_tokens\":32,\"completion_tokens\":9,\"total_tokens\":1}}",
     true,
     {32, 0, 0, 0, 9, 0}},
    {"no count",
     "{\"usage\":{\"prompt_tokens\":32,\"completion_tokens\":9,\"total_tokens\":\"99\"}}",
     true,
     {32, 0, 0, 0, 9, 0}},
    {"embeddings of Voyage: the total alone",
     "{\"object\":\"list\",\"data\":[],\"usage\":{\"total_tokens\":8}}",
     true,
     {8, 0, 0, 0, 0, 0}},
    {"whole numbers with a point or an exponent",
     "{\"usage\":{\"prompt_tokens\":1000.0,\"completion_tokens\":1e2}}",
     true,
     {1000, 0, 0, 0, 100, 0}},
    {"vLLM, with nulls",
     "{\"usage\":{\"prompt_tokens\":12,\"total_tokens\":20,\"completion_tokens\":8,"
     "\"prompt_tokens_details\":null,\"completion_tokens_details\":null}}",
     true,
     {12, 0, 0, 0, 8, 0}},
    {"vLLM, nulls within the details and for the output",
     "{\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":null,\"prompt_tokens_details\":"
     "{\"cached_tokens\":null}}}",
     true,
     {12, 0, 0, 0, 0, 0}},
    {"DeepSeek, hits and misses",
     "{\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":50,\"total_tokens\":1050,"
     "\"prompt_cache_hit_tokens\":832,\"prompt_cache_miss_tokens\":168}}",
     true,
     {1000, 832, 0, 0, 50, 0}},
    {"DeepSeek, hits said twice are counted once",
     "{\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":50,\"prompt_tokens_details\":"
     "{\"cached_tokens\":832},\"prompt_cache_hit_tokens\":832,\"prompt_cache_miss_tokens\":168,"
     "\"completion_tokens_details\":{\"reasoning_tokens\":30}}}",
     true,
     {1000, 832, 0, 0, 50, 30}},
};

static const struct usage_case others[] = {
    {"Anthropic, no cache",
     "{\"type\":\"message\",\"usage\":{\"input_tokens\":2095,\"output_tokens\":503}}",
     true,
     {2095, 0, 0, 0, 503, 0}},
    {"Anthropic, what was cached and written comes on top of the input",
     "{\"usage\":{\"input_tokens\":50,\"cache_creation_input_tokens\":248,"
     "\"cache_read_input_tokens\":1800,\"output_tokens\":503}}",
     true,
     {2098, 1800, 248, 0, 503, 0}},
    {"Anthropic, writes split by time are not counted a second time",
     "{\"usage\":{\"input_tokens\":2048,\"cache_read_input_tokens\":1800,"
     "\"cache_creation_input_tokens\":248,\"cache_creation\":{\"ephemeral_5m_input_tokens\":148,"
     "\"ephemeral_1h_input_tokens\":100},\"output_tokens\":503,\"service_tier\":\"standard\"}}",
     true,
     {4096, 1800, 148, 100, 503, 0}},
    {"Anthropic, the split alone",
     "{\"usage\":{\"input_tokens\":1,\"cache_creation\":{\"ephemeral_5m_input_tokens\":20,"
     "\"ephemeral_1h_input_tokens\":300},\"output_tokens\":4000}}",
     true,
     {321, 0, 20, 300, 4000, 0}},
    {"Anthropic, all written for an hour",
     "{\"usage\":{\"input_tokens\":1,\"cache_creation_input_tokens\":300,\"cache_creation\":"
     "{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":300},\"output_tokens\":2}}",
     true,
     {301, 0, 0, 300, 2, 0}},
    {"Anthropic, a split of zeroes beside a total",
     "{\"usage\":{\"input_tokens\":1,\"cache_creation_input_tokens\":300,\"cache_creation\":"
     "{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":0},\"output_tokens\":2}}",
     true,
     {301, 0, 300, 0, 2, 0}},
    {"Anthropic, with nulls",
     "{\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":null,"
     "\"cache_read_input_tokens\":null,\"cache_creation\":null,\"output_tokens\":20}}",
     true,
     {10, 0, 0, 0, 20, 0}},
    {"Gemini, thoughts come on top of the candidates",
     "{\"candidates\":[],\"usageMetadata\":{\"promptTokenCount\":1200,"
     "\"cachedContentTokenCount\":1024,\"candidatesTokenCount\":30,\"thoughtsTokenCount\":200,"
     "\"totalTokenCount\":1430}}",
     true,
     {1200, 1024, 0, 0, 230, 200}},
    {"Gemini, what tools brought in is input besides the prompt",
     "{\"usageMetadata\":{\"promptTokenCount\":100,\"toolUsePromptTokenCount\":40,"
     "\"candidatesTokenCount\":7,\"totalTokenCount\":147}}",
     true,
     {140, 0, 0, 0, 7, 0}},
    {"Gemini, a blocked prompt",
     "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":"
     "{\"promptTokenCount\":9,\"totalTokenCount\":9}}",
     true,
     {9, 0, 0, 0, 0, 0}},
    {"a name twice: the last counts",
     "{\"usage\":{\"prompt_tokens\":1,\"prompt_tokens\":2,\"completion_tokens\":3}}",
     true,
     {2, 0, 0, 0, 3, 0}},
};

static const struct usage_case odd[] = {
    {"zeroes are a usage", "{\"usage\":{\"prompt_tokens\":0}}", true, {0, 0, 0, 0, 0, 0}},
    {"more cached than there is: the input is as much as its parts",
     "{\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1,\"prompt_tokens_details\":"
     "{\"cached_tokens\":7,\"cache_write_tokens\":4}}}",
     true,
     {11, 7, 4, 0, 1, 0}},
    {"more reasoning than there is output",
     "{\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1,\"completion_tokens_details\":"
     "{\"reasoning_tokens\":40}}}",
     true,
     {5, 0, 0, 0, 40, 40}},
    {"none", "{\"choices\":[]}", false, {0}},
    {"null", "{\"usage\":null}", false, {0}},
    {"empty", "{\"usage\":{}}", false, {0}},
    {"counts that are all null",
     "{\"usage\":{\"prompt_tokens\":null,\"completion_tokens\":null}}",
     false,
     {0}},
    {"a total alone", "{\"usage\":{\"total_tokens\":12}}", false, {0}},
    {"a number", "{\"usage\":12}", false, {0}},
    {"an array", "{\"usage\":[1,2]}", false, {0}},
    {"not in the body itself", "{\"response\":{\"usage\":{\"prompt_tokens\":1}}}", false, {0}},
    {"negative", "{\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":5}}", false, {0}},
    {"a negative part",
     "{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5,\"prompt_tokens_details\":"
     "{\"cached_tokens\":-4}}}",
     false,
     {0}},
    {"a fraction", "{\"usage\":{\"prompt_tokens\":1.5}}", false, {0}},
    {"a string", "{\"usage\":{\"input_tokens\":\"12\",\"output_tokens\":3}}", false, {0}},
    {"true", "{\"usageMetadata\":{\"promptTokenCount\":true}}", false, {0}},
    {"too large, with a point", "{\"usage\":{\"prompt_tokens\":1e300}}", false, {0}},
    {"too large",
     "{\"usage\":{\"prompt_tokens\":9223372036854775807,\"completion_tokens\":1}}",
     false,
     {0}},
    {"too large to be added up",
     "{\"usage\":{\"input_tokens\":9000000000000000000,\"cache_read_input_tokens\":"
     "9000000000000000000,\"output_tokens\":1}}",
     false,
     {0}},
    {"a negative write, with Anthropic",
     "{\"usage\":{\"input_tokens\":1,\"cache_creation\":{\"ephemeral_1h_input_tokens\":-1},"
     "\"output_tokens\":1}}",
     false,
     {0}},
    {"no object", "[]", false, {0}},
};

static struct json_span parse(const char *text)
{
	struct json_span root = {NULL, 0};
	struct json_error error;

	if (json_check(text, strlen(text), &root, NULL, 0, &error) < 0)
		tap_ok(false, "the test's own text is valid: %s", text);
	return root;
}

static void test_usage(const char *kind, const struct usage_case *cases, size_t count)
{
	for (const struct usage_case *c = cases; c < cases + count; c++) {
		struct provider_usage got = {-1, -1, -1, -1, -1, -1};
		bool any = provider_usage(parse(c->body), &got);
		tap_ok(any == c->any, "%s: %s: is there a usage?", kind, c->name);
		tap_int(got.input, c->want.input, "input");
		tap_int(got.cached, c->want.cached, "cached");
		tap_int(got.cache_write, c->want.cache_write, "cache_write");
		tap_int(got.cache_write_1h, c->want.cache_write_1h, "cache_write_1h");
		tap_int(got.output, c->want.output, "output");
		tap_int(got.reasoning, c->want.reasoning, "reasoning");
	}
}

int main(void)
{
	struct provider_usage none;

	test_usage("OpenAI and its like", openai, sizeof openai / sizeof *openai);
	test_usage("others", others, sizeof others / sizeof *others);
	test_usage("odd", odd, sizeof odd / sizeof *odd);
	tap_ok(!provider_usage((struct json_span){NULL, 0}, &none), "no body, no usage");
	return tap_done();
}
