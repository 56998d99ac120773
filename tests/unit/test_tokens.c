/*
 * Estimates against true counts, and what is read from requests. Texts and counts are in
 * tests/unit/data/tokens; count.mjs there counts anew. None of the texts was used to find the
 * weights. Where an exact number is to come out, the texts are of digits, a token for each three,
 * or single letters.
 */
#include "buf.h"
#include "mem.h"
#include "tap.h"
#include "tokens.h"

#include <stdlib.h>

#define DATA "tests/unit/data/tokens/"

/* In hundredths of the true count. */
enum { WORST_ERROR = 20, MEAN_ERROR = 10, FEWEST_KINDS = 12 };

static void read_file(struct buf *b, const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t got;

	buf_clear(b);
	if (file == NULL) {
		tap_ok(false, "%s can be read", path);
		return;
	}
	while ((got = fread(buf_reserve(b, 4096), 1, 4096, file)) > 0)
		b->length += got;
	fclose(file);
}

static struct json_span parse(const char *text, size_t n)
{
	struct json_span root = {NULL, 0};
	struct json_error error;

	if (json_check(text, n, &root, NULL, 0, &error) < 0)
		tap_ok(false, "the test's own text is valid: %s", text);
	return root;
}

static int64_t input_of(const char *body, size_t n)
{
	struct tokens_request r;

	tokens_request(parse(body, n), &r);
	return r.input;
}

/* Append the text as a JSON string all of \u escapes. */
static void add_escaped(struct buf *out, const struct buf *text)
{
	const unsigned char *p = (const unsigned char *)text->data;
	const unsigned char *end = p + text->length;

	buf_addc(out, '"');
	while (p < end) {
		int length = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
		unsigned code = length == 1 ? *p : *p & (0xffu >> (length + 1));
		for (int i = 1; i < length; i++)
			code = code << 6 | (p[i] & 0x3f);
		if (code >= 0x10000)
			buf_addf(out, "\\ud%03x\\uD%03X", 0x800 + ((code - 0x10000) >> 10),
				 0xc00 + (code & 0x3ff));
		else
			buf_addf(out, "\\u%04x", code);
		p += length;
	}
	buf_addc(out, '"');
}

/* However a text is written in a body, it counts as the same. */
static void test_escapes(const char *kind, const struct buf *text)
{
	struct buf body = {0};
	int64_t want = tokens_text(text->data, text->length);

	buf_adds(&body, "{\"prompt\": ");
	json_quote(&body, text->data, text->length);
	buf_adds(&body, "}");
	tap_int(input_of(body.data, body.length), want, "%s: as much in a body", kind);
	buf_clear(&body);
	buf_adds(&body, "{\"prompt\": ");
	add_escaped(&body, text);
	buf_adds(&body, "}");
	tap_int(input_of(body.data, body.length), want, "%s: as much all escaped", kind);
	buf_free(&body);
}

static void test_kinds(void)
{
	struct buf counts = {0}, text = {0}, path = {0};
	double sum = 0;
	int kinds = 0;

	read_file(&counts, DATA "counts");
	char *next = NULL;
	for (char *line = strtok_r(buf_string(&counts), "\n", &next); line != NULL;
	     line = strtok_r(NULL, "\n", &next)) {
		char *space = strchr(line, ' ');
		*space = '\0';
		double truth = strtod(space + 1, NULL);
		buf_clear(&path);
		buf_addf(&path, DATA "%s.txt", line);
		read_file(&text, buf_string(&path));
		double error = 100 * ((double)tokens_text(text.data, text.length) - truth) / truth;
		printf("# %s: %+.1f %%\n", line, error);
		tap_ok(error < WORST_ERROR && error > -WORST_ERROR, "%s: within %d %%", line,
		       WORST_ERROR);
		sum += error < 0 ? -error : error;
		kinds++;
		test_escapes(line, &text);
	}
	buf_clear(&text);
	for (int i = 0; i < 2 * 128 * 128; i++)
		buf_addc(&text, (char)(i % 2 == 0 ? i / 256 : i / 2 % 128));
	test_escapes("each of ASCII behind each", &text);
	printf("# mean: %.1f %%\n", sum / kinds);
	tap_ok(kinds >= FEWEST_KINDS, "at least %d kinds of text", FEWEST_KINDS);
	tap_ok(sum < MEAN_ERROR * kinds, "the mean error is under %d %%", MEAN_ERROR);
	buf_free(&counts);
	buf_free(&text);
	buf_free(&path);
}

