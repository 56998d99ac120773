/* pack: the members of requests, byte for byte, and which of them are packed. */
#include "buf.h"
#include "pack.h"
#include "tap.h"
#include "template.h"

#include <stdlib.h>

static struct buf out, message;

static const char *request(struct pack *p, const char *prompt, const char *array)
{
	struct json_iter it = json_iter((struct json_span){array, strlen(array)});
	struct json_span items[16], body;
	size_t count = 0;
	char *error = NULL;

	p->prompt = template_new(prompt, strlen(prompt), &error);
	while (count < 16 && json_next(&it, NULL, &items[count]))
		count++;
	buf_clear(&out);
	buf_clear(&message);
	int result = pack_request(p, items, count, &out, &body, &message);
	template_free(p->prompt);
	return result < 0 ? NULL : buf_string(&out);
}

static void test_requests(void)
{
	struct pack chat = {.model = "m\"", .size = 1};
	struct pack embeddings = {.api = PACK_EMBEDDINGS, .model = "e", .size = 3};
	struct pack object = {.api = PACK_RESPONSES,
			      .model = "m",
			      .size = 1,
			      .max_output = 5,
			      .schema = JSON_LITERAL("{\"type\":\"object\"}")};

	tap_is(request(&chat, "a\n\\(.x)", "[{\"x\": \"\\u0041\"}]"),
	       "\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{\"model\":\"m\\\"\","
	       "\"messages\":[{\"role\":\"user\",\"content\":\"a\\nA\"}]},"
	       "\"lb\":{\"items\":[{\"x\": \"\\u0041\"}]}}",
	       "chat");
	tap_is(request(&embeddings, "\\(.)", "[1,\"b\"]"),
	       "\"method\":\"POST\",\"url\":\"/v1/embeddings\",\"body\":{\"model\":\"e\","
	       "\"input\":[\"1\",\"b\"]},\"lb\":{\"items\":[1,\"b\"]}}",
	       "embeddings");
	tap_is(request(&object, "q", "[1]"),
	       "\"method\":\"POST\",\"url\":\"/v1/"
	       "responses\",\"body\":{\"model\":\"m\",\"input\":\"q\","
	       "\"max_output_tokens\":5,\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":"
	       "\"answer\",\"strict\":true,\"schema\":{\"type\":\"object\"}}}},"
	       "\"lb\":{\"items\":[1]}}",
	       "responses with a schema");
	tap_is(request(&chat, "\\(.a.b)", "[{\"a\":5}]"), NULL, "an expression that fails: -1");
	tap_ok(strstr(buf_string(&message), ".a.b") != NULL, "the message names it");
}

static void test_packed(void)
{
	static const struct {
		enum pack_api api;
		size_t size, count;
		const char *schema;
		bool want;
	} cases[] = {
	    {PACK_CHAT, 1, 1, NULL, false},
	    {PACK_CHAT, 7, 1, NULL, false},
	    {PACK_CHAT, 7, 2, NULL, true},
	    {PACK_CHAT, 1, 1, "{\"type\":\"object\"}", false},
	    {PACK_CHAT, 1, 1, "{\"type\":\"string\"}", true},
	    {PACK_CHAT, 1, 1, "{}", true},
	    {PACK_MESSAGES, 7, 7, "{\"type\":\"object\"}", true},
	    {PACK_EMBEDDINGS, 7, 7, NULL, false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *schema = cases[i].schema;
		struct pack p = {.api = cases[i].api,
				 .size = cases[i].size,
				 .schema = {schema, schema != NULL ? strlen(schema) : 0}};
		tap_ok(pack_is_packed(&p, cases[i].count) == cases[i].want,
		       "%zu of %zu items, schema %s: %s", cases[i].count, cases[i].size,
		       schema != NULL ? schema : "none", cases[i].want ? "packed" : "plain");
	}
}

static void test_schemas(void)
{
	static const struct {
		const char *schema;
		size_t size;
		bool good;
	} cases[] = {
	    {"{\"type\":\"object\"}", 2, true},
	    {"[]", 1, false},
	    {"true", 1, false},
	    {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}}}", 1, true},
	    {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}}}", 2, false},
	    {"{\"type\":\"array\",\"items\":{\"$ref\":\"#\"}}", 1, false},
	    {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#/$defs/x\"}}}", 2, true},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pack p = {.size = cases[i].size,
				 .schema = {cases[i].schema, strlen(cases[i].schema)}};
		tap_ok((pack_check_schema(&p) == NULL) == cases[i].good, "%s for %zu: %s",
		       cases[i].schema, cases[i].size, cases[i].good ? "good" : "a mistake");
	}
}

int main(void)
{
	enum pack_api api = PACK_CHAT;

	tap_ok(pack_api("embeddings", &api) == 0 && api == PACK_EMBEDDINGS, "an API by its name");
	tap_int(pack_api("Chat", &api), -1, "no such API");
	test_requests();
	test_packed();
	test_schemas();
	buf_free(&out);
	buf_free(&message);
	return tap_done();
}
