/* The most that a request can cost. */
#include "price.h"

#include <string.h>

/*
 * What an image counts as at most where the table does not say: OpenAI's images and vision guide
 * has 10,000 patches at the most detail, and older models less, Anthropic's 4,784 tokens.
 */
#define IMAGE_TOKENS INT64_C(12000)

/* What providers put before tools and schemas; Anthropic's tool use page has 1,234 at most. */
#define TOOLS_TOKENS INT64_C(2000)

#define COUNT_MOST INT64_C(2000000000)

struct walk {
	int64_t images;
	size_t image_bytes; /* of data in them */
	bool beyond;        /* it refers to what is not in the body */
	bool cached;        /* it writes to a cache where that is asked for */
};

static bool starts_with(struct json_span string, const char *text)
{
	size_t n = strlen(text);

	return json_type(string) == JSON_STRING && string.length > n &&
	       memcmp(string.at + 1, text, n) == 0;
}

static bool is_one_of(struct json_span string, const char *const *names)
{
	for (; *names != NULL; names++)
		if (json_equals(string, *names))
			return true;
	return false;
}

/* An object's member if it is there once: of two, servers may take either. */
static struct json_span get_only(struct json_span object, const char *name)
{
	const struct json_span none = {NULL, 0};
	struct json_iter it = json_iter(object);
	struct json_span key, value, found = none;

	while (json_type(object) == JSON_OBJECT && json_next(&it, &key, &value)) {
		if (!json_equals(key, name))
			continue;
		if (found.at != NULL)
			return none;
		found = value;
	}
	return found;
}

/* An image. Its data stands where the APIs have it: no other string is taken for it, and none
 * twice, whatever is nested in what. What has several types may be something else. */
static void note_image(struct walk *w, struct json_span image)
{
	struct json_span url = get_only(image, "image_url"), source = get_only(image, "source");

	w->images++;
	if (get_only(image, "type").at == NULL)
		return;
	if (json_type(url) == JSON_OBJECT)
		url = get_only(url, "url");
	if (starts_with(url, "data:image/"))
		w->image_bytes += url.length;
	struct json_span data = get_only(source, "data");
	if (json_type(data) == JSON_STRING && json_equals(get_only(source, "type"), "base64"))
		w->image_bytes += data.length;
}

/* Gemini's images have no type. */
static void note_inline(struct walk *w, struct json_span element)
{
	struct json_span data = get_only(element, "data");
	struct json_span mime = get_only(element, "mimeType");

	if (mime.at == NULL)
		mime = get_only(element, "mime_type");
	w->images++;
	if (json_type(data) == JSON_STRING)
		w->image_bytes += data.length;
	w->beyond |= !starts_with(mime, "image/");
}

/* A part whose type says that it is something that is not in the body as text. Returns whether it
 * is an image. */
static bool note_type(struct walk *w, struct json_span object, struct json_span type)
{
	static const char *const images[] = {"image_url", "input_image", "image", NULL};
	static const char *const others[] = {
	    "file",        "input_file",     "input_audio",      "audio", "video", "video_url",
	    "input_video", "item_reference", "container_upload", NULL};
	static const char *const texts[] = {"text", "content", NULL};

	if (json_equals(type, "document"))
		w->beyond |= !is_one_of(get_only(get_only(object, "source"), "type"), texts);
	else
		w->beyond |= is_one_of(type, others);
	return is_one_of(type, images);
}

/* Is what a member holds JSON that the model reads as it stands, whatever it looks like: schemas,
 * and what tools are called with and give back? */
static bool is_text(struct json_span key, enum json_type type)
{
	static const char *const any[] = {"tools", "functions",     "response_format",
					  "text",  "output_config", NULL};
	static const char *const objects[] = {"input", "args", "arguments", "response", NULL};

	return is_one_of(key, any) || (type == JSON_OBJECT && is_one_of(key, objects));
}

/* Look for what does not count by its bytes; in text there are no images. It calls itself as deep
 * as JSON nests. */
static void walk(struct walk *w, struct json_span value, bool text)
{
	bool object = json_type(value) == JSON_OBJECT, image = false;
	struct json_iter it = json_iter(value);
	struct json_span key = {NULL, 0}, element;

	while (json_next(&it, &key, &element)) {
		enum json_type type = json_type(element);
		if (type == JSON_STRING && object && json_equals(key, "type"))
			image |= note_type(w, value, element);
		else if (type == JSON_OBJECT && object && json_equals(key, "cache_control"))
			w->cached = true;
		else if (type == JSON_OBJECT && object && !text &&
			 (json_equals(key, "inlineData") || json_equals(key, "inline_data")))
			note_inline(w, element);
		else if (type == JSON_OBJECT && object &&
			 (json_equals(key, "fileData") || json_equals(key, "file_data")))
			w->beyond = true;
		else if (type == JSON_OBJECT || type == JSON_ARRAY)
			walk(w, element, text || (object && is_text(key, type)));
	}
	if (image && !text)
		note_image(w, value);
}

