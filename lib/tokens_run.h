/*
 * tokens_run: the estimate of a text that comes in pieces; for those who cut a text by it, and
 * within the module. A piece ends where a character does. Pure.
 */
#ifndef TOKENS_RUN_H
#define TOKENS_RUN_H

#include <stddef.h>
#include <stdint.h>

struct tokens_run {
	int64_t hundredths;  /* of tokens so far, of all texts */
	const uint16_t *row; /* the weights of what may come next */
	unsigned script;     /* of which script it was, if not ASCII */
};

/* Begin a text: what came before is not before it. A zeroed struct needs this, too. */
void tokens_run_begin(struct tokens_run *run);

/* More of the text, UTF-8, up to end or the first quote or backslash. Returns where that is. */
const char *tokens_run_add(struct tokens_run *run, const char *text, const char *end);

/* As many tokens, whatever the text. */
static inline void tokens_run_add_tokens(struct tokens_run *run, int64_t tokens)
{
	run->hundredths += 100 * tokens;
}

/* The next character of the text, as a code point. */
void tokens_run_add_code(struct tokens_run *run, uint32_t code);

#endif
