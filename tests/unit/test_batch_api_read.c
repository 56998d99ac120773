/* What a Batch API says of files, batches and lists of them. */
#include "batch_api.h"
#include "buf.h"
#include "clock.h"
#include "tap.h"

#include <stdlib.h>

static struct json_span span(const char *text)
{
	return (struct json_span){text, strlen(text)};
}

#define COUNTS(total, completed, failed) \
	"\"request_counts\":{\"total\":" total ",\"completed\":" completed ",\"failed\":" failed "}"
#define ANTHROPIC(processing, succeeded, errored, canceled, expired)                 \
	"\"request_counts\":{\"processing\":" processing ",\"succeeded\":" succeeded \
	",\"errored\":" errored ",\"canceled\":" canceled ",\"expired\":" expired "}"
#define OUT "\"output_file_id\":\"o\""
#define ERR "\"error_file_id\":\"e\""

static const struct state_case {
	enum target_style style;
	const char *members; /* besides the id */
	enum batch_api_state state;
	bool late;
} states[] = {
    {TARGET_OPENAI, "\"status\":\"validating\"", BATCH_API_WAITING, false},
    {TARGET_OPENAI, "\"status\":\"in_progress\"," COUNTS("9", "4", "0"), BATCH_API_WAITING, false},
    {TARGET_OPENAI, "\"status\":\"finalizing\"", BATCH_API_WAITING, false},
    {TARGET_OPENAI, "\"status\":\"cancelling\"", BATCH_API_WAITING, false},
    {TARGET_OPENAI, "\"status\":\"something_new\"", BATCH_API_WAITING, false},
    {TARGET_OPENAI, "\"status\":7", BATCH_API_WAITING, false},
    {TARGET_OPENAI, "\"status\":null", BATCH_API_WAITING, false},
    {TARGET_OPENAI, "\"x\":1", BATCH_API_WAITING, false},
    {TARGET_OPENAI, "\"status\":\"completed\"," OUT, BATCH_API_ENDED, false},
    {TARGET_OPENAI, "\"status\":\"COMPLETED\"," OUT, BATCH_API_ENDED, false},
    {TARGET_OPENAI, "\"status\":\"completed\"," OUT "," ERR "," COUNTS("3", "2", "1"),
     BATCH_API_ENDED, false},
    {TARGET_OPENAI, "\"status\":\"completed\"," ERR "," COUNTS("3", "0", "3"), BATCH_API_ENDED,
     false},
    {TARGET_OPENAI, "\"status\":\"completed\"", BATCH_API_ENDED, true},
    {TARGET_OPENAI, "\"status\":\"completed\",\"output_file_id\":null," COUNTS("3", "3", "0"),
     BATCH_API_ENDED, true},
    {TARGET_OPENAI, "\"status\":\"completed\"," COUNTS("3", "0", "3"), BATCH_API_ENDED, true},
    {TARGET_OPENAI, "\"status\":\"completed\"," ERR "," COUNTS("3", "2", "1"), BATCH_API_ENDED,
     true},
    {TARGET_OPENAI, "\"status\":\"expired\"," ERR "," COUNTS("3", "0", "0"), BATCH_API_EXPIRED,
     false},
    {TARGET_OPENAI, "\"status\":\"expired\"", BATCH_API_EXPIRED, false},
    {TARGET_OPENAI, "\"status\":\"expired\"," ERR "," COUNTS("3", "1", "0"), BATCH_API_EXPIRED,
     true},
    {TARGET_OPENAI, "\"status\":\"cancelled\"," OUT "," COUNTS("3", "1", "0"), BATCH_API_CANCELLED,
     false},
    {TARGET_OPENAI, "\"status\":\"canceled\"", BATCH_API_CANCELLED, false},
    {TARGET_OPENAI, "\"status\":\"cancelled\"," COUNTS("3", "1", "0"), BATCH_API_CANCELLED, true},
    {TARGET_OPENAI, "\"status\":\"failed\"," COUNTS("0", "0", "0"), BATCH_API_FAILED, false},
    {TARGET_OPENAI, "\"status\":\"failed\"," OUT "," COUNTS("3", "1", "0"), BATCH_API_FAILED,
     false},
    {TARGET_OPENAI, "\"status\":\"failed\"," COUNTS("3", "1", "0"), BATCH_API_FAILED, true},
    {TARGET_OPENAI, "\"processing_status\":\"ended\"", BATCH_API_WAITING, false},

    {TARGET_ANTHROPIC, "\"processing_status\":\"in_progress\"", BATCH_API_WAITING, false},
    {TARGET_ANTHROPIC, "\"processing_status\":\"canceling\"", BATCH_API_WAITING, false},
    {TARGET_ANTHROPIC, "\"processing_status\":\"ended\",\"results_url\":\"https://x/y\"",
     BATCH_API_ENDED, false},
    {TARGET_ANTHROPIC, "\"processing_status\":\"ended\",\"results_url\":null", BATCH_API_ENDED,
     true},
    {TARGET_ANTHROPIC,
     "\"processing_status\":\"ended\",\"results_url\":null,\"archived_at\":\"2024-08-20T18:37:"
     "24Z\"",
     BATCH_API_ENDED, false},
    {TARGET_ANTHROPIC, "\"status\":\"completed\"", BATCH_API_WAITING, false},
};

