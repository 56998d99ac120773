/*
 * json: JSON text as spans of bytes.
 *
 * json_check validates strictly (RFC 8259, UTF-8 as in RFC 3629) without building anything. All
 * other functions take spans of text that json_check has accepted, and find, read or edit values in
 * place. Nothing here re-prints what it was not asked to change, so numbers keep all digits and
 * strings their escapes. Where an object has a name twice the last one counts, as in jq.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

#define JSON_MAX_DEPTH 512
#define JSON_MAX_EDITS 32

/* Bytes of someone else's memory. at is NULL where there is no value. */
struct json_span {
	const char *at;
	size_t length;
};

struct json_error {
	size_t offset;      /* in bytes, from the start of the text */
	const char *reason; /* static text: "invalid UTF-8 in string" */
};

/* A member to look for while checking: set name and name_length; value is filled in. */
struct json_member {
	const char *name;
	size_t name_length;
	struct json_span value;
};

#define JSON_MEMBER(literal)                    \
	{                                       \
		(literal), sizeof(literal) - 1, \
		{                               \
			NULL, 0                 \
		}                               \
	}

/* A literal as a span. */
#define JSON_LITERAL(literal) ((struct json_span){(literal), sizeof(literal) - 1})

/*
 * Check that the n bytes are exactly one JSON text, with white space around it allowed. If it is an
 * object, the values of the count wanted members are stored on the way (at NULL where absent).
 * On success *root, unless NULL, is set to the text without the white space around it. Returns 0,
 * or -1 with *error filled in.
 */
int json_check(const char *text, size_t n, struct json_span *root, struct json_member *wanted,
	       size_t count, struct json_error *error);

enum json_type {
	JSON_NONE,
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

/* The type of a value; JSON_NONE for a span with at == NULL. */
enum json_type json_type(struct json_span value);

/* Is there a value, and is it something other than null? */
bool json_is_set(struct json_span value);

/* Walks the members of an object or the elements of an array. */
struct json_iter {
	const char *at;
	const char *end;
	bool object;
};

/* An iterator over a value; one over anything but an object or array yields nothing. */
struct json_iter json_iter(struct json_span value);

/* The next value, and for an object its key (with its quotes; key may be NULL). False at the end.
 */
bool json_next(struct json_iter *it, struct json_span *key, struct json_span *value);

/* The value of an object's member, or a span with at == NULL: no such member, or no object. */
struct json_span json_get(struct json_span object, const char *name);

/* As json_get, for count members at a time: fills in their values. */
void json_find(struct json_span object, struct json_member *wanted, size_t count);

/* As json_get, through several names: json_path(v, "usage", "total_tokens", NULL). */
struct json_span json_path(struct json_span object, ...) __attribute__((sentinel));

/* The element of an array, negative indices from its end; or a span with at == NULL. */
struct json_span json_element(struct json_span array, int64_t index);

/* The number of members or elements; 0 for anything but an object or array. */
size_t json_count(struct json_span value);

/* Is it a string with this value, escapes considered? */
bool json_equals(struct json_span string, const char *value);

/* Append the value of a string as UTF-8; an escaped lone surrogate becomes U+FFFD. */
void json_unescape(struct buf *out, struct json_span string);

/* Append the value of a string as UTF-8; of anything else its text, white space outside of strings
 * left out. Nothing for an absent value. */
void json_text(struct buf *out, struct json_span value);

/* Append n bytes as a JSON string with quotes. Bytes that are not UTF-8 become U+FFFD. Returns
 * whether there were any. */
bool json_quote(struct buf *out, const void *data, size_t n);

/* Append a value without the white space outside of strings. */
void json_compact(struct buf *out, struct json_span value);

/* The value of a number written as an integer that fits. Returns 0 or -1. */
int json_integer(struct json_span number, int64_t *value);

/* The value of a number as a double. Returns 0, or -1 if it is no number. */
int json_number(struct json_span number, double *value);

/* A change to an object's member: a value to set, or at == NULL to remove it. */
struct json_edit {
	const char *name; /* plain ASCII without characters that JSON escapes */
	struct json_span value;
};

/*
 * Append the object with the edits made: a member that exists keeps its place and gets the new
 * value (the last one, if the name occurs twice), a new one goes behind the others, a removed one
 * goes with its comma. All other bytes are the object's own. count is at most JSON_MAX_EDITS, and
 * no name stands in the edits twice.
 */
void json_set(struct buf *out, struct json_span object, const struct json_edit *edits,
	      size_t count);

#endif
