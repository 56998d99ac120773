/* What is said to a Batch API. */
#include "batch_api.h"
#include "buf.h"
#include "record.h"
#include "tap.h"

static struct json_span span(const char *text)
{
	return (struct json_span){text, text != NULL ? strlen(text) : 0};
}

static void parse(struct record *r, const char *text)
{
	struct line line = {text, strlen(text), 1, strlen(text)};

	record_parse(r, &line, false);
}

/* Two requests put together as a file of each style. */
static void test_file(enum target_style style, const char *want, const char *name)
{
	const struct batch_api_format *format = batch_api_format(style);
	struct buf out = {0};
	struct record r;

	buf_adds(&out, format->head);
	parse(&r, "{\"custom_id\":\"a b\",\"body\":{ \"n\": 1.0 , \"n\":12345678901234567890}}");
	batch_api_request(&out, style, &r, "/v1/chat/completions", "0-a_b");
	buf_adds(&out, format->separator);
	parse(&r, "{\"body\":{\"x\":\"\\u00e9\\/\"},\"lb\":{\"items\":[1]}}");
	batch_api_request(&out, style, &r, "/v1/chat/completions", "1-");
	buf_adds(&out, format->tail);
	tap_is(buf_string(&out), want, "%s: the body's bytes are the record's own", name);
	buf_free(&out);
}

static void test_files(void)
{
	const struct batch_api_format *openai = batch_api_format(TARGET_OPENAI);
	const struct batch_api_format *anthropic = batch_api_format(TARGET_ANTHROPIC);

	test_file(TARGET_OPENAI,
		  "{\"custom_id\":\"0-a_b\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\","
		  "\"body\":{ \"n\": 1.0 , \"n\":12345678901234567890}}\n"
		  "{\"custom_id\":\"1-\",\"method\":\"POST\",\"url\":\"/v1/chat/completions\","
		  "\"body\":{\"x\":\"\\u00e9\\/\"}}\n",
		  "OpenAI's file");
	test_file(
	    TARGET_ANTHROPIC,
	    "{\"requests\":[\n"
	    "{\"custom_id\":\"0-a_b\",\"params\":{ \"n\": 1.0 , \"n\":12345678901234567890}},\n"
	    "{\"custom_id\":\"1-\",\"params\":{\"x\":\"\\u00e9\\/\"}}\n"
	    "]}\n",
	    "Anthropic's body");
	tap_int((long long)openai->requests, 50000, "OpenAI's requests in a batch");
	tap_int((long long)openai->inputs, 50000, "and inputs");
	tap_ok(openai->bytes <= 200 << 20, "and bytes");
	tap_int((long long)anthropic->requests, 100000, "Anthropic's requests in a batch");
	tap_int((long long)anthropic->inputs, 0, "inputs: no limit");
	tap_ok(anthropic->bytes <= 256 << 20, "and bytes");
}

