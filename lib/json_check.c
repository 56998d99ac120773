/*
 * The validating scanner: one pass, no recursion, nothing built; json_blocks.c has a quicker one
 * for some processors. What is open is a stack of bytes, '{' or '['. The functions take where to
 * start and return where they ended, or NULL after a mistake; that keeps the position in a
 * register, which is worth a third of the speed.
 */
#include "json.h"
#include "json_scan.h"

#include <string.h>

struct scan {
	const char *end;
	const char *at; /* of the mistake */
	const char *reason;
};

static const char *fail(struct scan *s, const char *at, const char *reason)
{
	s->at = at;
	s->reason = reason;
	return NULL;
}

static const unsigned char is_hex[256] = {
    ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1,
    ['8'] = 1, ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1,
    ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1,
};

static const unsigned char is_escape[256] = {
    ['"'] = 1, ['\\'] = 1, ['/'] = 1, ['b'] = 1, ['f'] = 1, ['n'] = 1, ['r'] = 1, ['t'] = 1,
};

/* One or more escapes. */
static const char *scan_escapes(struct scan *s, const char *at)
{
	const unsigned char *p = (const unsigned char *)at;
	const unsigned char *end = (const unsigned char *)s->end;

	while (p < end && *p == '\\') {
		if (end - p >= 6 && p[1] == 'u') {
			if ((is_hex[p[2]] & is_hex[p[3]] & is_hex[p[4]] & is_hex[p[5]]) == 0)
				return fail(s, (const char *)p, "invalid \\u escape");
			p += 6;
		} else if (end - p >= 2 && is_escape[p[1]]) {
			p += 2;
		} else if (end - p < 2 || p[1] == 'u') {
			return fail(s, s->end, "unterminated string");
		} else {
			return fail(s, (const char *)p, "invalid escape");
		}
	}
	return (const char *)p;
}

/* From behind the opening quote to behind the closing one. */
static const char *scan_long_string(struct scan *s, const char *p)
{
	for (;;) {
		if (json_scan_text(&p, s->end) < 0)
			return fail(s, p, "invalid UTF-8");
		if (p == s->end)
			return fail(s, p, "unterminated string");
		if (*p == '"')
			return p + 1;
		if (*p != '\\')
			return fail(s, p, "control character in string");
		p = scan_escapes(s, p);
		if (p == NULL)
			return NULL;
	}
}

/* The same; short plain strings, such as most names are, end here. */
static inline const char *scan_string(struct scan *s, const char *p)
{
	const char *quote = json_scan_short(p, s->end);
	return quote != NULL ? quote + 1 : scan_long_string(s, p);
}

static const char *scan_number(struct scan *s, const char *p)
{
	const char *wrong;

	p = json_scan_number(p, s->end, &wrong);
	if (p == NULL)
		return fail(s, wrong, "invalid number");
	if (json_scan_digit(p, s->end))
		return fail(s, p, "number with a leading zero");
	return p;
}

static inline const char *scan_literal(struct scan *s, const char *p, const char *word, size_t n)
{
	if ((size_t)(s->end - p) < n || memcmp(p, word, n) != 0)
		return fail(s, p, "invalid literal");
	return p + n;
}

/* A string, number or literal. */
static inline const char *scan_scalar(struct scan *s, const char *p)
{
	if (p == s->end)
		return fail(s, p, "unexpected end");
	switch (*p) {
	case '"':
		return scan_string(s, p + 1);
	case 't':
		return scan_literal(s, p, "true", 4);
	case 'f':
		return scan_literal(s, p, "false", 5);
	case 'n':
		return scan_literal(s, p, "null", 4);
	default:
		if (*p == '-' || json_scan_digit(p, s->end))
			return scan_number(s, p);
		return fail(s, p, "unexpected character");
	}
}

/* A key, the colon behind it, and white space. */
static inline const char *scan_key(struct scan *s, const char *p, struct json_span *key)
{
	const char *start = p;

	if (p == s->end || *p != '"')
		return fail(s, p, p == s->end ? "unexpected end" : "expected a member name");
	p = scan_string(s, p + 1);
	if (p == NULL)
		return NULL;
	*key = (struct json_span){start, (size_t)(p - start)};
	p = json_scan_space(p, s->end);
	if (p == s->end || *p != ':')
		return fail(s, p, "expected a colon");
	return json_scan_space(p + 1, s->end);
}

/*
 * The whole text: from the start of a value to behind it. The labels are the two states between
 * tokens: a value is due, or one has just ended. It is one function of more than a screen since the
 * states share the stack and the member that is being noted.
 */
static const char *scan_text(struct scan *s, const char *p, struct json_member *wanted,
			     size_t count)
{
	const char *const end = s->end;
	char open[JSON_MAX_DEPTH];
	size_t depth = 0, next = 0;
	struct json_span key = {NULL, 0};
	struct json_span top_key = {NULL, 0};
	const char *top_value = NULL;

value:
	if (depth == 1) {
		top_key = key;
		top_value = p;
	}
	if (p < end && (*p == '{' || *p == '[')) {
		if (depth == JSON_MAX_DEPTH)
			return fail(s, p, "nested too deep");
		char kind = *p++;
		open[depth++] = kind;
		p = json_scan_space(p, end);
		if (p < end && *p == kind + 2) /* '}' is '{' + 2, ']' is '[' + 2 */
			goto close;
		if (kind == '{' && (p = scan_key(s, p, &key)) == NULL)
			return NULL;
		goto value;
	}
	p = scan_scalar(s, p);
	if (p == NULL)
		return NULL;
ended:
	if (depth == 0)
		return p;
	if (depth == 1 && count > 0 && open[0] == '{')
		json_scan_note(wanted, count, &next, top_key,
			       (struct json_span){top_value, (size_t)(p - top_value)});
	p = json_scan_space(p, end);
	if (p == end)
		return fail(s, p, "unexpected end");
	if (*p == ',') {
		p = json_scan_space(p + 1, end);
		if (open[depth - 1] == '{' && (p = scan_key(s, p, &key)) == NULL)
			return NULL;
		goto value;
	}
	if (*p != open[depth - 1] + 2)
		return fail(s, p, "expected a comma or the end of the object or array");
close:
	p++;
	depth--;
	goto ended;
}

int json_scan_check(const char *text, size_t n, struct json_span *root, struct json_member *wanted,
		    size_t count, struct json_error *error)
{
	struct scan s = {.end = text + n};

	for (size_t i = 0; i < count; i++)
		wanted[i].value = (struct json_span){NULL, 0};
	const char *start = json_scan_space(text, s.end);
	const char *p = scan_text(&s, start, wanted, count);
	if (p != NULL) {
		const char *rest = json_scan_space(p, s.end);
		if (rest == s.end) {
			*root = (struct json_span){start, (size_t)(p - start)};
			return 0;
		}
		fail(&s, rest, "unexpected text behind the value");
	}
	*error = (struct json_error){(size_t)(s.at - text), s.reason};
	return -1;
}

int json_check(const char *text, size_t n, struct json_span *root, struct json_member *wanted,
	       size_t count, struct json_error *error)
{
	struct json_span ignored;

	if (n == 0)
		text = "";
	if (root == NULL)
		root = &ignored;
	if (json_blocks_check(text, n, root, wanted, count))
		return 0;
	return json_scan_check(text, n, root, wanted, count, error);
}
