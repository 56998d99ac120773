/*
 * litellm's model_prices_and_context_window.json: an object of models, prices in dollars for one
 * token (github.com/BerriAI/litellm). Models that are not priced by tokens are left out.
 */
#include "buf.h"
#include "money.h"
#include "price_table.h"

#include <string.h>

/* A price for one token as one for a million: its exponent raised by six. Returns 1, 0 if there is
 * none, -1 if it is no price. */
static int read_rate(struct json_span price, int64_t *rate)
{
	struct buf text = {0};
	const char *e;
	int64_t exponent = 0;

	if (!json_is_set(price))
		return 0;
	if (json_type(price) != JSON_NUMBER)
		return -1;
	size_t n = 0;
	while (n < price.length && price.at[n] != 'e' && price.at[n] != 'E')
		n++;
	e = price.at + n + 1;
	if (n < price.length && *e == '+')
		e++;
	if (n < price.length &&
	    (json_integer((struct json_span){e, price.length - (size_t)(e - price.at)}, &exponent) <
		 0 ||
	     exponent < -1000 || exponent > 1000))
		return -1;
	buf_add(&text, price.at, n);
	buf_addf(&text, "e%d", (int)exponent + 6);
	int result = money_parse(text.data, text.length, rate);
	buf_free(&text);
	return result == 0 && *rate <= PRICE_RATE_MOST ? 1 : -1;
}

/* How much one price is of another that is not 0, rounded up, and no more than a factor may be. */
static int64_t share(int64_t part, int64_t whole)
{
	int64_t factor = 0;

	if (part / whole >= PRICE_FACTOR_MOST / PRICE_ONE)
		return PRICE_FACTOR_MOST;
	for (int64_t unit = PRICE_ONE; unit > 0; unit /= 10) {
		factor += part / whole * unit;
		part = part % whole * 10;
	}
	return factor + (part > 0);
}

/* The factor that a price with this ending, of input and output, is of the plain ones. The larger
 * of the two, should they differ. */
static void read_factor(struct json_span model, const struct price_rates *plain, const char *ending,
			int64_t *factor)
{
	static const char *const names[] = {"input_cost_per_token", "output_cost_per_token"};
	const int64_t wholes[] = {plain->input, plain->output};
	struct buf name = {0};
	int64_t rate, largest = 0;

	for (size_t i = 0; i < 2; i++) {
		buf_clear(&name);
		buf_addf(&name, "%s%s", names[i], ending);
		if (read_rate(json_get(model, buf_string(&name)), &rate) != 1 || wholes[i] == 0)
			continue;
		int64_t found = share(rate, wholes[i]);
		largest = found > largest ? found : largest;
	}
	buf_free(&name);
	if (largest > 0)
		*factor = largest;
}

/* The first of the limits that litellm has names for. */
static void read_long(struct json_span model, struct price_model *m)
{
	static const struct {
		int64_t above;
		const char *input, *output;
	} limits[] = {
	    {128000, "input_cost_per_token_above_128k_tokens",
	     "output_cost_per_token_above_128k_tokens"},
	    {200000, "input_cost_per_token_above_200k_tokens",
	     "output_cost_per_token_above_200k_tokens"},
	    {256000, "input_cost_per_token_above_256k_tokens",
	     "output_cost_per_token_above_256k_tokens"},
	    {272000, "input_cost_per_token_above_272k_tokens",
	     "output_cost_per_token_above_272k_tokens"},
	};

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		int64_t input = m->rates.input, output = m->rates.output;
		int has_input = read_rate(json_get(model, limits[i].input), &input);
		int has_output = read_rate(json_get(model, limits[i].output), &output);
		if (has_input != 1 && has_output != 1)
			continue;
		m->long_above = limits[i].above;
		m->long_input = m->rates.input > 0 ? share(input, m->rates.input) : PRICE_ONE;
		m->long_output = m->rates.output > 0 ? share(output, m->rates.output) : PRICE_ONE;
		return;
	}
}

