/* What answers cost, worked out by hand from the prices in the table below: dollars for a million
 * tokens, so a price of 2.5 is 2,500 nano-dollars for a token. */
#include "buf.h"
#include "price.h"
#include "tap.h"

#include <string.h>

static const char prices[] =
    "{\"format\":\"lb-prices-1\",\"providers\":{"
    "\"openai\":{\"batch\":0.5,\"flex\":0.5,\"priority\":2},"
    "\"anthropic\":{\"batch\":0.5,\"geo_us\":1.1}},"
    "\"models\":{"
    "\"mini\":{\"provider\":\"openai\",\"input\":0.15,\"cached_input\":0.075,\"output\":0.6},"
    "\"nano\":{\"provider\":\"openai\",\"input\":0.05,\"cached_input\":0.005,\"output\":0.4},"
    "\"sol\":{\"provider\":\"openai\",\"input\":4,\"cached_input\":0.4,\"cache_write\":5,"
    "\"output\":20,\"long_context\":{\"above\":272000,\"input\":2,\"output\":1.5}},"
    "\"pro\":{\"provider\":\"openai\",\"input\":15,\"output\":120},"
    "\"claude\":{\"provider\":\"anthropic\",\"input\":3,\"cached_input\":0.3,"
    "\"cache_write\":3.75,\"cache_write_1h\":6,\"output\":15,"
    "\"long_context\":{\"above\":200000,\"input\":2,\"output\":1.5}},"
    "\"gemini\":{\"input\":0.75,\"cached_input\":0.075,\"output\":3.75,"
    "\"from\":[{\"date\":\"2027-01-01\",\"input\":1.5,\"cached_input\":0.15,\"output\":7.5}]},"
    "\"deepseek\":{\"input\":0.22,\"cached_input\":0.007,\"output\":0.66,"
    "\"hours\":[{\"from\":\"01:00\",\"to\":\"04:00\",\"factor\":2},"
    "{\"from\":\"22:30\",\"to\":\"00:30\",\"factor\":3}]},"
    "\"embed\":{\"input\":0.02,\"output\":0},"
    "\"gold\":{\"input\":1000000,\"output\":1000000}}}";

/* 2026-11-22 12:00:00 UTC, and the midnight before. */
#define NOON     INT64_C(1795348800)
#define MIDNIGHT (NOON - 43200)
#define NEW_YEAR INT64_C(1798761600)

#define CHAT(in, cached, out)                                             \
	"{\"usage\":{\"prompt_tokens\":" in ",\"completion_tokens\":" out \
	",\"prompt_tokens_details\":{\"cached_tokens\":" cached "}}}"
#define CLAUDE(end)                                                            \
	"{\"usage\":{\"input_tokens\":100,\"cache_read_input_tokens\":1000,"   \
	"\"cache_creation_input_tokens\":250,\"cache_creation\":{"             \
	"\"ephemeral_5m_input_tokens\":200,\"ephemeral_1h_input_tokens\":50}," \
	"\"output_tokens\":10" end "}}"

