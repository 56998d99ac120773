/* Reading request bodies: which texts are prompt, and what is asked for. */
#include "tokens.h"
#include "tokens_run.h"

#include <string.h>

/* What a request adds up to, while it is read. */
struct tally {
	struct tokens_run run;
	int64_t messages;
	int64_t prompts; /* legacy completions: each has answers of its own */
};

static void add_tokens(struct tally *t, int64_t tokens)
{
	t->run.hundredths += 100 * tokens;
}

/* Four hexadecimal digits, known to be such. */
static unsigned hex4(const char *p)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 4 | ((unsigned)(p[i] & 15) + (p[i] >= 'A' ? 9 : 0));
	return value;
}

/* Add a \u escape, whose hexadecimal digits p is at, with the other half of a pair. Returns what is
 * behind it. */
static const char *add_code(struct tokens_run *run, const char *p, const char *end)
{
	unsigned code = hex4(p);
	char bytes[4];
	size_t n = 0;

	p += 4;
	if (code >= 0xd800 && code < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u' &&
	    hex4(p + 2) >> 10 == 0xdc00 >> 10) {
		code = 0x10000 + ((code & 0x3ff) << 10 | (hex4(p + 2) & 0x3ff));
		p += 6;
	} else if (code >> 11 == 0xd800 >> 11) {
		code = 0xfffd; /* as json_unescape has it */
	}
	if (code < 0x80) {
		bytes[n++] = (char)code;
	} else if (code < 0x800) {
		bytes[n++] = (char)(0xc0 | code >> 6);
		bytes[n++] = (char)(0x80 | (code & 0x3f));
	} else {
		if (code < 0x10000) {
			bytes[n++] = (char)(0xe0 | code >> 12);
		} else {
			bytes[n++] = (char)(0xf0 | code >> 18);
			bytes[n++] = (char)(0x80 | (code >> 12 & 0x3f));
		}
		bytes[n++] = (char)(0x80 | (code >> 6 & 0x3f));
		bytes[n++] = (char)(0x80 | (code & 0x3f));
	}
	tokens_run_add(run, bytes, n);
	return p;
}

/* Add what stands between the quotes of a string. Nothing is copied: a text may be long. */
static void add_characters(struct tokens_run *run, struct json_span string)
{
	static const char escapes[] = "bfnrt", values[] = "\b\f\n\r\t";
	const char *p = string.at + 1;
	const char *end = string.at + string.length - 1;

	while (p < end) {
		const char *escape = memchr(p, '\\', (size_t)(end - p));
		if (escape == NULL) {
			tokens_run_add(run, p, (size_t)(end - p));
			return;
		}
		tokens_run_add(run, p, (size_t)(escape - p));
		p = escape + 2;
		if (escape[1] == 'u') {
			p = add_code(run, p, end);
		} else {
			const char *found = strchr(escapes, escape[1]);
			tokens_run_add(run, found != NULL ? &values[found - escapes] : &escape[1],
				       1);
		}
	}
}

static void add_string(struct tally *t, struct json_span string)
{
	tokens_run_begin(&t->run);
	add_characters(&t->run, string);
}

/* Add a value as the JSON text that the model sees: without white space. */
static void add_json(struct tally *t, struct json_span value)
{
	const char *p = value.at;
	const char *end = p + value.length;

	tokens_run_begin(&t->run);
	while (p < end) {
		const char *start = p;
		if (*p == '"') {
			for (p++; *p != '"'; p++)
				p += *p == '\\';
			p++;
			tokens_run_add(&t->run, "\"", 1);
			add_characters(&t->run, (struct json_span){start, (size_t)(p - start)});
			tokens_run_add(&t->run, "\"", 1);
			continue;
		}
		while (p < end && *p != '"' && (unsigned char)*p > ' ')
			p++;
		tokens_run_add(&t->run, start, (size_t)(p - start));
		while (p < end && (unsigned char)*p <= ' ')
			p++;
	}
}

static bool starts_with(struct json_span string, const char *prefix)
{
	size_t n = strlen(prefix);

	return json_type(string) == JSON_STRING && string.length >= n + 2 &&
	       memcmp(string.at + 1, prefix, n) == 0;
}

