/* Walking a body and adding what is prompt in it, each byte once. */
#include "tokens_reader.h"
#include "json_scan.h"
#include "tokens.h"

#include <string.h>

/* Four hexadecimal digits, known to be such. */
static inline unsigned hex4(const char *digits)
{
	static const unsigned char values[256] = {
	    ['1'] = 1,  ['2'] = 2,  ['3'] = 3,  ['4'] = 4,  ['5'] = 5,  ['6'] = 6,  ['7'] = 7,
	    ['8'] = 8,  ['9'] = 9,  ['A'] = 10, ['B'] = 11, ['C'] = 12, ['D'] = 13, ['E'] = 14,
	    ['F'] = 15, ['a'] = 10, ['b'] = 11, ['c'] = 12, ['d'] = 13, ['e'] = 14, ['f'] = 15,
	};
	const unsigned char *p = (const unsigned char *)digits;

	return (unsigned)(values[p[0]] << 12 | values[p[1]] << 8 | values[p[2]] << 4 |
			  values[p[3]]);
}

/* Add the character that an escape at p stands for, with the other half of a pair. Returns what is
 * behind it. */
static const char *add_escape(struct tokens_run *run, const char *p, const char *end)
{
	static const unsigned char values[256] = {
	    ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t',
	};
	unsigned char c = (unsigned char)p[1];

	if (c != 'u') {
		tokens_run_add_code(run, values[c] != 0 ? values[c] : c);
		return p + 2;
	}
	unsigned code = hex4(p + 2);
	p += 6;
	if (code >> 11 == 0xd800 >> 11) {
		unsigned low = 0;
		if (code < 0xdc00 && end - p > 6 && p[0] == '\\' && p[1] == 'u')
			low = hex4(p + 2);
		if (low >> 10 == 0xdc00 >> 10) {
			code = 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
			p += 6;
		} else {
			code = 0xfffd; /* as json_unescape has it */
		}
	}
	tokens_run_add_code(run, code);
	return p;
}

/* Add what stands in a string, from p behind its opening quote. Returns what is behind the closing
 * one. Nothing is copied: a text may be long. */
static const char *add_characters(struct tokens_run *run, const char *p, const char *end)
{
	while (*p != '"')
		p = *p == '\\' ? add_escape(run, p, end) : tokens_run_add(run, p, end);
	return p + 1;
}

void tokens_reader_add_json(struct tokens_reader *r)
{
	struct json_span value = tokens_reader_take(r);
	const char *p = value.at;
	const char *end = p + value.length;

	tokens_run_begin(&r->run);
	while (p < end) {
		if (*p == '"') {
			tokens_run_add_code(&r->run, '"');
			p = add_characters(&r->run, p + 1, end);
			tokens_run_add_code(&r->run, '"');
			continue;
		}
		const char *start = p;
		while (p < end && *p != '"' && (unsigned char)*p > ' ')
			p++;
		tokens_run_add(&r->run, start, p);
		p = json_scan_space(p, end);
	}
}

int tokens_reader_meaning(struct json_span value, const struct tokens_word *words)
{
	size_t length = value.length - 2;
	const struct tokens_word *w = words;

	if (*value.at != '"')
		return -1;
	while (w->length < length)
		w++;
	for (; w->length == length; w++)
		if (memcmp(w->text, value.at + 1, length) == 0)
			return w->meaning;
	if (memchr(value.at, '\\', value.length) != NULL)
		for (w = words; w->text != NULL; w++)
			if (json_equals(value, w->text))
				return w->meaning;
	return -1;
}

/* From a string's opening quote to behind its closing one. */
static inline const char *skip_string(const char *p, const char *end)
{
	p = json_scan_quote(p + 1, end);
	while (*p == '\\')
		p = json_scan_quote(p + 2, end);
	return p + 1;
}

bool tokens_reader_next(struct tokens_reader *r)
{
	const char *p = json_scan_space(r->at, r->end);

	if (*p == ',')
		p = json_scan_space(p + 1, r->end);
	bool more = *p != ']' && *p != '}';
	r->at = more ? p : p + 1;
	return more;
}

struct json_span tokens_reader_take(struct tokens_reader *r)
{
	struct json_iter it = {r->at, r->end, false};
	struct json_span value = {r->at, 0};

	switch (*r->at) {
	case '"':
		r->at = skip_string(r->at, r->end);
		break;
	case '{':
	case '[':
		json_next(&it, NULL, &value);
		r->at = it.at;
		break;
	default:
		while (r->at < r->end && *r->at != ',' && *r->at != ']' && *r->at != '}' &&
		       (unsigned char)*r->at > ' ')
			r->at++;
	}
	value.length = (size_t)(r->at - value.at);
	return value;
}

struct json_span tokens_reader_take_key(struct tokens_reader *r)
{
	const char *start = r->at;
	const char *p = skip_string(start, r->end);

	r->at = json_scan_space(json_scan_space(p, r->end) + 1, r->end); /* the colon */
	return (struct json_span){start, (size_t)(p - start)};
}

static bool starts_with(struct json_span string, const char *prefix)
{
	size_t n = strlen(prefix);

	return json_type(string) == JSON_STRING && string.length >= n + 2 &&
	       memcmp(string.at + 1, prefix, n) == 0;
}

