/* Reading request bodies: which texts are prompt, and what is asked for. */
#include "tokens.h"
#include "tokens_reader.h"

/* A count that is no more than can be multiplied by another, or -1. */
static int64_t count_of(struct json_span value)
{
	int64_t count;

	if (json_integer(value, &count) < 0 || count < 0)
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

static const struct tokens_word names[] = {
    TOKENS_WORD("n", N),
    TOKENS_WORD("text", TEXT),
    TOKENS_WORD("model", MODEL),
    TOKENS_WORD("input", INPUT),
    TOKENS_WORD("tools", TOOLS),
    TOKENS_WORD("prompt", PROMPT),
    TOKENS_WORD("system", SYSTEM),
    TOKENS_WORD("best_of", BEST_OF),
    TOKENS_WORD("messages", MESSAGES),
    TOKENS_WORD("contents", CONTENTS),
    TOKENS_WORD("functions", FUNCTIONS),
    TOKENS_WORD("max_tokens", MAX_TOKENS),
    TOKENS_WORD("instructions", INSTRUCTIONS),
    TOKENS_WORD("output_config", OUTPUT_CONFIG),
    TOKENS_WORD("response_format", RESPONSE_FORMAT),
    TOKENS_WORD("generationConfig", GENERATION_CONFIG),
    TOKENS_WORD("systemInstruction", SYSTEM_INSTRUCTION),
    TOKENS_WORD("max_output_tokens", MAX_OUTPUT_TOKENS),
    TOKENS_WORD("system_instruction", SYSTEM_INSTRUCTION_SNAKE),
    TOKENS_WORD("max_completion_tokens", MAX_COMPLETION_TOKENS),
    TOKENS_WORDS_END,
};

/* What was found of a member. If it is there twice the last one counts. */
struct member {
	struct json_span value;
	int64_t hundredths; /* of tokens */
	int64_t count;      /* of messages in it, or of prompts */
};

/* Add a prompt, or an array of messages, prompts or tokens. Returns how many messages it has; of
 * member PROMPT, how many prompts. */
static int64_t add_prompts(struct tokens_reader *r, int name)
{
	int64_t count = 0;

	if (*r->at != '[') {
		tokens_reader_add(r);
		return 0;
	}
	r->at++;
	while (tokens_reader_next(r)) {
		bool is_message = *r->at == '{';
		bool is_prompt = tokens_reader_add_element(r);
		count += name == PROMPT ? is_prompt : is_message;
	}
	return count;
}

static void read_members(struct tokens_reader *r, struct member *members)
{
	r->at++;
	while (tokens_reader_next(r)) {
		int name = tokens_reader_meaning(tokens_reader_take_key(r), names);
		struct member m = {0};
		int64_t before = r->run.hundredths;
		if (name >= MESSAGES && name <= SYSTEM_INSTRUCTION_SNAKE)
			m.count = add_prompts(r, name);
		else if (name >= TOOLS && name <= OUTPUT_CONFIG && *r->at != 'n')
			tokens_reader_add_json(r);
		else
			m.value = tokens_reader_take(r);
		m.hundredths = r->run.hundredths - before;
		if (name >= 0) {
			r->run.hundredths -= members[name].hundredths;
			members[name] = m;
		}
	}
}

static int64_t input_of(struct tokens_reader *r, const struct member *m, struct json_span schema)
{
	int64_t messages = m[MESSAGES].count + m[CONTENTS].count + m[INPUT].count;

	if (json_is_set(schema)) {
		r->at = schema.at;
		tokens_reader_add_json(r);
	}
	if (messages > 0)
		tokens_run_add_tokens(&r->run, TOKENS_MESSAGE * messages + TOKENS_REPLY);
	return (r->run.hundredths + 99) / 100;
}

void tokens_request(struct json_span body, struct tokens_request *r)
{
	struct tokens_reader reader = {.at = body.at, .end = body.at + body.length};
	struct member m[MEMBERS] = {0};
	struct json_member gemini[] = {JSON_MEMBER("maxOutputTokens"),
				       JSON_MEMBER("candidateCount"), JSON_MEMBER("responseSchema"),
				       JSON_MEMBER("responseJsonSchema")};

	if (json_type(body) == JSON_OBJECT)
		read_members(&reader, m);
	if (m[GENERATION_CONFIG].value.at != NULL)
		json_find(m[GENERATION_CONFIG].value, gemini, sizeof gemini / sizeof *gemini);
	r->model = m[MODEL].value;
	r->input = input_of(&reader, m, gemini[json_is_set(gemini[2].value) ? 2 : 3].value);

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
	if (m[PROMPT].count > 1)
		r->answers *= m[PROMPT].count;
	if (r->answers > INT32_MAX)
		r->answers = INT32_MAX;
}
