/*
 * tokens: how many tokens a request will be counted as, estimated without a vocabulary. Pure.
 *
 * What a model's tokenizer makes of a text depends on its script and kind, so characters are
 * weighed by kind and by the kind of the one before: letters, common and rare, of words and within
 * them, digits, punctuation, scripts with and without spaces, emoji. The weights were counted on
 * what OpenAI's o200k_base makes of prose, code and data in many languages. On prose of the larger
 * languages, code, JSON and encoded data the error is mostly under a tenth; Finnish, Hungarian and
 * others that few texts for o200k_base were in come out up to a third too low. Other tokenizers
 * differ by a factor that is about the same for all texts; who has seen usage reported can correct
 * by it.
 */
#ifndef TOKENS_H
#define TOKENS_H

#include "json.h"

#include <stddef.h>
#include <stdint.h>

/* What each message and the reply cost beside their text (OpenAI cookbook, "How to count tokens
 * with tiktoken"). */
#define TOKENS_MESSAGE 3
#define TOKENS_REPLY   3

/*
 * What binary parts count as, whatever they hold, as their sizes are not known or not read. An
 * image: about the most that one comes to (Anthropic's vision guide: 1,600; OpenAI's images and
 * vision guide: 85 and 8 tiles of 170 make 1,445, and 85 with "detail": "low"). Audio: a minute of
 * Gemini's 32 tokens a second. A file or video: two pages at the 3,000 at most of Anthropic's PDF
 * guide.
 */
#define TOKENS_IMAGE     1600
#define TOKENS_IMAGE_LOW 85
#define TOKENS_AUDIO     1920
#define TOKENS_FILE      6000

/* The estimate for n bytes of UTF-8 text: 0 for none, otherwise at least 1. Bytes that are not
 * UTF-8 count as some character or other. */
int64_t tokens_text(const char *text, size_t n);

struct tokens_request {
	struct json_span model; /* with its quotes; at NULL if there is none */
	int64_t input;          /* estimate of the prompt */
	int64_t output;         /* the cap that the request sets on an answer, -1 if none */
	int64_t answers;        /* how many are asked for: at least 1 */
};

/*
 * Read a request body of any API (chat, responses, messages, embeddings, completions, Gemini).
 *
 * The input is the estimate over all that counts as prompt: messages, input, contents, system,
 * instructions, prompt, and as JSON tools, functions and schemas; numbers in an array are tokens.
 * Where there are messages (not with input as one string, which embeddings have, too) the constants
 * above come on top. Binary parts count by a flat amount each. Escapes in strings count as what
 * they stand for.
 *
 * The cap is the first that is there of max_completion_tokens, max_tokens, max_output_tokens and
 * generationConfig.maxOutputTokens. Answers are the most of n, best_of and candidateCount, for each
 * prompt where there are several. Neither is taken for more than INT32_MAX, so that their product
 * can be held. What is not of the type that it should be counts as not there.
 */
void tokens_request(struct json_span body, struct tokens_request *r);

#endif