static void read_tokens(struct json_span value, int64_t *tokens)
{
	int64_t count;

	if (json_integer(value, &count) == 0 && count >= 1 && count <= PRICE_TOKENS_MOST)
		*tokens = count;
}

static void read_factor_of(struct json_span value, int64_t *factor)
{
	int64_t nano;

	if (money_parse(value.at, value.length, &nano) == 0 && nano >= 1000 &&
	    nano / 1000 <= PRICE_FACTOR_MOST)
		*factor = nano / 1000;
}

/* What has prices but not by tokens, or of answers, is none of ours: 0. */
static int read_rates(struct json_span model, struct price_rates *r)
{
	int input = read_rate(json_get(model, "input_cost_per_token"), &r->input);
	int output = read_rate(json_get(model, "output_cost_per_token"), &r->output);

	if (input == 1 && output == 0 && json_equals(json_get(model, "mode"), "embedding")) {
		r->output = 0;
		output = 1;
	}
	if (input != 1 || output != 1)
		return input < 0 || output < 0 ? -1 : 0;
	if (read_rate(json_get(model, "cache_read_input_token_cost"), &r->cached) < 0 ||
	    read_rate(json_get(model, "cache_creation_input_token_cost"), &r->cache_write) < 0 ||
	    read_rate(json_get(model, "cache_creation_input_token_cost_above_1hr"),
		      &r->cache_write_1h) < 0)
		return -1;
	price_table_complete(r);
	return 1;
}

/* Returns whether it is well. */
static bool read_model(struct price_table *t, struct json_span name, struct json_span model)
{
	struct price_rates rates = {PRICE_UNSET, PRICE_UNSET, PRICE_UNSET, PRICE_UNSET,
				    PRICE_UNSET};
	struct json_span special = json_get(model, "provider_specific_entry");
	struct buf text = {0};
	int64_t reasoning = 0;
	int result = read_rates(model, &rates);

	if (result <= 0)
		return result == 0;
	json_text(&text, name);
	struct price_model *m = price_table_add(t, text.data, text.length);
	buf_free(&text);
	m->rates = rates;
	read_factor(model, &rates, "_batches", &m->factors[PRICE_BATCH]);
	read_factor(model, &rates, "_flex", &m->factors[PRICE_FLEX]);
	read_factor(model, &rates, "_priority", &m->factors[PRICE_PRIORITY]);
	read_factor_of(json_get(special, "us"), &m->factors[PRICE_GEO_US]);
	read_factor_of(json_get(special, "fast"), &m->factors[PRICE_FAST]);
	read_long(model, m);
	read_tokens(json_get(model, "max_tokens"), &m->max_output);
	read_tokens(json_get(model, "max_output_tokens"), &m->max_output);
	read_tokens(json_get(model, "max_input_tokens"), &m->context);
	/* Of two prices for output the dearer: an answer may be nothing but reasoning. After the
	 * factors, which are of the plain one. */
	if (read_rate(json_get(model, "output_cost_per_reasoning_token"), &reasoning) < 0)
		return false;
	m->rates.output = reasoning > rates.output ? reasoning : rates.output;
	return true;
}

int price_litellm_read(struct price_table *t, struct json_span root, struct buf *problem)
{
	struct json_iter it = json_iter(root);
	struct json_span name, model;
	bool any = false;

	while (json_type(root) == JSON_OBJECT && json_next(&it, &name, &model)) {
		if (json_equals(name, "sample_spec"))
			continue;
		any = any || json_is_set(json_get(model, "litellm_provider"));
		if (!read_model(t, name, model)) {
			json_text(problem, name);
			buf_adds(problem, ": no price");
			return -1;
		}
	}
	if (any)
		return 0;
	buf_adds(problem, "neither a price table of ours nor litellm's");
	return -1;
}
