#include "pack.h"
#include "buf.h"
#include "expr.h"
#include "template.h"

#include <inttypes.h>
#include <string.h>

/* Anthropic's API wants a cap on every request. */
#define MESSAGES_MAX_TOKENS 4096

static const struct {
	const char *name, *url;
} apis[] = {
    [PACK_CHAT] = {"chat", "/v1/chat/completions"},
    [PACK_RESPONSES] = {"responses", "/v1/responses"},
    [PACK_MESSAGES] = {"messages", "/v1/messages"},
    [PACK_EMBEDDINGS] = {"embeddings", "/v1/embeddings"},
};

int pack_api(const char *name, enum pack_api *api)
{
	for (size_t i = 0; i < sizeof apis / sizeof *apis; i++) {
		if (strcmp(apis[i].name, name) == 0) {
			*api = (enum pack_api)i;
			return 0;
		}
	}
	return -1;
}

/* Does a "$ref" somewhere in the schema point at its root? */
static bool refers_to_root(struct json_span schema)
{
	struct json_iter it = json_iter(schema);
	struct json_span key = {NULL, 0}, value;

	while (json_next(&it, &key, &value)) {
		if (it.object && json_equals(key, "$ref") && json_equals(value, "#"))
			return true;
		if (refers_to_root(value))
			return true;
	}
	return false;
}

const char *pack_check_schema(const struct pack *p)
{
	if (json_type(p->schema) != JSON_OBJECT)
		return "a JSON Schema is an object";
	if (pack_is_packed(p, p->size) && refers_to_root(p->schema))
		return "it refers to its own root (\"$ref\":\"#\"), which moves when answers are "
		       "packed: "
		       "name that part under $defs";
	return NULL;
}

bool pack_is_packed(const struct pack *p, size_t count)
{
	if (p->api == PACK_EMBEDDINGS)
		return false;
	if (p->body != NULL)
		return p->size > 1;
	/* Structured output wants an object at the root: any other schema goes inside of one. */
	bool bare = p->schema.at != NULL && !json_equals(json_get(p->schema, "type"), "object");
	return count > 1 || bare;
}

/* The schema of {"answers":[...]} around that of one answer. */
static void add_packed_schema(const struct pack *p, struct buf *out)
{
	static const char *const shared[] = {"$defs", "definitions"};
	struct json_edit edits[2];

	buf_adds(out,
		 "{\"type\":\"object\",\"properties\":{\"answers\":{\"type\":\"array\",\"items\":"
		 "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"},\"answer\":");
	if (p->schema.at != NULL) {
		/* References are from the root, so what they name must move there. */
		for (size_t i = 0; i < 2; i++)
			edits[i] = (struct json_edit){shared[i], {NULL, 0}};
		json_set(out, p->schema, edits, 2);
	} else {
		buf_adds(out, "{\"type\":\"string\"}");
	}
	buf_adds(out, "},\"required\":[\"n\",\"answer\"],\"additionalProperties\":false}}},"
		      "\"required\":[\"answers\"],\"additionalProperties\":false");
	for (size_t i = 0; i < 2; i++) {
		struct json_span definitions = json_get(p->schema, shared[i]);
		if (definitions.at == NULL)
			continue;
		buf_addf(out, ",\"%s\":", shared[i]);
		buf_add(out, definitions.at, definitions.length);
	}
	buf_addc(out, '}');
}

static void add_schema(const struct pack *p, bool packed, struct buf *out)
{
	if (!packed && p->schema.at == NULL)
		return;
	switch (p->api) {
	case PACK_CHAT:
		buf_adds(out, ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
			      "{\"name\":\"answer\",\"strict\":true,\"schema\":");
		break;
	case PACK_RESPONSES:
		buf_adds(out, ",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"answer\","
			      "\"strict\":true,\"schema\":");
		break;
	default:
		buf_adds(out,
			 ",\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":");
		break;
	}
	if (packed)
		add_packed_schema(p, out);
	else
		json_compact(out, p->schema);
	buf_adds(out, "}}");
}

/* o1, o3, ..., gpt-5 and later name the cap differently from the models before them. */
static bool is_reasoning_model(const char *model)
{
	const char *slash = strrchr(model, '/');
	if (slash != NULL)
		model = slash + 1;
	if (model[0] == 'o' && model[1] >= '1' && model[1] <= '9')
		return true;
	if (strncmp(model, "gpt-", 4) != 0)
		return false;
	return (model[4] >= '5' && model[4] <= '9') ||
	       (model[4] >= '1' && model[4] <= '9' && model[5] >= '0' && model[5] <= '9');
}

static void add_max_output(const struct pack *p, struct buf *out)
{
	int64_t n = p->max_output;
	const char *name = "max_tokens";

	if (p->api == PACK_MESSAGES && n == 0)
		n = MESSAGES_MAX_TOKENS;
	if (n == 0)
		return;
	if (p->api == PACK_RESPONSES)
		name = "max_output_tokens";
	else if (p->api == PACK_CHAT && is_reasoning_model(p->model))
		name = "max_completion_tokens";
	buf_addf(out, ",\"%s\":%" PRId64, name, n);
}

/* The text of the request: the prompt, or the numbered prompts of a pack. */
static int add_user_text(const struct pack *p, const struct json_span *items, size_t count,
			 bool packed, struct buf *text, struct buf *message)
{
	if (!packed)
		return template_fill(p->prompt, items[0], text, message);
	buf_addf(text,
		 "There %s %zu numbered item%s below. Treat each of them on its own.\n"
		 "Reply with one JSON object and nothing else: "
		 "{\"answers\":[{\"n\":1,\"answer\":...},...]}, with exactly one entry for each "
		 "item, n being the item's number.\n",
		 count == 1 ? "is" : "are", count, count == 1 ? "" : "s");
	for (size_t i = 0; i < count; i++) {
		buf_addf(text, "\n### %zu\n", i + 1);
		if (template_fill(p->prompt, items[i], text, message) < 0)
			return -1;
		buf_addc(text, '\n');
	}
	return 0;
}

static void add_items(const struct json_span *items, size_t count, struct buf *out)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_addc(out, ',');
		buf_add(out, items[i].at, items[i].length);
	}
	buf_addc(out, ']');
}

