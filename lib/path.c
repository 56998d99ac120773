#include "path.h"
#include "buf.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* More digits than this are left to libjq, whose versions differ on numbers beyond an int. */
#define INDEX_DIGITS 9

/* jq names a key in an error message only if it is shorter than this. */
#define SHOWN_KEY 30

struct step {
	char *key; /* its value, without quotes and escapes; NULL for an index */
	size_t length;
	int64_t index;
};

struct path {
	struct step *steps;
	size_t count;
	size_t capacity;
};

static struct step *add_step(struct path *path)
{
	if (path->count == path->capacity) {
		path->capacity = path->capacity > 0 ? path->capacity * 2 : 4;
		path->steps = mem_resize(path->steps, path->capacity, sizeof *path->steps);
	}
	struct step *step = &path->steps[path->count++];
	*step = (struct step){NULL, 0, 0};
	return step;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* A name as in ".name". Returns what follows, or NULL if there is none. */
static const char *parse_field(struct path *path, const char *p, const char *end)
{
	const char *start = p;

	if (p == end || !is_letter(*p))
		return NULL;
	while (p < end && (is_letter(*p) || is_digit(*p)))
		p++;
	struct step *step = add_step(path);
	step->length = (size_t)(p - start);
	step->key = mem_copy(start, step->length);
	return p;
}

/* The code unit of a \u escape at p, or -1. */
static long code_unit(const char *p, const char *end)
{
	long unit = 0;

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		char c = (char)(p[i] | 0x20);
		if (is_digit(p[i]))
			unit = unit << 4 | (p[i] - '0');
		else if (c >= 'a' && c <= 'f')
			unit = unit << 4 | (c - 'a' + 10);
		else
			return -1;
	}
	return unit;
}

/* How long the escape at p is, a surrogate pair being one; 0 if it is none that JSON has too. */
static size_t escape_length(const char *p, const char *end)
{
	if (end - p < 2)
		return 0;
	if (p[1] != 'u')
		return p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) != NULL ? 2 : 0;
	long unit = code_unit(p, end);
	if (unit < 0)
		return 0;
	if (unit < 0xd800 || unit > 0xdfff)
		return 6;
	long low = code_unit(p + 6, end);
	return unit < 0xdc00 && low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

/* A quoted name, without interpolation. */
static const char *parse_string(struct path *path, const char *p, const char *end)
{
	const char *start = p++;

	while (p < end && *p != '"') {
		size_t n = *p == '\\' ? escape_length(p, end) : 1;
		if (n == 0)
			return NULL;
		p += n;
	}
	if (p == end)
		return NULL;
	p++;
	struct buf key = {0};
	json_unescape(&key, (struct json_span){start, (size_t)(p - start)});
	struct step *step = add_step(path);
	step->length = key.length;
	step->key = mem_copy(key.data, key.length);
	buf_free(&key);
	return p;
}

static const char *parse_index(struct path *path, const char *p, const char *end)
{
	bool negative = p < end && *p == '-';
	int64_t index = 0;

	if (negative)
		p++;
	const char *start = p;
	while (p < end && is_digit(*p) && p - start < INDEX_DIGITS)
		index = index * 10 + (*p++ - '0');
	if (p == start || (*start == '0' && p - start > 1))
		return NULL;
	add_step(path)->index = negative ? -index : index;
	return p;
}

/* What stands in brackets, from the opening one to behind the closing one. */
static const char *parse_brackets(struct path *path, const char *p, const char *end)
{
	p++;
	if (p < end && *p == '"')
		p = parse_string(path, p, end);
	else
		p = parse_index(path, p, end);
	return p != NULL && p < end && *p == ']' ? p + 1 : NULL;
}

static const char *parse_step(struct path *path, const char *p, const char *end)
{
	if (*p == '[' && path->count > 0)
		return parse_brackets(path, p, end);
	if (*p != '.' || ++p == end)
		return NULL;
	if (*p == '"')
		return parse_string(path, p, end);
	/* ".[0]" begins a path in every jq; in the middle of one jq 1.6 does not know it. */
	if (*p == '[' && path->count == 0)
		return parse_brackets(path, p, end);
	return parse_field(path, p, end);
}

struct path *path_new(const char *text, size_t n)
{
	const char *p = text;
	const char *end = text + n;

	while (p < end && is_space(*p))
		p++;
	while (p < end && is_space(end[-1]))
		end--;
	if (p == end || *p != '.')
		return NULL;
	struct path *path = mem_zero(1, sizeof *path);
	if (end - p == 1)
		return path;
	while (p != NULL && p < end)
		p = parse_step(path, p, end);
	if (p == NULL) {
		path_free(path);
		return NULL;
	}
	return path;
}

void path_free(struct path *path)
{
	if (path == NULL)
		return;
	for (size_t i = 0; i < path->count; i++)
		free(path->steps[i].key);
	free(path->steps);
	free(path);
}

static bool key_matches(struct json_span key, const struct step *step)
{
	const char *raw = key.at + 1;
	size_t n = key.length - 2;

	/* An escape is always longer than what it stands for. */
	if (n < step->length)
		return false;
	bool escaped = memchr(raw, '\\', n) != NULL;
	if (n == step->length)
		return !escaped && memcmp(raw, step->key, n) == 0;
	if (!escaped)
		return false;
	struct buf text = {0};
	json_unescape(&text, key);
	bool equal = text.length == step->length &&
		     (text.length == 0 || memcmp(text.data, step->key, text.length) == 0);
	buf_free(&text);
	return equal;
}

static struct json_span find_member(struct json_span object, const struct step *step)
{
	struct json_span found = {NULL, 0}, key, value;
	struct json_iter it = json_iter(object);

	while (json_next(&it, &key, &value))
		if (key_matches(key, step))
			found = value;
	return found;
}

/* jq's words for it; it prints the key as a C string, up to a NUL. */
static int cannot_index(struct json_span value, const struct step *step, struct buf *message)
{
	static const char *const names[] = {
	    [JSON_NULL] = "null",     [JSON_BOOL] = "boolean", [JSON_NUMBER] = "number",
	    [JSON_STRING] = "string", [JSON_ARRAY] = "array",  [JSON_OBJECT] = "object",
	};

	buf_addf(message, "Cannot index %s with %s", names[json_type(value)],
		 step->key != NULL ? "string" : "number");
	if (step->key != NULL && step->length < SHOWN_KEY)
		buf_addf(message, " \"%s\"", step->key);
	return -1;
}

/* A whole text may have white space around it, which a value has not. */
static struct json_span trim(struct json_span text)
{
	while (text.length > 0 && (is_space(*text.at) || *text.at == '\r')) {
		text.at++;
		text.length--;
	}
	while (text.length > 0 &&
	       (is_space(text.at[text.length - 1]) || text.at[text.length - 1] == '\r'))
		text.length--;
	return text;
}

int path_get(const struct path *path, struct json_span input, struct json_span *value,
	     struct buf *message)
{
	input = trim(input);
	for (size_t i = 0; i < path->count; i++) {
		const struct step *step = &path->steps[i];
		enum json_type type = json_type(input);
		if (type == JSON_OBJECT && step->key != NULL)
			input = find_member(input, step);
		else if (type == JSON_ARRAY && step->key == NULL)
			input = json_element(input, step->index);
		else if (type != JSON_NULL)
			return cannot_index(input, step, message);
		if (input.at == NULL)
			input = JSON_LITERAL("null");
	}
	*value = input;
	return 0;
}