static void test_texts(void)
{
	static const struct {
		const char *text;
		int64_t tokens;
	} cases[] = {
	    {"", 0},         {"1", 1},        {"123", 1},  {"1234", 2}, {"123456", 2},
	    {"1234567", 3},  {"1,2", 3},      {"1 2", 3},  {"1  2", 4}, {"1          2", 4},
	    {"1\t\t\t2", 4}, {"a", 1},        {"\n", 1},   {" ", 1},    {"{", 1},
	    {"Z", 1},        {"\xc3\xa9", 1}, {"\x01", 1},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		tap_int(tokens_text(cases[i].text, strlen(cases[i].text)), cases[i].tokens,
			"\"%s\"", cases[i].text);
}

/* Bytes that are no UTF-8, in memory of just their size. */
static void test_broken(void)
{
	static const char *const cases[] = {"\x80",         "\xff",         "\xc3",
					    "\xe2\x82",     "\xf0\x9f\x98", "abc\xf0",
					    "\xe2\x82\x61", "\xf8\x88",     "\xc3\x28"};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t n = strlen(cases[i]);
		char *exact = mem_alloc(n);
		memcpy(exact, cases[i], n);
		int64_t tokens = tokens_text(exact, n);
		tap_ok(tokens > 0 && tokens <= (int64_t)n, "broken text %zu counts something", i);
		free(exact);
	}
}

struct input_case {
	const char *name;
	const char *body;
	int64_t input;
};

/* Messages: 3 for each and 3 for the reply. */
static const struct input_case chats[] = {
    {"chat", "{\"messages\":[{\"role\":\"u\",\"content\":\"123456\"}]}", 1 + 2 + 3 + 3},
    {"two messages",
     "{\"messages\":[{\"role\":\"s\",\"content\":\"1\"},{\"role\":\"u\",\"content\":\"1\"}]}",
     2 + 2 + 6 + 3},
    {"null content", "{\"messages\":[{\"role\":\"a\",\"content\":null}]}", 1 + 3 + 3},
    {"parts, whose type is no text",
     "{\"messages\":[{\"role\":\"u\",\"content\":[{\"type\":\"text\",\"text\":\"123456789\"},"
     "{\"type\":\"text\",\"text\":\"1\"}]}]}",
     1 + 3 + 1 + 6},
    {"a tool call and its result; ids are no text",
     "{\"messages\":[{\"role\":\"a\",\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"function\","
     "\"function\":{\"name\":\"f\",\"arguments\":\"1\"}}]},{\"role\":\"t\",\"tool_call_id\":"
     "\"call_1\",\"content\":\"1\"}]}",
     1 + 1 + 1 + 2 + 6 + 3},
    {"an image",
     "{\"messages\":[{\"role\":\"u\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
     "\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUg\"}},{\"type\":\"text\",\"text\":\"1\"}]}]}",
     1 + TOKENS_IMAGE + 1 + 6},
    {"an image of low detail",
     "{\"messages\":[{\"role\":\"u\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
     "\"https://example.com/a.png\",\"detail\":\"low\"}}]}]}",
     1 + TOKENS_IMAGE_LOW + 6},
    {"messages twice: the last count",
     "{\"input\":[{\"a\":\"1\"},{\"a\":\"1\"}],\"input\":[{\"a\":\"123456\"}]}", 2 + 6},
    {"Anthropic: system, and an image",
     "{\"system\":\"123\",\"messages\":[{\"role\":\"u\",\"content\":[{\"type\":\"image\","
     "\"source\":"
     "{\"type\":\"base64\",\"media_type\":\"image/png\",\"data\":\"iVBORw0KGgo\"}}]}]}",
     1 + 1 + TOKENS_IMAGE + 6},
    {"Anthropic: system in blocks; cache_control is no text",
     "{\"system\":[{\"type\":\"text\",\"text\":\"123456\",\"cache_control\":{\"type\":"
     "\"ephemeral\",\"ttl\":\"1h\"}}],\"messages\":[{\"role\":\"u\",\"content\":\"1\"}]}",
     2 + 2 + 6},
    {"Anthropic: a document, and one that is text",
     "{\"messages\":[{\"role\":\"u\",\"content\":[{\"type\":\"document\",\"source\":{\"type\":"
     "\"base64\",\"media_type\":\"application/pdf\",\"data\":\"JVBERi0\"}},{\"type\":\"document\","
     "\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\",\"data\":\"123456\"}}]}]}",
     1 + TOKENS_FILE + 2 + 6},
    {"Anthropic: an image in a tool's result",
     "{\"messages\":[{\"role\":\"u\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":"
     "\"toolu_1\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":"
     "\"https://example.com/a\"}}]}]}]}",
     1 + TOKENS_IMAGE + 6},
    {"Gemini, with an image",
     "{\"systemInstruction\":{\"parts\":[{\"text\":\"123456\"}]},\"contents\":[{\"role\":\"u\","
     "\"parts\":[{\"text\":\"1\"},{\"inline_data\":{\"mime_type\":\"image/"
     "png\",\"data\":\"iVBO\"}}]}"
     "]}",
     2 + 1 + 1 + TOKENS_IMAGE + 6},
    {"Gemini, audio and a video",
     "{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"audio/mp3\",\"data\":\"SUQz\"}},"
     "{\"fileData\":{\"mimeType\":\"video/mp4\",\"fileUri\":\"https://example.com/v\"}}]}]}",
     TOKENS_AUDIO + TOKENS_FILE + 6},
    {"Responses: items, instructions, an image",
     "{\"instructions\":\"123456\",\"input\":[{\"role\":\"u\",\"content\":[{\"type\":"
     "\"input_text\",\"text\":\"1\"},{\"type\":\"input_image\",\"image_url\":"
     "\"data:image/png;base64,iVBO\",\"detail\":\"low\"}]}]}",
     2 + 1 + 1 + TOKENS_IMAGE_LOW + 6},
};

