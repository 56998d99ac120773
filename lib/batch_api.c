/* What is said to a Batch API: requests, calls and the bodies of calls. */
#include "batch_api.h"
#include "buf.h"
#include "record.h"

#include <string.h>

const struct batch_api_format *batch_api_format(enum target_style style)
{
	/* The documents say MB: the smaller of the two that it may mean. */
	static const struct batch_api_format formats[] = {
	    [TARGET_OPENAI] = {"", "\n", "\n", 50000, 200000000, 50000},
	    [TARGET_ANTHROPIC] = {"{\"requests\":[\n", ",\n", "\n]}\n", 100000, 256000000, 0},
	};

	return &formats[style];
}

void batch_api_request(struct buf *out, enum target_style style, const struct record *r,
		       const char *endpoint, const char *id)
{
	buf_adds(out, "{\"custom_id\":\"");
	buf_adds(out, id);
	if (style == TARGET_ANTHROPIC) {
		buf_adds(out, "\",\"params\":");
	} else {
		buf_adds(out, "\",\"method\":\"POST\",\"url\":");
		json_quote(out, endpoint, strlen(endpoint));
		buf_adds(out, ",\"body\":");
	}
	buf_add(out, r->body.at, r->body.length);
	buf_addc(out, '}');
}

void batch_api_endpoint(struct buf *out, const struct record *r)
{
	struct buf url = {0};
	const char *path, *next;

	if (!json_is_set(r->url)) {
		buf_adds(out, r->params ? "/v1/messages" : "/v1/chat/completions");
		return;
	}
	json_unescape(&url, r->url);
	path = buf_string(&url);
	if (*path != '/') {
		const char *host = strstr(path, "://");
		path = host != NULL ? strchr(host + 3, '/') : NULL;
		if (path == NULL)
			path = "/";
		while ((next = strstr(path + 1, "/v1/")) != NULL)
			path = next;
	}
	buf_adds(out, path);
	buf_free(&url);
}

uint64_t batch_api_inputs(const char *endpoint, struct json_span body)
{
	static const char embeddings[] = "/embeddings";
	size_t n = strlen(endpoint), m = sizeof embeddings - 1;

	if (n < m || strcmp(endpoint + n - m, embeddings) != 0)
		return 0;
	struct json_span input = json_get(body, "input");
	struct json_span first = json_element(input, 0);
	/* One text, or one as tokens. */
	if (first.at == NULL || json_type(first) == JSON_NUMBER)
		return 1;
	return json_count(input);
}

const char *batch_api_refuses(enum target_style style, struct json_span body)
{
	struct json_member members[] = {JSON_MEMBER("stream"), JSON_MEMBER("max_tokens")};
	int64_t most;

	json_find(body, members, sizeof members / sizeof *members);
	if (json_type(members[0].value) == JSON_BOOL && members[0].value.at[0] == 't')
		return "batches take no requests with \"stream\": true";
	if (style == TARGET_ANTHROPIC && json_integer(members[1].value, &most) == 0 && most == 0)
		return "batches take no requests with \"max_tokens\": 0";
	return NULL;
}

static void add_escaped(struct buf *out, const char *id)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-_.~"; /* RFC 3986, unreserved */

	for (; *id != '\0'; id++) {
		if (strchr(plain, *id) != NULL)
			buf_addc(out, *id);
		else
			buf_addf(out, "%%%02X", (unsigned char)*id);
	}
}

enum http_method batch_api_path(struct buf *out, enum target_style style, enum batch_api_call call,
				const char *id)
{
	static const struct {
		enum http_method method;
		const char *path[2]; /* by style; NULL: it has no such call */
		const char *behind;  /* the id */
	} calls[] = {
	    [BATCH_API_UPLOAD] = {HTTP_POST, {"/v1/files", NULL}, ""},
	    [BATCH_API_CREATE] = {HTTP_POST, {"/v1/batches", "/v1/messages/batches"}, ""},
	    [BATCH_API_RETRIEVE] = {HTTP_GET, {"/v1/batches/", "/v1/messages/batches/"}, ""},
	    [BATCH_API_NEWEST] = {HTTP_GET,
				  {"/v1/batches?limit=1", "/v1/messages/batches?limit=1"},
				  ""},
	    [BATCH_API_LIST] = {HTTP_GET,
				{"/v1/batches?limit=100", "/v1/messages/batches?limit=100"},
				""},
	    [BATCH_API_CANCEL] = {HTTP_POST, {"/v1/batches/", "/v1/messages/batches/"}, "/cancel"},
	    [BATCH_API_CONTENT] = {HTTP_GET, {"/v1/files/", "/v1/messages/batches/"}, NULL},
	    [BATCH_API_DELETE_FILE] = {HTTP_DELETE, {"/v1/files/", NULL}, ""},
	};
	bool openai = style == TARGET_OPENAI;
	const char *behind = calls[call].behind;

	if (behind == NULL)
		behind = openai ? "/content" : "/results";
	buf_adds(out, calls[call].path[style]);
	if (id != NULL && call == BATCH_API_LIST)
		buf_adds(out, openai ? "&after=" : "&after_id=");
	if (id != NULL)
		add_escaped(out, id);
	buf_adds(out, behind);
	return calls[call].method;
}

void batch_api_upload(struct http_upload *upload, enum target_style style)
{
	static const struct http_field purpose = {"purpose", "batch"};

	if (style == TARGET_ANTHROPIC) {
		upload->name = NULL;
		return;
	}
	upload->name = "file";
	upload->filename = "requests.jsonl";
	upload->type = "application/jsonl";
	upload->fields = &purpose;
	upload->field_count = 1;
}

void batch_api_create(struct buf *out, const char *file, const char *endpoint, const char *tag)
{
	buf_adds(out, "{\"input_file_id\":");
	json_quote(out, file, strlen(file));
	buf_adds(out, ",\"endpoint\":");
	json_quote(out, endpoint, strlen(endpoint));
	buf_adds(out, ",\"completion_window\":\"24h\",\"metadata\":{\"lb_tag\":");
	json_quote(out, tag, strlen(tag));
	buf_adds(out, "}}");
}
