/*
 * fuzz_tokens: any bytes as a text, and those that are JSON as a request body. Estimates stay
 * within what the bytes could be, and don't depend on how a body is written. An input that breaks a
 * promise aborts.
 */
#include "buf.h"
#include "tokens.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)        \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static struct json_span contents(const struct buf *b)
{
	return (struct json_span){b->data, b->length};
}

static void try_request(struct json_span body, struct tokens_request *r)
{
	tokens_request(body, r);
	/* The least that can stand for a file: {"type":"file"}, 15 bytes. */
	REQUIRE(r->input >= 0 && r->input <= TOKENS_FILE / 10 * (int64_t)body.length);
	REQUIRE(r->output >= -1 && r->output <= INT32_MAX);
	REQUIRE(r->answers >= 1 && r->answers <= INT32_MAX);
	REQUIRE(r->model.at == NULL ||
		(r->model.at > body.at && r->model.at + r->model.length < body.at + body.length));
}

/* White space between values is no prompt. */
static void try_compact(struct json_span body, const struct tokens_request *r)
{
	struct buf compact = {0};
	struct tokens_request again;

	json_compact(&compact, body);
	try_request(contents(&compact), &again);
	REQUIRE(again.input == r->input && again.output == r->output &&
		again.answers == r->answers);
	buf_free(&compact);
}

/* A prompt counts as its value does, whatever its escapes. */
static void try_prompt(struct json_span string)
{
	struct buf value = {0}, body = {0};
	struct tokens_request r;

	json_unescape(&value, string);
	buf_adds(&body, "{\"prompt\":");
	buf_add(&body, string.at, string.length);
	buf_adds(&body, "}");
	try_request(contents(&body), &r);
	REQUIRE(r.input == tokens_text(value.data, value.length));
	buf_free(&value);
	buf_free(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	int64_t tokens = tokens_text(text, size);
	struct json_error error;
	struct json_span root;
	struct tokens_request r;

	REQUIRE((tokens > 0) == (size > 0) && tokens <= (int64_t)size);
	if (json_check(text, size, &root, NULL, 0, &error) < 0)
		return 0;
	try_request(root, &r);
	try_compact(root, &r);
	if (json_type(root) == JSON_STRING)
		try_prompt(root);
	return 0;
}
