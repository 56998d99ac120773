/* Which results are good answers. */
#include "buf.h"
#include "provider.h"
#include "record.h"
#include "store.h"

#include <string.h>

/* Is there a part of this type in the array? */
static bool has_part(struct json_span array, const char *type)
{
	struct json_iter it = json_iter(array);
	struct json_span part;

	while (json_next(&it, NULL, &part))
		if (json_equals(json_get(part, "type"), type))
			return true;
	return false;
}

/* The answers that are no text, where provider_answer finds no text, but also no reason why. */
static bool is_call(struct json_span body)
{
	struct json_span message = json_get(json_element(json_get(body, "choices"), 0), "message");
	struct json_span output = json_get(body, "output"), content = json_get(body, "content");
	struct json_span candidate = json_element(json_get(body, "candidates"), 0);
	struct json_iter it = json_iter(json_path(candidate, "content", "parts", NULL));
	struct json_span part;

	if (json_count(json_get(message, "tool_calls")) > 0 ||
	    json_is_set(json_get(message, "function_call")))
		return true;
	if (has_part(output, "function_call") || has_part(output, "custom_tool_call") ||
	    has_part(content, "tool_use"))
		return true;
	while (json_next(&it, NULL, &part))
		if (json_is_set(json_get(part, "functionCall")))
			return true;
	return false;
}

/* A vector for each text that was sent. */
static bool is_embeddings(struct json_span data, struct json_span request)
{
	struct json_span input = json_get(request, "input"), entry;
	struct json_iter it = json_iter(data);
	size_t count = 0;

	while (json_next(&it, NULL, &entry)) {
		if (!json_is_set(json_get(entry, "embedding")))
			return false;
		count++;
	}
	/* An array of numbers is one text, as tokens. */
	bool several =
	    json_type(input) == JSON_ARRAY && json_type(json_element(input, 0)) != JSON_NUMBER;
	return count > 0 && (!several || count == json_count(input));
}

static bool is_whole(struct json_span body, bool wants_json, struct buf *text)
{
	struct json_span value;

	buf_clear(text);
	const char *code = provider_answer(body, text);
	if (code == NULL)
		return !wants_json || provider_find_json(text, &value) == 0;
	/* Truncated, refused or filtered calls have codes of their own. */
	return strcmp(code, "no_answer") == 0 && is_call(body);
}

/* Is the choice plain text that ended by itself, as most are? So is_whole would find as well, but
 * with several looks at all of the text. */
static bool is_plain(struct json_span choice)
{
	struct json_member parts[] = {JSON_MEMBER("finish_reason"), JSON_MEMBER("message")};
	struct json_member message[] = {JSON_MEMBER("content"), JSON_MEMBER("refusal"),
					JSON_MEMBER("tool_calls"), JSON_MEMBER("function_call")};

	json_find(choice, parts, 2);
	json_find(parts[1].value, message, 4);
	return json_equals(parts[0].value, "stop") && json_type(message[0].value) == JSON_STRING &&
	       !json_is_set(message[1].value) && !json_is_set(message[2].value) &&
	       !json_is_set(message[3].value);
}

/* Is each of the choices whole? provider_answer looks at the first of a body only. */
static bool all_whole(struct json_span choices, bool wants_json, struct buf *text)
{
	struct json_iter it = json_iter(choices);
	struct json_span choice;
	struct buf one = {0};
	size_t count = 0;
	bool good = true;

	for (; good && json_next(&it, NULL, &choice); count++) {
		if (!wants_json && is_plain(choice))
			continue;
		buf_clear(&one);
		buf_adds(&one, "{\"choices\":[");
		buf_add(&one, choice.at, choice.length);
		buf_adds(&one, "]}");
		good = is_whole((struct json_span){one.data, one.length}, wants_json, text);
	}
	buf_free(&one);
	return good && count > 0;
}

/* A walk over the body costs more than what is done about what is found. */
enum { CHOICES = PROVIDER_MEMBERS, DATA, MEMBERS };

static bool is_good_body(struct json_span body, struct json_span request)
{
	struct json_member members[MEMBERS] = {
	    [CHOICES] = JSON_MEMBER("choices"),
	    [DATA] = JSON_MEMBER("data"),
	};
	struct buf code = {0}, text = {0};
	bool good = false, wants_json = provider_wants_json(request);

	provider_members(members);
	json_find(body, members, MEMBERS);
	if (provider_error(body, members, &code, &text))
		good = false;
	else if (json_type(members[CHOICES].value) == JSON_ARRAY)
		good = all_whole(members[CHOICES].value, wants_json, &text);
	else if (json_type(members[DATA].value) == JSON_ARRAY)
		good = is_embeddings(members[DATA].value, request);
	else
		good = is_whole(body, wants_json, &text);
	buf_free(&code);
	buf_free(&text);
	return good;
}

bool store_is_good(const struct record *result)
{
	struct json_member members[] = {JSON_MEMBER("status_code"), JSON_MEMBER("body")};
	int64_t status;

	json_find(result->response, members, 2);
	return !json_is_set(result->error) && json_integer(members[0].value, &status) == 0 &&
	       status == 200 && json_type(members[1].value) == JSON_OBJECT &&
	       is_good_body(members[1].value, result->body);
}