/* With one item its system text is the item's; with more, that of the array of them. */
static int fill_system(const struct pack *p, const struct json_span *items, size_t count,
		       struct buf *text, struct buf *message)
{
	if (p->size == 1)
		return template_fill(p->system, items[0], text, message);
	struct buf array = {0};
	add_items(items, count, &array);
	int result =
	    template_fill(p->system, (struct json_span){array.data, array.length}, text, message);
	buf_free(&array);
	return result;
}

static void add_messages(const struct pack *p, const struct buf *system, const struct buf *user,
			 struct buf *out)
{
	bool has_system = p->system != NULL;

	if (p->api == PACK_RESPONSES) {
		if (has_system) {
			buf_adds(out, ",\"instructions\":");
			json_quote(out, system->data, system->length);
		}
		buf_adds(out, ",\"input\":");
		json_quote(out, user->data, user->length);
		return;
	}
	if (p->api == PACK_MESSAGES && has_system) {
		buf_adds(out, ",\"system\":");
		json_quote(out, system->data, system->length);
	}
	buf_adds(out, ",\"messages\":[");
	if (p->api == PACK_CHAT && has_system) {
		buf_adds(out, "{\"role\":\"system\",\"content\":");
		json_quote(out, system->data, system->length);
		buf_adds(out, "},");
	}
	buf_adds(out, "{\"role\":\"user\",\"content\":");
	json_quote(out, user->data, user->length);
	buf_adds(out, "}]");
}

static int add_conversation(const struct pack *p, const struct json_span *items, size_t count,
			    bool packed, struct buf *out, struct buf *message)
{
	struct buf user = {0}, system = {0};
	int result = -1;

	if (p->system != NULL && fill_system(p, items, count, &system, message) < 0)
		goto out;
	if (add_user_text(p, items, count, packed, &user, message) < 0)
		goto out;
	buf_adds(out, "{\"model\":");
	json_quote(out, p->model, strlen(p->model));
	add_messages(p, &system, &user, out);
	add_max_output(p, out);
	add_schema(p, packed, out);
	buf_addc(out, '}');
	result = 0;
out:
	buf_free(&user);
	buf_free(&system);
	return result;
}

static int add_embeddings(const struct pack *p, const struct json_span *items, size_t count,
			  struct buf *out, struct buf *message)
{
	struct buf text = {0};
	int result = 0;

	buf_adds(out, "{\"model\":");
	json_quote(out, p->model, strlen(p->model));
	buf_adds(out, ",\"input\":[");
	for (size_t i = 0; i < count && result == 0; i++) {
		if (i > 0)
			buf_addc(out, ',');
		buf_clear(&text);
		result = template_fill(p->prompt, items[i], &text, message);
		json_quote(out, text.data, text.length);
	}
	buf_adds(out, "]}");
	buf_free(&text);
	return result;
}

/* The body that the user's expression makes of the item, or of the array of items. */
static int add_own_body(const struct pack *p, const struct json_span *items, size_t count,
			struct buf *out, struct buf *message)
{
	struct buf array = {0};
	struct json_span input = items[0];
	size_t start = out->length;

	if (p->size > 1) {
		add_items(items, count, &array);
		input = (struct json_span){array.data, array.length};
	}
	int result = expr_eval(p->body, input, out, message);
	buf_free(&array);
	if (result < 0)
		return -1;
	if (result == 0 || out->length == start || out->data[start] != '{') {
		buf_adds(message, "--body yields no object");
		return -1;
	}
	return 0;
}

int pack_request(const struct pack *p, const struct json_span *items, size_t count, struct buf *out,
		 struct buf *message)
{
	bool packed = pack_is_packed(p, count);
	int result;

	buf_addf(out, "\"method\":\"POST\",\"url\":\"%s\",\"body\":", apis[p->api].url);
	if (p->body != NULL)
		result = add_own_body(p, items, count, out, message);
	else if (p->api == PACK_EMBEDDINGS)
		result = add_embeddings(p, items, count, out, message);
	else
		result = add_conversation(p, items, count, packed, out, message);
	if (result < 0)
		return -1;
	buf_adds(out, ",\"lb\":{\"items\":");
	add_items(items, count, out);
	if (packed)
		buf_adds(out, ",\"packed\":true");
	buf_adds(out, "}}");
	return 0;
}
