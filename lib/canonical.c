/*
 * One pass over the text. The members of an object are written as they come, and put in order
 * behind its end if they were not.
 */
#include "canonical.h"
#include "buf.h"
#include "canonical_state.h"
#include "json_scan.h"
#include "mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct writer {
	struct buf *out;
	struct canonical_place *places; /* of the members of all objects that are not ended yet */
	size_t count, capacity;
	struct buf spare;
};

static int compare_places(const void *a, const void *b)
{
	const struct canonical_place *first = a, *second = b;
	int order = canonical_compare(first, second);

	return order != 0 ? order : (first->at > second->at) - (first->at < second->at);
}

/* Put the members from `first` on, which are the end of out from start on, in order. */
static void sort_members(struct writer *w, size_t first, size_t start)
{
	struct canonical_place *members = w->places + first;
	size_t count = w->count - first;

	qsort(members, count, sizeof *members, compare_places);
	buf_clear(&w->spare);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_addc(&w->spare, ',');
		buf_add(&w->spare, w->out->data + members[i].at, members[i].length);
	}
	memcpy(w->out->data + start, w->spare.data, w->spare.length);
}

static const char *add_value(struct writer *w, const char *p, const char *end);

static struct canonical_place *new_place(struct writer *w)
{
	if (w->count == w->capacity) {
		w->capacity = w->capacity > 0 ? w->capacity * 2 : 16;
		w->places = mem_resize(w->places, w->capacity, sizeof *w->places);
	}
	return &w->places[w->count++];
}

/* Is the name at p, up to behind its closing quote, one of these? */
static bool is_among(const char *p, const char *behind, const struct json_member *names,
		     size_t count)
{
	struct json_span name = {p, (size_t)(behind - p)};
	bool escaped = count > 0 && memchr(p, '\\', name.length) != NULL;

	for (size_t i = 0; i < count; i++)
		if (json_scan_is(name, escaped, &names[i]))
			return true;
	return false;
}

/* Append a member, unless its name is one of `without`. Returns what follows. */
static const char *add_member(struct writer *w, const char *p, const char *end, size_t first,
			      const struct json_member *without, size_t count)
{
	const char *name = p;
	size_t before = w->out->length;

	if (w->count > first)
		buf_addc(w->out, ',');
	size_t at = w->out->length;
	p = canonical_add_string(w->out, p, end);
	const char *behind = p;
	buf_addc(w->out, ':');
	p = json_scan_space(json_scan_space(p, end) + 1, end);
	p = add_value(w, p, end);
	if (is_among(name, behind, without, count)) {
		w->out->length = before;
		return p;
	}
	*new_place(w) = (struct canonical_place){at, w->out->length - at, name + 1, behind - 1};
	return p;
}

/* Append the object at p. Returns what follows. */
static const char *add_object(struct writer *w, const char *p, const char *end,
			      const struct json_member *without, size_t count)
{
	size_t first = w->count;
	bool sorted = true;

	buf_addc(w->out, '{');
	size_t start = w->out->length;
	p = json_scan_space(p + 1, end);
	while (*p != '}') {
		p = add_member(w, p, end, first, without, count);
		p = json_scan_space(p, end);
		if (*p == ',')
			p = json_scan_space(p + 1, end);
		if (sorted && w->count >= first + 2)
			sorted = canonical_compare(&w->places[w->count - 2],
						   &w->places[w->count - 1]) <= 0;
	}
	if (!sorted)
		sort_members(w, first, start);
	w->count = first;
	buf_addc(w->out, '}');
	return p + 1;
}

/* Append the array at p. Returns what follows. */
static const char *add_array(struct writer *w, const char *p, const char *end)
{
	bool any = false;

	buf_addc(w->out, '[');
	p = json_scan_space(p + 1, end);
	while (*p != ']') {
		if (any)
			buf_addc(w->out, ',');
		any = true;
		p = json_scan_space(add_value(w, p, end), end);
		if (*p == ',')
			p = json_scan_space(p + 1, end);
	}
	buf_addc(w->out, ']');
	return p + 1;
}

/* Append the value at p, recursing as deep as json_check allows. Returns what follows. */
static const char *add_value(struct writer *w, const char *p, const char *end)
{
	switch (*p) {
	case '{':
		return add_object(w, p, end, NULL, 0);
	case '[':
		return add_array(w, p, end);
	case '"':
		return canonical_add_string(w->out, p, end);
	default:
		return canonical_add_word(w->out, &w->spare, p, end);
	}
}

static void finish(struct writer *w)
{
	free(w->places);
	buf_free(&w->spare);
}

void canonical_add(struct buf *out, struct json_span value)
{
	struct writer w = {.out = out};

	buf_reserve(out, value.length);
	add_value(&w, value.at, value.at + value.length);
	finish(&w);
}

void canonical_add_without(struct buf *out, struct json_span object,
			   const struct json_member *without, size_t count)
{
	struct writer w = {.out = out};

	buf_reserve(out, object.length);
	add_object(&w, object.at, object.at + object.length, without, count);
	finish(&w);
}