static void test_states(void)
{
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		const struct state_case *c = &states[i];
		struct batch_api_batch b;
		const char *problem = NULL;
		struct buf text = {0};
		buf_addf(&text, "{\"id\":\"batch_1\",%s}", c->members);
		struct json_span all = {text.data, text.length};
		tap_int(batch_api_read(&b, c->style, all, &problem), 0, "read: %s", c->members);
		tap_int((int)b.state, (int)c->state, "its state");
		tap_int(b.late, c->late, "a file that is to come, or not");
		buf_free(&text);
	}
}

/* As in the API reference. */
static void test_openai(void)
{
	static const char text[] =
	    "{\n \"id\": \"batch_abc123\", \"object\": \"batch\",\n"
	    " \"endpoint\": \"/v1/completions\", \"errors\": null,\n"
	    " \"input_file_id\": \"file-abc123\", \"completion_window\": \"24h\",\n"
	    " \"status\": \"completed\", \"output_file_id\": \"file-cvaTdG\",\n"
	    " \"error_file_id\": \"file-HOWS94\", \"created_at\": 1711471533,\n"
	    " \"expires_at\": 1711557933, \"failed_at\": null,\n"
	    " \"request_counts\": {\"total\": 100, \"completed\": 95, \"failed\": 5},\n"
	    " \"metadata\": {\"customer_id\": \"user_1\", \"lb_tag\": \"k3f9\\u00712\"}}\n";
	struct batch_api_batch b;
	const char *problem = NULL;

	tap_int(batch_api_read(&b, TARGET_OPENAI, span(text), &problem), 0, "OpenAI's batch");
	tap_is(b.id, "batch_abc123", "its id");
	tap_is(b.input_file, "file-abc123", "its input");
	tap_is(b.output_file, "file-cvaTdG", "its output");
	tap_is(b.error_file, "file-HOWS94", "its errors");
	tap_is(b.tag, "k3f9q2", "its tag, escapes considered");
	tap_bytes(b.status.at, b.status.length, "\"completed\"", 11, "its status as written");
	tap_int(b.total, 100, "requests");
	tap_int(b.completed, 95, "completed");
	tap_int(b.failed, 5, "failed");
	tap_int(b.created, 1711471533 * CLOCK_SEC, "when it was created");
	tap_ok(b.error_code.at == NULL && b.error_message.at == NULL && b.error_line == 0,
	       "no error");
}