enum {
	MAX_COMPLETION_TOKENS,
	MAX_TOKENS,
	MAX_OUTPUT_TOKENS,
	GENERATION_CONFIG,
	N,
	BEST_OF,
	PROMPT,
	TOOLS,
	FUNCTIONS,
	RESPONSE_FORMAT,
	TEXT,
	OUTPUT_CONFIG,
	PREVIOUS_RESPONSE,
	CONVERSATION,
	CACHED_CONTENT,
	MCP_SERVERS,
	WEB_SEARCH,
	PLUGINS,
	SERVICE_TIER,
	SPEED,
	INFERENCE_GEO,
	MEMBERS
};

static const struct json_member names[MEMBERS] = {
    [MAX_COMPLETION_TOKENS] = JSON_MEMBER("max_completion_tokens"),
    [MAX_TOKENS] = JSON_MEMBER("max_tokens"),
    [MAX_OUTPUT_TOKENS] = JSON_MEMBER("max_output_tokens"),
    [GENERATION_CONFIG] = JSON_MEMBER("generationConfig"),
    [N] = JSON_MEMBER("n"),
    [BEST_OF] = JSON_MEMBER("best_of"),
    [PROMPT] = JSON_MEMBER("prompt"),
    [TOOLS] = JSON_MEMBER("tools"),
    [FUNCTIONS] = JSON_MEMBER("functions"),
    [RESPONSE_FORMAT] = JSON_MEMBER("response_format"),
    [TEXT] = JSON_MEMBER("text"),
    [OUTPUT_CONFIG] = JSON_MEMBER("output_config"),
    [PREVIOUS_RESPONSE] = JSON_MEMBER("previous_response_id"),
    [CONVERSATION] = JSON_MEMBER("conversation"),
    [CACHED_CONTENT] = JSON_MEMBER("cachedContent"),
    [MCP_SERVERS] = JSON_MEMBER("mcp_servers"),
    [WEB_SEARCH] = JSON_MEMBER("web_search_options"),
    [PLUGINS] = JSON_MEMBER("plugins"),
    [SERVICE_TIER] = JSON_MEMBER("service_tier"),
    [SPEED] = JSON_MEMBER("speed"),
    [INFERENCE_GEO] = JSON_MEMBER("inference_geo"),
};

/* Does the provider run one of these tools itself, feeding the model what it finds? Those of these
 * types are run by the client. */
static bool has_server_tools(struct json_span tools)
{
	static const char *const client[] = {"function", "custom", NULL};
	static const char *const client_dated[] = {"bash_", "text_editor_", "computer_", "memory_"};
	struct json_iter it = json_iter(tools);
	struct json_span tool;

	while (json_next(&it, NULL, &tool)) {
		struct json_span type = json_get(tool, "type");
		bool known = !json_is_set(type) || is_one_of(type, client);
		for (size_t i = 0; i < sizeof client_dated / sizeof *client_dated; i++)
			known |= starts_with(type, client_dated[i]);
		bool declares = json_is_set(json_get(tool, "name")) ||
				json_is_set(json_get(tool, "function")) ||
				json_is_set(json_get(tool, "functionDeclarations")) ||
				json_is_set(json_get(tool, "function_declarations"));
		if (!known || !declares)
			return true;
	}
	return false;
}

/* Raise *most to a count that is more. Returns -1 if it cannot be read, or makes no sense: some
 * servers take "5" and 5.0 for 5, so that it is not known what it will be. */
static int raise_to(int64_t *most, struct json_span count)
{
	int64_t value;

	if (!json_is_set(count))
		return 0;
	if (json_integer(count, &value) < 0 || value > COUNT_MOST)
		return -1;
	*most = value > *most ? value : *most;
	return 0;
}

/* How many prompts of legacy completions there are. */
static int64_t count_prompts(struct json_span prompt)
{
	struct json_span first = json_element(prompt, 0);

	if (json_type(prompt) != JSON_ARRAY || json_type(first) == JSON_NUMBER)
		return 1;
	size_t count = json_count(prompt);
	return count > 1 ? (int64_t)count : 1;
}

/* How many answers it asks for. Returns 0, or -1 if that is not known. */
static int count_answers(const struct json_member *body, int64_t *answers)
{
	int64_t prompts = count_prompts(body[PROMPT].value);

	*answers = 1;
	if (raise_to(answers, body[N].value) < 0 || raise_to(answers, body[BEST_OF].value) < 0 ||
	    raise_to(answers, json_get(body[GENERATION_CONFIG].value, "candidateCount")) < 0)
		return -1;
	*answers = *answers > COUNT_MOST / prompts ? COUNT_MOST : *answers * prompts;
	return 0;
}

