#include "pretty.h"
#include "buf.h"

static void new_line(struct buf *out, unsigned depth)
{
	buf_addc(out, '\n');
	while (depth-- > 0)
		buf_adds(out, "  ");
}

/* Append the string that begins at i; returns where it ends. */
static size_t copy_string(struct buf *out, const char *json, size_t n, size_t i)
{
	size_t from = i++;
	while (i < n && json[i] != '"')
		i += json[i] == '\\' ? 2 : 1;
	i = i < n ? i + 1 : n;
	buf_add(out, json + from, i - from);
	return i;
}

void pretty_write(struct buf *out, const char *json, size_t n)
{
	unsigned depth = 0;

	for (size_t i = 0; i < n;) {
		char c = json[i];
		char next = i + 1 < n ? json[i + 1] : '\0';
		if (c == '"') {
			i = copy_string(out, json, n, i);
			continue;
		}
		i++;
		if ((c == '{' && next == '}') || (c == '[' && next == ']')) {
			buf_addc(out, c);
			buf_addc(out, next);
			i++;
		} else if (c == '{' || c == '[') {
			buf_addc(out, c);
			new_line(out, ++depth);
		} else if (c == '}' || c == ']') {
			new_line(out, --depth);
			buf_addc(out, c);
		} else if (c == ',') {
			buf_addc(out, c);
			new_line(out, depth);
		} else if (c == ':') {
			buf_adds(out, ": ");
		} else {
			buf_addc(out, c);
		}
	}
	buf_addc(out, '\n');
}
