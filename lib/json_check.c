/*
 * The validating scanner: one pass, no recursion, nothing built. What is open is a stack of bytes,
 * '{' or '['.
 */
#include "json.h"
#include "json_scan.h"

#include <string.h>

struct scan {
	const char *p;
	const char *end;
	const char *reason;
};

static int fail(struct scan *s, const char *at, const char *reason)
{
	s->p = at;
	s->reason = reason;
	return -1;
}

static inline void skip_space(struct scan *s)
{
	while (s->p < s->end && (unsigned char)*s->p <= ' ' &&
	       (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
		s->p++;
}

static const unsigned char is_hex[256] = {
    ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1, ['6'] = 1, ['7'] = 1,
    ['8'] = 1, ['9'] = 1, ['A'] = 1, ['B'] = 1, ['C'] = 1, ['D'] = 1, ['E'] = 1, ['F'] = 1,
    ['a'] = 1, ['b'] = 1, ['c'] = 1, ['d'] = 1, ['e'] = 1, ['f'] = 1,
};

/* One or more escapes. */
static int scan_escapes(struct scan *s)
{
	const unsigned char *p = (const unsigned char *)s->p;
	const unsigned char *end = (const unsigned char *)s->end;

	while (p < end && *p == '\\') {
		if (end - p >= 6 && p[1] == 'u') {
			if ((is_hex[p[2]] & is_hex[p[3]] & is_hex[p[4]] & is_hex[p[5]]) == 0)
				return fail(s, (const char *)p, "invalid \\u escape");
			p += 6;
		} else if (end - p >= 2 && p[1] != '\0' && strchr("\"\\/bfnrt", p[1]) != NULL) {
			p += 2;
		} else if (end - p < 2 || p[1] == 'u') {
			return fail(s, s->end, "unterminated string");
		} else {
			return fail(s, (const char *)p, "invalid escape");
		}
	}
	s->p = (const char *)p;
	return 0;
}

/* From behind the opening quote to behind the closing one. */
static int scan_string(struct scan *s)
{
	for (;;) {
		if (json_scan_text(&s->p, s->end) < 0)
			return fail(s, s->p, "invalid UTF-8");
		if (s->p == s->end)
			return fail(s, s->p, "unterminated string");
		if (*s->p == '"') {
			s->p++;
			return 0;
		}
		if (*s->p != '\\')
			return fail(s, s->p, "control character in string");
		if (scan_escapes(s) < 0)
			return -1;
	}
}

static inline bool is_digit(const struct scan *s, const char *p)
{
	return p < s->end && *p >= '0' && *p <= '9';
}

static int scan_number(struct scan *s)
{
	const char *p = s->p;

	if (*p == '-')
		p++;
	if (!is_digit(s, p))
		return fail(s, p, "invalid number");
	if (*p == '0')
		p++;
	else
		while (is_digit(s, p))
			p++;
	if (p < s->end && *p == '.') {
		if (!is_digit(s, ++p))
			return fail(s, p, "invalid number");
		while (is_digit(s, p))
			p++;
	}
	if (p < s->end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < s->end && (*p == '+' || *p == '-'))
			p++;
		if (!is_digit(s, p))
			return fail(s, p, "invalid number");
		while (is_digit(s, p))
			p++;
	}
	if (is_digit(s, p))
		return fail(s, p, "number with a leading zero");
	s->p = p;
	return 0;
}

static int scan_literal(struct scan *s, const char *word, size_t n)
{
	if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
		return fail(s, s->p, "invalid literal");
	s->p += n;
	return 0;
}

/* A string, number or literal. */
static inline int scan_scalar(struct scan *s)
{
	if (s->p == s->end)
		return fail(s, s->p, "unexpected end");
	switch (*s->p) {
	case '"':
		s->p++;
		return scan_string(s);
	case 't':
		return scan_literal(s, "true", 4);
	case 'f':
		return scan_literal(s, "false", 5);
	case 'n':
		return scan_literal(s, "null", 4);
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		return scan_number(s);
	default:
		return fail(s, s->p, "unexpected character");
	}
}

/* A key and the colon behind it. */
static inline int scan_key(struct scan *s, struct json_span *key)
{
	const char *start = s->p;

	if (s->p == s->end || *s->p != '"')
		return fail(s, s->p, s->p == s->end ? "unexpected end" : "expected a member name");
	s->p++;
	if (scan_string(s) < 0)
		return -1;
	*key = (struct json_span){start, (size_t)(s->p - start)};
	skip_space(s);
	if (s->p == s->end || *s->p != ':')
		return fail(s, s->p, "expected a colon");
	s->p++;
	skip_space(s);
	return 0;
}

static void note_member(struct json_member *wanted, size_t count, struct json_span key,
			struct json_span value)
{
	bool escaped = memchr(key.at, '\\', key.length) != NULL;

	for (size_t i = 0; i < count; i++) {
		if (escaped ? json_equals(key, wanted[i].name)
			    : wanted[i].name_length == key.length - 2 &&
				  memcmp(wanted[i].name, key.at + 1, key.length - 2) == 0)
			wanted[i].value = value;
	}
}

/*
 * The whole text. The two labels are the two states between tokens: a value is due, or one has just
 * ended. It is one function of more than a screen since the states share the stack and the member
 * that is being noted.
 */
static int scan_text(struct scan *s, struct json_member *wanted, size_t count)
{
	char open[JSON_MAX_DEPTH];
	size_t depth = 0;
	struct json_span key = {NULL, 0};
	struct json_span top_key = {NULL, 0};
	const char *top_value = NULL;

value:
	if (depth == 1 && open[0] == '{') {
		top_key = key;
		top_value = s->p;
	}
	if (s->p < s->end && (*s->p == '{' || *s->p == '[')) {
		if (depth == JSON_MAX_DEPTH)
			return fail(s, s->p, "nested too deep");
		char kind = *s->p++;
		open[depth++] = kind;
		skip_space(s);
		if (s->p < s->end && *s->p == kind + 2) /* '}' is '{' + 2, ']' is '[' + 2 */
			goto close;
		if (kind == '{' && scan_key(s, &key) < 0)
			return -1;
		goto value;
	}
	if (scan_scalar(s) < 0)
		return -1;
ended:
	if (depth == 0)
		return 0;
	if (depth == 1 && count > 0 && open[0] == '{')
		note_member(wanted, count, top_key,
			    (struct json_span){top_value, (size_t)(s->p - top_value)});
	skip_space(s);
	if (s->p == s->end)
		return fail(s, s->p, "unexpected end");
	if (*s->p == ',') {
		s->p++;
		skip_space(s);
		if (open[depth - 1] == '{' && scan_key(s, &key) < 0)
			return -1;
		goto value;
	}
	if (*s->p != open[depth - 1] + 2)
		return fail(s, s->p, "expected a comma or the end of the object or array");
close:
	s->p++;
	depth--;
	goto ended;
}

int json_check(const char *text, size_t n, struct json_span *root, struct json_member *wanted,
	       size_t count, struct json_error *error)
{
	struct scan s = {text, text + n, NULL};

	for (size_t i = 0; i < count; i++)
		wanted[i].value = (struct json_span){NULL, 0};
	skip_space(&s);
	const char *start = s.p;
	if (scan_text(&s, wanted, count) < 0)
		goto bad;
	const char *end = s.p;
	skip_space(&s);
	if (s.p == s.end) {
		if (root != NULL)
			*root = (struct json_span){start, (size_t)(end - start)};
		return 0;
	}
	fail(&s, s.p, "unexpected text behind the value");
bad:
	*error = (struct json_error){(size_t)(s.p - text), s.reason};
	return -1;
}
