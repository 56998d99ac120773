#include "merge.h"
#include "fnv.h"
#include "mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * One value. What text holds depends on the type: a string's bytes between its quotes; an array's
 * plain elements with commas between them; nothing for an object; all of any other value. A value
 * that merge_set put there is whole: it is text as it stands, of whatever type.
 */
struct merge {
	struct merge *root; /* which counts the nodes */
	size_t nodes;
	size_t position; /* among its parent's children */
	char *key;       /* a name with its quotes, or the digits of an index */
	size_t key_length;
	uint64_t hash;
	enum json_type type;
	bool whole;
	struct buf text;

	/* Members, or elements with an index, in the order in which they came; and for more than
	 * a few of them an open-addressing table. */
	struct merge **children;
	size_t count, room;
	struct merge **slots;
	size_t slot_count; /* a power of two, at least twice count; or 0 */
};

/* Up to this many children are compared one by one. */
#define FEW 8

struct merge *merge_new(void)
{
	struct merge *root = mem_zero(1, sizeof *root);

	root->root = root;
	return root;
}

static void forget_children(struct merge *node)
{
	for (size_t i = 0; i < node->count; i++)
		merge_free(node->children[i]);
	free(node->children);
	free(node->slots);
	node->children = NULL;
	node->slots = NULL;
	node->count = node->room = node->slot_count = 0;
}

/* Nesting is bounded by json_check, and so is this recursion, as all others here. */
void merge_free(struct merge *node)
{
	if (node == NULL)
		return;
	if (node->root != node)
		node->root->nodes--;
	forget_children(node);
	buf_free(&node->text);
	free(node->key);
	free(node);
}

/* Names come from strangers: starting from an address, which they don't know, makes it
 * hard to aim many at one slot. */
static uint64_t hash_key(const struct merge *node, struct json_span key)
{
	uint64_t hash = fnv_add(FNV_START ^ (uint64_t)(uintptr_t)node->root, key.at, key.length);

	return hash ^ hash >> 32;
}

static bool has_key(const struct merge *node, uint64_t hash, struct json_span key)
{
	return node->hash == hash && node->key_length == key.length &&
	       memcmp(node->key, key.at, key.length) == 0;
}

/* The slot that holds the key, or the empty one where it belongs. */
static struct merge **find_slot(const struct merge *node, uint64_t hash, struct json_span key)
{
	size_t i = (size_t)hash & (node->slot_count - 1);

	while (node->slots[i] != NULL && !has_key(node->slots[i], hash, key))
		i = (i + 1) & (node->slot_count - 1);
	return &node->slots[i];
}

static struct merge *find_child(const struct merge *node, uint64_t hash, struct json_span key)
{
	if (node->slot_count > 0)
		return *find_slot(node, hash, key);
	for (size_t i = 0; i < node->count; i++)
		if (has_key(node->children[i], hash, key))
			return node->children[i];
	return NULL;
}

static void put_in_slot(struct merge *node, struct merge *child)
{
	struct json_span key = {child->key, child->key_length};

	*find_slot(node, child->hash, key) = child;
}

static struct merge *new_child(struct merge *node, uint64_t hash, struct json_span key)
{
	if (node->root->nodes >= MERGE_MAX_NODES)
		return NULL;
	node->root->nodes++;
	struct merge *child = mem_zero(1, sizeof *child);
	child->root = node->root;
	child->position = node->count;
	child->key = mem_copy(key.at, key.length);
	child->key_length = key.length;
	child->hash = hash;

	if (node->count == node->room) {
		node->room = node->room * 2 + 4;
		node->children = mem_resize(node->children, node->room, sizeof(struct merge *));
	}
	node->children[node->count++] = child;
	if (node->count > FEW && node->count * 2 > node->slot_count) {
		free(node->slots);
		node->slot_count = node->slot_count > 0 ? node->slot_count * 2 : 4 * FEW;
		node->slots = mem_zero(node->slot_count, sizeof(struct merge *));
		for (size_t i = 0; i < node->count; i++)
			put_in_slot(node, node->children[i]);
	} else if (node->slot_count > 0) {
		put_in_slot(node, child);
	}
	return child;
}

