/*
 * price: what a request costs by a table of models' prices. Pure, and without floating point: money
 * is nano-dollars (money.h), prices are nano-dollars for a million tokens, factors millionths.
 *
 * The table is contrib/prices.json; lbcost(1) describes its format. litellm's
 * model_prices_and_context_window.json is read as well.
 */
#ifndef PRICE_H
#define PRICE_H

#include "json.h"
#include "provider.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct price_table;

#define PRICE_ONE INT64_C(1000000) /* the factor 1 */

enum { PRICE_HOURS_MOST = 4, PRICE_LATER_MOST = 4 };

struct price_rates {
	int64_t input, cached, cache_write, cache_write_1h, output;
};

/* Hours of the day, UTC, in minutes from midnight; to is not in them, and may be past midnight. */
struct price_hours {
	int from, to;
	int64_t factor;
};

/* Prices that hold from a time on, in seconds since 1970. */
struct price_later {
	int64_t from;
	struct price_rates rates;
};

enum price_factor {
	PRICE_BATCH,
	PRICE_FLEX,
	PRICE_PRIORITY,
	PRICE_FAST,
	PRICE_GEO_US,
	PRICE_FACTORS
};

struct price_model {
	const char *name;
	struct price_rates rates;
	int64_t long_above; /* input tokens beyond which the next two hold; 0: no such limit */
	int64_t long_input, long_output;
	int64_t factors[PRICE_FACTORS]; /* PRICE_ONE where the table has none */
	int64_t context, max_output;    /* tokens, 0 if unknown */
	int64_t image_tokens;           /* the most that an image counts as; 0: the default */
	struct price_hours hours[PRICE_HOURS_MOST];
	struct price_later later[PRICE_LATER_MOST]; /* the latest last */
	size_t hours_count, later_count;
};

struct price_table *price_new(void);
void price_free(struct price_table *t);

/* How many models there are. */
size_t price_count(const struct price_table *t);

/*
 * Add the models of a table, JSON text of n bytes in either format. A model that is there already
 * is replaced. Returns how many models were added; or -1 after appending what is wrong, and where,
 * to problem: the table holds what came before it then.
 */
int price_add(struct price_table *t, const char *text, size_t n, struct buf *problem);

/*
 * The model with this name, or NULL. First the name itself, among names and aliases; then without a
 * version at its end (-2024-07-18, -20250101, @20250101, -0613, -001, -latest); then the same
 * without providers in front (openai/, models/, openrouter/anthropic/). Never a name that only
 * begins alike.
 */
const struct price_model *price_find(const struct price_table *t, const char *name, size_t n);

/* The same for a JSON string; NULL for anything else. */
const struct price_model *price_find_json(const struct price_table *t, struct json_span name);

/* Have prices for every model that the table does not know: "IN,OUT", dollars for a million tokens.
 * Returns 0, or -1 if it is nothing like that. */
int price_set_other(struct price_table *t, const char *text);

/* The model that stands for those, named "*"; NULL if there is none. */
const struct price_model *price_other(const struct price_table *t);

/* How a request was served. */
struct price_terms {
	int64_t time; /* seconds since 1970 */
	bool factors[PRICE_FACTORS];
};

/* Read the terms from a response body of any API: service_tier, speed, inference_geo, created. now
 * is the time, in seconds since 1970, if it does not say. batch is not in it. */
void price_terms(struct price_terms *terms, struct json_span body, int64_t now);

/*
 * What the usage costs, rounded half up once, at the end. usage is as provider_usage gives it, with
 * cached input and cache writes inside input (OpenAI's pricing page: cached input, long context,
 * batch, flex; Anthropic's: prompt caching, batch, data residency, of which all multiply). In a
 * batch cached input costs its share of the batch price. What does not fit is INT64_MAX.
 */
int64_t price_cost(const struct price_model *m, const struct provider_usage *usage,
		   const struct price_terms *terms);

/* What price_worst has found a request to be at most. */
struct price_bound {
	int64_t input, output; /* tokens; answers add up */
	int64_t cost;          /* nano-dollars */
};

/*
 * The most that a request can cost, whenever it is served. Its input is at most as many tokens as
 * its body has bytes, since no token of a byte-level BPE is of less than a byte (and each message's
 * own tokens are fewer than the bytes of its JSON); without what data images have in it, where the
 * APIs have it, which count as a flat number of tokens, and with one for what providers put before
 * tools and schemas.
 * What the body does not hold (files, former turns, what a server's tools find) is at most the
 * model's context. Its output is at most what it allows, or the model's most.
 *
 * Returns 0; or -1 if there is no bound: the request sets none where the model's is not known, with
 * *why saying so (static text).
 */
int price_worst(const struct price_model *m, struct json_span body, struct price_bound *bound,
		const char **why);

#endif
