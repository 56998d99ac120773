/* flight: records are found by the value of a string id, and by the text of any other. */
#include "flight.h"
#include "tap.h"

#include <stdlib.h>

static struct buf key;

static const struct buf *key_of(const char *id)
{
	flight_key(&key, (struct json_span){id, id != NULL ? strlen(id) : 0});
	return &key;
}

static void test_keys(void)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
	    {"\"a\"", "\"a\"", true},
	    {"\"a\"", "\"\\u0061\"", true},
	    {"\"\xc3\xa9\"", "\"\\u00e9\"", true},
	    {"\"\xf0\x9f\x98\x80\"", "\"\\ud83d\\uDE00\"", true},
	    {"\"a/b\"", "\"a\\/b\"", true},
	    {"\"a\"", "\"A\"", false},
	    {"\"a\"", "\"a \"", false},
	    {"\"1\"", "1", false},
	    {"1", "1.0", false},
	    {"1", "1", true},
	    {"true", "\"true\"", false},
	    {"[1, 2]", "[1,2]", true},
	    {"\"\"", "\"a\"", false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct spool *spool = spool_new(1000);
		struct flight_table *t = flight_new(spool);
		struct flight *f;
		flight_add(t, key_of(cases[i].a), JSON_LITERAL("{}"), NULL, 0, &f);
		tap_ok((flight_find(t, key_of(cases[i].b)) == f) == cases[i].same,
		       "%s and %s are %s", cases[i].a, cases[i].b,
		       cases[i].same ? "the same" : "different");
		flight_free(t);
		spool_free(spool);
	}
	tap_int((long long)key_of(NULL)->length, 0, "no id gives no key");
	tap_int((long long)key_of("null")->length, 0, "null gives no key");
}

static void test_many(void)
{
	enum { COUNT = 20000 };
	struct spool *spool = spool_new(1000);
	struct flight_table *t = flight_new(spool);
	struct flight *f;
	struct buf request = {0};
	char id[32];
	int wrong = 0;

	tap_ok(flight_find(t, key_of("\"x\"")) == NULL && flight_any(t) == NULL,
	       "an empty table finds nothing");
	for (int i = 0; i < COUNT; i++) {
		int n = snprintf(id, sizeof id, "\"id%d\"", i);
		flight_add(t, key_of(id), (struct json_span){id, (size_t)n}, &i, sizeof i, &f);
		f->sequence = (uint64_t)i;
	}
	tap_int((long long)flight_count(t), COUNT, "all are counted");
	for (int i = 0; i < COUNT; i += 2) {
		int note;
		snprintf(id, sizeof id, "\"id%d\"", i);
		f = flight_find(t, key_of(id));
		buf_clear(&request);
		if (f == NULL || f->sequence != (uint64_t)i || f->note_length != sizeof note ||
		    spool_get(&f->request, &request) < 0 || strcmp(buf_string(&request), id) != 0) {
			wrong++;
			continue;
		}
		flight_remove(t, f);
		memcpy(&note, flight_note(f), sizeof note);
		wrong += note != i;
		wrong += flight_find(t, key_of(id)) != NULL;
		flight_release(f);
	}
	tap_int(wrong, 0, "each is found with its request and note, and gone when removed");
	while ((f = flight_any(t)) != NULL) {
		wrong += f->sequence % 2 != 1;
		flight_remove(t, f);
		flight_release(f);
	}
	tap_int(wrong, 0, "the others are all there, once");
	tap_int((long long)flight_count(t), 0, "then it is empty");
	flight_add(t, key_of("1"), JSON_LITERAL("{}"), NULL, 0, &f);
	tap_ok(flight_any(t) == f, "what comes later is seen again");
	buf_free(&request);
	flight_free(t);
	flight_free(NULL);
	spool_free(spool);
}

int main(void)
{
	test_keys();
	test_many();
	buf_free(&key);
	return tap_done();
}