static void test_failed(void)
{
	static const char text[] =
	    "{\"id\":\"batch_1\",\"status\":\"failed\",\"errors\":{\"object\":\"list\",\"data\":["
	    "{\"code\":\"token_limit_exceeded\",\"message\":\"Enqueued token limit\","
	    "\"param\":null,\"line\":17},{\"code\":\"x\"}]}}";
	struct batch_api_batch b;
	const char *problem = NULL;

	tap_int(batch_api_read(&b, TARGET_OPENAI, span(text), &problem), 0, "a refused batch");
	tap_ok(json_equals(b.error_code, "token_limit_exceeded"), "the first error's code");
	tap_ok(json_equals(b.error_message, "Enqueued token limit"), "its message");
	tap_int(b.error_line, 17, "its line");
	tap_int(b.created, -1, "no date");
	tap_is(b.tag, "", "no tag");

	static const char *const vague[] = {
	    "{\"id\":\"b\",\"status\":\"failed\"}",
	    "{\"id\":\"b\",\"status\":\"failed\",\"errors\":null}",
	    "{\"id\":\"b\",\"status\":\"failed\",\"errors\":{\"data\":[]}}",
	    "{\"id\":\"b\",\"status\":\"failed\",\"errors\":[7]}",
	    "{\"id\":\"b\",\"status\":\"failed\",\"errors\":{\"data\":[{\"line\":null}]}}",
	    "{\"id\":\"b\",\"status\":\"failed\",\"errors\":{\"data\":[{\"line\":-1}]}}",
	};
	for (size_t i = 0; i < sizeof vague / sizeof *vague; i++) {
		tap_int(batch_api_read(&b, TARGET_OPENAI, span(vague[i]), &problem), 0,
			"refused without a reason: %s", vague[i]);
		tap_ok(b.state == BATCH_API_FAILED && b.error_code.at == NULL && b.error_line == 0,
		       "is known as that");
	}
}

/* As in the API reference. */
static void test_anthropic(void)
{
	static const char text[] =
	    "{\"id\":\"msgbatch_013Zva2\",\"type\":\"message_batch\","
	    "\"processing_status\":\"ended\","
	    "\"request_counts\":{\"processing\":1,\"succeeded\":50,\"errored\":30,"
	    "\"canceled\":10,\"expired\":10},\"ended_at\":\"2024-08-20T18:37:24.100435Z\","
	    "\"created_at\":\"2024-08-20T18:37:24.5Z\","
	    "\"results_url\":\"https://evil.example/steal\"}";
	struct batch_api_batch b;
	const char *problem = NULL;

	tap_int(batch_api_read(&b, TARGET_ANTHROPIC, span(text), &problem), 0, "Anthropic's batch");
	tap_is(b.output_file, "msgbatch_013Zva2", "results are fetched by its id, not by its url");
	tap_is(b.error_file, "", "there is one file");
	tap_int(b.total, 101, "requests");
	tap_int(b.completed, 50, "completed");
	tap_int(b.failed, 50, "failed");
	/* date -d 2024-08-20T18:37:24Z +%s */
	tap_int(b.created, 1724179044 * CLOCK_SEC + CLOCK_SEC / 2, "when it was created");
}

static void test_ids(void)
{
	static const struct {
		const char *text;
		int result;
	} cases[] = {
	    {"", -1},
	    {"<html>", -1},
	    {"{\"id\":\"a\"", -1},
	    {"[]", -1},
	    {"\"id\"", -1},
	    {"{}", -1},
	    {"{\"id\":null}", -1},
	    {"{\"id\":7}", -1},
	    {"{\"id\":\"\"}", -1},
	    {"{\"id\":\".\"}", -1},
	    {"{\"id\":\"..\"}", -1},
	    {"{\"id\":\"a b\"}", -1},
	    {"{\"id\":\"a\\nb\"}", -1},
	    {"{\"id\":\"a\\u0000b\"}", -1},
	    {"{\"id\":\"a\\u007f\"}", -1},
	    {"{\"id\":\"a\xff\"}", -1},
	    {"{\"error\":{\"message\":\"m\"}}", -1},
	    {"{\"id\":\"a\"}", 0},
	    {"{\"id\":\"...\"}", 0},
	    {"{\"id\":\"../x\"}", 0},
	    {"{\"id\":\"b\",\"id\":\"a\"}", 0},
	    {" {\"id\":\"a\"}\r\n", 0},
	};
	struct batch_api_batch b;
	char id[BATCH_API_ID];
	const char *problem;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		problem = NULL;
		tap_int(batch_api_read(&b, TARGET_OPENAI, span(cases[i].text), &problem),
			cases[i].result, "a batch with an id, or not: %s", cases[i].text);
		tap_int(problem != NULL, cases[i].result < 0, "if not, it says why");
		problem = NULL;
		tap_int(batch_api_file(id, span(cases[i].text), &problem), cases[i].result,
			"and as a file");
		tap_int(problem != NULL, cases[i].result < 0, "if not, it says why");
		if (cases[i].result == 0)
			tap_is(id, b.id, "the same id");
	}
}

