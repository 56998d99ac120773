/* The most that a request can cost: never less than what any way of serving it comes to. */
#include "buf.h"
#include "price.h"
#include "tap.h"

#include <string.h>

static const char prices[] =
    "{\"format\":\"lb-prices-1\",\"providers\":{"
    "\"openai\":{\"batch\":0.5,\"flex\":0.5,\"priority\":2},\"anthropic\":{\"geo_us\":1.1}},"
    "\"models\":{"
    /* 1 nano-dollar for a token in, 2 for one out */
    "\"plain\":{\"provider\":\"openai\",\"input\":0.001,\"output\":0.002,\"context\":5000,"
    "\"max_output\":700},"
    "\"open\":{\"input\":0.001,\"output\":0.002},"
    "\"writes\":{\"provider\":\"anthropic\",\"input\":0.001,\"cached_input\":0.0001,"
    "\"cache_write\":0.003,\"cache_write_1h\":0.005,\"output\":0.002,\"max_output\":700},"
    "\"long\":{\"input\":0.001,\"output\":0.002,\"max_output\":700,"
    "\"long_context\":{\"above\":60,\"input\":2,\"output\":4}},"
    "\"hours\":{\"input\":0.001,\"output\":0.002,\"max_output\":700,"
    "\"hours\":[{\"from\":\"01:00\",\"to\":\"02:00\",\"factor\":3}]},"
    "\"later\":{\"input\":0.001,\"output\":0.002,\"max_output\":700,"
    "\"from\":[{\"date\":\"2030-01-01\",\"input\":0.004,\"output\":0.002}]},"
    "\"pictures\":{\"input\":0.001,\"output\":0.002,\"max_output\":700,"
    "\"image_tokens\":50000},"
    "\"embed\":{\"input\":0.001,\"output\":0}}}";

struct bound_case {
	const char *name, *model, *body;
	int64_t input; /* -1: the length of the body; -2: no bound; else beyond the length */
	int64_t output;
	int64_t cost; /* -1: input + 2 * output */
};

