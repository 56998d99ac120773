/*
 * What a Batch API's server sends back, as an answer about a batch, a list of them, and a line of
 * results. Checked besides memory safety:
 * - an id that is taken is one segment of a path;
 * - a line makes a result of its request: JSON with the request's own custom_id and bytes, with an
 *   error unless it is good, and of one line if it was one.
 */
#include "batch_api.h"
#include "buf.h"
#include "record.h"
#include "reply.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_id(enum target_style style, const char *id)
{
	struct buf path = {0};
	const char *slash = "";
	size_t slashes = 0;

	require(strlen(id) < BATCH_API_ID);
	batch_api_path(&path, style, BATCH_API_RETRIEVE, id);
	for (const char *p = buf_string(&path); *p != '\0'; p++) {
		require(*p > ' ' && *p < 0x7f && *p != '?' && *p != '#');
		if (*p == '/') {
			slash = p;
			slashes++;
		}
	}
	require(slashes == (style == TARGET_OPENAI ? 3 : 4));
	require(strcmp(slash, "/.") != 0 && strcmp(slash, "/..") != 0);
	buf_free(&path);
}

static void check_batch(enum target_style style, const struct batch_api_batch *b)
{
	const char *const others[] = {b->output_file, b->error_file, b->input_file, b->tag};

	require(b->id[0] != '\0');
	check_id(style, b->id);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (others[i][0] != '\0')
			check_id(style, others[i]);
	require(b->total >= 0 && b->completed >= 0 && b->failed >= 0 && b->error_line >= 0);
	require(b->created >= -1);
	require(b->state == BATCH_API_FAILED || b->error_code.at == NULL);
}

static void try_answer(enum target_style style, struct json_span text)
{
	struct batch_api_batch b;
	struct batch_api_page page;
	char id[BATCH_API_ID];
	const char *problem = NULL;

	if (batch_api_read(&b, style, text, &problem) == 0)
		check_batch(style, &b);
	else
		require(problem != NULL);
	if (batch_api_file(id, text, &problem) == 0)
		check_id(style, id);
	if (batch_api_page(&page, style, text, &problem) < 0)
		return;
	require(!page.more || page.last[0] != '\0');
	while (batch_api_next(&page, &b))
		check_batch(style, &b);
}

static void try_line(enum target_style style, struct json_span text)
{
	static const char request[] = "{\"custom_id\":\"mine\",\"body\":{\"n\":1.0}}";
	struct line line = {request, sizeof request - 1, 1, sizeof request - 1};
	struct batch_api_line l;
	struct record r, made;
	struct reply reply = {0};
	struct buf out = {0};
	const char *problem;

	if (batch_api_line(&l, style, text, &problem) < 0)
		return;
	require(json_type(l.custom_id) == JSON_STRING);
	require(record_parse(&r, &line, false) == RECORD_REQUEST);
	enum batch_api_outcome outcome = batch_api_result(&reply, &out, &r, &l);
	line = (struct line){out.data, out.length, 1, out.length};
	require(record_parse(&made, &line, false) != RECORD_BAD);
	/* All up to its closing brace. */
	require(memcmp(out.data, request, sizeof request - 2) == 0);
	require(json_equals(made.custom_id, "mine"));
	require(made.response.at != NULL && made.error.at != NULL && made.id.at != NULL);
	require(json_is_set(made.error) == (outcome != BATCH_API_GOOD));
	require(outcome != BATCH_API_GOOD || json_type(made.response) == JSON_OBJECT);
	require(memchr(text.at, '\n', text.length) != NULL ||
		memchr(out.data, '\n', out.length) == NULL);
	buf_free(&out);
	reply_free(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_span text = {(const char *)data, size};

	if (size == 0)
		return 0;
	try_answer(TARGET_OPENAI, text);
	try_answer(TARGET_ANTHROPIC, text);
	try_line(TARGET_OPENAI, text);
	try_line(TARGET_ANTHROPIC, text);
	return 0;
}
