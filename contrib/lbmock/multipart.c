#include "multipart.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at;
}

/* Copy what a header's parameter says, with its quotes taken off; nothing if it is not there. The
 * header is the n bytes at text. */
static void take_parameter(const char *text, size_t n, const char *name, char *out, size_t size)
{
	size_t length = strlen(name);
	const char *end = text + n;
	bool quoted = false;

	out[0] = '\0';
	for (const char *at = text; at < end; at++) {
		quoted ^= *at == '"';
		if (quoted || *at != ';')
			continue;
		const char *value = skip_blanks(at + 1, end);
		if ((size_t)(end - value) <= length || strncasecmp(value, name, length) != 0 ||
		    value[length] != '=')
			continue;
		value += length + 1;
		quoted = value < end && *value == '"';
		value += quoted ? 1 : 0;
		size_t used = 0;
		for (; value < end && strchr(quoted ? "\"" : "; \t", *value) == NULL; value++)
			if (used + 1 < size)
				out[used++] = *value;
		out[used] = '\0';
		return;
	}
}

bool multipart_begin(struct multipart *m, const char *content_type, const char *body, size_t n)
{
	static const char type[] = "multipart/form-data";
	char boundary[72]; /* RFC 2046 allows 70 */

	if (content_type == NULL || strncasecmp(content_type, type, strlen(type)) != 0)
		return false;
	take_parameter(content_type, strlen(content_type), "boundary", boundary, sizeof boundary);
	if (boundary[0] == '\0')
		return false;
	m->delimiter_length =
	    (size_t)snprintf(m->delimiter, sizeof m->delimiter, "\r\n--%s", boundary);
	m->end = body + n;
	m->ended = false;
	/* The first delimiter may stand at the very start, without a line break. */
	size_t first = m->delimiter_length - 2;
	if (n >= first && memcmp(body, m->delimiter + 2, first) == 0) {
		m->at = body + first;
		return true;
	}
	m->at = n > 0 ? memmem(body, n, m->delimiter, m->delimiter_length) : NULL;
	if (m->at != NULL)
		m->at += m->delimiter_length;
	return m->at != NULL;
}

/* Read one header of a field. */
static void read_header(struct multipart_field *field, const char *text, size_t n)
{
	static const char name[] = "content-disposition:";

	if (n < strlen(name) || strncasecmp(text, name, strlen(name)) != 0)
		return;
	take_parameter(text, n, "name", field->name, sizeof field->name);
	take_parameter(text, n, "filename", field->filename, sizeof field->filename);
}

bool multipart_next(struct multipart *m, struct multipart_field *field)
{
	const char *end;

	memset(field, 0, sizeof *field);
	m->ended = m->end - m->at >= 2 && memcmp(m->at, "--", 2) == 0;
	if (m->ended)
		return false;
	m->at = skip_blanks(m->at, m->end);
	if (m->end - m->at < 2 || memcmp(m->at, "\r\n", 2) != 0)
		return false;
	m->at += 2;
	for (;;) { /* headers, up to an empty line */
		end = memmem(m->at, (size_t)(m->end - m->at), "\r\n", 2);
		if (end == NULL)
			return false;
		size_t n = (size_t)(end - m->at);
		if (n > 0)
			read_header(field, m->at, n);
		m->at = end + 2;
		if (n == 0)
			break;
	}
	end = memmem(m->at, (size_t)(m->end - m->at), m->delimiter, m->delimiter_length);
	if (end == NULL)
		return false;
	field->content = (struct json_span){m->at, (size_t)(end - m->at)};
	m->at = end + m->delimiter_length;
	return true;
}
