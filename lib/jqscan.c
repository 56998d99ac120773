#include "jqscan.h"
#include "buf.h"
#include "json.h"

#include <string.h>

/*
 * What is open at a place is a stack of the bytes that would close it: ) ] } and ". The ) of an
 * interpolation stands on the " of its string, so that the string goes on behind it.
 */
static char innermost(const struct buf *open)
{
	return open->length > 0 ? open->data[open->length - 1] : '\0';
}

/* One step inside of a string. */
static const char *scan_string(struct buf *open, const char *p, const char *end)
{
	if (*p == '"') {
		open->length--;
		return p + 1;
	}
	if (*p != '\\' || end - p < 2)
		return p + 1;
	if (p[1] == '(')
		buf_addc(open, ')');
	return p + 2;
}

/* One step outside of strings; NULL at a closing bracket that closes nothing. */
static const char *scan_code(struct buf *open, const char *p, const char *end)
{
	switch (*p) {
	case '"':
		buf_addc(open, '"');
		break;
	case '(':
		buf_addc(open, ')');
		break;
	case '[':
		buf_addc(open, ']');
		break;
	case '{':
		buf_addc(open, '}');
		break;
	case ')':
	case ']':
	case '}':
		if (innermost(open) != *p)
			return NULL;
		open->length--;
		break;
	case '#':
		/* To the end of the line. (jq 1.7.1 and later let a backslash before it continue
		 * the comment; earlier ones don't, and nobody should rely on either.) */
		p = memchr(p, '\n', (size_t)(end - p));
		return p != NULL ? p + 1 : end;
	default:
		break;
	}
	return p + 1;
}

/* As jqscan_end; what is still open there is left on the stack. */
static size_t scan(const char *text, size_t n, struct buf *open)
{
	const char *p = text;
	const char *end = text + n;

	while (p < end) {
		const char *next =
		    innermost(open) == '"' ? scan_string(open, p, end) : scan_code(open, p, end);
		if (next == NULL)
			break;
		p = next;
	}
	return (size_t)(p - text);
}

size_t jqscan_end(const char *text, size_t n)
{
	struct buf open = {0};
	size_t end = scan(text, n, &open);

	buf_free(&open);
	return end;
}

const char *jqscan_mistake(const char *text)
{
	static const char *const unopened[] = {"unmatched ')'", "unmatched ']'", "unmatched '}'"};
	static const char *const unclosed[] = {"unmatched '('", "unmatched '['", "unmatched '{'",
					       "unterminated string"};
	static const char closing[] = ")]}\"";
	size_t n = strlen(text);
	struct buf stack = {0};
	const char *mistake = NULL;

	if (text[strspn(text, " \t\r\n")] == '\0')
		return "empty expression";
	if (json_quote(&stack, text, n)) {
		mistake = "invalid UTF-8";
	} else {
		buf_clear(&stack);
		size_t end = scan(text, n, &stack);
		if (end < n)
			mistake = unopened[strchr(closing, text[end]) - closing];
		else if (stack.length > 0)
			mistake = unclosed[strchr(closing, innermost(&stack)) - closing];
	}
	buf_free(&stack);
	return mistake;
}

/* The first "\(" between p and end, or end. */
static const char *find_expression(const char *p, const char *end)
{
	while ((p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
		if (end - p >= 2 && p[1] == '(')
			return p;
		if (++p == end)
			break;
	}
	return end;
}

int jqscan_next(const char **at, const char *end, struct jqscan_piece *piece)
{
	const char *p = *at;

	if (p == end)
		return 0;
	const char *stop = find_expression(p, end);
	if (stop > p) {
		*piece = (struct jqscan_piece){p, (size_t)(stop - p), false};
		*at = stop;
		return 1;
	}
	p += 2;
	size_t n = jqscan_end(p, (size_t)(end - p));
	if (p + n == end || p[n] != ')')
		return -1;
	*piece = (struct jqscan_piece){p, n, true};
	*at = p + n + 1;
	return 1;
}