static const struct input_case others[] = {
    {"Responses or embeddings: a string", "{\"input\":\"123456\"}", 2},
    {"embeddings: strings", "{\"input\":[\"123456\",\"1\"]}", 3},
    {"embeddings: tokens", "{\"input\":[9906,1917,0]}", 3},
    {"embeddings: arrays of tokens", "{\"input\":[[1,2,3],[4,5]]}", 5},
    {"completions: a string", "{\"prompt\":\"123456\"}", 2},
    {"completions: strings", "{\"prompt\":[\"123456\",\"123\"]}", 3},
    {"completions: tokens", "{\"prompt\":[1,2,3,4]}", 4},
    {"members that are no prompt",
     "{\"model\":\"m\",\"user\":\"123\",\"metadata\":{\"a\":\"123\"},\"prompt\":\"1\"}", 1},
    {"a name twice: the last counts", "{\"prompt\":\"1\",\"prompt\":\"123456\"}", 2},
    {"an escaped name", "{\"\\u0070rompt\":\"123456\"}", 2},
    {"Gemini, in snake case", "{\"system_instruction\":{\"parts\":{\"text\":\"123456\"}}}", 2},
    {"a lone surrogate, as U+FFFD", "{\"prompt\":\"\\ud83d\"}", 1},
    {"nothing", "{}", 0},
    {"null", "null", 0},
    {"an array", "[{\"prompt\":\"1\"}]", 0},
    {"prompts of no use", "{\"messages\":7,\"input\":null,\"prompt\":{},\"system\":true}", 0},
    {"messages that are no objects", "{\"messages\":[\"1\",[],null,true]}", 1},
};

static void test_inputs(const struct input_case *cases, size_t count)
{
	for (const struct input_case *c = cases; c < cases + count; c++)
		tap_int(input_of(c->body, strlen(c->body)), c->input, "%s", c->name);
}

/* Words that make a member silent or a part no text, plain and escaped. */
static void test_words(void)
{
	static const char key[] = "{\"prompt\":{\"%s\":\"1\",\"\\u%04x%s\":[\"1\"]}}";
	static const char type[] = "{\"prompt\":[{\"type\":\"%s\",\"a\":\"1\"},"
				   "{\"a\":\"1\",\"type\":\"\\u%04x%s\"}]}";
	static const struct {
		const char *format;
		int64_t tokens;
		const char *words[13]; /* up to the first that is NULL */
	} cases[] = {
	    {key,
	     0,
	     {"type", "id", "call_id", "tool_call_id", "tool_use_id", "status", "media_type",
	      "cache_control", "signature", "thoughtSignature", "annotations",
	      "encrypted_content"}},
	    {key, 2, {"types", "i", "input"}},
	    {type, 2 * TOKENS_IMAGE, {"image_url", "input_image", "image", "computer_screenshot"}},
	    {type, 2 * TOKENS_AUDIO, {"input_audio", "audio_url"}},
	    {type, 2 * TOKENS_FILE, {"file", "input_file", "video_url", "document"}},
	    {type, 2, {"text", "images"}},
	};
	char body[160];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (const char *const *word = cases[i].words; *word != NULL; word++) {
			snprintf(body, sizeof body, cases[i].format, *word, (unsigned)**word,
				 *word + 1);
			tap_int(input_of(body, strlen(body)), cases[i].tokens, "%s", body);
		}
}

