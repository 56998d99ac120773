/* Reading tables of prices, and finding models in them by the names that people use. */
#include "buf.h"
#include "price.h"
#include "tap.h"

#include <stdio.h>
#include <string.h>

#define TABLE(models) "{\"format\":\"lb-prices-1\",\"models\":{" models "}}"
#define MODEL(name)   "\"" name "\":{\"input\":1,\"output\":2}"

static int add(struct price_table *t, const char *text, struct buf *problem)
{
	buf_clear(problem);
	return price_add(t, text, strlen(text), problem);
}

static void test_names(void)
{
	static const struct {
		const char *name, *found; /* NULL: not at all */
	} cases[] = {
	    {"gpt-4o", "gpt-4o"},
	    {"gpt-4o-2024-08-06", "gpt-4o"},
	    {"gpt-4o-2024-05-13", "gpt-4o-2024-05-13"},
	    {"gpt-4o-mini", "gpt-4o-mini"},
	    {"gpt-4o-mini-2024-07-18", "gpt-4o-mini"},
	    {"gpt-4", NULL},
	    {"gpt-4-0613", NULL},
	    {"gpt-4o-audio", NULL},
	    {"gpt-4o-mini-audio-2024-07-18", NULL},
	    {"gpt-4o-2024-13-06", NULL},
	    {"gpt-4o-2024-08-32", NULL},
	    {"gpt-4o-2024", NULL},
	    {"gpt-4o-", NULL},
	    {"GPT-4o", NULL},
	    {"ft:gpt-4o-mini-2024-07-18:org::id", NULL},
	    {"gpt-3.5-turbo-0125", "gpt-3.5-turbo"},
	    {"gpt-3.5-turbo-16k-0613", NULL},
	    {"claude-sonnet-4-20250514", "claude-sonnet-4"},
	    {"claude-sonnet-4@20250514", "claude-sonnet-4"},
	    {"claude-sonnet-4-0", "claude-sonnet-4"},
	    {"claude-sonnet-4-5", NULL},
	    {"claude-sonnet-4-5-20250929", NULL},
	    {"claude-sonnet-4-latest", "claude-sonnet-4"},
	    {"claude-sonnet", NULL},
	    {"gemini-2.0-flash-001", "gemini-2.0-flash"},
	    {"models/gemini-2.0-flash", "gemini-2.0-flash"},
	    {"mistral-large-2512", "mistral-large-2512"},
	    {"mistral-large-2411", NULL},
	    {"mistral-large", NULL},
	    {"openai/gpt-4o", "gpt-4o"},
	    {"openrouter/anthropic/claude-sonnet-4-20250514", "claude-sonnet-4"},
	    {"somebody/gpt-4o", NULL},
	    {"openai/", NULL},
	    {"/gpt-4o", NULL},
	    {"groq/openai/gpt-oss", "groq/openai/gpt-oss"},
	    {"openai/gpt-oss", NULL},
	    {"", NULL},
	    {"-2024-07-18", NULL},
	};
	static const char table[] = TABLE(MODEL("gpt-4o") "," MODEL("gpt-4o-2024-05-13") "," MODEL("gpt-4o-mini") "," MODEL(
	    "gpt-"
	    "3.5-"
	    "turb"
	    "o") "," MODEL("gemini-2.0-flash") "," MODEL("mistral-large-2512") "," MODEL("groq/"
											 "opena"
											 "i/"
											 "gpt-"
											 "oss") ","
												"\""
												"cl"
												"a"
												"ud"
												"e-"
												"so"
												"nn"
												"e"
												"t-"
												"4"
												"\""
												":{"
												"\""
												"in"
												"p"
												"ut"
												"\""
												":"
												"3,"
												"\""
												"ou"
												"t"
												"pu"
												"t"
												"\""
												":1"
												"5,"
												"\""
												"al"
												"i"
												"as"
												"es"
												"\""
												":["
												"\""
												"cl"
												"a"
												"ud"
												"e-"
												"so"
												"nn"
												"e"
												"t-"
												"4-"
												"0"
												"\""
												"]"
												"}");
	struct price_table *t = price_new();
	struct buf problem = {0};

	tap_int(add(t, table, &problem), 8, "the table of names is read");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct price_model *m = price_find(t, cases[i].name, strlen(cases[i].name));
		tap_is(m != NULL ? m->name : NULL, cases[i].found, "%s is %s", cases[i].name,
		       cases[i].found != NULL ? cases[i].found : "unknown");
	}
	tap_ok(price_find(t, "gpt-4o\0", 7) == NULL, "a name with a NUL in it is unknown");
	const struct price_model *m = price_find_json(t, JSON_LITERAL("\"gpt\\u002d4o\""));
	tap_is(m != NULL ? m->name : NULL, "gpt-4o", "a name with escapes");
	tap_ok(price_find_json(t, JSON_LITERAL("4")) == NULL, "a number is no name");
	tap_ok(price_find_json(t, (struct json_span){NULL, 0}) == NULL, "nor is nothing");
	price_free(t);
	buf_free(&problem);
}

