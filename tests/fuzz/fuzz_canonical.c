/*
 * fuzz_canonical: any JSON into canonical_add. The outcome is JSON of the same value, and its own
 * canonical form; and it does not depend on white space, on escapes, or on the order of members of
 * different names.
 */
#include "buf.h"
#include "canonical.h"

#include <stdlib.h>
#include <string.h>

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

static bool same(const struct buf *a, const struct buf *b)
{
	return a->length == b->length && memcmp(a->data, b->data, a->length) == 0;
}

/* Append the string with every character of it that is ASCII as an escape. */
static void spell_string(struct buf *out, struct json_span string)
{
	const char *p = string.at + 1, *end = string.at + string.length - 1;

	buf_addc(out, '"');
	for (; p < end; p++) {
		if (*p == '\\') {
			size_t n = p[1] == 'u' ? 6 : 2;
			buf_add(out, p, n);
			p += n - 1;
		} else if ((unsigned char)*p < 0x80) {
			buf_addf(out, "\\u%04X", (unsigned)*p);
		} else {
			buf_addc(out, *p);
		}
	}
	buf_addc(out, '"');
}

/* Append the value spelt in another way: spaces, escapes, a decimal point. */
static void spell(struct buf *out, struct json_span value)
{
	struct json_iter it = json_iter(value);
	struct json_span key, element;
	bool any = false;

	switch (json_type(value)) {
	case JSON_STRING:
		spell_string(out, value);
		break;
	case JSON_NUMBER:
		buf_add(out, value.at, value.length);
		if (strcspn(value.at, ".eE,]} \t\r\n") >= value.length)
			buf_adds(out, ".000e-0");
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		buf_adds(out, it.object ? "{ " : "[ ");
		while (json_next(&it, &key, &element)) {
			if (any)
				buf_adds(out, " ,\t");
			any = true;
			if (it.object) {
				spell_string(out, key);
				buf_adds(out, "\r\n:");
			}
			spell(out, element);
		}
		buf_adds(out, it.object ? " }" : " ]");
		break;
	default:
		buf_add(out, value.at, value.length);
		break;
	}
}

/* An object's members and the same in reverse, unless a name comes twice. */
static void try_reverse(struct json_span object, const struct buf *canonical)
{
	struct json_iter it = json_iter(contents(canonical));
	struct json_span key, value, last = {NULL, 0};
	struct buf members = {0}, reversed = {0}, out = {0};

	while (json_next(&it, &key, &value)) {
		if (last.at != NULL && last.length == key.length &&
		    memcmp(last.at, key.at, key.length) == 0)
			goto out;
		last = key;
	}
	it = json_iter(object);
	while (json_next(&it, &key, &value)) {
		buf_clear(&members);
		buf_addc(&members, ',');
		buf_add(&members, key.at, (size_t)(value.at + value.length - key.at));
		buf_add(&members, reversed.data, reversed.length);
		buf_clear(&reversed);
		buf_add(&reversed, members.data, members.length);
	}
	buf_clear(&members);
	buf_addc(&members, '{');
	if (reversed.length > 0)
		buf_add(&members, reversed.data + 1, reversed.length - 1);
	buf_addc(&members, '}');
	canonical_add(&out, contents(&members));
	REQUIRE(same(&out, canonical));
out:
	buf_free(&members);
	buf_free(&reversed);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once = {0}, twice = {0}, other = {0};
	struct json_span root;
	struct json_error error;

	if (json_check((const char *)data, size, &root, NULL, 0, &error) < 0)
		return 0;
	canonical_add(&once, root);
	REQUIRE(json_check(once.data, once.length, NULL, NULL, 0, &error) == 0);
	canonical_add(&twice, contents(&once));
	REQUIRE(same(&once, &twice));
	buf_string(&once);
	spell(&other, contents(&once));
	REQUIRE(json_check(other.data, other.length, NULL, NULL, 0, &error) == 0);
	buf_clear(&twice);
	canonical_add(&twice, contents(&other));
	REQUIRE(same(&once, &twice));
	if (json_type(root) == JSON_OBJECT && size < 4096)
		try_reverse(root, &once);
	buf_clear(&twice);
	if (json_type(root) == JSON_OBJECT) {
		canonical_add_without(&twice, root, NULL, 0);
		REQUIRE(same(&once, &twice));
	}
	buf_free(&once);
	buf_free(&twice);
	buf_free(&other);
	return 0;
}
