#include "answer.h"
#include "buf.h"
#include "expr.h"
#include "mem.h"
#include "provider.h"
#include "record.h"

#include <stdlib.h>
#include <string.h>

/* Keep a copy of the text for as long as the set lives. */
static struct json_span keep(struct answer_set *set, const struct buf *text)
{
	char *copy = mem_copy(text->data, text->length);

	set->kept = mem_resize(set->kept, set->kept_count + 1, sizeof *set->kept);
	set->kept[set->kept_count++] = copy;
	return (struct json_span){copy, text->length};
}

static struct json_span make_error(struct answer_set *set, const char *code, const char *message,
				   size_t length)
{
	struct buf text = {0};
	record_error(&text, code, message, length);
	struct json_span kept = keep(set, &text);
	buf_free(&text);
	return kept;
}

static void fail_item(struct answer_set *set, size_t i, const char *code, const char *message)
{
	set->items[i].value = (struct json_span){NULL, 0};
	set->items[i].error = make_error(set, code, message, strlen(message));
}

static void fail_all(struct answer_set *set, const char *code, const char *message, size_t length)
{
	struct json_span error = make_error(set, code, message, length);
	for (size_t i = 0; i < set->count; i++)
		set->items[i].error = error;
}

/* The number of an answer, also if the model wrote it as a string. Returns 0 or -1. */
static int answer_number(struct json_span entry, int64_t *n)
{
	struct json_span number = json_get(entry, "n");

	if (json_type(number) == JSON_STRING && number.length > 2 && number.at[1] >= '0' &&
	    number.at[1] <= '9')
		number = (struct json_span){number.at + 1, number.length - 2};
	if (json_integer(number, n) == 0)
		return 0;
	double value; /* 1.0 is a 1 as well */
	if (json_number(number, &value) < 0 || value < 1 || value > 1e6 ||
	    value != (double)(int64_t)value)
		return -1;
	*n = (int64_t)value;
	return 0;
}

/* Give each item the answer with its number. */
static void match_answers(struct answer_set *set, struct json_span answers)
{
	struct json_iter it = json_iter(answers);
	bool *seen = mem_zero(set->count, sizeof *seen);
	struct json_span entry;
	int64_t n;

	while (json_next(&it, NULL, &entry)) {
		struct json_span value = json_get(entry, "answer");
		if (answer_number(entry, &n) < 0 || n < 1 || n > (int64_t)set->count) {
			static const char why[] =
			    "the packed answer has an entry without a number that was asked for, "
			    "so none of its numbers can be trusted";
			for (size_t i = 0; i < set->count; i++)
				set->items[i].value = (struct json_span){NULL, 0};
			fail_all(set, "answers_surplus", why, sizeof why - 1);
			break;
		}
		if (seen[n - 1])
			fail_item(set, (size_t)n - 1, "answer_repeated",
				  "the packed answer has this item's number more than once");
		else
			set->items[n - 1].value = value;
		seen[n - 1] = true;
	}
	free(seen);
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i].value.at == NULL && set->items[i].error.at == NULL)
			fail_item(set, i, "answer_missing",
				  "the packed answer has none with this item's number");
}

static void take_packed(struct answer_set *set, const struct buf *text)
{
	struct buf compact = {0};
	struct json_span value = {NULL, 0}, answers;

	if (provider_find_json(text, &value) == 0) {
		json_compact(&compact, value);
		value = keep(set, &compact);
	}
	answers = json_type(value) == JSON_OBJECT ? json_get(value, "answers") : value;
	if (json_type(answers) == JSON_ARRAY) {
		match_answers(set, answers);
	} else {
		static const char why[] = "the packed answer is not {\"answers\":[...]}";
		fail_all(set, "bad_answer", why, sizeof why - 1);
	}
	buf_free(&compact);
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i].error.at != NULL && set->count > 1)
			set->again = true;
}

static void take_single(struct answer_set *set, bool wanted_json, const struct buf *text)
{
	struct buf json = {0};
	struct json_span value;

	if (wanted_json) {
		if (provider_find_json(text, &value) < 0) {
			static const char why[] = "the answer is not JSON";
			fail_all(set, "bad_answer", why, sizeof why - 1);
			return;
		}
		json_compact(&json, value);
	} else {
		json_quote(&json, text->data, text->length);
	}
	set->items[0].value = keep(set, &json);
	buf_free(&json);
}

