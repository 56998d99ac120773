/*
 * tokens_run: the estimate of a text that comes in pieces, within the module. A piece ends where a
 * character does. Pure.
 */
#ifndef TOKENS_RUN_H
#define TOKENS_RUN_H

#include <stddef.h>
#include <stdint.h>

struct tokens_run {
	int64_t hundredths; /* of tokens so far, of all texts */
	unsigned before;    /* what kind of character came last */
	unsigned script;    /* of which script it was, if not ASCII */
	unsigned digits;    /* how many came last, modulo three */
};

/* Begin a text: what came before is not before it. A zeroed struct needs this, too. */
void tokens_run_begin(struct tokens_run *run);

/* The next n bytes of the text, UTF-8. */
void tokens_run_add(struct tokens_run *run, const char *text, size_t n);

#endif
