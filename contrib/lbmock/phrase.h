/*
 * phrase: the words of an answer about a text: the label that suits it, or, when there is nothing
 * to choose from, a short echo of its first words.
 */
#ifndef PHRASE_H
#define PHRASE_H

#include <stddef.h>

struct buf;
struct label_list;

/* What an answer is about. */
struct phrase_subject {
	const char *text; /* valid UTF-8 */
	size_t length;
	const struct label_list *labels; /* to choose from; NULL or empty: none */
};

/* Append the answer, not quoted. The same subject always gives the same answer. */
void phrase_write(struct buf *out, const struct phrase_subject *subject);

/* The length of the longest beginning of the text that has at most limit bytes (no less than 4, if
 * progress matters) and does not end inside a UTF-8 sequence. */
size_t phrase_cut(const char *text, size_t length, size_t limit);

#endif