/* Make a node an empty value of this type. */
static void become(struct merge *node, enum json_type type)
{
	forget_children(node);
	buf_clear(&node->text);
	node->type = type;
	node->whole = false;
}

/* See that pieces of this type can be added to a node. */
static void open_node(struct merge *node, enum json_type type)
{
	if (type == JSON_ARRAY && node->type == type && node->whole) {
		/* The elements of a whole array are its plain ones. */
		buf_consume(&node->text, 1);
		node->text.length--;
		node->whole = false;
	} else if (node->type != type || node->whole) {
		become(node, type);
	}
}

static struct merge *get_child(struct merge *node, enum json_type type, struct json_span key)
{
	uint64_t hash = hash_key(node, key);

	open_node(node, type);
	struct merge *child = find_child(node, hash, key);
	return child != NULL ? child : new_child(node, hash, key);
}

struct merge *merge_member(struct merge *object, struct json_span key)
{
	return get_child(object, JSON_OBJECT, key);
}

struct merge *merge_element(struct merge *array, struct json_span index)
{
	return get_child(array, JSON_ARRAY, index);
}

struct merge *merge_find(const struct merge *node, struct json_span key)
{
	return find_child(node, hash_key(node, key), key);
}

enum json_type merge_type(const struct merge *node)
{
	return node->type;
}

/* A member whose value is what kind of thing this is, not a piece of text. */
static bool is_label(const struct merge *node)
{
	static const char *const names[] = {"\"id\"",   "\"name\"",   "\"type\"",
					    "\"role\"", "\"object\"", "\"format\""};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (node->key_length == strlen(names[i]) &&
		    memcmp(node->key, names[i], node->key_length) == 0)
			return true;
	return false;
}

static void add_string(struct merge *node, struct json_span value, enum merge_mode mode)
{
	bool same = node->type == JSON_STRING && !node->whole;
	bool something = node->type != JSON_NONE && node->type != JSON_NULL;

	if (value.length == 2 && something)
		return;
	if (same && node->text.length > 0 && is_label(node))
		return;
	if (!same || mode == MERGE_REPLACE)
		become(node, JSON_STRING);
	buf_add(&node->text, value.at + 1, value.length - 2);
}

void merge_append(struct merge *array, struct json_span value)
{
	open_node(array, JSON_ARRAY);
	if (array->text.length > 0)
		buf_addc(&array->text, ',');
	json_compact(&array->text, value);
}

/* Merge an object's members, except those named skip (NULL: all). A name that comes twice counts
 * twice: no provider writes that, and it stays one member. */
static int add_object(struct merge *node, struct json_span value, const char *skip,
		      enum merge_mode mode)
{
	struct json_iter it = json_iter(value);
	struct json_span key, member;

	open_node(node, JSON_OBJECT);
	while (json_next(&it, &key, &member)) {
		if (skip != NULL && json_equals(key, skip))
			continue;
		if (merge_add_member(node, key, member, mode) < 0)
			return -1;
	}
	return 0;
}

int merge_add_member(struct merge *object, struct json_span key, struct json_span value,
		     enum merge_mode mode)
{
	struct merge *member = merge_member(object, key);

	return member != NULL ? merge_add(member, value, mode) : -1;
}