/* The tokens of a blob of Gemini's. */
static int blob_tokens(struct json_span blob)
{
	struct json_member m[] = {JSON_MEMBER("mimeType"), JSON_MEMBER("mime_type")};

	json_find(blob, m, 2);
	struct json_span mime = m[m[0].value.at == NULL].value;
	return starts_with(mime, "image/")   ? TOKENS_IMAGE
	       : starts_with(mime, "audio/") ? TOKENS_AUDIO
					     : TOKENS_FILE;
}

/* The tokens of the part that starts there, if by its type it is no text; otherwise -1. */
static int attachment_tokens(const char *start, const char *end, struct json_span type)
{
	enum { DOCUMENT = -2 }; /* Anthropic: may hold text, too */
	static const struct tokens_word types[] = {
	    TOKENS_WORD("file", TOKENS_FILE),
	    TOKENS_WORD("image", TOKENS_IMAGE),
	    TOKENS_WORD("document", DOCUMENT),
	    TOKENS_WORD("image_url", TOKENS_IMAGE),
	    TOKENS_WORD("audio_url", TOKENS_AUDIO),
	    TOKENS_WORD("video_url", TOKENS_FILE),
	    TOKENS_WORD("input_file", TOKENS_FILE),
	    TOKENS_WORD("input_image", TOKENS_IMAGE),
	    TOKENS_WORD("input_audio", TOKENS_AUDIO),
	    TOKENS_WORD("computer_screenshot", TOKENS_IMAGE),
	    TOKENS_WORDS_END,
	};
	int tokens = tokens_reader_meaning(type, types);

	if (tokens != DOCUMENT && tokens != TOKENS_IMAGE)
		return tokens;
	struct tokens_reader r = {.at = start, .end = end};
	struct json_span part = tokens_reader_take(&r);
	if (tokens == DOCUMENT) {
		struct json_span kind = json_path(part, "source", "type", NULL);
		return json_equals(kind, "text") || json_equals(kind, "content") ? -1 : TOKENS_FILE;
	}
	return json_equals(json_get(part, "detail"), "low") ||
		       json_equals(json_path(part, "image_url", "detail", NULL), "low")
		   ? TOKENS_IMAGE_LOW
		   : TOKENS_IMAGE;
}

/* Add the members of an object. The first that says that it is no text decides for all of it. */
static void add_object(struct tokens_reader *r)
{
	enum {
		SILENT, /* tells servers something, and models nothing */
		TYPE,
		ARGUMENTS, /* or results of functions: an object is JSON to the model */
		BLOB       /* of Gemini's, an object */
	};
	static const struct tokens_word keys[] = {
	    TOKENS_WORD("id", SILENT),
	    TOKENS_WORD("type", TYPE),
	    TOKENS_WORD("args", ARGUMENTS),
	    TOKENS_WORD("input", ARGUMENTS),
	    TOKENS_WORD("status", SILENT),
	    TOKENS_WORD("call_id", SILENT),
	    TOKENS_WORD("fileData", BLOB),
	    TOKENS_WORD("response", ARGUMENTS),
	    TOKENS_WORD("file_data", BLOB),
	    TOKENS_WORD("signature", SILENT),
	    TOKENS_WORD("media_type", SILENT),
	    TOKENS_WORD("inlineData", BLOB),
	    TOKENS_WORD("inline_data", BLOB),
	    TOKENS_WORD("tool_use_id", SILENT),
	    TOKENS_WORD("annotations", SILENT),
	    TOKENS_WORD("tool_call_id", SILENT),
	    TOKENS_WORD("cache_control", SILENT),
	    TOKENS_WORD("thoughtSignature", SILENT),
	    TOKENS_WORD("encrypted_content", SILENT),
	    TOKENS_WORDS_END,
	};
	const char *start = r->at;
	int64_t before = r->run.hundredths;

	r->at++;
	while (tokens_reader_next(r)) {
		struct json_span key = tokens_reader_take_key(r);
		int meaning = tokens_reader_meaning(key, keys);
		int tokens = -1;
		if (meaning < 0 || (meaning >= ARGUMENTS && *r->at != '{'))
			tokens_reader_add(r);
		else if (meaning == SILENT)
			tokens_reader_take(r);
		else if (meaning == ARGUMENTS)
			tokens_reader_add_json(r);
		else if (meaning == TYPE)
			tokens = attachment_tokens(start, r->end, tokens_reader_take(r));
		else
			tokens = blob_tokens(tokens_reader_take(r));
		if (tokens >= 0) {
			r->at = start;
			r->run.hundredths = before;
			tokens_reader_take(r);
			tokens_run_add_tokens(&r->run, tokens);
			return;
		}
	}
}

void tokens_reader_add(struct tokens_reader *r)
{
	switch (*r->at) {
	case '"':
		tokens_run_begin(&r->run);
		r->at = add_characters(&r->run, r->at + 1, r->end);
		break;
	case '[':
		r->at++;
		while (tokens_reader_next(r))
			tokens_reader_add_element(r);
		break;
	case '{':
		add_object(r);
		break;
	default:
		tokens_reader_take(r);
		break;
	}
}

bool tokens_reader_add_element(struct tokens_reader *r)
{
	bool is_number = *r->at == '-' || (*r->at >= '0' && *r->at <= '9');

	if (is_number) {
		tokens_run_add_tokens(&r->run, 1);
		tokens_reader_take(r);
	} else {
		tokens_reader_add(r);
	}
	return !is_number;
}