static const struct bound_case cases[] = {
    {"bytes, and the cap", "plain", "{\"max_tokens\":5}", -1, 5, -1},
    {"bytes, and the model's longest answer", "plain", "{}", -1, 700, -1},
    {"the largest cap", "plain", "{\"max_tokens\":5,\"max_completion_tokens\":9}", -1, 9, -1},
    {"Responses' cap", "plain", "{\"max_output_tokens\":5}", -1, 5, -1},
    {"Gemini's cap and answers", "plain",
     "{\"generationConfig\":{\"maxOutputTokens\":5,\"candidateCount\":3}}", -1, 15, -1},
    {"a cap of null, -1 or text is none", "plain", "{\"max_tokens\":null}", -1, 700, -1},
    {"-1", "plain", "{\"max_tokens\":-1}", -1, 700, -1},
    {"text", "plain", "{\"max_tokens\":\"5\"}", -1, 700, -1},
    {"0 is none", "plain", "{\"max_tokens\":0}", -1, 700, -1},
    {"several answers", "plain", "{\"max_tokens\":5,\"n\":4}", -1, 20, -1},
    {"best of several", "plain", "{\"max_tokens\":5,\"n\":2,\"best_of\":6}", -1, 30, -1},
    {"answers of null", "plain", "{\"max_tokens\":5,\"n\":null,\"best_of\":2}", -1, 10, -1},
    {"answers in text may be read as any number", "plain", "{\"max_tokens\":5,\"n\":\"9\"}", -2, 0,
     0},
    {"so may a fraction", "plain", "{\"max_tokens\":5,\"best_of\":9.0}", -2, 0, 0},
    {"Gemini's", "plain", "{\"generationConfig\":{\"candidateCount\":\"9\"}}", -2, 0, 0},
    {"too many answers", "plain", "{\"max_tokens\":5,\"n\":2147483647}", -2, 0, 0},
    {"of two caps, one in text", "plain", "{\"max_tokens\":5,\"max_completion_tokens\":\"600\"}",
     -1, 700, -1},
    {"the same, and the model's is unknown", "open",
     "{\"max_tokens\":5,\"max_completion_tokens\":\"600\"}", -2, 0, 0},
    {"a cap beyond the model's", "plain", "{\"max_tokens\":900}", -1, 900, -1},
    {"a cap beyond all sense", "plain", "{\"max_tokens\":1e300}", -1, 700, -1},
    {"several prompts", "plain", "{\"max_tokens\":5,\"prompt\":[\"a\",\"b\",\"c\"]}", -1, 15, -1},
    {"one prompt of tokens", "plain", "{\"max_tokens\":5,\"prompt\":[1,2,3]}", -1, 5, -1},
    {"no cap, and the model's is unknown", "open", "{}", -2, 0, 0},
    {"with a cap it has one", "open", "{\"max_tokens\":5}", -1, 5, -1},
    {"embeddings have no output", "embed", "{\"input\":\"x\"}", -1, 0, 13},
    {"tools have a text of their own", "plain",
     "{\"max_tokens\":5,\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]}", 2000,
     5, -1},
    {"a tool that the client runs", "plain",
     "{\"max_tokens\":5,\"tools\":[{\"type\":\"bash_20250124\",\"name\":\"bash\"}]}", 2000, 5, -1},
    {"a tool that the provider runs", "plain",
     "{\"max_tokens\":5,\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]}",
     -2, 0, 0},
    {"Gemini's search", "plain", "{\"max_tokens\":5,\"tools\":[{\"google_search\":{}}]}", -2, 0, 0},
    {"search in chat", "plain", "{\"max_tokens\":5,\"web_search_options\":{}}", -2, 0, 0},
    {"a file", "plain",
     "{\"max_tokens\":5,\"input\":[{\"content\":[{\"type\":\"input_file\",\"file_id\":\"f\"}]}]}",
     0, 5, 5010},
    {"a file, and the context is unknown", "open",
     "{\"max_tokens\":5,\"input\":[{\"content\":[{\"type\":\"input_file\",\"file_id\":\"f\"}]}]}",
     -2, 0, 0},
    {"a type in escapes is seen", "plain",
     "{\"max_tokens\":5,\"input\":[{\"t\\u0079pe\":\"input\\u005ffile\",\"file_id\":\"f\"}]}", 0, 5,
     5010},
    {"an earlier response", "plain", "{\"max_tokens\":5,\"previous_response_id\":\"resp_1\"}", 0, 5,
     5010},
    {"a document of text", "plain",
     "{\"max_tokens\":5,\"messages\":[{\"content\":[{\"type\":\"document\",\"source\":{"
     "\"type\":\"text\",\"data\":\"abc\"}}]}]}",
     -1, 5, -1},
    {"a document of data", "plain",
     "{\"max_tokens\":5,\"messages\":[{\"content\":[{\"type\":\"document\",\"source\":{"
     "\"type\":\"base64\",\"data\":\"abc\"}}]}]}",
     0, 5, 5010},
    {"an image by its address", "plain",
     "{\"max_tokens\":5,\"messages\":[{\"content\":[{\"type\":\"image_url\",\"image_url\":{"
     "\"url\":\"https://a/b\"}}]}]}",
     12000, 5, -1},
    {"an image as data: its 26 bytes do not count", "plain",
     "{\"max_tokens\":5,\"messages\":[{\"content\":[{\"type\":\"image_url\",\"image_url\":{"
     "\"url\":\"data:image/png;base64,AA\"}}]}]}",
     12000 - 26, 5, -1},
    {"Anthropic's image: 6 bytes", "plain",
     "{\"max_tokens\":5,\"messages\":[{\"content\":[{\"type\":\"image\",\"source\":{"
     "\"type\":\"base64\",\"data\":\"AAAA\"}}]}]}",
     12000 - 6, 5, -1},
    {"two images in a tool's result", "plain",
     "{\"max_tokens\":5,\"messages\":[{\"content\":[{\"type\":\"tool_result\",\"content\":["
     "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"u\"}},"
     "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"u\"}}]}]}]}",
     24000, 5, -1},
    {"text behind an image counts", "plain",
     "{\"max_tokens\":5,\"content\":[{\"type\":\"image\",\"text\":\"0123456789\"}]}", 12000, 5, -1},
    {"an image in an image: its data does not count, once", "plain",
     "{\"max_tokens\":5,\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"u\"},"
     "\"a\":{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AA\"}}}]}",
     24000 - 26, 5, -1},
    {"a type twice: one image, which may be none", "plain",
     "{\"max_tokens\":5,\"content\":[{\"type\":\"image_url\",\"type\":\"image_url\","
     "\"image_url\":{\"url\":\"data:image/png;base64,AA\"}}]}",
     12000, 5, -1},
    {"an image that may be a document of text", "plain",
     "{\"max_tokens\":5,\"content\":[{\"type\":\"document\",\"type\":\"image\",\"source\":{"
     "\"type\":\"text\",\"data\":\"one two\"}}]}",
     12000, 5, -1},
    {"data that is text", "plain",
     "{\"max_tokens\":5,\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"text\","
     "\"data\":\"one two\"},\"data\":\"three four\"}]}",
     12000, 5, -1},
    {"data twice", "plain",
     "{\"max_tokens\":5,\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\","
     "\"data\":\"AAAA\",\"data\":\"AAAA\"}}]}",
     12000, 5, -1},
    {"what a tool was called with is text, whatever it looks like", "plain",
     "{\"max_tokens\":5,\"messages\":[{\"content\":[{\"type\":\"tool_use\",\"input\":{"
     "\"type\":\"image\",\"source\":{\"type\":\"base64\",\"data\":\"AAAA\"}}}]}]}",
     -1, 5, -1},
    {"but what Responses have as input is not", "plain",
     "{\"max_output_tokens\":5,\"input\":[{\"content\":[{\"type\":\"input_image\","
     "\"image_url\":\"data:image/png;base64,AA\"}]}]}",
     12000 - 26, 5, -1},
    {"Gemini's image", "plain",
     "{\"max_tokens\":5,\"contents\":[{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"AA\"}"
     "}]}",
     12000 - 4, 5, -1},
    {"Gemini's video", "plain",
     "{\"max_tokens\":5,\"contents\":[{\"inlineData\":{\"mimeType\":\"video/mp4\",\"data\":\"AA\"}"
     "}]}",
     12000 - 4, 5, -1},
    {"a model whose images count for more", "pictures",
     "{\"max_tokens\":5,\"content\":[{\"type\":\"image\"}]}", 50000, 5, -1},
    /* 16 bytes at 3, as any may be written to a cache; 5 tokens at 2 */
    {"a cache may be written unasked", "writes", "{\"max_tokens\":5}", -1, 5, 16 * 3 + 10},
    {"for an hour only if asked: 53 bytes at 5", "writes",
     "{\"max_tokens\":5,\"cache_control\":{\"type\":\"ephemeral\"}}", -1, 5, 53 * 5 + 10},
    {"in the US: 37 bytes at 3.3, 5 at 2.2", "writes",
     "{\"max_tokens\":5,\"inference_geo\":\"us\"}", -1, 5, 133},
    {"up to the long context", "long",
     "{\"max_tokens\":5,\"x\":\"0123456789012345678901234567890\"}", -1, 5, -1},
    {"beyond it: 61 bytes at 2, 5 at 8", "long",
     "{\"max_tokens\":5,\"x\":\"01234567890123456789012345678901234567\"}", -1, 5, 122 + 40},
    {"dear hours are reckoned with: 16 at 3, 5 at 6", "hours", "{\"max_tokens\":5}", -1, 5, 78},
    {"and so are prices to come: 16 at 4", "later", "{\"max_tokens\":5}", -1, 5, 74},
    {"priority costs twice", "plain", "{\"max_tokens\":5,\"service_tier\":\"priority\"}", -1, 5,
     (42 + 10) * 2},
    {"a discount is not relied upon", "plain", "{\"max_tokens\":5,\"service_tier\":\"flex\"}", -1,
     5, -1},
};

