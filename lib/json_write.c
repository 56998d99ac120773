/* Writing JSON: strings, compact values, and edits that keep all other bytes. */
#include "json.h"
#include "buf.h"
#include "json_scan.h"

#include <string.h>

static void add_escape(struct buf *out, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";
	const char escape[] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};

	switch (c) {
	case '"':
		buf_adds(out, "\\\"");
		break;
	case '\\':
		buf_adds(out, "\\\\");
		break;
	case '\n':
		buf_adds(out, "\\n");
		break;
	case '\r':
		buf_adds(out, "\\r");
		break;
	case '\t':
		buf_adds(out, "\\t");
		break;
	default:
		buf_add(out, escape, sizeof escape);
		break;
	}
}

bool json_quote(struct buf *out, const void *data, size_t n)
{
	const char *p = data;
	const char *end = p + n;
	bool replaced = false;

	buf_reserve(out, n + 2);
	buf_addc(out, '"');
	while (p < end) {
		const char *stop = json_scan_plain(p, end);
		buf_add(out, p, (size_t)(stop - p));
		p = stop;
		if (p == end)
			break;
		unsigned char c = (unsigned char)*p;
		if (c == 0x7f) {
			buf_addc(out, *p++);
		} else if (c < 0x80) {
			add_escape(out, c);
			p++;
		} else {
			size_t length = json_scan_character((const unsigned char *)p,
							    (const unsigned char *)end);
			if (length > 0) {
				buf_add(out, p, length);
				p += length;
			} else {
				buf_adds(out, "\xef\xbf\xbd");
				replaced = true;
				p++;
			}
		}
	}
	buf_addc(out, '"');
	return replaced;
}

void json_compact(struct buf *out, struct json_span value)
{
	const char *p = value.at;
	const char *end = p + value.length;

	buf_reserve(out, value.length);
	while (p < end) {
		const char *start = p;
		while (p < end && *p != ' ' && *p != '\n' && *p != '\r' && *p != '\t') {
			if (*p++ != '"')
				continue;
			while (p < end && *(p = json_scan_quote(p, end)) == '\\')
				p += 2;
			p++;
		}
		buf_add(out, start, (size_t)(p - start));
		while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
			p++;
	}
}

/* The edit that names this key, or NULL. */
static const struct json_edit *find_edit(const struct json_edit *edits, size_t count,
					 struct json_span key)
{
	for (size_t i = 0; i < count; i++)
		if (json_equals(key, edits[i].name))
			return &edits[i];
	return NULL;
}

static void add_member(struct buf *out, bool *first, const struct json_edit *edit)
{
	if (!*first)
		buf_addc(out, ',');
	*first = false;
	buf_addc(out, '"');
	buf_adds(out, edit->name);
	buf_adds(out, "\":");
	buf_add(out, edit->value.at, edit->value.length);
}

/* Where the value stands that each edit replaces: the last one of its name; NULL if there is none.
 */
static void find_targets(struct json_span object, const struct json_edit *edits, size_t count,
			 const char **targets)
{
	struct json_iter it = json_iter(object);
	struct json_span key, value;

	for (size_t i = 0; i < count; i++)
		targets[i] = NULL;
	while (json_next(&it, &key, &value)) {
		const struct json_edit *edit = find_edit(edits, count, key);
		if (edit != NULL)
			targets[edit - edits] = value.at;
	}
}

void json_set(struct buf *out, struct json_span object, const struct json_edit *edits, size_t count)
{
	struct json_iter it = json_iter(object);
	struct json_span key, value;
	const char *targets[JSON_MAX_EDITS];
	const char *done = object.at + 1; /* copied, or left out, up to here */
	bool first = true;

	find_targets(object, edits, count, targets);
	buf_reserve(out, object.length);
	buf_addc(out, '{');
	while (json_next(&it, &key, &value)) {
		const char *end = value.at + value.length;
		const struct json_edit *edit = find_edit(edits, count, key);
		if (edit != NULL && edit->value.at == NULL) {
			done = end;
			continue;
		}
		/* Where members before it went, the comma in front of this one goes with them. */
		if (first && done > object.at + 1)
			done = (const char *)memchr(done, ',', (size_t)(key.at - done)) + 1;
		first = false;
		if (edit != NULL && targets[edit - edits] == value.at) {
			buf_add(out, done, (size_t)(value.at - done));
			buf_add(out, edit->value.at, edit->value.length);
		} else {
			buf_add(out, done, (size_t)(end - done));
		}
		done = end;
	}
	/* The white space before the brace. */
	buf_add(out, done, (size_t)(object.at + object.length - 1 - done));
	for (size_t i = 0; i < count; i++)
		if (edits[i].value.at != NULL && targets[i] == NULL)
			add_member(out, &first, &edits[i]);
	buf_addc(out, '}');
}
