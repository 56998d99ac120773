#include "pack.h"
#include "buf.h"
#include "expr.h"
#include "pack_state.h"
#include "record.h"
#include "template.h"

#include <inttypes.h>
#include <string.h>

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
		n = PACK_OUTPUT;
	if (n == 0)
		return;
	if (p->api == PACK_RESPONSES)
		name = "max_output_tokens";
	else if (p->api == PACK_CHAT && is_reasoning_model(p->model))
		name = "max_completion_tokens";
	buf_addf(out, ",\"%s\":%" PRId64, name, n);
}

int pack_add_item(const struct pack *p, struct json_span item, size_t n, struct buf *text,
		  struct buf *message)
{
	buf_addf(text, "\n### %zu\n", n);
	if (template_fill(p->prompt, item, text, message) < 0)
		return -1;
	buf_addc(text, '\n');
	return 0;
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
	for (size_t i = 0; i < count; i++)
		if (pack_add_item(p, items[i], i + 1, text, message) < 0)
			return -1;
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
			 bool packed, struct buf *out)
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
		pack_prefix_add(system, p->prefix.system_head, out);
	}
	buf_adds(out, ",\"messages\":[");
	if (p->api == PACK_CHAT && has_system) {
		buf_adds(out, "{\"role\":\"system\",\"content\":");
		json_quote(out, system->data, system->length);
		buf_adds(out, "},");
	}
	buf_adds(out, "{\"role\":\"user\",\"content\":");
	pack_prefix_add(user, packed ? 0 : p->prefix.prompt_head, out);
	buf_adds(out, "}]");
}

int pack_add_conversation(const struct pack *p, const struct json_span *items, size_t count,
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
	if (p->prefix.key[0] != '\0')
		buf_addf(out, ",\"prompt_cache_key\":\"%s\"", p->prefix.key);
	if (p->cache_prefix)
		pack_schema_add(p, packed, out);
	add_messages(p, &system, &user, packed, out);
	add_max_output(p, out);
	if (!p->cache_prefix)
		pack_schema_add(p, packed, out);
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
		 struct json_span *body, struct buf *message)
{
	bool packed = pack_is_packed(p, count);
	int result;

	buf_addf(out, "\"method\":\"POST\",\"url\":\"%s\",\"body\":", apis[p->api].url);
	size_t start = out->length;
	if (p->body != NULL)
		result = add_own_body(p, items, count, out, message);
	else if (p->api == PACK_EMBEDDINGS)
		result = add_embeddings(p, items, count, out, message);
	else
		result = pack_add_conversation(p, items, count, packed, out, message);
	if (result < 0)
		return -1;
	size_t end = out->length;
	buf_adds(out, ",\"lb\":{\"items\":");
	add_items(items, count, out);
	if (packed)
		buf_adds(out, ",\"packed\":true");
	buf_adds(out, "}}");
	*body = (struct json_span){out->data + start, end - start};
	return 0;
}

void pack_add_failed(struct buf *out, struct json_span id, struct json_span item, const char *code,
		     const char *message)
{
	buf_adds(out, "{\"custom_id\":");
	buf_add(out, id.at, id.length);
	buf_adds(out, ",\"response\":null,\"error\":");
	record_error(out, code, message, strlen(message));
	buf_adds(out, ",\"lb\":{\"items\":");
	add_items(&item, 1, out);
	buf_adds(out, "}}");
}
