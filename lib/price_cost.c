/* What a usage costs. */
#include "price.h"

#include <stdlib.h>
#include <string.h>

#define MILLION INT64_C(1000000)

/* A price times a factor, rounded half up. Neither is more than tables may have. */
static int64_t scale(int64_t rate, int64_t factor)
{
	return rate / PRICE_ONE * factor + (rate % PRICE_ONE * factor + PRICE_ONE / 2) / PRICE_ONE;
}

static void scale_all(struct price_rates *r, int64_t input, int64_t output)
{
	int64_t *inputs[] = {&r->input, &r->cached, &r->cache_write, &r->cache_write_1h};

	for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
		*inputs[i] = scale(*inputs[i], input);
	r->output = scale(r->output, output);
}

static bool within(const struct price_hours *h, int64_t time)
{
	int minute = (int)(time % 86400 / 60);

	if (h->from <= h->to)
		return minute >= h->from && minute < h->to;
	return minute >= h->from || minute < h->to;
}

/* The prices under these terms, for so many input tokens. */
static void find_rates(const struct price_model *m, const struct price_terms *terms, int64_t input,
		       struct price_rates *rates)
{
	*rates = m->rates;
	for (size_t i = 0; i < m->later_count; i++)
		if (m->later[i].from <= terms->time)
			*rates = m->later[i].rates;
	if (m->long_above > 0 && input > m->long_above)
		scale_all(rates, m->long_input, m->long_output);
	for (size_t i = 0; i < m->hours_count; i++)
		if (within(&m->hours[i], terms->time)) {
			scale_all(rates, m->hours[i].factor, m->hours[i].factor);
			break;
		}
	for (size_t i = 0; i < PRICE_FACTORS; i++)
		if (terms->factors[i])
			scale_all(rates, m->factors[i], m->factors[i]);
}

/* A sum of money in nano-dollars and millionths of such. */
struct sum {
	int64_t nano, rest;
};

static void add(struct sum *sum, int64_t tokens, int64_t rate)
{
	int64_t whole = rate / MILLION, part = rate % MILLION;

	if ((whole > 0 && tokens > (INT64_MAX - sum->nano) / whole) ||
	    (part > 0 && tokens > (INT64_MAX - sum->rest) / part)) {
		*sum = (struct sum){INT64_MAX, 0};
		return;
	}
	sum->nano += tokens * whole;
	sum->rest += tokens * part;
}

int64_t price_cost(const struct price_model *m, const struct provider_usage *u,
		   const struct price_terms *terms)
{
	struct price_rates rates;
	struct sum sum = {0, 0};

	find_rates(m, terms, u->input, &rates);
	add(&sum, u->input - u->cached - u->cache_write - u->cache_write_1h, rates.input);
	add(&sum, u->cached, rates.cached);
	add(&sum, u->cache_write, rates.cache_write);
	add(&sum, u->cache_write_1h, rates.cache_write_1h);
	add(&sum, u->output, rates.output);

	int64_t more = sum.rest / MILLION + (sum.rest % MILLION >= MILLION / 2);
	return sum.nano > INT64_MAX - more ? INT64_MAX : sum.nano + more;
}

void price_terms(struct price_terms *terms, struct json_span body, int64_t now)
{
	struct json_member m[] = {JSON_MEMBER("service_tier"), JSON_MEMBER("usage"),
				  JSON_MEMBER("created"), JSON_MEMBER("created_at"),
				  JSON_MEMBER("inference_geo")};
	struct json_member in_usage[] = {JSON_MEMBER("service_tier"), JSON_MEMBER("speed"),
					 JSON_MEMBER("inference_geo")};
	int64_t created;

	*terms = (struct price_terms){.time = now};
	json_find(body, m, sizeof m / sizeof *m);
	json_find(m[1].value, in_usage, sizeof in_usage / sizeof *in_usage);
	const struct json_span tiers[] = {m[0].value, in_usage[0].value};
	for (size_t i = 0; i < 2; i++) {
		terms->factors[PRICE_BATCH] |= json_equals(tiers[i], "batch");
		terms->factors[PRICE_FLEX] |= json_equals(tiers[i], "flex");
		/* Anthropic's priority is capacity that was paid for before; it has no factor. */
		terms->factors[PRICE_PRIORITY] |= json_equals(tiers[i], "priority");
		terms->factors[PRICE_FAST] |= json_equals(tiers[i], "fast");
	}
	terms->factors[PRICE_FAST] |= json_equals(in_usage[1].value, "fast");
	terms->factors[PRICE_GEO_US] =
	    json_equals(m[4].value, "us") || json_equals(in_usage[2].value, "us");
	for (size_t i = 2; i <= 3; i++)
		if (json_integer(m[i].value, &created) == 0 && created > 0 && created < now)
			terms->time = created;
}