static unsigned pick(unsigned *random, unsigned n)
{
	*random = *random * 1103515245 + 12345;
	return (*random >> 16) % n;
}

/* Append a member with data of an image. Returns how many bytes long its value is. */
static int64_t add_data(struct buf *out, unsigned *random, const char *member)
{
	size_t before;

	buf_addf(out, "\"%s\":", member);
	before = out->length;
	buf_addf(out, "\"data:image/png;base64,%0*d\"", (int)pick(random, 30000), 0);
	return (int64_t)(out->length - before);
}

/* Append an object in which images are nested, some of them twice. Returns how many bytes of data
 * are in it. */
static int64_t add_images(struct buf *out, unsigned *random, int depth)
{
	static const char *const types[] = {"image_url", "image", "input_image", "text"};
	static const char *const members[] = {"image_url", "source", "inlineData", "url", "a"};
	int64_t bytes = 0;

	buf_addc(out, '{');
	for (unsigned i = pick(random, 3); i > 0; i--)
		buf_addf(out, "\"type\":\"%s\",", types[pick(random, 4)]);
	for (unsigned i = pick(random, 4); i > 0; i--) {
		const char *member = members[pick(random, 5)];
		if (depth == 0 || pick(random, 2) == 0) {
			bytes += add_data(out, random, member);
		} else {
			buf_addf(out, "\"%s\":", member);
			bytes += add_images(out, random, depth - 1);
		}
		buf_addc(out, ',');
	}
	bytes += add_data(out, random, pick(random, 2) == 0 ? "data" : "url");
	buf_adds(out, ",\"type\":\"base64\"}" + (pick(random, 2) == 0 ? 16 : 0));
	return bytes;
}

