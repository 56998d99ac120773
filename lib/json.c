/* Walking and reading JSON text that json_check has accepted. */
#include "json.h"
#include "buf.h"
#include "json_scan.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* From an opening quote to behind the closing one. */
static const char *skip_string(const char *p, const char *end)
{
	for (p++; p < end; p += 2) {
		p = json_scan_quote(p, end);
		if (p < end && *p == '"')
			return p + 1;
	}
	return end;
}

/* From the start of an object or array to behind it. */
static const char *skip_nested(const char *p, const char *end)
{
	size_t depth = 0;

	while ((p = json_scan_bracket(p, end)) < end) {
		if (*p == '"') {
			p = skip_string(p, end);
		} else if (*p == '{' || *p == '[') {
			depth++;
			p++;
		} else {
			p++;
			if (--depth == 0)
				break;
		}
	}
	return p;
}

/* From the start of a value to behind it. */
static const char *skip_value(const char *p, const char *end)
{
	if (p < end && *p == '"')
		return skip_string(p, end);
	if (p < end && (*p == '{' || *p == '['))
		return skip_nested(p, end);
	while (p < end && *p != ',' && (unsigned char)*p > ' ')
		p++;
	return p;
}

enum json_type json_type(struct json_span value)
{
	if (value.at == NULL || value.length == 0)
		return JSON_NONE;
	switch (*value.at) {
	case '{':
		return JSON_OBJECT;
	case '[':
		return JSON_ARRAY;
	case '"':
		return JSON_STRING;
	case 't':
	case 'f':
		return JSON_BOOL;
	case 'n':
		return JSON_NULL;
	default:
		return JSON_NUMBER;
	}
}

bool json_is_set(struct json_span value)
{
	enum json_type type = json_type(value);
	return type != JSON_NONE && type != JSON_NULL;
}

struct json_iter json_iter(struct json_span value)
{
	enum json_type type = json_type(value);
	if (type != JSON_OBJECT && type != JSON_ARRAY)
		return (struct json_iter){NULL, NULL, false};
	return (struct json_iter){value.at + 1, value.at + value.length - 1, type == JSON_OBJECT};
}

bool json_next(struct json_iter *it, struct json_span *key, struct json_span *value)
{
	const char *p = json_scan_space(it->at, it->end);
	if (p < it->end && *p == ',')
		p = json_scan_space(p + 1, it->end);
	if (p == it->end)
		return false;
	if (it->object) {
		const char *start = p;
		p = skip_string(p, it->end);
		if (key != NULL)
			*key = (struct json_span){start, (size_t)(p - start)};
		p = json_scan_space(p, it->end);
		p = json_scan_space(p + 1, it->end);
	}
	value->at = p;
	p = skip_value(p, it->end);
	value->length = (size_t)(p - value->at);
	it->at = p;
	return true;
}

struct json_span json_get(struct json_span object, const char *name)
{
	struct json_span found = {NULL, 0}, key, value;
	struct json_iter it = json_iter(object);

	if (!it.object)
		return found;
	while (json_next(&it, &key, &value))
		if (json_equals(key, name))
			found = value;
	return found;
}

void json_find(struct json_span object, struct json_member *wanted, size_t count)
{
	struct json_iter it = json_iter(object);
	struct json_span key, value;

	for (size_t i = 0; i < count; i++)
		wanted[i].value = (struct json_span){NULL, 0};
	while (it.object && json_next(&it, &key, &value)) {
		bool escaped = memchr(key.at, '\\', key.length) != NULL;
		for (size_t i = 0; i < count; i++)
			if (json_scan_is(key, escaped, &wanted[i]))
				wanted[i].value = value;
	}
}

struct json_span json_path(struct json_span object, ...)
{
	va_list names;
	const char *name;

	va_start(names, object);
	while ((name = va_arg(names, const char *)) != NULL)
		object = json_get(object, name);
	va_end(names);
	return object;
}

struct json_span json_element(struct json_span array, int64_t index)
{
	const struct json_span none = {NULL, 0};
	struct json_span value;
	struct json_iter it = json_iter(array);