static int bound_output(const struct price_model *m, const struct json_member *body,
			int64_t answers, int64_t *output)
{
	const struct json_span caps[] = {
	    body[MAX_COMPLETION_TOKENS].value, body[MAX_TOKENS].value,
	    body[MAX_OUTPUT_TOKENS].value,
	    json_get(body[GENERATION_CONFIG].value, "maxOutputTokens")};
	int64_t cap = 0;
	bool known = true;

	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++)
		known &= raise_to(&cap, caps[i]) == 0;
	if (cap == 0 || !known)
		cap = m->max_output > cap ? m->max_output : cap;
	known |= m->max_output > 0;
	*output = m->rates.output == 0 ? 0 : cap * answers;
	return (cap == 0 || !known) && m->rates.output > 0 ? -1 : 0;
}

static int bound_input(const struct price_model *m, struct json_span body,
		       const struct json_member *members, const struct walk *w, int64_t *input)
{
	int64_t image = m->image_tokens > 0 ? m->image_tokens : IMAGE_TOKENS;
	bool beyond = w->beyond || json_type(members[PROMPT].value) == JSON_OBJECT;

	for (size_t i = PREVIOUS_RESPONSE; i <= CACHED_CONTENT; i++)
		beyond |= json_is_set(members[i].value);
	if (beyond && m->context == 0)
		return -1;
	*input = (int64_t)(body.length - w->image_bytes) + w->images * image;
	for (size_t i = TOOLS; i <= OUTPUT_CONFIG; i++)
		if (json_is_set(members[i].value)) {
			*input += TOOLS_TOKENS;
			break;
		}
	if (beyond && *input < m->context)
		*input = m->context;
	return 0;
}

/* The dearest of what these prices come to. */
static int64_t cost_at(const struct price_model *m, const struct price_rates *rates,
		       const struct price_terms *terms, const struct price_bound *bound,
		       bool cached)
{
	struct price_model dearest = *m;
	struct provider_usage usage = {.input = bound->input, .output = bound->output};
	int64_t factor = PRICE_ONE;
	struct price_rates *r = &dearest.rates;

	*r = *rates;
	r->input = r->cached > r->input ? r->cached : r->input;
	r->input = r->cache_write > r->input ? r->cache_write : r->input;
	if (cached && r->cache_write_1h > r->input)
		r->input = r->cache_write_1h;
	dearest.later_count = 0;
	if (m->long_input < PRICE_ONE)
		dearest.long_input = PRICE_ONE;
	if (m->long_output < PRICE_ONE)
		dearest.long_output = PRICE_ONE;
	for (size_t i = 0; i < m->hours_count; i++)
		if (m->hours[i].factor > factor)
			factor = m->hours[i].factor;
	dearest.hours_count = 1;
	dearest.hours[0] = (struct price_hours){0, 1440, factor};
	for (size_t i = 0; i < PRICE_FACTORS; i++)
		if (dearest.factors[i] < PRICE_ONE)
			dearest.factors[i] = PRICE_ONE;
	return price_cost(&dearest, &usage, terms);
}

int price_worst(const struct price_model *m, struct json_span body, struct price_bound *bound,
		const char **why)
{
	struct json_member members[MEMBERS];
	struct walk w = {0};
	struct price_terms terms = {0};
	int64_t answers;

	memcpy(members, names, sizeof members);
	json_find(body, members, MEMBERS);
	walk(&w, body, false);
	if (has_server_tools(members[TOOLS].value) || json_is_set(members[MCP_SERVERS].value) ||
	    json_is_set(members[WEB_SEARCH].value) || json_is_set(members[PLUGINS].value)) {
		*why = "the provider runs tools for it, and what these find has no bound";
		return -1;
	}
	if (count_answers(members, &answers) < 0) {
		*why = "the number of answers it asks for (n, best_of) is none, or too large";
		return -1;
	}
	if (bound_output(m, members, answers, &bound->output) < 0) {
		*why = "it sets no limit on its answer, and the model's is not known";
		return -1;
	}
	if (bound_input(m, body, members, &w, &bound->input) < 0) {
		*why =
		    "it refers to a file or an earlier turn, and the model's context is not known";
		return -1;
	}
	terms.factors[PRICE_PRIORITY] = json_equals(members[SERVICE_TIER].value, "priority");
	terms.factors[PRICE_FAST] = json_equals(members[SERVICE_TIER].value, "fast") ||
				    json_equals(members[SPEED].value, "fast");
	terms.factors[PRICE_GEO_US] = json_equals(members[INFERENCE_GEO].value, "us");
	bound->cost = cost_at(m, &m->rates, &terms, bound, w.cached);
	for (size_t i = 0; i < m->later_count; i++) {
		int64_t cost = cost_at(m, &m->later[i].rates, &terms, bound, w.cached);
		bound->cost = cost > bound->cost ? cost : bound->cost;
	}
	return 0;
}