/* The vectors of an embeddings response, by index. Returns false if it is none. */
static bool take_embeddings(struct answer_set *set, struct json_span body)
{
	struct json_span data = json_get(body, "data"), entry, vector;
	struct json_iter it = json_iter(data);
	int64_t index;

	if (json_type(data) != JSON_ARRAY ||
	    json_get(json_element(data, 0), "embedding").at == NULL)
		return false;
	while (json_next(&it, NULL, &entry)) {
		vector = json_get(entry, "embedding");
		if (json_integer(json_get(entry, "index"), &index) < 0 || index < 0 ||
		    index >= (int64_t)set->count || vector.at == NULL)
			continue;
		struct answer_item *item = &set->items[index];
		if (item->value.at != NULL || item->error.at != NULL)
			fail_item(set, (size_t)index, "answer_repeated",
				  "the response has this item's index more than once");
		else
			item->value = vector;
	}
	for (size_t i = 0; i < set->count; i++)
		if (set->items[i].value.at == NULL && set->items[i].error.at == NULL)
			fail_item(set, i, "answer_missing",
				  "the response has no embedding for this item");
	return true;
}

/* Is this a reason for which no part of the response is a whole answer? */
static bool is_cut_short(const char *code)
{
	return code != NULL && strcmp(code, "no_answer") != 0;
}

/* The answer where the user says it is: a string's value as text, anything else as JSON. Returns
 * NULL, or a code with a message in text. */
static const char *own_answer(struct expr *from, struct json_span body, struct buf *text,
			      bool *json)
{
	struct buf value = {0}, message = {0};
	const char *code = provider_answer(body, text);

	if (is_cut_short(code))
		return code;
	code = NULL;
	buf_clear(text);
	int result = expr_eval(from, body, &value, &message);
	struct json_span answer = {value.data, value.length};
	if (result < 0) {
		buf_addf(text, "--answer: %s", buf_string(&message));
		code = "no_answer";
	} else if (result == 0 || !json_is_set(answer)) {
		buf_adds(text, "--answer yields nothing");
		code = "no_answer";
	} else {
		*json = json_type(answer) != JSON_STRING;
		json_text(text, answer);
	}
	buf_free(&value);
	buf_free(&message);
	return code;
}

static bool is_true(struct json_span value)
{
	return json_type(value) == JSON_BOOL && value.at[0] == 't';
}

static void take_items(struct answer_set *set, struct json_span items)
{
	struct json_iter it = json_iter(items);
	size_t count = json_type(items) == JSON_ARRAY ? json_count(items) : 0;

	set->count = count > 0 ? count : 1;
	set->items = mem_zero(set->count, sizeof *set->items);
	for (size_t i = 0; i < count; i++)
		json_next(&it, NULL, &set->items[i].item);
}

void answer_take(struct answer_set *set, const struct record *r, struct expr *from)
{
	struct json_span body = json_get(r->response, "body");
	struct buf text = {0};
	bool packed, json = provider_wants_json(r->body);

	*set = (struct answer_set){0};
	take_items(set, record_lb(r, "items"));
	packed = is_true(record_lb(r, "packed")) || set->count > 1;
	if (json_is_set(r->error)) {
		for (size_t i = 0; i < set->count; i++)
			set->items[i].error = r->error;
		return;
	}
	if (from == NULL && take_embeddings(set, body))
		return;
	const char *code =
	    from != NULL ? own_answer(from, body, &text, &json) : provider_answer(body, &text);
	if (code != NULL) {
		fail_all(set, code, text.data, text.length);
		set->again = set->count > 1;
	} else if (packed) {
		take_packed(set, &text);
	} else {
		take_single(set, json, &text);
	}
	buf_free(&text);
}

void answer_free(struct answer_set *set)
{
	for (size_t i = 0; i < set->kept_count; i++)
		free(set->kept[i]);
	free(set->kept);
	free(set->items);
	*set = (struct answer_set){0};
}

bool answer_is_failure(struct json_span error)
{
	return json_type(json_get(error, "code")) == JSON_STRING;
}

bool answer_is_name(const char *name)
{
	struct buf quoted = {0};
	bool replaced = json_quote(&quoted, name, strlen(name));
	bool plain = !replaced && quoted.length == strlen(name) + 2 && *name != '\0';

	buf_free(&quoted);
	return plain && strcmp(name, "error") != 0 && strcmp(name, "item") != 0 &&
	       strcmp(name, "chunk") != 0;
}

void answer_line(struct buf *out, const struct answer_item *a, struct json_span custom_id,
		 const char *into)
{
	struct json_edit edits[2] = {{into, a->value}, {"error", a->error}};
	struct buf wrapped = {0};
	struct json_span item = a->item;
	size_t count = 1;

	if (a->error.at != NULL)
		edits[0] = edits[1];
	else if (answer_is_failure(json_get(item, "error")))
		count = 2; /* asked again after a failure: the error goes */
	if (json_type(item) != JSON_OBJECT) {
		struct json_span inner = item.at != NULL ? item : custom_id;
		buf_addf(&wrapped, "{\"%s\":", item.at != NULL ? "item" : "custom_id");
		if (inner.at != NULL)
			buf_add(&wrapped, inner.at, inner.length);
		else
			buf_adds(&wrapped, "null");
		buf_addc(&wrapped, '}');
		item = (struct json_span){wrapped.data, wrapped.length};
	}
	json_set(out, item, edits, count);
	buf_free(&wrapped);
}
