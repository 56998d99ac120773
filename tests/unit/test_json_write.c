/* Writing JSON: quoting, compacting, and edits that leave all other bytes alone. */
#include "buf.h"
#include "json.h"
#include "tap.h"

static bool valid(const char *text, size_t n)
{
	struct json_error error;
	return json_check(text, n, NULL, NULL, 0, &error) == 0;
}

static struct json_span span(const char *text)
{
	return (struct json_span){text, text != NULL ? strlen(text) : 0};
}

static void test_quote(void)
{
	static const struct {
		const char *data;
		size_t n;
		const char *want;
		bool replaced;
	} cases[] = {
	    {"", 0, "\"\"", false},
	    {"abc", 3, "\"abc\"", false},
	    {"a\"b\\c/", 6, "\"a\\\"b\\\\c/\"", false},
	    {"\n\r\t\b\f", 5, "\"\\n\\r\\t\\u0008\\u000c\"", false},
	    {"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\"", false},
	    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
	     false},
	    {"\xff", 1, "\"\xef\xbf\xbd\"", true},
	    {"a\x80z", 3, "\"a\xef\xbf\xbdz\"", true},
	    {"\xc3", 1, "\"\xef\xbf\xbd\"", true},
	    {"\xc0\x80", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"", true},
	    {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", true},
	    {"\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"", true},
	    {"\xe2\x82x", 3, "\"\xef\xbf\xbd\xef\xbf\xbdx\"", true},
	    {"\xef\xbf\xbd", 3, "\"\xef\xbf\xbd\"", false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = {0};
		bool replaced = json_quote(&out, cases[i].data, cases[i].n);
		tap_bytes(out.data, out.length, cases[i].want, strlen(cases[i].want),
			  "quoting, case %zu", i);
		tap_int(replaced, cases[i].replaced, "and whether bytes were replaced");
		buf_free(&out);
	}
}

/* The next number of a generator that is the same on every machine. */
static unsigned next_random(uint64_t *state, unsigned below)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(*state >> 33) % below;
}

static void test_quote_any_bytes(void)
{
	uint64_t seed = 1;
	size_t wrong = 0;

	for (int round = 0; round < 20000; round++) {
		char data[40];
		size_t n = next_random(&seed, sizeof data + 1);
		for (size_t i = 0; i < n; i++)
			data[i] = (char)(next_random(&seed, 3) > 0 ? next_random(&seed, 256) : 'a');
		struct buf out = {0}, back = {0};
		bool replaced = json_quote(&out, data, n);
		if (!valid(out.data, out.length)) {
			wrong++;
		} else if (!replaced) {
			json_unescape(&back, (struct json_span){out.data, out.length});
			wrong += back.length != n || (n > 0 && memcmp(back.data, data, n) != 0);
		}
		buf_free(&out);
		buf_free(&back);
	}
	tap_int((long long)wrong, 0,
		"any bytes make a valid string, and come back if they were UTF-8");
}

static void test_compact(void)
{
	static const char *const cases[][2] = {
	    {"1", "1"},
	    {"[ 1 ,\t2\n, 3\r]", "[1,2,3]"},
	    {"{ \"a b\" : \" c \\\" d \" , \"e\" : [ ] }", "{\"a b\":\" c \\\" d \",\"e\":[]}"},
	    {"[\"\\\\\" , \"\\\\\\\"  \"]", "[\"\\\\\",\"\\\\\\\"  \"]"},
	    {"\"  \"", "\"  \""},
	    {"[1.0,\n1e400 , 12345678901234567890,\"\\u0041\"]",
	     "[1.0,1e400,12345678901234567890,\"\\u0041\"]"},
	    {"[ \"0123456789 0123456789 0123456789\" , \"\" ]",
	     "[\"0123456789 0123456789 0123456789\",\"\"]"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = {0};
		json_compact(&out, span(cases[i][0]));
		tap_is(buf_string(&out), cases[i][1], "white space goes, all else stays, case %zu",
		       i);
		buf_free(&out);
	}
}

/* Up to three edits of a table row; value "-" removes. */
struct set_case {
	const char *name;
	const char *object;
	const char *edits[6];
	const char *want;
};

static const struct set_case set_cases[] = {
    {"no edits", "{ \"a\" : 1 , \"b\":2 }", {NULL}, "{ \"a\" : 1 , \"b\":2 }"},
    {"no edits of nothing", "{}", {NULL}, "{}"},
    {"a new member goes last", "{\"a\":1}", {"b", "2"}, "{\"a\":1,\"b\":2}"},
    {"a new member in an empty object", "{}", {"b", "2"}, "{\"b\":2}"},
    {"several new ones, in their order",
     "{\"a\":1}",
     {"c", "3", "b", "2"},
     "{\"a\":1,\"c\":3,\"b\":2}"},
    {"a member keeps its place",
     "{\"a\":1,\"b\":2,\"c\":3}",
     {"b", "[]"},
     "{\"a\":1,\"b\":[],\"c\":3}"},
    {"the first", "{\"a\":1,\"b\":2}", {"a", "\"x\""}, "{\"a\":\"x\",\"b\":2}"},
    {"the last", "{\"a\":1,\"b\":2}", {"b", "null"}, "{\"a\":1,\"b\":null}"},
    {"white space stays", "{ \"a\" : 1 , \"b\"\t:\n2 }", {"b", "3"}, "{ \"a\" : 1 , \"b\"\t:\n3 }"},
    {"remove the first", "{\"a\":1,\"b\":2,\"c\":3}", {"a", "-"}, "{\"b\":2,\"c\":3}"},
    {"remove the middle", "{\"a\":1,\"b\":2,\"c\":3}", {"b", "-"}, "{\"a\":1,\"c\":3}"},
    {"remove the last", "{\"a\":1,\"b\":2,\"c\":3}", {"c", "-"}, "{\"a\":1,\"b\":2}"},
    {"remove the only one", "{\"a\":1}", {"a", "-"}, "{}"},
    {"remove the first two", "{\"a\":1,\"b\":2,\"c\":3}", {"a", "-", "b", "-"}, "{\"c\":3}"},
    {"remove the last two", "{\"a\":1,\"b\":2,\"c\":3}", {"b", "-", "c", "-"}, "{\"a\":1}"},
    {"remove both ends", "{\"a\":1,\"b\":2,\"c\":3}", {"a", "-", "c", "-"}, "{\"b\":2}"},
    {"remove all", "{\"a\":1,\"b\":2}", {"a", "-", "b", "-"}, "{}"},
    {"remove all and add", "{\"a\":1,\"b\":2}", {"a", "-", "b", "-", "c", "3"}, "{\"c\":3}"},
    {"remove what is not there", "{\"a\":1}", {"x", "-"}, "{\"a\":1}"},
    {"remove from nothing", "{}", {"x", "-"}, "{}"},
    {"remove one, set one, add one",
     "{\"a\":1,\"b\":2}",
     {"a", "-", "b", "3", "c", "4"},
     "{\"b\":3,\"c\":4}"},
    {"set the first, remove the rest", "{\"a\":1,\"b\":2}", {"a", "9", "b", "-"}, "{\"a\":9}"},
    {"a comma in the removed value", "{\"a\":[1,2],\"b\":3}", {"a", "-"}, "{\"b\":3}"},
    {"a comma in a key behind a removed one", "{\"a\":1,\"b,c\":3}", {"a", "-"}, "{\"b,c\":3}"},
    {"of duplicates the last is set",
     "{\"a\":1,\"a\":2,\"a\":3}",
     {"a", "4"},
     "{\"a\":1,\"a\":2,\"a\":4}"},
    {"duplicates are all removed", "{\"a\":1,\"b\":2,\"a\":3}", {"a", "-"}, "{\"b\":2}"},
    {"duplicates and nothing else", "{\"a\":1,\"a\":3}", {"a", "-"}, "{}"},
    {"others' duplicates stay", "{\"a\":1,\"a\":3}", {"b", "2"}, "{\"a\":1,\"a\":3,\"b\":2}"},
    {"an escaped key is the same key",
     "{\"\\u0061\":1,\"b\":2}",
     {"a", "3"},
     "{\"\\u0061\":3,\"b\":2}"},
    {"and is removed as well", "{\"\\u0061\":1,\"b\":2}", {"a", "-"}, "{\"b\":2}"},
    {"escaped and plain are duplicates",
     "{\"a\":1,\"\\u0061\":2}",
     {"a", "3"},
     "{\"a\":1,\"\\u0061\":3}"},
    {"members of members are others'",
     "{\"b\":{\"a\":1}}",
     {"a", "2"},
     "{\"b\":{\"a\":1},\"a\":2}"},
    {"numbers and escapes of others stay",
     "{\"n\":12345678901234567890,\"f\":1.0,\"e\":1e400,\"s\":\"\\u0041\\/\",\"a\":0}",
     {"a", "1"},
     "{\"n\":12345678901234567890,\"f\":1.0,\"e\":1e400,\"s\":\"\\u0041\\/\",\"a\":1}"},
    {"braces and quotes in strings",
     "{\"x\":\"}\\\",\",\"a\":\"{\"}",
     {"a", "1"},
     "{\"x\":\"}\\\",\",\"a\":1}"},
};

static void test_set(void)
{
	for (size_t i = 0; i < sizeof set_cases / sizeof *set_cases; i++) {
		const struct set_case *c = &set_cases[i];
		struct json_edit edits[3];
		struct buf out = {0};
		size_t count = 0;

		for (; count < 3 && c->edits[2 * count] != NULL; count++) {
			const char *value = c->edits[2 * count + 1];
			edits[count].name = c->edits[2 * count];
			edits[count].value = span(strcmp(value, "-") == 0 ? NULL : value);
		}
		json_set(&out, span(c->object), edits, count);
		tap_is(buf_string(&out), c->want, "set: %s", c->name);
		buf_free(&out);
	}
}

/* Removal leaves valid JSON wherever the white space stands. */
static void test_set_space(void)
{
	static const char object[] = "{ \"a\" : 1 ,\n\t\"b\" : 2 , \"c\" : 3\r\n }";

	for (unsigned mask = 0; mask < 27; mask++) {
		static const char *const names[] = {"a", "b", "c"};
		struct json_edit edits[3];
		struct buf out = {0};
		size_t count = 0;
		unsigned rest = mask;
		long long want = 0;
		for (int i = 0; i < 3; i++, rest /= 3) {
			want += rest % 3 != 1;
			if (rest % 3 == 0)
				continue;
			edits[count].name = names[i];
			edits[count++].value = span(rest % 3 == 1 ? NULL : "{\"x\": [1, 2]}");
		}
		json_set(&out, span(object), edits, count);
		struct json_span set = {out.data, out.length};
		tap_ok(valid(out.data, out.length),
		       "keep, remove or set each of three, with space: %u", mask);
		tap_int((long long)json_count(set), want,
			"and as many members are left as should be");
		rest = mask;
		for (int i = 0; i < 3; i++, rest /= 3)
			if ((json_get(set, names[i]).at != NULL) != (rest % 3 != 1))
				tap_ok(false, "%s is there or not as it should be", names[i]);
		buf_free(&out);
	}
}

/* A random object of members m0 to m5, some twice, some spelled with an escape. */
static void random_object(struct buf *out, uint64_t *seed)
{
	static const char *const spaces[] = {"", "", "", " ", "\n", "\t", "\r\n  "};
	static const char *const values[] = {
	    "1.0",  "\"}\\\",{\"", "[1, [2], {}]",         "{\"m0\":{\"m1\":[]}}", "1e400",
	    "null", "\"\"",        "12345678901234567890", "\"\\u00e9\\\\\"",      "{}"};
	unsigned n = next_random(seed, 9);

	buf_addc(out, '{');
	for (unsigned i = 0; i < n; i++) {
		buf_adds(out, i > 0 ? "," : "");
		buf_adds(out, spaces[next_random(seed, 7)]);
		buf_addf(out, next_random(seed, 4) > 0 ? "\"m%u\"" : "\"\\u006d%u\"",
			 next_random(seed, 6));
		buf_adds(out, spaces[next_random(seed, 7)]);
		buf_addc(out, ':');
		buf_adds(out, spaces[next_random(seed, 7)]);
		buf_adds(out, values[next_random(seed, 10)]);
		buf_adds(out, spaces[next_random(seed, 7)]);
	}
	buf_addc(out, '}');
}

static bool same(struct json_span a, struct json_span b)
{
	return (a.at == NULL) == (b.at == NULL) && a.length == b.length &&
	       (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

/* The next member that no edit names, or false. */
static bool next_other(struct json_iter *it, const struct json_edit *edits, size_t count,
		       struct json_span *key, struct json_span *value)
{
	while (json_next(it, key, value)) {
		bool named = false;
		for (size_t i = 0; i < count; i++)
			named = named || json_equals(*key, edits[i].name);
		if (!named)
			return true;
	}
	return false;
}

/* After edits: valid; each edit holds; all other members are there, the same bytes, in their order;
 * the same edits again change nothing. */
static bool set_holds(struct json_span object, const struct json_edit *edits, size_t count)
{
	struct buf out = {0}, again = {0};
	struct json_span key1, key2, value1, value2;

	json_set(&out, object, edits, count);
	struct json_span set = {out.data, out.length};
	bool ok = valid(out.data, out.length);
	for (size_t i = 0; ok && i < count; i++)
		ok = same(json_get(set, edits[i].name), edits[i].value);
	struct json_iter before = json_iter(object), after = json_iter(set);
	while (ok && next_other(&before, edits, count, &key1, &value1))
		ok = next_other(&after, edits, count, &key2, &value2) && same(key1, key2) &&
		     same(value1, value2);
	ok = ok && !next_other(&after, edits, count, &key2, &value2);
	if (ok) {
		json_set(&again, set, edits, count);
		ok = same(set, (struct json_span){again.data, again.length});
	}
	buf_free(&out);
	buf_free(&again);
	return ok;
}

static void test_set_random(void)
{
	static const char *const names[] = {"m0", "m1", "m2", "m3", "m4", "m5", "new", "lb"};
	static const char *const values[] = {NULL, NULL, "1", "\"x\"", "{\"m0\": 1}", "[ ]"};
	uint64_t seed = 2;
	int wrong = 0;

	for (int round = 0; round < 50000; round++) {
		struct json_edit edits[8];
		struct buf object = {0};
		size_t count = 0;
		random_object(&object, &seed);
		for (size_t i = 0; i < 8; i++)
			if (next_random(&seed, 3) == 0)
				edits[count++] = (struct json_edit){
				    names[i], span(values[next_random(&seed, 6)])};
		struct json_span before = {object.data, object.length};
		if (!set_holds(before, edits, count) && wrong++ == 0)
			tap_bytes(object.data, object.length, "", 0,
				  "the first object that is edited wrongly");
		buf_free(&object);
	}
	tap_int(wrong, 0, "50,000 random edits change what they name and nothing else");
}

/* Thirty-two edits, the most there may be, and an object full of one name. */
static void test_set_limits(void)
{
	struct buf object = {0}, out = {0};
	struct json_edit edits[32];
	char names[32][16];

	for (int i = 0; i < 32; i++) {
		snprintf(names[i], sizeof names[i], "k%d", i);
		edits[i] = (struct json_edit){names[i], span("1")};
	}
	json_set(&out, span("{\"k31\":0}"), edits, 32);
	tap_int((long long)json_count((struct json_span){out.data, out.length}), 32, "32 edits");
	buf_clear(&out);
	buf_adds(&object, "{\"k0\":0");
	for (int i = 0; i < 100000; i++)
		buf_adds(&object, ",\"k0\":0");
	buf_addc(&object, '}');
	/* Work that grew with the square of this would be noticed by the time limit. */
	json_set(&out, (struct json_span){object.data, object.length}, edits, 1);
	object.data[object.length - 2] = '1';
	tap_bytes(out.data, out.length, object.data, object.length,
		  "a hundred thousand members of one name: the last is set, in reasonable time");
	buf_free(&object);
	buf_free(&out);
}

int main(void)
{
	test_quote();
	test_quote_any_bytes();
	test_compact();
	test_set();
	test_set_space();
	test_set_random();
	test_set_limits();
	return tap_done();
}