/* Tools and schemas count as their JSON, whatever the white space between. */
static void test_json(void)
{
	static const char *const members[] = {"tools", "functions", "response_format", "text",
					      "output_config"};
	static const char loose[] =
	    "[ { \"name\" : \"get \\\"weather\\\"\",\n\t\"parameters\" : {\"n\": [1, -2.5e3 ]} } ]";
	static const char tight[] =
	    "[{\"name\":\"get \"weather\"\",\"parameters\":{\"n\":[1,-2.5e3]}}]";
	int64_t want = tokens_text(tight, strlen(tight));
	struct buf body = {0};

	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		buf_clear(&body);
		buf_addf(&body, "{\"%s\": %s}", members[i], loose);
		tap_int(input_of(body.data, body.length), want, "%s count as JSON", members[i]);
	}
	buf_clear(&body);
	buf_addf(&body, "{\"generationConfig\":{\"responseSchema\":%s}}", loose);
	tap_int(input_of(body.data, body.length), want, "responseSchema counts as JSON");
	buf_clear(&body);
	buf_addf(&body, "{\"prompt\":{\"input\":{\"a\": %s},\"args\":{\"a\": %s},", loose, loose);
	buf_addf(&body, "\"response\":{\"a\": %s}}}", loose);
	int64_t nested = input_of(body.data, body.length);
	tap_ok(nested > 3 * want && nested < 3 * want + 18,
	       "a function's arguments and results count as JSON");
	buf_free(&body);
}

static void test_numbers(void)
{
	static const struct {
		const char *body;
		int64_t output;
		int64_t answers;
	} cases[] = {
	    {"{}", -1, 1},
	    {"{\"max_tokens\":100}", 100, 1},
	    {"{\"max_completion_tokens\":100}", 100, 1},
	    {"{\"max_output_tokens\":100}", 100, 1},
	    {"{\"generationConfig\":{\"maxOutputTokens\":100}}", 100, 1},
	    {"{\"max_tokens\":7,\"max_completion_tokens\":100}", 100, 1},
	    {"{\"max_tokens\":7,\"max_completion_tokens\":null}", 7, 1},
	    {"{\"max_tokens\":0}", 0, 1},
	    {"{\"max_tokens\":-1}", -1, 1},
	    {"{\"max_tokens\":\"100\"}", -1, 1},
	    {"{\"max_tokens\":1.5}", -1, 1},
	    {"{\"max_tokens\":[1]}", -1, 1},
	    {"{\"max_tokens\":9223372036854775807}", INT32_MAX, 1},
	    {"{\"max_tokens\":99999999999999999999}", -1, 1},
	    {"{\"n\":3}", -1, 3},
	    {"{\"n\":0}", -1, 1},
	    {"{\"n\":-4}", -1, 1},
	    {"{\"n\":null}", -1, 1},
	    {"{\"n\":2,\"best_of\":5}", -1, 5},
	    {"{\"generationConfig\":{\"candidateCount\":4}}", -1, 4},
	    {"{\"generationConfig\":[]}", -1, 1},
	    {"{\"n\":2,\"prompt\":\"1\"}", -1, 2},
	    {"{\"n\":2,\"prompt\":[1,2,3]}", -1, 2},
	    {"{\"n\":2,\"prompt\":[\"1\",\"2\",\"3\"]}", -1, 6},
	    {"{\"prompt\":[[1,2],[3]]}", -1, 2},
	    {"{\"n\":9223372036854775807,\"prompt\":[\"1\",\"2\"]}", -1, INT32_MAX},
	};
	struct tokens_request r;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		tokens_request(parse(cases[i].body, strlen(cases[i].body)), &r);
		tap_int(r.output, cases[i].output, "the cap of %s", cases[i].body);
		tap_int(r.answers, cases[i].answers, "the answers of %s", cases[i].body);
	}
}

static void test_model(void)
{
	struct tokens_request r;

	tokens_request(JSON_LITERAL("{\"model\": \"gpt-4o\"}"), &r);
	tap_bytes(r.model.at, r.model.length, "\"gpt-4o\"", 8, "the model, with its quotes");
	tokens_request(JSON_LITERAL("{}"), &r);
	tap_ok(r.model.at == NULL, "no model");
}

static void test_depth(void)
{
	struct buf body = {0};

	buf_adds(&body, "{\"messages\":");
	for (int i = 1; i < JSON_MAX_DEPTH; i++)
		buf_addc(&body, '[');
	buf_adds(&body, "\"123\"");
	for (int i = 1; i < JSON_MAX_DEPTH; i++)
		buf_addc(&body, ']');
	buf_adds(&body, "}");
	tap_int(input_of(body.data, body.length), 1, "as deep as JSON nests");
	buf_free(&body);
}

int main(void)
{
	test_texts();
	test_broken();
	test_kinds();
	test_inputs(chats, sizeof chats / sizeof *chats);
	test_inputs(others, sizeof others / sizeof *others);
	test_words();
	test_json();
	test_numbers();
	test_model();
	test_depth();
	return tap_done();
}