/* The tokens of a part that is no text, by its type; -1 if it is some other part. */
static int64_t attachment(struct json_span part)
{
	static const struct {
		const char *type;
		int64_t tokens;
	} types[] = {
	    {"image_url", TOKENS_IMAGE},
	    {"input_image", TOKENS_IMAGE},
	    {"image", TOKENS_IMAGE},
	    {"input_audio", TOKENS_AUDIO},
	    {"audio_url", TOKENS_AUDIO},
	    {"file", TOKENS_FILE},
	    {"input_file", TOKENS_FILE},
	    {"video_url", TOKENS_FILE},
	    {"computer_screenshot", TOKENS_IMAGE},
	};
	struct json_member m[] = {JSON_MEMBER("type"), JSON_MEMBER("inlineData"),
				  JSON_MEMBER("inline_data"), JSON_MEMBER("fileData"),
				  JSON_MEMBER("file_data")};

	json_find(part, m, sizeof m / sizeof *m);
	for (size_t i = 1; i < sizeof m / sizeof *m; i++) { /* Gemini */
		struct json_span mime = json_get(m[i].value, "mimeType");
		if (json_type(m[i].value) != JSON_OBJECT)
			continue;
		if (mime.at == NULL)
			mime = json_get(m[i].value, "mime_type");
		return starts_with(mime, "image/")   ? TOKENS_IMAGE
		       : starts_with(mime, "audio/") ? TOKENS_AUDIO
						     : TOKENS_FILE;
	}
	if (json_equals(m[0].value, "document")) { /* Anthropic: may hold text, too */
		struct json_span kind = json_path(part, "source", "type", NULL);
		return json_equals(kind, "text") || json_equals(kind, "content") ? -1 : TOKENS_FILE;
	}
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (!json_equals(m[0].value, types[i].type))
			continue;
		if (types[i].tokens == TOKENS_IMAGE &&
		    (json_equals(json_get(part, "detail"), "low") ||
		     json_equals(json_path(part, "image_url", "detail", NULL), "low")))
			return TOKENS_IMAGE_LOW;
		return types[i].tokens;
	}
	return -1;
}

