#include "assemble_chat.h"
#include "buf.h"
#include "merge.h"

static int add_delta(struct merge *choice, struct json_span delta)
{
	struct merge *message = merge_member(choice, JSON_LITERAL("\"message\""));

	if (message == NULL || json_type(delta) != JSON_OBJECT)
		return -1;
	if (merge_type(message) == JSON_NONE) {
		/* These two first, and content is null if none comes. */
		struct merge *role = merge_member(message, JSON_LITERAL("\"role\""));
		struct merge *content = merge_member(message, JSON_LITERAL("\"content\""));
		if (role == NULL || content == NULL)
			return -1;
		merge_set(content, JSON_LITERAL("null"));
	}
	return merge_add(message, delta, MERGE_JOIN);
}

/* One element of a chunk's choices. */
static int add_choice(struct merge *choices, struct json_span chunk)
{
	struct json_iter it = json_iter(chunk);
	struct json_span key, value;
	struct json_span index = json_get(chunk, "index");
	int status = 0;

	if (json_type(chunk) != JSON_OBJECT)
		return -1;
	if (json_type(index) != JSON_NUMBER)
		index = JSON_LITERAL("0");
	struct merge *choice = merge_element(choices, index);
	if (choice == NULL ||
	    merge_add_member(choice, JSON_LITERAL("\"index\""), index, MERGE_REPLACE) < 0)
		return -1;
	while (status == 0 && json_next(&it, &key, &value)) {
		/* Beside the delta Perplexity sends the message so far. */
		if (json_equals(key, "index") || json_equals(key, "message"))
			continue;
		if (json_equals(key, "delta"))
			status = json_is_set(value) ? add_delta(choice, value) : 0;
		else if (json_equals(key, "text") || json_equals(key, "logprobs") ||
			 json_equals(key, "token_ids"))
			status = merge_add_member(choice, key, value, MERGE_JOIN);
		else
			status = merge_add_member(choice, key, value, MERGE_REPLACE);
	}
	return status;
}

static int add_choices(struct merge *body, struct json_span array)
{
	struct merge *choices = merge_member(body, JSON_LITERAL("\"choices\""));
	struct json_iter it = json_iter(array);
	struct json_span choice;

	if (!json_is_set(array))
		return 0;
	if (json_type(array) != JSON_ARRAY || choices == NULL ||
	    merge_add(choices, JSON_LITERAL("[]"), MERGE_JOIN) < 0)
		return -1;
	while (json_next(&it, NULL, &choice))
		if (add_choice(choices, choice) < 0)
			return -1;
	return 0;
}

/* Null until the last chunk, or else a running count: the last one is the whole. */
static int set_usage(struct merge *body, struct json_span value)
{
	if (!json_is_set(value))
		return 0;
	struct merge *usage = merge_member(body, JSON_LITERAL("\"usage\""));
	if (usage == NULL)
		return -1;
	merge_set(usage, value);
	return 0;
}

int assemble_chat_add(struct merge *body, struct json_span chunk)
{
	struct json_iter it = json_iter(chunk);
	struct json_span key, value;
	int status = 0;

	while (status == 0 && json_next(&it, &key, &value)) {
		if (json_equals(key, "choices")) {
			status = add_choices(body, value);
		} else if (json_equals(key, "usage")) {
			status = set_usage(body, value);
		} else if (json_equals(key, "obfuscation")) {
			/* Padding against those who watch the sizes of packets. */
			continue;
		} else if (json_equals(key, "object") &&
			   json_equals(value, "chat.completion.chunk")) {
			status = merge_add_member(body, key, JSON_LITERAL("\"chat.completion\""),
						  MERGE_REPLACE);
		} else {
			status = merge_add_member(body, key, value, MERGE_REPLACE);
		}
	}
	return status;
}

/* Is it a string that is not empty? */
static bool has_text(const struct merge *node)
{
	struct buf text = {0};

	if (node == NULL || merge_type(node) != JSON_STRING)
		return false;
	merge_write(&text, node);
	bool any = text.length > 2;
	buf_free(&text);
	return any;
}

bool assemble_chat_end(struct merge *body)
{
	struct merge *choices = merge_find(body, JSON_LITERAL("\"choices\""));
	struct merge *choice = NULL;
	bool any = false;

	if (choices == NULL)
		return false;
	while ((choice = merge_next(choices, choice)) != NULL) {
		if (!has_text(merge_find(choice, JSON_LITERAL("\"finish_reason\""))))
			return false;
		struct merge *message = merge_find(choice, JSON_LITERAL("\"message\""));
		if (message != NULL && !has_text(merge_find(message, JSON_LITERAL("\"role\""))))
			merge_add_member(message, JSON_LITERAL("\"role\""),
					 JSON_LITERAL("\"assistant\""), MERGE_REPLACE);
		any = true;
	}
	return any;
}