static int add_array(struct merge *node, struct json_span value)
{
	static const char calls[] = "\"tool_calls\"";
	bool tool_calls =
	    node->key_length == sizeof calls - 1 && memcmp(node->key, calls, sizeof calls - 1) == 0;
	struct json_iter it = json_iter(value);
	struct json_span element;

	open_node(node, JSON_ARRAY);
	while (json_next(&it, NULL, &element)) {
		struct json_span index = json_get(element, "index");
		if (json_type(index) != JSON_NUMBER) {
			merge_append(node, element);
			continue;
		}
		struct merge *child = merge_element(node, index);
		if (child == NULL ||
		    add_object(child, element, tool_calls ? "index" : NULL, MERGE_JOIN) < 0)
			return -1;
	}
	return 0;
}

int merge_add(struct merge *node, struct json_span value, enum merge_mode mode)
{
	switch (json_type(value)) {
	case JSON_NONE:
		return 0;
	case JSON_NULL:
		if (node->type == JSON_NONE)
			merge_set(node, value);
		return 0;
	case JSON_STRING:
		add_string(node, value, mode);
		return 0;
	case JSON_OBJECT:
		return add_object(node, value, NULL, mode);
	case JSON_ARRAY:
		if (mode == MERGE_JOIN)
			return add_array(node, value);
		if (node->type != JSON_ARRAY || json_count(value) > 0)
			merge_set(node, value);
		return 0;
	default:
		merge_set(node, value);
		return 0;
	}
}

void merge_set(struct merge *node, struct json_span value)
{
	become(node, json_type(value));
	node->whole = true;
	json_compact(&node->text, value);
}

struct merge *merge_next(const struct merge *node, const struct merge *previous)
{
	size_t i = previous != NULL ? previous->position + 1 : 0;

	return i < node->count ? node->children[i] : NULL;
}

/* By index, and those that are no integers that fit behind them; else in order of arrival. */
static int compare_elements(const void *left, const void *right)
{
	const struct merge *a = *(struct merge *const *)left;
	const struct merge *b = *(struct merge *const *)right;
	int64_t i = INT64_MAX, j = INT64_MAX;

	json_integer((struct json_span){a->key, a->key_length}, &i);
	json_integer((struct json_span){b->key, b->key_length}, &j);
	if (i == j)
		return a->position < b->position ? -1 : a->position > b->position;
	return i < j ? -1 : 1;
}

static void write_string(struct buf *out, const struct merge *node)
{
	buf_addc(out, '"');
	buf_add(out, node->text.data, node->text.length);
	buf_addc(out, '"');
}

static void write_array(struct buf *out, const struct merge *node)
{
	struct merge **sorted = mem_alloc(node->count * sizeof(struct merge *));

	if (node->count > 0)
		memcpy(sorted, node->children, node->count * sizeof(struct merge *));
	qsort(sorted, node->count, sizeof(struct merge *), compare_elements);
	buf_addc(out, '[');
	for (size_t i = 0; i < node->count; i++) {
		if (i > 0)
			buf_addc(out, ',');
		merge_write(out, sorted[i]);
	}
	if (node->count > 0 && node->text.length > 0)
		buf_addc(out, ',');
	buf_add(out, node->text.data, node->text.length);
	buf_addc(out, ']');
	free(sorted);
}

static void write_object(struct buf *out, const struct merge *node)
{
	bool first = true;

	buf_addc(out, '{');
	for (size_t i = 0; i < node->count; i++) {
		const struct merge *child = node->children[i];
		if (child->type == JSON_NONE || child->key[0] != '"')
			continue;
		if (!first)
			buf_addc(out, ',');
		first = false;
		buf_add(out, child->key, child->key_length);
		buf_addc(out, ':');
		merge_write(out, child);
	}
	buf_addc(out, '}');
}

void merge_write(struct buf *out, const struct merge *node)
{
	if (node->type == JSON_ARRAY && !node->whole)
		write_array(out, node);
	else if (node->type == JSON_OBJECT && !node->whole)
		write_object(out, node);
	else if (node->type == JSON_STRING && !node->whole)
		write_string(out, node);
	else if (node->type == JSON_NONE)
		buf_adds(out, "null");
	else
		buf_add(out, node->text.data, node->text.length);
}