/* Is this a member that tells servers something, and models nothing? */
static bool is_silent(struct json_span key)
{
	static const char *const names[] = {"type",        "id",
					    "call_id",     "tool_call_id",
					    "tool_use_id", "status",
					    "media_type",  "cache_control",
					    "signature",   "thoughtSignature",
					    "annotations", "encrypted_content"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (json_equals(key, names[i]))
			return true;
	return false;
}

/* The arguments and results of functions: JSON to the model, whatever they hold. */
static bool is_json(struct json_span key, struct json_span value)
{
	return json_type(value) == JSON_OBJECT &&
	       (json_equals(key, "input") || json_equals(key, "args") ||
		json_equals(key, "response"));
}

/*
 * Add a prompt or a part of one, of whatever shape: all strings in it that are not known to be
 * silent, and numbers in arrays, which are tokens themselves. It calls itself as deep as JSON
 * nests, JSON_MAX_DEPTH.
 */
static void add_part(struct tally *t, struct json_span value)
{
	struct json_iter it = json_iter(value);
	struct json_span key, element;
	int64_t tokens;

	switch (json_type(value)) {
	case JSON_STRING:
		add_string(t, value);
		break;
	case JSON_ARRAY:
		while (json_next(&it, NULL, &element))
			if (json_type(element) == JSON_NUMBER)
				add_tokens(t, 1);
			else
				add_part(t, element);
		break;
	case JSON_OBJECT:
		tokens = attachment(value);
		if (tokens >= 0) {
			add_tokens(t, tokens);
			break;
		}
		while (json_next(&it, &key, &element))
			if (is_json(key, element))
				add_json(t, element);
			else if (!is_silent(key))
				add_part(t, element);
		break;
	default:
		break;
	}
}

/* Add messages, or what else a member holds of which an array of objects is messages. */
static void add_messages(struct tally *t, struct json_span value)
{
	struct json_iter it = json_iter(value);
	struct json_span element;

	if (json_type(value) == JSON_ARRAY)
		while (json_next(&it, NULL, &element))
			if (json_type(element) == JSON_OBJECT)
				t->messages++;
	add_part(t, value);
}

/* Add the prompt of legacy completions: one, or an array of several; each may be tokens. */
static void add_prompts(struct tally *t, struct json_span value)
{
	struct json_iter it = json_iter(value);
	struct json_span element;

	if (json_type(value) == JSON_ARRAY)
		while (json_next(&it, NULL, &element))
			if (json_type(element) != JSON_NUMBER)
				t->prompts++;
	add_part(t, value);
}

/* A count that is no more than can be multiplied by another, or -1. */
static int64_t count_of(struct json_span value)
{
	int64_t count;

	if (json_type(value) != JSON_NUMBER || json_integer(value, &count) < 0 || count < 0)
		return -1;
	return count < INT32_MAX ? count : INT32_MAX;
}

/* The members of a body that count. */
enum {
	MODEL,
	/* Messages and other prompts. */
	MESSAGES,
	CONTENTS,
	INPUT,
	PROMPT,
	SYSTEM,
	INSTRUCTIONS,
	SYSTEM_INSTRUCTION,
	SYSTEM_INSTRUCTION_SNAKE,
	/* What is JSON to the model. */
	TOOLS,
	FUNCTIONS,
	RESPONSE_FORMAT,
	TEXT,
	OUTPUT_CONFIG,
	/* Numbers. */
	MAX_COMPLETION_TOKENS,
	MAX_TOKENS,
	MAX_OUTPUT_TOKENS,
	GENERATION_CONFIG,
	N,
	BEST_OF,
	MEMBERS
};

static const struct json_member names[MEMBERS] = {
    [MODEL] = JSON_MEMBER("model"),
    [MESSAGES] = JSON_MEMBER("messages"),
    [CONTENTS] = JSON_MEMBER("contents"),
    [INPUT] = JSON_MEMBER("input"),
    [PROMPT] = JSON_MEMBER("prompt"),
    [SYSTEM] = JSON_MEMBER("system"),
    [INSTRUCTIONS] = JSON_MEMBER("instructions"),
    [SYSTEM_INSTRUCTION] = JSON_MEMBER("systemInstruction"),
    [SYSTEM_INSTRUCTION_SNAKE] = JSON_MEMBER("system_instruction"),
    [TOOLS] = JSON_MEMBER("tools"),
    [FUNCTIONS] = JSON_MEMBER("functions"),
    [RESPONSE_FORMAT] = JSON_MEMBER("response_format"),
    [TEXT] = JSON_MEMBER("text"),
    [OUTPUT_CONFIG] = JSON_MEMBER("output_config"),
    [MAX_COMPLETION_TOKENS] = JSON_MEMBER("max_completion_tokens"),
    [MAX_TOKENS] = JSON_MEMBER("max_tokens"),
    [MAX_OUTPUT_TOKENS] = JSON_MEMBER("max_output_tokens"),
    [GENERATION_CONFIG] = JSON_MEMBER("generationConfig"),
    [N] = JSON_MEMBER("n"),
    [BEST_OF] = JSON_MEMBER("best_of"),
};

static int64_t input_of(struct tally *t, const struct json_member *m, struct json_span schema)
{
	add_messages(t, m[MESSAGES].value);
	add_messages(t, m[CONTENTS].value);
	add_messages(t, m[INPUT].value);
	add_prompts(t, m[PROMPT].value);
	for (size_t i = SYSTEM; i <= SYSTEM_INSTRUCTION_SNAKE; i++)
		add_part(t, m[i].value);
	for (size_t i = TOOLS; i <= OUTPUT_CONFIG; i++)
		if (json_is_set(m[i].value))
			add_json(t, m[i].value);
	if (json_is_set(schema))
		add_json(t, schema);
	if (t->messages > 0)
		add_tokens(t, TOKENS_MESSAGE * t->messages + TOKENS_REPLY);
	return (t->run.hundredths + 99) / 100;
}

void tokens_request(struct json_span body, struct tokens_request *r)
{
	struct tally t = {0};
	struct json_member m[MEMBERS];
	struct json_member gemini[] = {JSON_MEMBER("maxOutputTokens"),
				       JSON_MEMBER("candidateCount"), JSON_MEMBER("responseSchema"),
				       JSON_MEMBER("responseJsonSchema")};

	memcpy(m, names, sizeof m);
	json_find(body, m, MEMBERS);
	json_find(m[GENERATION_CONFIG].value, gemini, sizeof gemini / sizeof *gemini);

	r->model = m[MODEL].value;
	r->input =
	    input_of(&t, m, json_is_set(gemini[2].value) ? gemini[2].value : gemini[3].value);

	const struct json_span caps[] = {m[MAX_COMPLETION_TOKENS].value, m[MAX_TOKENS].value,
					 m[MAX_OUTPUT_TOKENS].value, gemini[0].value};
	r->output = -1;
	for (size_t i = 0; i < sizeof caps / sizeof *caps && r->output < 0; i++)
		r->output = count_of(caps[i]);

	const struct json_span counts[] = {m[N].value, m[BEST_OF].value, gemini[1].value};
	r->answers = 1;
	for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
		if (count_of(counts[i]) > r->answers)
			r->answers = count_of(counts[i]);
	if (t.prompts > 1)
		r->answers *= t.prompts;
	if (r->answers > INT32_MAX)
		r->answers = INT32_MAX;
}
