/* The schema of one answer, and that of a pack's. */
#include "buf.h"
#include "pack_state.h"

#include <string.h>

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

int pack_read_schema(struct pack *p, struct buf *text, struct buf *message)
{
	struct json_error problem;
	struct buf compact = {0};

	if (json_check(text->data, text->length, &p->schema, NULL, 0, &problem) < 0) {
		buf_addf(message, "not JSON: %s at byte %zu", problem.reason, problem.offset + 1);
		return -1;
	}
	json_compact(&compact, p->schema);
	buf_free(text);
	*text = compact;
	p->schema = (struct json_span){compact.data, compact.length};
	const char *mistake = pack_check_schema(p);
	if (mistake != NULL)
		buf_adds(message, mistake);
	return mistake != NULL ? -1 : 0;
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

void pack_schema_add(const struct pack *p, bool packed, struct buf *out)
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