static void test_layers(void)
{
	struct price_table *t = price_new();
	struct buf problem = {0};
	const struct price_model *m;

	add(t, TABLE(MODEL("a") "," MODEL("b")), &problem);
	tap_int(add(t,
		    TABLE("\"a\":{\"input\":7,\"output\":8},\"c\":{\"input\":9,\"output\":9,"
			  "\"aliases\":[\"b\"]}"),
		    &problem),
		2, "a second table is added");
	m = price_find(t, "a", 1);
	tap_ok(m != NULL && m->rates.input == INT64_C(7000000000), "it goes before the first");
	m = price_find(t, "b", 1);
	tap_is(m != NULL ? m->name : NULL, "c", "and so do its aliases");
	tap_int(add(t, TABLE("\"a\":{\"input\":1,\"output\":1},\"d\":{\"input\":-1,\"output\":1}"),
		    &problem),
		-1, "a table with a mistake");
	m = price_find(t, "a", 1);
	tap_ok(m != NULL && m->rates.input == INT64_C(7000000000), "leaves all as it was");
	price_free(t);
	buf_free(&problem);
}

static void test_mistakes(void)
{
	static const struct {
		const char *text, *problem;
	} cases[] = {
	    {"{", "not JSON: "},
	    {"[]", "neither a price table of ours nor litellm's"},
	    {"{}", "neither a price table of ours nor litellm's"},
	    {"{\"models\":{}}", "its format is not \"lb-prices-1\""},
	    {"{\"format\":\"lb-prices-2\",\"models\":{}}", "its format is not \"lb-prices-1\""},
	    {TABLE("\"m\":5"), "m: no object"},
	    {TABLE("\"m\":{\"input\":1}"), "m: wants input and output"},
	    {TABLE("\"m\":{\"output\":1}"), "m: wants input and output"},
	    {TABLE("\"m\":{\"input\":-1,\"output\":1}"), "m.input: no price"},
	    {TABLE("\"m\":{\"input\":\"1\",\"output\":1}"), "m.input: no price"},
	    {TABLE("\"m\":{\"input\":1000001,\"output\":1}"), "m.input: no price"},
	    {TABLE("\"m\":{\"input\":1,\"output\":1,\"cached\":1}"), "m.cached: no such member"},
	    {TABLE("\"m\":{\"input\":1,\"output\":1,\"batch\":0}"), "m.batch: no factor"},
	    {TABLE("\"m\":{\"input\":1,\"output\":1,\"batch\":1001}"), "m.batch: no factor"},
	    {TABLE("\"m\":{\"input\":1,\"output\":1,\"batch\":0.0000001}"), "m.batch: no factor"},
	    {TABLE("\"m\":{\"input\":1,\"output\":1,\"context\":0}"),
	     "m.context: no number of tokens"},
	    {TABLE("\"m\":{\"input\":1,\"output\":1,\"max_output\":1.5}"),
	     "m.max_output: no number of tokens"},
	    {TABLE("\"m\":{\"input\":1,\"output\":1,\"long_context\":{\"above\":5}}"),
	     "m.long_context: wants above, input and output"},
	    {TABLE("\"m\":{\"input\":1,\"output\":1,\"hours\":[{\"from\":\"1:00\","
		   "\"to\":\"02:00\",\"factor\":2}]}"),
	     "m.hours: wants from, to and factor, up to 4"},
	    {TABLE("\"m\":{\"input\":1,\"output\":1,\"hours\":[{\"from\":\"01:00\","
		   "\"to\":\"24:01\",\"factor\":2}]}"),
	     "m.hours: wants from, to and factor, up to 4"},
	    {TABLE("\"m\":{\"input\":1,\"output\":1,\"from\":[{\"date\":\"2027-13-01\","
		   "\"input\":1,\"output\":1}]}"),
	     "m.from: wants date, input and output, in order"},
	    {TABLE(
		 "\"m\":{\"input\":1,\"output\":1,\"from\":[{\"date\":\"2027-02-01\","
		 "\"input\":1,\"output\":1},{\"date\":\"2027-01-01\",\"input\":1,\"output\":1}]}"),
	     "m.from: wants date, input and output, in order"},
	    {TABLE("\"m\":{\"input\":1,\"output\":1,\"aliases\":[5]}"), "m.aliases: no names"},
	    {"{\"format\":\"lb-prices-1\",\"providers\":{\"p\":{\"bach\":1}},\"models\":{}}",
	     "p: wants factors by name"},
	    {"{\"m\":{\"litellm_provider\":\"p\",\"input_cost_per_token\":-1,"
	     "\"output_cost_per_token\":1}}",
	     "m: no price"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct price_table *t = price_new();
		struct buf problem = {0};
		tap_int(add(t, cases[i].text, &problem), -1, "refused: %s", cases[i].text);
		tap_ok(strncmp(buf_string(&problem), cases[i].problem, strlen(cases[i].problem)) ==
			   0,
		       "because: %s", problem.data);
		price_free(t);
		buf_free(&problem);
	}
}

/* As in litellm's file, cut down. */
static void test_litellm(void)
{
	static const char text[] =
	    "{\"sample_spec\":{\"input_cost_per_token\":0.0,\"max_tokens\":\"some\"},"
	    "\"gpt-5.6-sol\":{\"litellm_provider\":\"openai\",\"mode\":\"chat\","
	    "\"input_cost_per_token\":5e-06,\"output_cost_per_token\":3e-05,"
	    "\"cache_read_input_token_cost\":5e-07,\"cache_creation_input_token_cost\":6.25e-06,"
	    "\"input_cost_per_token_batches\":2.5e-06,\"output_cost_per_token_batches\":1.5E-5,"
	    "\"input_cost_per_token_priority\":1e-05,\"output_cost_per_token_priority\":6e-05,"
	    "\"input_cost_per_token_above_272k_tokens\":1e-05,"
	    "\"output_cost_per_token_above_272k_tokens\":4.5e-05,"
	    "\"max_input_tokens\":1050000,\"max_output_tokens\":128000,\"max_tokens\":128000,"
	    "\"supports_vision\":true},"
	    "\"thinks\":{\"litellm_provider\":\"p\",\"input_cost_per_token\":1e-06,"
	    "\"output_cost_per_token\":2e-06,\"output_cost_per_token_batches\":1e-06,"
	    "\"output_cost_per_reasoning_token\":8e-06},"
	    "\"researches\":{\"litellm_provider\":\"p\",\"input_cost_per_token\":1e-06,"
	    "\"output_cost_per_token\":8e-06,\"output_cost_per_reasoning_token\":3e-06},"
	    "\"gemini-1.5-flash\":{\"litellm_provider\":\"gemini\","
	    "\"input_cost_per_token\":0.000000075,\"output_cost_per_token\":3e-7,"
	    "\"cache_read_input_token_cost\":1.875e-08,\"max_output_tokens\":8192},"
	    "\"embed\":{\"litellm_provider\":\"openai\",\"mode\":\"embedding\","
	    "\"input_cost_per_token\":2e-08},"
	    "\"dall-e-2\":{\"litellm_provider\":\"openai\",\"input_cost_per_pixel\":1.9e-08},"
	    "\"claude\":{\"litellm_provider\":\"anthropic\",\"input_cost_per_token\":5e-06,"
	    "\"output_cost_per_token\":2.5e-05,\"cache_creation_input_token_cost\":6.25e-06,"
	    "\"cache_creation_input_token_cost_above_1hr\":1e-05,"
	    "\"provider_specific_entry\":{\"us\":1.1,\"fast\":6.0}}}";
	struct price_table *t = price_new();
	struct buf problem = {0};
	const struct price_model *m;

	tap_int(add(t, text, &problem), 6, "litellm's table: models priced by tokens");
	m = price_find(t, "gpt-5.6-sol", 11);
	tap_int(m->rates.input, INT64_C(5000000000), "5e-06 a token is 5 dollars a million");
	tap_int(m->rates.cached, INT64_C(500000000), "cached");
	tap_int(m->rates.cache_write, INT64_C(6250000000), "written");
	tap_int(m->rates.output, INT64_C(30000000000), "output");
	tap_int(m->factors[PRICE_BATCH], 500000, "batches at half the price");
	tap_int(m->factors[PRICE_PRIORITY], 2000000, "priority at twice");
	tap_int(m->factors[PRICE_FLEX], PRICE_ONE, "flex as any");
	tap_int(m->long_above, 272000, "long context");
	tap_int(m->long_input, 2000000, "its input");
	tap_int(m->long_output, 1500000, "its output");
	tap_int(m->context, 1050000, "context");
	tap_int(m->max_output, 128000, "longest answer");
	m = price_find(t, "thinks", 6);
	tap_int(m->rates.output, INT64_C(8000000000), "dearer reasoning is what output costs");
	tap_int(m->factors[PRICE_BATCH], 500000, "and a factor that of the plain price");
	m = price_find(t, "researches", 10);
	tap_int(m->rates.output, INT64_C(8000000000), "cheaper reasoning is not");
	m = price_find(t, "gemini-1.5-flash", 16);
	tap_int(m->rates.input, 75000000, "decimals");
	tap_int(m->rates.cached, 18750000, "1.875e-08 keeps its digits");
	m = price_find(t, "embed", 5);
	tap_ok(m != NULL && m->rates.output == 0, "embeddings have no output");
	m = price_find(t, "claude", 6);
	tap_int(m->rates.cache_write_1h, INT64_C(10000000000), "an hour");
	tap_int(m->factors[PRICE_GEO_US], 1100000, "in the US");
	tap_int(m->factors[PRICE_FAST], 6000000, "fast");
	tap_ok(price_find(t, "dall-e-2", 8) == NULL, "what is priced by pixels is unknown");
	price_free(t);
	buf_free(&problem);
}

static void test_other(void)
{
	static const char *const wrong[] = {"",     "1",   "1,",  ",1",      "1,2,3",
					    "-1,2", "1,x", "1;2", "one,two", "1000001,1"};
	struct price_table *t = price_new();

	tap_ok(price_other(t) == NULL, "nothing is known of other models");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		tap_int(price_set_other(t, wrong[i]), -1, "--price %s", wrong[i]);
	tap_int(price_set_other(t, "0.5,1.25"), 0, "unless told");
	tap_int(price_other(t)->rates.input, 500000000, "input");
	tap_int(price_other(t)->rates.cached, 500000000, "cached input");
	tap_int(price_other(t)->rates.output, 1250000000, "output");
	tap_ok(price_find(t, "any", 3) == NULL, "they are not found by name");
	price_free(t);
}

/* The table that is installed: read, and spot checks against the providers' pages. */
static void test_installed(void)
{
	struct price_table *t = price_new();
	struct buf text = {0}, problem = {0};
	FILE *file = fopen("contrib/prices.json", "re");
	const struct price_model *m;
	size_t n = 1;

	while (file != NULL && n > 0) {
		char *room = buf_reserve(&text, 65536);
		n = fread(room, 1, 65536, file);
		text.length += n;
	}
	if (file != NULL)
		fclose(file);
	int models = price_add(t, text.data, text.length, &problem);
	tap_ok(models >= 80, "contrib/prices.json is read: %s", buf_string(&problem));
	m = price_find(t, "gpt-4o-mini-2024-07-18", 22);
	tap_ok(m != NULL && m->rates.input == 150000000 && m->rates.cached == 75000000 &&
		   m->rates.output == 600000000 && m->factors[PRICE_BATCH] == 500000 &&
		   m->max_output == 16384,
	       "gpt-4o-mini: 0.15, 0.075, 0.60");
	m = price_find(t, "claude-haiku-4-5-20251001", 25);
	tap_ok(m != NULL && m->rates.cache_write == 1250000000 &&
		   m->rates.cache_write_1h == 2000000000 && m->factors[PRICE_GEO_US] == 1100000,
	       "claude-haiku-4-5: cache writes 1.25 and 2, 1.1 in the US");
	m = price_find(t, "deepseek-v4-pro", 15);
	tap_ok(m != NULL && m->hours_count == 2 && m->factors[PRICE_BATCH] == PRICE_ONE,
	       "deepseek-v4-pro: dear hours, and no batches");
	price_free(t);
	buf_free(&text);
	buf_free(&problem);
}

int main(void)
{
	test_names();
	test_layers();
	test_mistakes();
	test_litellm();
	test_other();
	test_installed();
	return tap_done();
}
