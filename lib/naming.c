#include "naming.h"
#include "buf.h"
#include "expr.h"
#include "hash.h"
#include "ids.h"
#include "mem.h"

#include <inttypes.h>
#include <stdlib.h>

#define DIGEST_BYTES 8 /* of an item's hash, as an id */

enum { EXPRESSIONS = 3 };

struct naming {
	struct expr *expressions[EXPRESSIONS]; /* tried in turn, up to the first that is NULL */
	struct ids *given;
};

struct naming *naming_new(const char *expression, char **error)
{
	static const char *const own[EXPRESSIONS] = {".chunk.id", ".custom_id", ".id"};
	struct naming *n = mem_zero(1, sizeof *n);

	n->given = ids_new();
	for (size_t i = 0; i < EXPRESSIONS; i++) {
		const char *text = expression == NULL ? own[i] : i == 0 ? expression : NULL;
		if (text != NULL && (n->expressions[i] = expr_new(text, error)) == NULL) {
			naming_free(n);
			return NULL;
		}
	}
	return n;
}

void naming_free(struct naming *n)
{
	if (n == NULL)
		return;
	for (size_t i = 0; i < EXPRESSIONS; i++)
		expr_free(n->expressions[i]);
	ids_free(n->given);
	free(n);
}

/* Append the expression's value, if it is a string or a number. */
static bool add_value(struct expr *e, struct json_span item, struct buf *id)
{
	struct buf value = {0}, message = {0};
	bool found = false;

	if (expr_eval(e, item, &value, &message) == 1) {
		struct json_span span = {value.data, value.length};
		enum json_type type = json_type(span);
		found = (type == JSON_STRING && span.length > 2) || type == JSON_NUMBER;
		if (found)
			json_text(id, span);
	}
	buf_free(&value);
	buf_free(&message);
	return found;
}

static void add_hash(const void *data, size_t n, struct buf *id)
{
	unsigned char digest[HASH_SIZE];
	char hex[2 * DIGEST_BYTES + 1];

	hash_bytes(data, n, digest);
	hash_text(digest, DIGEST_BYTES, hex);
	buf_adds(id, hex);
}

void naming_text(struct naming *n, struct json_span item, struct buf *out)
{
	for (size_t i = 0; i < EXPRESSIONS; i++)
		if (n->expressions[i] != NULL && add_value(n->expressions[i], item, out))
			return;
	add_hash(item.at, item.length, out);
}

/* Put a number behind an id that was given before. Returns 0 or -1. */
static int make_unique(struct naming *n, struct buf *id)
{
	size_t length = id->length;
	uint64_t first, suffix, uses;

	if (ids_use(n->given, id->data, length, &first) < 0)
		return -1;
	if (first == 1)
		return 0;
	for (suffix = first, uses = 0; uses != 1; suffix++) {
		id->length = length;
		buf_addf(id, "-%" PRIu64, suffix);
		if (ids_use(n->given, id->data, id->length, &uses) < 0)
			return -1;
	}
	/* Where numbers were taken by other ids, the next search begins behind them. */
	return suffix - 1 > first ? ids_set(n->given, id->data, length, suffix - 1) : 0;
}

int naming_id(struct naming *n, const struct json_span *items, size_t count, struct buf *out)
{
	struct buf id = {0}, all = {0};

	if (count == 1) {
		naming_text(n, items[0], &id);
	} else {
		for (size_t i = 0; i < count; i++) {
			naming_text(n, items[i], &all);
			buf_addc(&all, '\0');
		}
		buf_adds(&id, "pack-");
		add_hash(all.data, all.length, &id);
	}
	int result = make_unique(n, &id);
	json_quote(out, id.data, id.length);
	buf_free(&id);
	buf_free(&all);
	return result;
}
