#include "keys.h"
#include "tap.h"

#include <stdlib.h>

/* The keys that are picked at times 1, 2, 3, ..., by their last letter. */
static const char *picks(struct keys *k, int64_t now, size_t count)
{
	static char text[64];

	for (size_t i = 0; i < count; i++) {
		const char *value = keys_value(k, keys_pick(k, now));
		text[i] = value[strlen(value) - 1];
	}
	text[count] = '\0';
	return text;
}

static void test_environment(void)
{
	char *error = NULL;

	setenv("KEY_A", "sk-a", 1);
	setenv("KEY_B", "", 1);
	unsetenv("KEY_C");
	setenv("KEY_D", "sk-d", 1);
	setenv("KEY_E", "sk-e", 1);
	char *bytes = getenv("KEY_A");
	struct keys *k = keys_new("KEY_A,KEY_B,KEY_C,KEY_D", &error);
	tap_ok(k != NULL && error == NULL, "variables that are empty or not set are left out");
	tap_int((long long)keys_count(k), 2, "two of four are keys");
	tap_is(keys_value(k, 0), "sk-a", "the first");
	tap_is(keys_value(k, 1), "sk-d", "the second");
	tap_bytes(bytes, 4, "\0\0\0\0", 4, "the environment's bytes are wiped");
	tap_is(getenv("KEY_D"), "", "of every one that was named");
	tap_is(getenv("KEY_E"), "sk-e", "others stay");
	keys_wipe("KEY_E,KEY_C");
	tap_is(getenv("KEY_E"), "", "keys_wipe wipes what was not read");
	keys_free(k);

	k = keys_new("KEY_C,,KEY_X", &error);
	tap_ok(k != NULL && keys_count(k) == 0, "none is set: an empty list");
	keys_free(k);
	keys_free(NULL);
}

static void test_unfit(void)
{
	static const char *const values[] = {"sk\n",   "\nsk", "s\rk",     "sk\x01",
					     "s\x7fk", "s\tk", "sk\x1b[0m"};

	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char *error = NULL;
		setenv("KEY_A", "sk-good", 1);
		setenv("KEY_B", values[i], 1);
		struct keys *k = keys_new("KEY_A,KEY_B", &error);
		tap_ok(k == NULL && error != NULL, "value %zu is refused", i + 1);
		tap_ok(error != NULL && strstr(error, "KEY_B") != NULL &&
			   strstr(error, "sk") == NULL,
		       "the message names the variable and not the key");
		tap_ok(*getenv("KEY_A") == '\0' && *getenv("KEY_B") == '\0',
		       "both are wiped all the same");
		free(error);
		keys_free(k);
	}
	char *error = NULL;
	setenv("KEY_A", "sk-\xc3\xa9 ~", 1);
	struct keys *k = keys_new("KEY_A", &error);
	tap_ok(k != NULL, "other bytes are no business of ours");
	keys_free(k);
}

static void test_turns(void)
{
	char *error = NULL;

	setenv("KEY_A", "a", 1);
	setenv("KEY_B", "b", 1);
	setenv("KEY_C", "c", 1);
	struct keys *k = keys_new("KEY_A,KEY_B,KEY_C", &error);
	tap_is(picks(k, 10, 7), "abcabca", "they are used in turn");
	keys_rest(k, 1, 100);
	tap_is(picks(k, 10, 4), "caca", "one that rests is passed over");
	tap_is(picks(k, 99, 2), "ca", "until its time");
	tap_is(picks(k, 100, 3), "bca", "and is used from then on");
	keys_rest(k, 0, 300);
	keys_rest(k, 1, 200);
	keys_rest(k, 2, 400);
	tap_is(picks(k, 150, 3), "bbb", "if all rest, it is the one that is due first");
	keys_rest(k, 0, 150);
	tap_is(picks(k, 160, 1), "b", "a shorter rest does not shorten a longer one");
	tap_is(picks(k, 250, 2), "bb", "one is back");
	tap_is(picks(k, 1000, 3), "cab", "all are back");
	keys_free(k);
}

static void test_set_aside(void)
{
	char *error = NULL;

	setenv("KEY_A", "a", 1);
	setenv("KEY_B", "b", 1);
	setenv("KEY_C", "c", 1);
	struct keys *k = keys_new("KEY_A,KEY_B,KEY_C", &error);
	tap_is(keys_set_aside(k, 1), "KEY_B", "setting a key aside gives its variable's name");
	tap_ok(keys_set_aside(k, 1) == NULL, "but only once");
	tap_is(picks(k, 10, 4), "acac", "it is passed over");
	tap_is(picks(k, INT64_MAX, 4), "acac", "for ever");
	keys_rest(k, 0, 200);
	keys_rest(k, 2, 100);
	tap_is(picks(k, 10, 3), "ccc", "also if all others rest");
	tap_is(keys_set_aside(k, 2), "KEY_C", "another one");
	tap_is(picks(k, 10, 3), "aaa", "the one that is left is used, though it rests");
	tap_ok(keys_set_aside(k, 0) == NULL, "the last one is not set aside");
	tap_is(picks(k, 300, 3), "aaa", "and goes on being used");
	keys_free(k);
}

int main(void)
{
	test_environment();
	test_unfit();
	test_turns();
	test_set_aside();
	return tap_done();
}
