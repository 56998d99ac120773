/*
 * merge: a JSON value that grows: built from the pieces in which a streamed answer comes, and
 * written once at the end. Strings stay as their JSON-escaped bytes, so that joining them never
 * looks into them (and a surrogate pair whose halves came in two pieces is whole again); numbers
 * keep their digits.
 *
 * Adding costs time in proportion to what is added, however large the value has become: members are
 * found by hash, and text is appended in place. A tree has at most MERGE_MAX_NODES values that can
 * be added to, about 200 bytes each; everything else is kept as text.
 */
#ifndef MERGE_H
#define MERGE_H

#include "buf.h"
#include "json.h"

#define MERGE_MAX_NODES 100000

struct merge;

/* A tree whose root has no value yet. */
struct merge *merge_new(void);
void merge_free(struct merge *root);

/*
 * The member of an object with this key: its bytes in the JSON text, with the quotes. Made at the
 * end if it is not there; a node with another value becomes an object. NULL if the tree is full. A
 * member that never gets a value is not written, nor is one whose key has no quotes, which so may
 * hold notes.
 */
struct merge *merge_member(struct merge *object, struct json_span key);

/* As merge_member for the element of an array whose "index" is this number. */
struct merge *merge_element(struct merge *array, struct json_span index);

/* The member, or element, with this key; NULL if there is none. */
struct merge *merge_find(const struct merge *node, struct json_span key);

/* The members or elements of a node: the one behind previous, from NULL on; NULL at the end. */
struct merge *merge_next(const struct merge *node, const struct merge *previous);

/* What to do where there is a value already and another comes. */
enum merge_mode {
	MERGE_JOIN,   /* pieces: strings are joined, arrays appended */
	MERGE_REPLACE /* news: they are replaced, unless the new one is empty */
};

/*
 * Add a value to a node. In both modes a null changes nothing that is there, objects are merged
 * member by member, and of strings under the names id, name, type, role, object and format the
 * first that is not empty stays. In MERGE_JOIN the elements of arrays that are objects with an
 * "index" are merged with the element of that index before; under the name tool_calls the index
 * itself is left out. Returns 0, or -1 if the tree is full.
 */
int merge_add(struct merge *node, struct json_span value, enum merge_mode mode);

/* merge_add to the member of an object that has this key, with its quotes. */
int merge_add_member(struct merge *object, struct json_span key, struct json_span value,
		     enum merge_mode mode);

/* Set a value, whatever was there; it is kept as text. */
void merge_set(struct merge *node, struct json_span value);

/* Append a value to an array, as text. */
void merge_append(struct merge *array, struct json_span value);

/* JSON_NONE until it has a value. */
enum json_type merge_type(const struct merge *node);

/* Append the whole value, compact; elements with an index first and in its order. */
void merge_write(struct buf *out, const struct merge *node);

#endif