static void test_endpoints(void)
{
	static const struct {
		const char *record, *want;
	} cases[] = {
	    {"{\"body\":{}}", "/v1/chat/completions"},
	    {"{\"url\":null,\"body\":{}}", "/v1/chat/completions"},
	    {"{\"params\":{}}", "/v1/messages"},
	    {"{\"url\":\"/v1/embeddings\",\"body\":{}}", "/v1/embeddings"},
	    {"{\"url\":\"\\/v1\\u002fresponses\",\"body\":{}}", "/v1/responses"},
	    {"{\"url\":\"/chat/completions\",\"body\":{}}", "/chat/completions"},
	    {"{\"url\":\"https://api.openai.com/v1/responses\",\"body\":{}}", "/v1/responses"},
	    {"{\"url\":\"http://h:8000/openai/v1/embeddings\",\"body\":{}}", "/v1/embeddings"},
	    {"{\"url\":\"http://h/v1/x/v1/embeddings\",\"body\":{}}", "/v1/embeddings"},
	    {"{\"url\":\"http://h/chat\",\"body\":{}}", "/chat"},
	    {"{\"url\":\"http://h\",\"body\":{}}", "/"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct record r;
		struct buf out = {0};
		parse(&r, cases[i].record);
		batch_api_endpoint(&out, &r);
		tap_is(buf_string(&out), cases[i].want, "the endpoint of %s", cases[i].record);
		buf_free(&out);
	}
}

static void test_inputs(void)
{
	static const struct {
		const char *endpoint, *body;
		long long want;
	} cases[] = {
	    {"/v1/chat/completions", "{\"input\":[\"a\",\"b\"]}", 0},
	    {"/embeddings-not", "{\"input\":\"a\"}", 0},
	    {"x", "{}", 0},
	    {"/v1/embeddings", "{\"input\":\"a\"}", 1},
	    {"/v1/embeddings", "{\"input\":[\"a\",\"b\",\"c\"]}", 3},
	    {"/v1/embeddings", "{\"input\":[1,2,3]}", 1},
	    {"/v1/embeddings", "{\"input\":[[1,2],[3]]}", 2},
	    {"/v1/embeddings", "{\"input\":[]}", 1},
	    {"/v1/embeddings", "{}", 1},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		tap_int((long long)batch_api_inputs(cases[i].endpoint, span(cases[i].body)),
			cases[i].want, "inputs at %s: %s", cases[i].endpoint, cases[i].body);
}

static void test_refuses(void)
{
	static const struct {
		enum target_style style;
		const char *body;
		bool refused;
	} cases[] = {
	    {TARGET_OPENAI, "{}", false},
	    {TARGET_OPENAI, "{\"stream\":false}", false},
	    {TARGET_OPENAI, "{\"stream\":null}", false},
	    {TARGET_OPENAI, "{\"stream\":true}", true},
	    {TARGET_OPENAI, "{\"max_tokens\":0}", false},
	    {TARGET_ANTHROPIC, "{\"max_tokens\":1}", false},
	    {TARGET_ANTHROPIC, "{\"max_tokens\":0}", true},
	    {TARGET_ANTHROPIC, "{\"max_tokens\":1,\"stream\":true}", true},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		tap_int(batch_api_refuses(cases[i].style, span(cases[i].body)) != NULL,
			cases[i].refused, "refused by style %d, or not: %s", (int)cases[i].style,
			cases[i].body);
}

static void test_paths(void)
{
	static const struct {
		enum target_style style;
		enum batch_api_call call;
		const char *id;
		enum http_method method;
		const char *want;
	} cases[] = {
	    {TARGET_OPENAI, BATCH_API_UPLOAD, NULL, HTTP_POST, "/v1/files"},
	    {TARGET_OPENAI, BATCH_API_CREATE, NULL, HTTP_POST, "/v1/batches"},
	    {TARGET_OPENAI, BATCH_API_RETRIEVE, "batch_1", HTTP_GET, "/v1/batches/batch_1"},
	    {TARGET_OPENAI, BATCH_API_NEWEST, NULL, HTTP_GET, "/v1/batches?limit=1"},
	    {TARGET_OPENAI, BATCH_API_LIST, NULL, HTTP_GET, "/v1/batches?limit=100"},
	    {TARGET_OPENAI, BATCH_API_LIST, "batch_1", HTTP_GET,
	     "/v1/batches?limit=100&after=batch_1"},
	    {TARGET_OPENAI, BATCH_API_CANCEL, "batch_1", HTTP_POST, "/v1/batches/batch_1/cancel"},
	    {TARGET_OPENAI, BATCH_API_CONTENT, "file-1", HTTP_GET, "/v1/files/file-1/content"},
	    {TARGET_OPENAI, BATCH_API_DELETE_FILE, "file-1", HTTP_DELETE, "/v1/files/file-1"},
	    {TARGET_ANTHROPIC, BATCH_API_CREATE, NULL, HTTP_POST, "/v1/messages/batches"},
	    {TARGET_ANTHROPIC, BATCH_API_RETRIEVE, "m_1", HTTP_GET, "/v1/messages/batches/m_1"},
	    {TARGET_ANTHROPIC, BATCH_API_NEWEST, NULL, HTTP_GET, "/v1/messages/batches?limit=1"},
	    {TARGET_ANTHROPIC, BATCH_API_LIST, NULL, HTTP_GET, "/v1/messages/batches?limit=100"},
	    {TARGET_ANTHROPIC, BATCH_API_LIST, "m_1", HTTP_GET,
	     "/v1/messages/batches?limit=100&after_id=m_1"},
	    {TARGET_ANTHROPIC, BATCH_API_CANCEL, "m_1", HTTP_POST,
	     "/v1/messages/batches/m_1/cancel"},
	    {TARGET_ANTHROPIC, BATCH_API_CONTENT, "m_1", HTTP_GET,
	     "/v1/messages/batches/m_1/results"},
	    {TARGET_OPENAI, BATCH_API_RETRIEVE, "../a?b#c%\xc3\xa9&.~", HTTP_GET,
	     "/v1/batches/..%2Fa%3Fb%23c%25%C3%A9%26.~"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = {0};
		enum http_method method =
		    batch_api_path(&out, cases[i].style, cases[i].call, cases[i].id);
		tap_is(buf_string(&out), cases[i].want, "the path of %s", cases[i].want);
		tap_int((int)method, (int)cases[i].method, "its method");
		buf_free(&out);
	}
}

static void test_bodies(void)
{
	struct http_upload upload = {.fd = 5, .offset = 7, .length = 9};
	struct buf out = {0};

	batch_api_create(&out, "file-1", "/v1/embeddings", "k3f9q2");
	tap_is(buf_string(&out),
	       "{\"input_file_id\":\"file-1\",\"endpoint\":\"/v1/embeddings\","
	       "\"completion_window\":\"24h\",\"metadata\":{\"lb_tag\":\"k3f9q2\"}}",
	       "the body that makes a batch");
	buf_clear(&out);
	batch_api_create(&out, "a\"b", "\\", "\n");
	tap_is(buf_string(&out),
	       "{\"input_file_id\":\"a\\\"b\",\"endpoint\":\"\\\\\","
	       "\"completion_window\":\"24h\",\"metadata\":{\"lb_tag\":\"\\n\"}}",
	       "whatever the words are");
	buf_free(&out);
	batch_api_upload(&upload, TARGET_OPENAI);
	tap_is(upload.name, "file", "OpenAI's upload is a form");
	tap_int((long long)upload.field_count, 1, "with one field beside the file");
	tap_is(upload.fields[0].name, "purpose", "its name");
	tap_is(upload.fields[0].value, "batch", "its value");
	tap_ok(upload.fd == 5 && upload.offset == 7 && upload.length == 9,
	       "the bytes to send are left alone");
	batch_api_upload(&upload, TARGET_ANTHROPIC);
	tap_is(upload.name, NULL, "Anthropic's is no form");
}

int main(void)
{
	test_files();
	test_endpoints();
	test_inputs();
	test_refuses();
	test_paths();
	test_bodies();
	return tap_done();
}
