/* A part's ids, its requests to be asked anew, and its events. */
#include "batch_event.h"
#include "batch_files.h"
#include "batch_part.h"
#include "mem.h"
#include "tap.h"

static struct batch_part *part_of(uint64_t count)
{
	struct batch_part *p = batch_part_new(7);

	p->count = count;
	memcpy(p->tag, "k3f9q2ab", 9);
	return p;
}

static void test_ids(void)
{
	static const struct {
		uint64_t index;
		const char *custom_id, *id;
	} cases[] = {
	    {0, "\"a\"", "0-k3f9q2ab-a"},
	    {17, "\"product-17\"", "17-k3f9q2ab-product-17"},
	    {3, "12.5", "3-k3f9q2ab-12_5"},
	    {3, "null", "3-k3f9q2ab"},
	    {3, NULL, "3-k3f9q2ab"},
	    {3, "\"\"", "3-k3f9q2ab-"},
	    {99999, "\"a b/c\\n\"", "99999-k3f9q2ab-a_b_c_n"},
	    {1, "\"\xc3\xa4\"", "1-k3f9q2ab-__"},
	    {1, "{\"x\":1}", "1-k3f9q2ab-_x_1_"},
	    {12, "\"0123456789012345678901234567890123456789012345678901234567890123456789\"",
	     "12-k3f9q2ab-0123456789012345678901234567890123456789012345678901"},
	};
	struct batch_part *p = part_of(100000);
	char id[BATCH_ID], quoted[BATCH_ID + 2];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct json_span own = {cases[i].custom_id, 0};
		own.length = own.at != NULL ? strlen(own.at) : 0;
		batch_part_id(p, cases[i].index, own, id);
		tap_is(id, cases[i].id, "the id sent for %s", own.at != NULL ? own.at : "none");
		tap_ok(strlen(id) <= 64, "it has 64 characters at most");
		int n = snprintf(quoted, sizeof quoted, "\"%s\"", id);
		tap_int(batch_part_index(p, (struct json_span){quoted, (size_t)n}),
			(long long)cases[i].index, "it leads back to the index");
	}
	batch_part_free(p);
}

static void test_strange_ids(void)
{
	static const char *const cases[] = {
	    "\"\"",          "\"x\"",           "\"3\"",
	    "\"3-\"",        "\"3-k3f9q2a\"",   "\"3-k3f9q2aX-a\"",
	    "\"-k3f9q2ab\"", "\"10-k3f9q2ab\"", "\"99999999999999999999999-k3f9q2ab\"",
	    "\"k3f9q2ab\"",  "\" 3-k3f9q2ab\"", "\"18446744073709551619-k3f9q2ab\"",
	};
	struct batch_part *p = part_of(10);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		tap_int(batch_part_index(p, (struct json_span){cases[i], strlen(cases[i])}), -1,
			"%s is no id of this part", cases[i]);
	batch_part_free(p);
}

static void test_tags(void)
{
	char a[BATCH_TAG], b[BATCH_TAG];

	tap_int(batch_part_tag(a), 0, "there is a tag");
	tap_int((long long)strspn(a, "abcdefghijkmnpqrstuvwxyz23456789"), 8,
		"of characters that every provider takes in an id");
	batch_part_tag(b);
	tap_ok(strcmp(a, b) != 0, "the next one is another");
}

static void test_dead(void)
{
	static const char *const good[] = {"", "0", "9", "0-9", "0-2,5,7-9", "3,5"};
	static const char *const bad[] = {"10", "0-10", "5-3", "-",  "1-",   "x",         "1,",
					  ",1", "1;2",  "-3",  " 1", "0-2 ", "4294967296"};
	struct buf text = {0};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		struct batch_part *p = part_of(10);
		buf_clear(&text);
		tap_int(batch_part_read_dead(p, good[i]), 0, "\"%s\" is read", good[i]);
		batch_part_list_dead(p, &text);
		tap_is(buf_string(&text), good[i], "and written");
		batch_part_free(p);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct batch_part *p = part_of(10);
		tap_int(batch_part_read_dead(p, bad[i]), -1, "\"%s\" is refused", bad[i]);
		batch_part_free(p);
	}
	struct batch_part *p = part_of(10);
	batch_part_read_dead(p, "1-2,9");
	tap_ok(!batch_part_is_dead(p, 0) && batch_part_is_dead(p, 1) && batch_part_is_dead(p, 2) &&
		   !batch_part_is_dead(p, 3) && batch_part_is_dead(p, 9),
	       "these and no others are to be asked anew");
	p->phase = BATCH_FAILED;
	tap_ok(batch_part_is_dead(p, 0), "all are, when the whole part failed");
	batch_part_free(p);
	buf_free(&text);
}

/* Applies the event of a phase to a part, as it would be read. */
static const char *apply(struct batch_part *p, const char *text)
{
	return batch_event_apply(p, (struct json_span){text, strlen(text)});
}

