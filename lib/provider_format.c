/* Answers that are to be JSON. */
#include "buf.h"
#include "provider.h"

#include <string.h>

bool provider_wants_json(struct json_span body)
{
	struct json_span types[] = {
	    json_path(body, "response_format", "type", NULL),
	    json_path(body, "text", "format", "type", NULL),
	    json_path(body, "output_config", "format", "type", NULL),
	};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (json_equals(types[i], "json_schema") || json_equals(types[i], "json_object"))
			return true;
	return false;
}

int provider_find_json(const struct buf *text, struct json_span *value)
{
	struct json_error problem;
	const char *p = text->data, *end = p + text->length;

	if (text->length == 0)
		return -1;
	if (json_check(p, text->length, value, NULL, 0, &problem) == 0)
		return 0;
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r'))
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\r'))
		end--;
	if (end - p < 6 || memcmp(p, "```", 3) != 0 || memcmp(end - 3, "```", 3) != 0)
		return -1;
	const char *line = memchr(p, '\n', (size_t)(end - p));
	if (line == NULL || line >= end - 3)
		return -1;
	return json_check(line, (size_t)(end - 3 - line), value, NULL, 0, &problem);
}