static void test_long_ids(void)
{
	for (size_t n = BATCH_API_ID - 1; n <= BATCH_API_ID; n++) {
		struct buf text = {0};
		char id[BATCH_API_ID];
		const char *problem;
		buf_adds(&text, "{\"id\":\"");
		for (size_t i = 0; i < n; i++)
			buf_addc(&text, 'x');
		buf_adds(&text, "\"}");
		int result =
		    batch_api_file(id, (struct json_span){text.data, text.length}, &problem);
		tap_int(result, n < BATCH_API_ID ? 0 : -1, "an id of %zu bytes", n);
		tap_int((long long)strlen(id), n < BATCH_API_ID ? (long long)n : 0, "is whole");
		buf_free(&text);
	}
}

static const struct page_case {
	const char *text;
	const char *ids; /* with a blank behind each; NULL: no page */
	const char *last;
	bool more;
} pages[] = {
    {"{\"data\":[{\"id\":\"a\"},{\"id\":\"b\"}],\"has_more\":true,\"first_id\":\"a\","
     "\"last_id\":\"b\"}",
     "a b ", "b", true},
    {"{\"data\":[{\"id\":\"a\"}],\"has_more\":false,\"last_id\":\"a\"}", "a ", "a", false},
    {"{\"data\":[{\"id\":\"a\"}],\"has_more\":true}", "a ", "a", true},
    {"{\"data\":[{\"id\":\"a\"}],\"has_more\":true,\"last_id\":null}", "a ", "a", true},
    {"{\"data\":[{\"id\":\"a\"}]}", "a ", "a", false},
    {"{\"data\":[],\"has_more\":false}", "", "", false},
    {"{\"data\":[],\"has_more\":true,\"last_id\":\"x\"}", "", "x", false},
    {"{\"data\":[7],\"has_more\":true}", "", "", false},
    {"{\"data\":[7,{\"id\":null},{\"id\":\"a\"},[]],\"has_more\":true,\"last_id\":\"z\"}", "a ",
     "z", true},
    {"{\"data\":{}}", NULL, NULL, false},
    {"{\"data\":null}", NULL, NULL, false},
    {"{}", NULL, NULL, false},
    {"[]", NULL, NULL, false},
    {"[{\"id\":\"a\"}]", NULL, NULL, false},
    {"{\"data\":[{\"id\":\"a\"}]", NULL, NULL, false},
    {"", NULL, NULL, false},
};

static void test_pages(enum target_style style)
{
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
		const struct page_case *c = &pages[i];
		struct batch_api_page p;
		struct batch_api_batch b;
		struct buf ids = {0};
		const char *problem = NULL;
		int result = batch_api_page(&p, style, span(c->text), &problem);
		tap_int(result, c->ids != NULL ? 0 : -1, "a page, or not: %s", c->text);
		tap_int(problem != NULL, c->ids == NULL, "if not, it says why");
		if (result < 0 || c->ids == NULL)
			continue;
		while (batch_api_next(&p, &b))
			buf_addf(&ids, "%s ", b.id);
		tap_is(buf_string(&ids), c->ids, "its batches");
		tap_is(p.last, c->last, "its cursor");
		tap_int(p.more, c->more, "more behind it, or not");
		buf_free(&ids);
	}
}