static const struct {
	const char *name, *model, *body;
	bool batch;
	int64_t now, want;
} cases[] = {
    /* 1000 * 150 + 100 * 600 */
    {"input and output", "mini", CHAT("1000", "0", "100"), false, NOON, 210000},
    /* 976 * 150 + 1024 * 75 */
    {"cached input is a part of the input and costs less, once", "mini", CHAT("2000", "1024", "0"),
     false, NOON, 223200},
    {"all of it cached", "mini", CHAT("1024", "1024", "0"), false, NOON, 76800},
    /* half of the three above */
    {"a batch", "mini", CHAT("1000", "0", "100"), true, NOON, 105000},
    {"a batch with cached tokens", "mini", CHAT("2000", "1024", "0"), true, NOON, 111600},
    /* a cached token is 2.5 nano-dollars in a batch */
    {"half a nano-dollar is rounded up", "nano", CHAT("1", "1", "0"), true, NOON, 3},
    {"what is exact stays", "nano", CHAT("2", "2", "0"), true, NOON, 5},
    {"rounding is of the sum", "nano", CHAT("3", "3", "0"), true, NOON, 8},
    {"without a price for cached input it costs as any", "pro", CHAT("100", "40", "1"), false, NOON,
     1500000 + 120000},
    {"reasoning is a part of the output, and not all of it", "mini",
     "{\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":100,"
     "\"completion_tokens_details\":{\"reasoning_tokens\":90}}}",
     false, NOON, 210000},
    /* 5000 * 4000 + 2000 * 400 + 3000 * 5000 + 500 * 20000 */
    {"OpenAI's cache writes", "sol",
     "{\"usage\":{\"input_tokens\":10000,\"input_tokens_details\":{\"cached_tokens\":2000,"
     "\"cache_write_tokens\":3000},\"output_tokens\":500}}",
     false, NOON, 45800000},
    {"up to the long context", "sol", CHAT("272000", "0", "100"), false, NOON,
     1088000000 + 2000000},
    /* 272001 * 8000 + 100 * 30000 */
    {"beyond it the whole request costs more", "sol", CHAT("272001", "0", "100"), false, NOON,
     INT64_C(2179008000)},
    /* 172001 * 8000 + 100000 * 800 + 100 * 30000 */
    {"cached input counts towards it, and costs more, too", "sol", CHAT("272001", "100000", "100"),
     false, NOON, INT64_C(1459008000)},
    {"a long context in a batch", "sol", CHAT("272001", "0", "100"), true, NOON,
     INT64_C(1089504000)},
    /* 100 * 3000 + 1000 * 300 + 200 * 3750 + 50 * 6000 + 10 * 15000 */
    {"Anthropic's cache is beside the input", "claude", CLAUDE(""), false, NOON, 1800000},
    {"in a batch", "claude", CLAUDE(""), true, NOON, 900000},
    {"in the US", "claude", CLAUDE(",\"inference_geo\":\"us\""), false, NOON, 1980000},
    {"in the US and in a batch", "claude", CLAUDE(",\"inference_geo\":\"us\""), true, NOON, 990000},
    {"elsewhere", "claude", CLAUDE(",\"inference_geo\":\"global\""), false, NOON, 1800000},
    {"a batch that the usage tells of is one batch", "claude",
     CLAUDE(",\"service_tier\":\"batch\""), true, NOON, 900000},
    {"Anthropic's priority is paid for otherwise", "claude",
     CLAUDE(",\"service_tier\":\"priority\""), false, NOON, 1800000},
    {"flex", "mini",
     "{\"service_tier\":\"flex\",\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":100}}",
     false, NOON, 105000},
    {"priority", "mini",
     "{\"service_tier\":\"priority\",\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":100}}",
     false, NOON, 420000},
    {"the default tier", "mini",
     "{\"service_tier\":\"default\",\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":100}}",
     false, NOON, 210000},
    {"DeepSeek's hits and misses", "deepseek",
     "{\"usage\":{\"prompt_tokens\":300,\"prompt_cache_hit_tokens\":200,"
     "\"prompt_cache_miss_tokens\":100,\"completion_tokens\":10}}",
     false, NOON, 100 * 220 + 200 * 7 + 10 * 660},
    {"an hour begins", "deepseek", CHAT("1000", "0", "1000"), false, MIDNIGHT + 3600, 1760000},
    {"a second before", "deepseek", CHAT("1000", "0", "1000"), false, MIDNIGHT + 3599, 880000},
    {"a second before its end", "deepseek", CHAT("1000", "0", "1000"), false, MIDNIGHT + 14399,
     1760000},
    {"its end", "deepseek", CHAT("1000", "0", "1000"), false, MIDNIGHT + 14400, 880000},
    {"hours over midnight: before", "deepseek", CHAT("1000", "0", "1000"), false, MIDNIGHT - 1,
     2640000},
    {"hours over midnight: after", "deepseek", CHAT("1000", "0", "1000"), false, MIDNIGHT + 1799,
     2640000},
    {"hours over midnight: their end", "deepseek", CHAT("1000", "0", "1000"), false,
     MIDNIGHT + 1800, 880000},
    {"the time is that of the answer, if it says", "deepseek",
     "{\"created\":1795309200,\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":1000}}",
     false, NOON, 1760000},
    /* 600 * 750 + 400 * 75 + 10 * 3750, of which 7 are thoughts */
    {"Gemini: thoughts are output", "gemini",
     "{\"usageMetadata\":{\"promptTokenCount\":1000,\"cachedContentTokenCount\":400,"
     "\"candidatesTokenCount\":3,\"thoughtsTokenCount\":7}}",
     false, NOON, 517500},
    {"the last second before new prices", "gemini", CHAT("1000", "400", "10"), false, NEW_YEAR - 1,
     517500},
    {"new prices", "gemini", CHAT("1000", "400", "10"), false, NEW_YEAR, 1035000},
    {"embeddings", "embed", "{\"usage\":{\"prompt_tokens\":1000,\"total_tokens\":1000}}", false,
     NOON, 20000},
    {"what does not fit is all the money there is", "gold", CHAT("1000000000000000", "0", "1"),
     false, NOON, INT64_MAX},
    {"whatever comes behind it", "gold", CHAT("1", "0", "1000000000000000"), false, NOON,
     INT64_MAX},
};

int main(void)
{
	struct price_table *t = price_new();
	struct buf problem = {0};
	int added = price_add(t, prices, strlen(prices), &problem);

	tap_int(added, 9, "the table is read: %s", buf_string(&problem));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct json_span body = {cases[i].body, strlen(cases[i].body)};
		struct provider_usage usage;
		struct price_terms terms;
		const struct price_model *m = price_find(t, cases[i].model, strlen(cases[i].model));

		tap_ok(m != NULL && provider_usage(body, &usage), "%s: there is a usage",
		       cases[i].name);
		price_terms(&terms, body, cases[i].now);
		if (cases[i].batch)
			terms.factors[PRICE_BATCH] = true;
		tap_int(price_cost(m, &usage, &terms), cases[i].want, "%s", cases[i].name);
	}
	price_free(t);
	buf_free(&problem);
	return tap_done();
}