	if (json_type(array) != JSON_ARRAY)
		return none;
	if (index < 0)
		index += (int64_t)json_count(array);
	if (index < 0)
		return none;
	while (json_next(&it, NULL, &value))
		if (index-- == 0)
			return value;
	return none;
}

size_t json_count(struct json_span value)
{
	struct json_iter it = json_iter(value);
	struct json_span element;
	size_t count = 0;

	while (json_next(&it, NULL, &element))
		count++;
	return count;
}

bool json_equals(struct json_span string, const char *value)
{
	size_t n = strlen(value);

	if (json_type(string) != JSON_STRING)
		return false;
	if (memchr(string.at, '\\', string.length) == NULL)
		return string.length - 2 == n && memcmp(string.at + 1, value, n) == 0;
	struct buf text = {0};
	json_unescape(&text, string);
	bool equal = text.length == n && (n == 0 || memcmp(text.data, value, n) == 0);
	buf_free(&text);
	return equal;
}

static unsigned hex4(const char *p)
{
	unsigned n = 0;
	for (int i = 0; i < 4; i++) {
		unsigned c = (unsigned char)p[i];
		n = n << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return n;
}

static void add_utf8(struct buf *out, unsigned c)
{
	char bytes[4];
	size_t n = 0;

	if (c < 0x80) {
		bytes[n++] = (char)c;
	} else if (c < 0x800) {
		bytes[n++] = (char)(0xc0 | c >> 6);
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		bytes[n++] = (char)(0xe0 | c >> 12);
		bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	} else {
		bytes[n++] = (char)(0xf0 | c >> 18);
		bytes[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	}
	buf_add(out, bytes, n);
}

/* A \u escape at p, together with the one behind it if they are a pair. Returns what follows. */
static const char *unescape_unicode(struct buf *out, const char *p, const char *end)
{
	unsigned c = hex4(p + 2);

	p += 6;
	if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
		unsigned low = hex4(p + 2);
		if (low >= 0xdc00 && low < 0xe000) {
			add_utf8(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
			return p + 6;
		}
	}
	add_utf8(out, c >= 0xd800 && c < 0xe000 ? 0xfffd : c);
	return p;
}

void json_unescape(struct buf *out, struct json_span string)
{
	static const char plain[] = "b\bf\fn\nr\rt\t";
	const char *p = string.at + 1;
	const char *end = string.at + string.length - 1;

	buf_reserve(out, string.length);
	while (p < end) {
		const char *stop = memchr(p, '\\', (size_t)(end - p));
		if (stop == NULL)
			stop = end;
		buf_add(out, p, (size_t)(stop - p));
		p = stop;
		if (p == end)
			break;
		if (p[1] == 'u') {
			p = unescape_unicode(out, p, end);
			continue;
		}
		char c = p[1];
		for (const char *pair = plain; *pair != '\0'; pair += 2)
			if (*pair == p[1])
				c = pair[1];
		buf_addc(out, c);
		p += 2;
	}
}

void json_text(struct buf *out, struct json_span value)
{
	if (json_type(value) == JSON_STRING)
		json_unescape(out, value);
	else if (value.at != NULL)
		json_compact(out, value);
}

int json_integer(struct json_span number, int64_t *value)
{
	int64_t n = 0;
	bool negative = false;

	if (json_type(number) != JSON_NUMBER)
		return -1;
	const char *p = number.at;
	const char *end = p + number.length;
	if (*p == '-') {
		negative = true;
		p++;
	}
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return -1;
		int digit = negative ? '0' - *p : *p - '0';
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, digit, &n))
			return -1;
	}
	*value = n;
	return 0;
}

int json_number(struct json_span number, double *value)
{
	if (json_type(number) != JSON_NUMBER)
		return -1;
	struct buf text = {0};
	buf_add(&text, number.at, number.length);
	*value = strtod(buf_string(&text), NULL);
	buf_free(&text);
	return 0;
}
