/*
 * What reads templates and plain paths, up to but without libjq. The input is a template and,
 * behind the first NUL, a record. Checked besides memory safety:
 * - the pieces of a template are the template, with nothing left out or counted twice;
 * - an expression is closed where its piece ends;
 * - a path's value is JSON again.
 */
#include "buf.h"
#include "jqscan.h"
#include "mem.h"
#include "path.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* Take the text as a path, if it is one, and follow it. */
static void try_path(const char *text, size_t n, struct json_span record)
{
	struct path *path = path_new(text, n);
	struct buf message = {0};
	struct json_error error;
	struct json_span value;

	if (path != NULL && record.at != NULL) {
		if (path_get(path, record, &value, &message) == 0)
			require(json_check(value.at, value.length, NULL, NULL, 0, &error) == 0);
		else
			require(message.length > 0);
	}
	buf_free(&message);
	path_free(path);
}

/* Take the template apart, and follow its paths. */
static void try_template(const char *text, size_t length, struct json_span record)
{
	const char *at = text;
	const char *end = text + length;
	const char *expected = at;
	struct jqscan_piece piece;
	int more;

	while ((more = jqscan_next(&at, end, &piece)) > 0) {
		size_t frame = piece.expression ? 2 : 0;
		require(piece.at == expected + frame);
		expected = piece.at + piece.length + (frame > 0);
		require(at == expected && at <= end);
		if (!piece.expression)
			continue;
		require(piece.at[piece.length] == ')');
		require(jqscan_end(piece.at, piece.length) == piece.length);
		try_path(piece.at, piece.length, record);
	}
	require(at == expected && (more < 0 || at == end));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = size > 0 ? memchr(data, '\0', size) : NULL;
	size_t length = nul != NULL ? (size_t)(nul - data) : size;
	size_t rest = nul != NULL ? size - length - 1 : 0;
	/* Of exactly their sizes, so that a read behind one is seen. */
	char *text = mem_alloc(length);
	char *json = mem_alloc(rest);
	char *string = mem_copy(data, length);
	struct json_span record = {NULL, 0};
	struct json_error error;

	if (length > 0)
		memcpy(text, data, length);
	if (rest > 0)
		memcpy(json, nul + 1, rest);
	if (json_check(json, rest, &record, NULL, 0, &error) < 0)
		record.at = NULL;
	try_template(text, length, record);
	try_path(text, length, record);
	jqscan_mistake(string);
	free(string);
	free(json);
	free(text);
	return 0;
}
