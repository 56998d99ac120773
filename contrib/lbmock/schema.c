#include "schema.h"
#include "buf.h"
#include "fingerprint.h"
#include "label.h"
#include "phrase.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define DEPTH_MAX  24   /* of schemas within schemas */
#define VALUES_MAX 5000 /* in one instance; a schema can ask for 2^DEPTH_MAX */
#define BYTES_MAX  ((size_t)4 << 20)

struct writer {
	struct buf *out;
	struct json_span root;
	const struct phrase_subject *subject;
	unsigned values;
};

static void write_value(struct writer *w, struct json_span schema, unsigned depth);

/* Has the instance become so large that the rest is left out? */
static bool is_full(const struct writer *w)
{
	return w->values > VALUES_MAX || w->out->length > BYTES_MAX;
}

/* The schema that "#/$defs/NAME" and the like stand for. */
static struct json_span resolve(struct writer *w, struct json_span ref)
{
	static const char *const places[] = {"$defs", "definitions"};
	struct json_span found = {NULL, 0};
	struct buf pointer = {0};

	json_unescape(&pointer, ref);
	const char *path = buf_string(&pointer);
	if (strcmp(path, "#") == 0)
		found = w->root;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		size_t n = strlen(places[i]);
		if (strncmp(path, "#/", 2) == 0 && strncmp(path + 2, places[i], n) == 0 &&
		    path[n + 2] == '/')
			found = json_path(w->root, places[i], path + n + 3, NULL);
	}
	buf_free(&pointer);
	return found;
}

/* Write the value of the enum that suits the subject best. */
static void write_enum(struct writer *w, struct json_span values)
{
	struct label_list list = {.count = 0};
	struct json_span value;
	struct buf texts = {0};

	buf_reserve(&texts, values.length); /* so that the labels stay where they are */
	for (struct json_iter it = json_iter(values); json_next(&it, NULL, &value);) {
		size_t at = texts.length;
		json_text(&texts, value);
		label_add(&list, texts.data + at, texts.length - at);
	}
	size_t i = label_pick(&list, w->subject->text, w->subject->length);
	json_compact(w->out, json_element(values, (int64_t)i));
	buf_free(&texts);
}

static void write_string(struct writer *w)
{
	struct buf text = {0};
	phrase_write(&text, w->subject);
	json_quote(w->out, text.data, text.length);
	buf_free(&text);
}

/* A number from 0 to 99, moved into the schema's bounds. */
static void write_number(struct writer *w, struct json_span schema, bool integer)
{
	uint64_t hash = fingerprint_of(w->subject->text, w->subject->length);
	double low;
	double high;
	bool has_low = json_number(json_get(schema, "minimum"), &low) == 0 && isfinite(low);
	bool has_high = json_number(json_get(schema, "maximum"), &high) == 0 && isfinite(high);

	if (!has_low)
		low = has_high && high < 0 ? high : 0;
	if (!has_high || high < low)
		high = has_high ? low : low + 99;
	double from = integer ? ceil(low) : low;
	double steps = high - from < 99 ? high - from : 99;
	double value = from + (double)(hash % ((uint64_t)(steps > 0 ? steps : 0) + 1));
	if (integer)
		buf_addf(w->out, "%.0f", value);
	else
		buf_addf(w->out, "%.15g", value + 0.5 <= high ? value + 0.5 : value);
}

static void write_array(struct writer *w, struct json_span schema, unsigned depth)
{
	struct json_span items = json_get(schema, "items");
	int64_t count;

	if (json_integer(json_get(schema, "minItems"), &count) < 0 || count < 1)
		count = 1;
	buf_addc(w->out, '[');
	for (int64_t i = 0; i < count && !is_full(w); i++) {
		if (i > 0)
			buf_addc(w->out, ',');
		write_value(w, items, depth + 1);
	}
	buf_addc(w->out, ']');
}

static void write_object(struct writer *w, struct json_span schema, unsigned depth)
{
	struct json_iter it = json_iter(json_get(schema, "properties"));
	struct json_span key;
	struct json_span property;
	bool first = true;

	buf_addc(w->out, '{');
	while (json_next(&it, &key, &property)) {
		if (!first)
			buf_addc(w->out, ',');
		first = false;
		buf_add(w->out, key.at, key.length);
		buf_addc(w->out, ':');
		write_value(w, property, depth + 1);
	}
	buf_addc(w->out, '}');
}

/* The type to write: of several the first that is not null. */
static struct json_span choose_type(struct json_span schema)
{
	struct json_span type = json_get(schema, "type");
	struct json_span one;

	if (json_type(type) == JSON_ARRAY) {
		struct json_span null = json_element(type, 0);
		for (struct json_iter it = json_iter(type); json_next(&it, NULL, &one);)
			if (!json_equals(one, "null"))
				return one;
		return null;
	}
	if (type.at == NULL && json_get(schema, "properties").at != NULL)
		return JSON_LITERAL("\"object\"");
	if (type.at == NULL && json_get(schema, "items").at != NULL)
		return JSON_LITERAL("\"array\"");
	return type;
}

static void write_typed(struct writer *w, struct json_span schema, unsigned depth)
{
	struct json_span type = choose_type(schema);

	if (json_equals(type, "object"))
		write_object(w, schema, depth);
	else if (json_equals(type, "array"))
		write_array(w, schema, depth);
	else if (json_equals(type, "integer"))
		write_number(w, schema, true);
	else if (json_equals(type, "number"))
		write_number(w, schema, false);
	else if (json_equals(type, "boolean"))
		buf_adds(w->out, fingerprint_of(w->subject->text, w->subject->length) & 1
				     ? "true"
				     : "false");
	else if (json_equals(type, "null"))
		buf_adds(w->out, "null");
	else
		write_string(w);
}

static void write_value(struct writer *w, struct json_span schema, unsigned depth)
{
	static const char *const choices[] = {"anyOf", "oneOf", "allOf"};
	struct json_span constant = json_get(schema, "const");
	struct json_span values = json_get(schema, "enum");
	struct json_span ref = json_get(schema, "$ref");

	w->values++;
	if (depth > DEPTH_MAX || is_full(w)) {
		buf_adds(w->out, "null");
		return;
	}
	if (constant.at != NULL) {
		json_compact(w->out, constant);
		return;
	}
	if (json_type(values) == JSON_ARRAY && json_count(values) > 0) {
		write_enum(w, values);
		return;
	}
	if (json_type(ref) == JSON_STRING) {
		write_value(w, resolve(w, ref), depth + 1);
		return;
	}
	for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
		struct json_span first = json_element(json_get(schema, choices[i]), 0);
		if (first.at != NULL) {
			write_value(w, first, depth + 1);
			return;
		}
	}
	write_typed(w, schema, depth);
}

void schema_write(struct buf *out, struct json_span schema, struct json_span root,
		  const struct phrase_subject *subject)
{
	struct writer w = {.out = out, .root = root, .subject = subject};
	write_value(&w, schema, 0);
}
