/*
 * What a provider's server sends back: header lines and, behind the first blank line, a body.
 * Checked besides memory safety:
 * - the rate limits are a JSON object of numbers that are not negative and of one boolean;
 * - a header that is wanted in a line of its own is found under its name;
 * - a duration is not negative;
 * - an error code and a message are only there with an error, and a bad answer has a message.
 */
#include "buf.h"
#include "mem.h"
#include "provider.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 2026-11-06 08:00:00 UTC */
#define WALL INT64_C(1793952000000000000)

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_limits(struct json_span limits)
{
	struct json_iter it = json_iter(limits);
	struct json_span key, value;
	double number;

	require(json_count(limits) > 0);
	while (json_next(&it, &key, &value)) {
		if (json_equals(key, "should_retry"))
			require(json_type(value) == JSON_BOOL);
		else
			require(json_number(value, &number) == 0 && number >= 0);
	}
}

static void try_headers(const char *headers, size_t length)
{
	struct buf out = {0};
	struct json_error error;
	struct json_span root;
	int64_t nanoseconds = -1;

	if (provider_ratelimit(&out, headers, length, WALL)) {
		require(json_check(out.data, out.length, &root, NULL, 0, &error) == 0);
		check_limits(root);
	} else {
		require(out.length == 0);
	}
	struct json_span id = provider_header(headers, length, "x-request-id");
	require(id.at == NULL || memchr(id.at, '\n', id.length) == NULL);
	if (provider_duration(headers, length, WALL, &nanoseconds) == 0)
		require(nanoseconds >= 0);
	const char *colon = memchr(headers, ':', length);
	size_t name = colon != NULL ? (size_t)(colon - headers) : 0;
	if (colon != NULL && provider_wants_header(headers, name)) {
		struct buf lower = {0};
		for (size_t i = 0; i < name; i++) {
			char c = headers[i];
			buf_addc(&lower, c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c);
		}
		require(provider_header(headers, length, buf_string(&lower)).at != NULL);
		buf_free(&lower);
	}
	buf_free(&out);
}

static void try_body(const char *text, size_t length)
{
	struct buf code = {0}, message = {0}, answer = {0};
	struct json_error error;
	struct json_span body;

	if (json_check(text, length, &body, NULL, 0, &error) < 0)
		return;
	if (!provider_error(body, NULL, &code, &message))
		require(code.length == 0 && message.length == 0);
	const char *bad = provider_answer(body, &answer);
	if (bad != NULL && strcmp(bad, "refusal") != 0)
		require(answer.length > 0);
	buf_free(&code);
	buf_free(&message);
	buf_free(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its own for each part, so that a read behind one is seen. */
	size_t head = 0;

	while (head < size && (data[head] != '\n' || (head + 1 < size && data[head + 1] != '\n')))
		head++;
	char *headers = mem_alloc(head);
	char *body = mem_alloc(size - head);
	if (head > 0)
		memcpy(headers, data, head);
	if (size > head)
		memcpy(body, data + head, size - head);
	try_headers(headers, head);
	try_body(body, size - head);
	free(headers);
	free(body);
	return 0;
}
