#include "assemble_messages.h"
#include "buf.h"
#include "merge.h"

/* The JSON text of a tool's input, as it comes, is noted beside the block's members: a key without
 * quotes is not written. */
#define PARTIAL JSON_LITERAL("partial_json")

/* Merge all members of an object but those with these names, either of which may be NULL. */
static int add_members(struct merge *node, struct json_span object, const char *skip,
		       const char *other, enum merge_mode mode)
{
	struct json_iter it = json_iter(object);
	struct json_span key, value;

	if (json_type(object) != JSON_OBJECT)
		return 0;
	while (json_next(&it, &key, &value)) {
		if ((skip != NULL && json_equals(key, skip)) ||
		    (other != NULL && json_equals(key, other)))
			continue;
		if (merge_add_member(node, key, value, mode) < 0)
			return -1;
	}
	return 0;
}

static int add_block_delta(struct merge *block, struct json_span delta)
{
	struct json_span type = json_get(delta, "type");

	if (json_equals(type, "input_json_delta"))
		return merge_add_member(block, PARTIAL, json_get(delta, "partial_json"),
					MERGE_JOIN);
	if (json_equals(type, "citations_delta")) {
		struct merge *citations = merge_member(block, JSON_LITERAL("\"citations\""));
		struct json_span citation = json_get(delta, "citation");
		if (citations == NULL || citation.at == NULL)
			return -1;
		merge_append(citations, citation);
		return 0;
	}
	/* A signature comes whole. text_delta, thinking_delta and their like hold a member of the
	 * block's that goes on. */
	return add_members(block, delta, "type", NULL,
			   json_equals(type, "signature_delta") ? MERGE_REPLACE : MERGE_JOIN);
}

static int take_block_event(struct merge *body, struct json_span type, struct json_span event)
{
	struct json_span index = json_get(event, "index");
	struct merge *content = merge_find(body, JSON_LITERAL("\"content\""));

	bool starts = json_equals(type, "content_block_start");

	/* That a block stops says nothing new; and new kinds of events may come at any time. */
	if (!starts && !json_equals(type, "content_block_delta"))
		return 0;
	if (content == NULL || json_type(index) != JSON_NUMBER)
		return -1;
	if (starts) {
		struct json_span start = json_get(event, "content_block");
		struct merge *block = merge_element(content, index);
		if (block == NULL || json_type(start) != JSON_OBJECT)
			return -1;
		return merge_add(block, start, MERGE_REPLACE);
	}
	struct merge *block = merge_find(content, index);
	return block != NULL ? add_block_delta(block, json_get(event, "delta")) : -1;
}

int assemble_messages_add(struct merge *body, struct json_span type, struct json_span event)
{
	struct json_span message = json_get(event, "message");

	if (json_equals(type, "message_start")) {
		if (json_type(message) != JSON_OBJECT || merge_type(body) != JSON_NONE)
			return -1;
		if (add_members(body, message, NULL, NULL, MERGE_REPLACE) < 0)
			return -1;
		return merge_add_member(body, JSON_LITERAL("\"content\""), JSON_LITERAL("[]"),
					MERGE_JOIN);
	}
	if (merge_type(body) == JSON_NONE)
		return -1;
	if (json_equals(type, "message_stop"))
		return 1;
	if (!json_equals(type, "message_delta"))
		return take_block_event(body, type, event);
	if (add_members(body, json_get(event, "delta"), NULL, NULL, MERGE_REPLACE) < 0)
		return -1;
	return add_members(body, event, "type", "delta", MERGE_REPLACE);
}

/* Put the input of a tool in its block. Returns 0, or -1 if it is no JSON. */
static int finish_input(struct merge *block, const struct merge *partial)
{
	struct buf string = {0}, text = {0};
	struct json_error error;
	struct json_span root;
	int status = 0;

	merge_write(&string, partial);
	json_text(&text, (struct json_span){string.data, string.length});
	if (text.length == 0)
		goto out; /* a tool without arguments: input stays as the block began */
	status = json_check(text.data, text.length, &root, NULL, 0, &error);
	struct merge *input = NULL;
	if (status == 0)
		input = merge_member(block, JSON_LITERAL("\"input\""));
	if (input != NULL)
		merge_set(input, root);
out:
	buf_free(&string);
	buf_free(&text);
	return status;
}

/* Did the answer meet a limit? */
static bool is_truncated(const struct merge *body)
{
	const struct merge *reason = merge_find(body, JSON_LITERAL("\"stop_reason\""));
	struct buf text = {0};
	bool truncated = false;

	if (reason != NULL) {
		merge_write(&text, reason);
		struct json_span value = {text.data, text.length};
		truncated = json_equals(value, "max_tokens") ||
			    json_equals(value, "model_context_window_exceeded");
		buf_free(&text);
	}
	return truncated;
}

int assemble_messages_end(struct merge *body)
{
	const struct merge *content = merge_find(body, JSON_LITERAL("\"content\""));
	struct merge *block = NULL;

	while ((block = merge_next(content, block)) != NULL) {
		const struct merge *partial = merge_find(block, PARTIAL);
		if (partial == NULL || merge_type(partial) != JSON_STRING)
			continue;
		/* What a limit cut off stays as the block began: the answer is a truncated one,
		 * paid for, and not a broken stream, which would be tried again. */
		if (finish_input(block, partial) < 0 && !is_truncated(body))
			return -1;
	}
	return 0;
}
