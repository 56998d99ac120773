#include "embeddings.h"
#include "base64.h"
#include "buf.h"
#include "fingerprint.h"
#include "json.h"
#include "mem.h"
#include "request.h"
#include "rng.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DIMENSIONS     8
#define DIMENSIONS_MAX 4096

/* Base64 of 32-bit little-endian floats, which OpenAI's own clients ask for. */
static void add_base64(struct buf *out, const float *vector, size_t count)
{
	struct buf bytes = {0};

	for (size_t i = 0; i < count; i++) {
		uint32_t word;
		memcpy(&word, &vector[i], sizeof word);
		for (unsigned shift = 0; shift < 32; shift += 8)
			buf_addc(&bytes, (char)(unsigned char)(word >> shift));
	}
	buf_addc(out, '"');
	base64_encode(out, bytes.data, bytes.length);
	buf_addc(out, '"');
	buf_free(&bytes);
}

static void add_numbers(struct buf *out, const float *vector, size_t count)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < count; i++)
		buf_addf(out, "%s%.8g", i > 0 ? "," : "", (double)vector[i]);
	buf_addc(out, ']');
}

/* Make up the vector of an input: normal components, so that its direction is uniform. */
static void make_vector(float *vector, size_t count, uint64_t hash)
{
	struct rng rng;
	double sum = 0;

	rng_seed(&rng, hash);
	for (size_t i = 0; i < count; i++) {
		vector[i] = (float)rng_normal(&rng);
		sum += (double)vector[i] * (double)vector[i];
	}
	for (size_t i = 0; i < count; i++)
		vector[i] = sum > 0 ? (float)((double)vector[i] / sqrt(sum)) : i == 0;
}

void embeddings_body(struct buf *out, const struct request *r)
{
	size_t count = r->dimensions > 0 ? (size_t)r->dimensions : DIMENSIONS;
	/* An array of numbers is one input, in tokens. */
	bool many = json_type(r->input) == JSON_ARRAY &&
		    json_type(json_element(r->input, 0)) != JSON_NUMBER;
	struct json_iter it = json_iter(r->input);
	struct json_span input = r->input;
	struct buf text = {0};

	if (count > DIMENSIONS_MAX)
		count = DIMENSIONS_MAX;
	float *vector = mem_alloc(count * sizeof *vector);
	buf_adds(out, "{\"object\":\"list\",\"data\":[");
	for (unsigned index = 0; many ? json_next(&it, NULL, &input) : index == 0; index++) {
		buf_clear(&text);
		json_text(&text, input);
		make_vector(vector, count, fingerprint_of(text.data, text.length));
		buf_addf(out, "%s{\"object\":\"embedding\",\"index\":%u,\"embedding\":",
			 index > 0 ? "," : "", index);
		(r->base64 ? add_base64 : add_numbers)(out, vector, count);
		buf_addc(out, '}');
	}
	buf_adds(out, "],\"model\":");
	buf_add(out, r->model.at, r->model.length);
	buf_addf(out, ",\"usage\":{\"prompt_tokens\":%lld,\"total_tokens\":%lld}}",
		 (long long)r->prompt_tokens, (long long)r->prompt_tokens);
	buf_free(&text);
	free(vector);
}