static void test_events(void)
{
	static const char *const events[] = {
	    "{\"event\":\"spooled\",\"tag\":\"abcdefgh\",\"url\":\"/v1/embeddings\","
	    "\"model\":\"m\\u0061\",\"params\":true,\"base\":\"https://h/v1\",\"count\":3,"
	    "\"bytes\":44,\"upload\":55,\"tokens\":66,\"round\":2}",
	    "{\"event\":\"uploaded\",\"file\":\"file-1\"}",
	    "{\"event\":\"creating\",\"newest\":7}",
	    "{\"event\":\"created\",\"batch\":\"b_1\"}",
	    "{\"event\":\"ended\",\"outcome\":\"expired\",\"output\":\"o\",\"errors\":\"\"}",
	    "{\"event\":\"ended\",\"outcome\":\"failed\",\"output\":\"o\",\"errors\":\"\","
	    "\"code\":\"x\",\"message\":\"y\"}",
	    "{\"event\":\"fetched\"}",
	    "{\"event\":\"collected\",\"again\":\"0,2\"}",
	    "{\"event\":\"failed\",\"code\":\"x\",\"message\":\"a \\\"b\\\"\"}",
	};
	static const enum batch_phase phases[] = {BATCH_SPOOLED, BATCH_UPLOADED,  BATCH_CREATING,
						  BATCH_CREATED, BATCH_ENDED,     BATCH_ENDED,
						  BATCH_FETCHED, BATCH_COLLECTED, BATCH_FAILED};
	struct batch_part *p = batch_part_new(1);
	struct buf text = {0};

	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		tap_is(apply(p, events[i]), NULL, "%s is taken", batch_event_name(phases[i]));
		tap_int(p->phase, phases[i], "it leads to its phase");
		buf_clear(&text);
		buf_addf(&text, "{\"event\":\"%s\"", batch_event_name(phases[i]));
		batch_event_members(&text, p, phases[i]);
		buf_addc(&text, '}');
		tap_is(buf_string(&text), events[i], "the same event is written");
	}
	apply(p, "{\"event\":\"creating\",\"newest\":8}");
	tap_int(p->newest, 7, "what was the newest at the first intention counts");
	p->newest = BATCH_UNINTENDED;
	apply(p, "{\"event\":\"creating\",\"newest\":-9223372036854775808}");
	apply(p, "{\"event\":\"creating\",\"newest\":8}");
	tap_int(p->newest, 0, "also when it was not known then, or from before 1970");
	tap_is(apply(p, "{\"event\":\"refused\"}"), NULL, "refused is taken");
	tap_int(p->phase, BATCH_UPLOADED, "it leads back to uploaded");
	tap_ok(p->batch[0] == '\0' && p->refused_count == 1 && strcmp(p->refused[0], "b_1") == 0,
	       "and the batch is remembered as one that was refused");
	batch_part_free(p);
	buf_free(&text);
}

static void test_bad_events(void)
{
	static const char *const events[] = {
	    "{\"event\":\"nonsense\"}",
	    "{}",
	    "{\"event\":\"uploaded\"}",
	    "{\"event\":\"uploaded\",\"file\":1}",
	    "{\"event\":\"created\"}",
	    "{\"event\":\"created\",\"batch\":\"\"}",
	    "{\"event\":\"created\",\"batch\":\"..\"}",
	    "{\"event\":\"uploaded\",\"file\":\"a b\"}",
	    "{\"event\":\"ended\",\"outcome\":\"ended\",\"output\":\".\",\"errors\":\"\"}",
	    "{\"event\":\"ended\",\"outcome\":\"odd\",\"output\":\"o\",\"errors\":\"\"}",
	    "{\"event\":\"ended\",\"outcome\":\"ended\",\"output\":\"o\"}",
	    "{\"event\":\"ended\",\"outcome\":\"failed\",\"output\":\"o\",\"errors\":\"\"}",
	    "{\"event\":\"collected\"}",
	    "{\"event\":\"collected\",\"again\":\"9\"}",
	    "{\"event\":\"failed\",\"code\":\"x\"}",
	    "{\"event\":\"spooled\",\"tag\":\"much too "
	    "long\",\"base\":\"b\",\"count\":1,\"bytes\":1,"
	    "\"upload\":1,\"tokens\":1,\"round\":0}",
	    "{\"event\":\"spooled\",\"tag\":\"abcdefgh\",\"base\":\"b\",\"count\":0,\"bytes\":1,"
	    "\"upload\":1,\"tokens\":1,\"round\":0}",
	    "{\"event\":\"spooled\",\"tag\":\"abcdefgh\",\"base\":\"b\",\"count\":-1,\"bytes\":1,"
	    "\"upload\":1,\"tokens\":1,\"round\":0}",
	    "{\"event\":\"spooled\",\"tag\":\"abcdefgh\",\"base\":\"b\",\"count\":1000001,"
	    "\"bytes\":1,\"upload\":1,\"tokens\":1,\"round\":0}",
	    "{\"event\":\"spooled\",\"tag\":\"abcdefgh\",\"base\":\"b\",\"count\":1,"
	    "\"bytes\":34359738369,\"upload\":1,\"tokens\":1,\"round\":0}",
	    "{\"event\":\"spooled\",\"tag\":\"short\",\"base\":\"b\",\"count\":1,\"bytes\":1,"
	    "\"upload\":1,\"tokens\":1,\"round\":0}",
	    "{\"event\":\"spooled\",\"tag\":\"abcdefgh\",\"url\":{},\"base\":\"b\",\"count\":1,"
	    "\"bytes\":1,\"upload\":1,\"tokens\":1,\"round\":0}",
	};

	for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
		struct batch_part *p = part_of(3);
		tap_ok(apply(p, events[i]) != NULL, "refused: %s", events[i]);
		batch_part_free(p);
	}
}

int main(void)
{
	test_ids();
	test_strange_ids();
	test_tags();
	test_dead();
	test_events();
	test_bad_events();
	return tap_done();
}
