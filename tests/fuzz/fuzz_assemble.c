/*
 * Event streams. Checked besides memory safety:
 * - a body that comes out, an answer's or an error's, is one line of valid JSON;
 * - an error body has an error member; a failed stream has a reason and leaves nothing behind;
 * - the pieces in which a stream arrives make no difference.
 */
#include "assemble.h"
#include "buf.h"
#include "json.h"
#include "mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* A piece at the end of memory of its own, so that a read behind it is seen. */
static void feed(struct assemble *a, const uint8_t *data, size_t size)
{
	char *copy = mem_alloc(size);

	if (size > 0)
		memcpy(copy, data, size);
	assemble_feed(a, copy, size);
	free(copy);
}

/* Assemble the data in pieces of this size. */
static int run(const uint8_t *data, size_t size, size_t piece, struct buf *body)
{
	struct assemble *a = assemble_new();
	const char *reason = NULL;

	for (size_t i = 0; i < size; i += piece)
		feed(a, data + i, size - i < piece ? size - i : piece);
	int status = assemble_finish(a, body, &reason);
	require(status < 0 ? reason != NULL && body->length == 0 : body->length > 0);
	assemble_free(a);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const size_t pieces[] = {(size + 1) / 2, 1, 3};
	struct buf whole = {0};
	struct json_error error;
	struct json_span root;

	int status = run(data, size, size + 1, &whole);
	if (status >= 0) {
		require(json_check(whole.data, whole.length, &root, NULL, 0, &error) == 0);
		require(root.length == whole.length && json_type(root) == JSON_OBJECT);
		require(memchr(whole.data, '\n', whole.length) == NULL);
	}
	if (status == 1)
		require(json_is_set(json_get(root, "error")));
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		struct buf body = {0};
		require(run(data, size, pieces[i] > 0 ? pieces[i] : 1, &body) == status);
		require(body.length == whole.length);
		require(body.length == 0 || memcmp(body.data, whole.data, body.length) == 0);
		buf_free(&body);
	}
	buf_free(&whole);
	return 0;
}
