/* naming: ids depend on the items alone, and no two are alike. */
#include "buf.h"
#include "naming.h"
#include "tap.h"

#include <stdlib.h>

#define PACK_AB "\"pack-8fb20ef63ced4145\""

static struct buf id;

/* The id of a pack of items, given as one JSON array. */
static const char *name(struct naming *n, const char *array)
{
	struct json_iter it = json_iter((struct json_span){array, strlen(array)});
	struct json_span items[16];
	size_t count = 0;

	while (count < 16 && json_next(&it, NULL, &items[count]))
		count++;
	buf_clear(&id);
	if (naming_id(n, items, count, &id) < 0)
		return "failed";
	return buf_string(&id);
}

static void test_single(void)
{
	static const struct {
		const char *expression, *array, *want;
	} cases[] = {
	    {NULL, "[{\"id\":\"i\",\"custom_id\":\"c\"}]", "\"c\""},
	    {NULL, "[{\"id\":\"i\",\"custom_id\":null}]", "\"i\""},
	    {NULL, "[{\"id\":17}]", "\"17\""},
	    {NULL, "[{\"custom_id\":\"c\",\"chunk\":{\"id\":\"c-1\"}}]", "\"c-1\""},
	    {NULL, "[{\"custom_id\":\"c\",\"chunk\":7}]", "\"c\""},
	    {NULL, "[{\"id\":1.50}]", "\"1.50\""},
	    {NULL, "[{\"id\":\"\\u00e9\\\"\"}]", "\"\xc3\xa9\\\"\""},
	    {NULL, "[{\"id\":{\"a\":1},\"custom_id\":[]}]", NULL},
	    {NULL, "[5]", NULL},
	    {".k", "[{\"id\":\"i\",\"k\":\"v\"}]", "\"v\""},
	    {".k", "[{\"id\":\"i\"}]", NULL},
	    {".k + 1", "[{\"k\":2}]", "\"3\""},
	    {".k + 1", "[{\"k\":\"x\"}]", NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *error = NULL;
		struct naming *n = naming_new(cases[i].expression, &error);
		const char *got = name(n, cases[i].array);
		if (cases[i].want != NULL)
			tap_is(got, cases[i].want, "%s", cases[i].array);
		else
			tap_ok(strlen(got) == 18 && strspn(got + 1, "0123456789abcdef") == 16,
			       "%s: 16 digits of a hash", cases[i].array);
		naming_free(n);
	}
}

static void test_packs(void)
{
	char *error = NULL;
	struct naming *n = naming_new(NULL, &error);
	char first[64];

	/* printf '5' | sha256sum */
	tap_is(name(n, "[5]"), "\"ef2d127de37b942b\"", "the hash is SHA-256 of the item's bytes");
	/* printf 'a\0b\0' | sha256sum */
	tap_is(name(n, "[{\"id\":\"a\"},{\"id\":\"b\"}]"), PACK_AB, "a pack: of the ids in it");
	snprintf(first, sizeof first, "%.*s-2\"", (int)strlen(PACK_AB) - 1, PACK_AB);
	tap_is(name(n, "[{\"id\":\"a\",\"x\":1},{\"id\":\"b\"}]"), first, "the same ids again: -2");
	tap_ok(strcmp(name(n, "[{\"id\":\"ab\"},{\"id\":\"\"}]"), first) != 0 &&
		   strstr(id.data, "-3") == NULL,
	       "the border between two ids counts");
	naming_free(n);
}

static void test_repeats(void)
{
	static const struct {
		const char *id, *want;
	} cases[] = {
	    {"a", "\"a\""},       {"a", "\"a-2\""},   {"a-2", "\"a-2-2\""}, {"a", "\"a-3\""},
	    {"a-3", "\"a-3-2\""}, {"a-4", "\"a-4\""}, {"a", "\"a-5\""},     {"b-2", "\"b-2\""},
	    {"b", "\"b\""},       {"b", "\"b-3\""},
	};
	char *error = NULL;
	struct naming *n = naming_new(NULL, &error);
	char array[64];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(array, sizeof array, "[{\"id\":\"%s\"}]", cases[i].id);
		tap_is(name(n, array), cases[i].want, "id %s, the %zu. to come", cases[i].id,
		       i + 1);
	}
	naming_free(n);
}

int main(void)
{
	char *error = NULL;

	test_single();
	test_packs();
	test_repeats();
	tap_ok(naming_new(".a |", &error) == NULL && error != NULL, "a mistake has a message");
	free(error);
	naming_free(NULL);
	buf_free(&id);
	return tap_done();
}
