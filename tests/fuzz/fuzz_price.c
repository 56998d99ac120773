/*
 * fuzz_price: any bytes as a price table; if it is one, its models are looked up and priced. What
 * is priced costs no more than the bound on the same request. An input that breaks a promise
 * aborts.
 */
#include "buf.h"
#include "price.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)        \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static const char request[] = "{\"max_tokens\":50,\"cache_control\":{},\"service_tier\":"
			      "\"priority\",\"speed\":\"fast\",\"inference_geo\":\"us\"}";

/* All that the request may come to: as many tokens as it has bytes, of every kind, at any time. */
static void try_model(const struct price_model *m)
{
	struct json_span body = {request, sizeof request - 1};
	struct price_bound bound;
	const char *why;
	int64_t bytes = (int64_t)body.length;

	REQUIRE(price_worst(m, body, &bound, &why) == 0 && bound.cost >= 0);
	for (int64_t i = 0; i < 64; i++) {
		struct price_terms terms = {.time = i * i * 1234567};
		struct provider_usage u = {.input = bytes, .output = 50};
		u.cached = i % 3 * 10;
		u.cache_write = i % 5 * 10;
		u.cache_write_1h = bytes - u.cached - u.cache_write - i % 2 * 5;
		if (u.cache_write_1h < 0)
			u.cache_write_1h = 0;
		for (size_t f = 0; f < PRICE_FACTORS; f++)
			terms.factors[f] = (i >> f & 1) != 0;
		terms.factors[PRICE_BATCH] = false;
		terms.factors[PRICE_FLEX] = false;
		/* Each of up to eight roundings may add half a millionth of a nano-dollar a token.
		 */
		int64_t cost = price_cost(m, &u, &terms);
		REQUIRE(cost >= 0 && (bound.cost == INT64_MAX || cost <= bound.cost + 1));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct price_table *t = price_new();
	struct buf problem = {0}, name = {0};
	struct json_error error;
	struct json_span root, key, value;
	int count = price_add(t, (const char *)data, size, &problem);

	REQUIRE((count < 0) == (problem.length > 0));
	if (count >= 0 && json_check((const char *)data, size, &root, NULL, 0, &error) == 0) {
		struct json_span models = json_get(root, "models");
		struct json_iter it = json_iter(json_type(models) == JSON_OBJECT ? models : root);
		while (json_next(&it, &key, &value)) {
			const struct price_model *m = price_find_json(t, key);
			if (m != NULL)
				try_model(m);
		}
	}
	price_find(t, (const char *)data, size);
	buf_add(&name, data, size);
	if (price_set_other(t, buf_string(&name)) == 0)
		try_model(price_other(t));
	price_free(t);
	buf_free(&problem);
	buf_free(&name);
	return 0;
}