/* Whatever is nested in what, no byte is left out but those of data, and none twice. */
static void test_nested_images(const struct price_table *t)
{
	struct buf body = {0};
	struct price_bound bound;
	const char *why;
	unsigned random = 1;
	int wrong = 0, less = 0;

	for (int i = 0; i < 2000; i++) {
		buf_clear(&body);
		buf_adds(&body, "{\"max_tokens\":5,\"content\":");
		int64_t data = add_images(&body, &random, 6);
		buf_addc(&body, '}');
		struct json_span span = {body.data, body.length};
		int64_t length = (int64_t)body.length;
		wrong += price_worst(price_find(t, "plain", 5), span, &bound, &why) < 0 ||
			 bound.input < length - data;
		less += bound.input < length;
	}
	tap_int(wrong, 0, "nested images: all that is not data counts");
	tap_ok(less > 0, "and data does not");
	buf_free(&body);
}

int main(void)
{
	struct price_table *t = price_new();
	struct buf problem = {0};

	tap_int(price_add(t, prices, strlen(prices), &problem), 8, "the table is read: %s",
		buf_string(&problem));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct bound_case *c = &cases[i];
		struct json_span body = {c->body, strlen(c->body)};
		struct price_bound bound = {0};
		const char *why = NULL;
		int64_t input =
		    c->input < 0 ? (int64_t)body.length : (int64_t)body.length + c->input;
		int result =
		    price_worst(price_find(t, c->model, strlen(c->model)), body, &bound, &why);

		tap_int(result, c->input == -2 ? -1 : 0, "%s", c->name);
		tap_ok((why != NULL) == (c->input == -2), "and why, if there is none");
		if (c->input == -2)
			continue;
		if (c->input == 0)
			input = 5000;
		tap_int(bound.input, input, "input");
		tap_int(bound.output, c->output, "output");
		tap_int(bound.cost, c->cost == -1 ? input + 2 * c->output : c->cost, "cost");
	}
	test_nested_images(t);
	price_free(t);
	buf_free(&problem);
	return tap_done();
}
