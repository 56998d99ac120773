/*
 * fuzz_json: any bytes into json_check; what it accepts is walked, read, rewritten and edited, and
 * the promises of json.h are held against the outcome. An input that breaks one aborts.
 */
#include "buf.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)        \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static bool valid(const struct buf *b)
{
	struct json_error error;
	return json_check(b->data, b->length, NULL, NULL, 0, &error) == 0;
}

static bool same(struct json_span a, struct json_span b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

static struct json_span contents(const struct buf *b)
{
	return (struct json_span){b->data, b->length};
}

/* A string's value quoted again has the same value, whatever its escapes were. */
static void try_string(struct json_span string)
{
	struct buf value = {0}, quoted = {0}, again = {0};

	json_unescape(&value, string);
	bool replaced = json_quote(&quoted, value.data, value.length);
	REQUIRE(!replaced && valid(&quoted));
	json_unescape(&again, contents(&quoted));
	REQUIRE(same(contents(&value), contents(&again)));
	if (value.length == 0 || memchr(value.data, '\0', value.length) == NULL) {
		REQUIRE(json_equals(string, buf_string(&value)));
		REQUIRE(json_equals(contents(&quoted), buf_string(&value)));
	}
	buf_free(&value);
	buf_free(&quoted);
	buf_free(&again);
}

static void try_number(struct json_span number)
{
	int64_t integer;
	double real;

	REQUIRE(json_number(number, &real) == 0);
	if (json_integer(number, &integer) == 0 && integer > -1000000 && integer < 1000000)
		REQUIRE(real > (double)integer - 0.5 && real < (double)integer + 0.5);
}

/* Every value in the text. The depth is bounded by json_check. */
static void walk(struct json_span value, size_t *budget)
{
	struct json_iter it = json_iter(value);
	struct json_span key, element;
	size_t count = 0;

	REQUIRE(json_type(value) != JSON_NONE);
	if (*budget == 0)
		return;
	--*budget;
	if (json_type(value) == JSON_STRING)
		try_string(value);
	if (json_type(value) == JSON_NUMBER)
		try_number(value);
	while (json_next(&it, &key, &element)) {
		REQUIRE(element.at > value.at &&
			element.at + element.length < value.at + value.length);
		if (it.object) {
			REQUIRE(json_type(key) == JSON_STRING);
			try_string(key);
		}
		walk(element, budget);
		count++;
	}
	if (*budget > 0) {
		REQUIRE(json_count(value) == count);
		REQUIRE((json_element(value, -1).at != NULL) ==
			(json_type(value) == JSON_ARRAY && count > 0));
	}
}

static void try_compact(struct json_span root)
{
	struct buf once = {0}, twice = {0};

	json_compact(&once, root);
	REQUIRE(once.length <= root.length && valid(&once));
	json_compact(&twice, contents(&once));
	REQUIRE(same(contents(&once), contents(&twice)));
	buf_free(&once);
	buf_free(&twice);
}

static void try_set(struct json_span root, const struct json_edit *edits, size_t count)
{
	struct buf once = {0}, twice = {0};

	json_set(&once, root, edits, count);
	REQUIRE(valid(&once));
	for (size_t i = 0; i < count; i++) {
		struct json_span now = json_get(contents(&once), edits[i].name);
		REQUIRE((now.at == NULL) == (edits[i].value.at == NULL));
		REQUIRE(same(now, edits[i].value));
	}
	json_set(&twice, contents(&once), edits, count);
	REQUIRE(same(contents(&once), contents(&twice)));
	buf_free(&once);
	buf_free(&twice);
}

static void try_edits(struct json_span root)
{
	static const char *const names[] = {"a", "b", "lb", "custom_id"};
	struct buf same_again = {0};

	json_set(&same_again, root, NULL, 0);
	REQUIRE(same(contents(&same_again), root));
	buf_free(&same_again);
	/* Each name is left alone, removed or set. */
	for (unsigned choice = 0; choice < 81; choice++) {
		struct json_edit edits[4];
		size_t count = 0;
		unsigned rest = choice;
		for (size_t i = 0; i < 4; i++, rest /= 3) {
			if (rest % 3 == 0)
				continue;
			edits[count].name = names[i];
			edits[count++].value = rest % 3 == 1 ? (struct json_span){NULL, 0}
							     : JSON_LITERAL("{\"a\": [1.0]}");
		}
		try_set(root, edits, count);
	}
}

/* What was found while checking is what is found afterwards. */
static void try_wanted(const char *text, size_t size)
{
	struct json_member wanted[] = {JSON_MEMBER("a"), JSON_MEMBER("lb"),
				       JSON_MEMBER("custom_id")};
	struct json_span root;
	struct json_error error;

	REQUIRE(json_check(text, size, &root, wanted, 3, &error) == 0);
	for (size_t i = 0; i < 3; i++) {
		struct json_span found = json_get(root, wanted[i].name);
		REQUIRE(found.at == wanted[i].value.at && found.length == wanted[i].value.length);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct json_span root;
	struct json_error error = {0, NULL};
	struct buf quoted = {0};
	size_t budget = 2000;

	json_quote(&quoted, data, size);
	REQUIRE(valid(&quoted));
	buf_free(&quoted);
	if (json_check(text, size, &root, NULL, 0, &error) < 0) {
		REQUIRE(error.reason != NULL && error.offset <= size);
		return 0;
	}
	try_wanted(text, size);
	walk(root, &budget);
	try_compact(root);
	if (json_type(root) == JSON_OBJECT)
		try_edits(root);
	return 0;
}