static void test_page_of_batches(void)
{
	static const char text[] =
	    "{\"object\":\"list\",\"data\":["
	    "{\"id\":\"b\",\"status\":\"in_progress\",\"metadata\":{\"lb_tag\":\"t\"}},"
	    "{\"id\":\"a\",\"status\":\"completed\",\"input_file_id\":\"i\"," OUT "}]}";
	struct batch_api_page p;
	struct batch_api_batch b;
	const char *problem = NULL;

	tap_int(batch_api_page(&p, TARGET_OPENAI, span(text), &problem), 0, "a list of two");
	tap_ok(batch_api_next(&p, &b) && b.state == BATCH_API_WAITING && b.input_file[0] == '\0',
	       "the first");
	tap_is(b.tag, "t", "its tag");
	tap_ok(batch_api_next(&p, &b) && b.state == BATCH_API_ENDED && b.tag[0] == '\0',
	       "the second has nothing of the first");
	tap_is(b.input_file, "i", "its input");
	tap_ok(!batch_api_next(&p, &b), "no third");
}

static void test_earliest(void)
{
	static const struct {
		const char *data;
		long long want; /* seconds; -1: none */
	} cases[] = {
	    {"[{\"id\":\"b\",\"created_at\":9}]", 9},
	    {"[{\"id\":\"b\",\"created_at\":\"1970-01-01T00:01:00Z\"}]", 60},
	    {"[{\"id\":\"c\",\"created_at\":9},{\"id\":\"b\",\"created_at\":7},"
	     "{\"id\":\"a\",\"created_at\":8},{\"id\":\"d\"}]",
	     7},
	    {"[{\"id\":\"b\"},{\"id\":\"a\",\"created_at\":null}]", -1},
	    {"[]", -1},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf text = {0};
		struct batch_api_page p;
		const char *problem = NULL;
		buf_addf(&text, "{\"data\":%s}", cases[i].data);
		batch_api_page(&p, TARGET_ANTHROPIC, span(buf_string(&text)), &problem);
		int64_t earliest = batch_api_earliest(p);
		tap_int(earliest < 0 ? -1 : earliest / CLOCK_SEC, cases[i].want,
			"the earliest of %s", cases[i].data);
		buf_free(&text);
	}
}

static void test_counts(void)
{
	static const struct {
		const char *members;
		long long completed;
	} cases[] = {
	    {COUNTS("3", "2", "0"), 2},      {COUNTS("3", "-2", "0"), 0},
	    {COUNTS("3", "2.0", "0"), 0},    {COUNTS("3", "99999999999", "0"), 0},
	    {COUNTS("3", "\"2\"", "0"), 0},  {"\"request_counts\":null", 0},
	    {"\"request_counts\":[1,2]", 0}, {"\"request_counts\":{}", 0},
	};
	struct batch_api_batch b;
	const char *problem;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf text = {0};
		buf_addf(&text, "{\"id\":\"a\",%s}", cases[i].members);
		batch_api_read(&b, TARGET_OPENAI, (struct json_span){text.data, text.length},
			       &problem);
		tap_int(b.completed, cases[i].completed, "completed in %s", cases[i].members);
		buf_free(&text);
	}
	static const char anthropic[] = "{\"id\":\"a\"," ANTHROPIC("5", "0", "0", "0", "0") "}";
	batch_api_read(&b, TARGET_ANTHROPIC, span(anthropic), &problem);
	tap_int(b.total, 5, "what is in progress counts for Anthropic's total");
}

int main(void)
{
	test_states();
	test_openai();
	test_failed();
	test_anthropic();
	test_ids();
	test_long_ids();
	test_pages(TARGET_OPENAI);
	test_pages(TARGET_ANTHROPIC);
	test_page_of_batches();
	test_earliest();
	test_counts();
	return tap_done();
}
