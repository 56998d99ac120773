/*
 * label: finds the list of labels that a prompt names, and picks the one that shares most words
 * with a text.
 *
 * A list is two or more short phrases between commas, slashes, bars or the word "or", or lines that
 * begin with "- " or "* ". It stands, in order of how much we trust it,
 *   - behind "one of", "one of:" or "one of the following ...:",
 *   - behind a colon whose sentence speaks of labels, categories, classes, options, choices, topics
 * or tags,
 *   - in parentheses, or behind any other colon.
 */
#ifndef LABEL_H
#define LABEL_H

#include <stddef.h>

#define LABEL_MAX 64

enum label_strength { LABEL_NO_LIST, LABEL_GUESS, LABEL_NAMED, LABEL_ONE_OF };

/* Labels are spans of the text that they were found in. */
struct label_list {
	struct {
		const char *at;
		size_t length;
	} labels[LABEL_MAX];
	size_t count;
	enum label_strength strength;
	const char *begin; /* where the list stands in its text; it is not scored against itself */
	const char *end;
};

/* Fill in the most trusted list in the n bytes of text, the first of equals. Leaves strength at
 * LABEL_NO_LIST if there is none. */
void label_find(struct label_list *list, const char *text, size_t n);

/* Add a label to a list made by hand, whose struct was zeroed. No more than LABEL_MAX are kept. */
void label_add(struct label_list *list, const char *label, size_t length);

/*
 * The index of the label with the highest score: the number of words of the text that have a stem
 * in common with one of its words. Stems are equal when the words are, without case and without an
 * ending (-s, -es, -ies, -ed, -ing, -e, -y), or when one, of at least four letters, begins the
 * other. Equal scores are told apart by a hash of the text. The list must not be empty.
 */
size_t label_pick(const struct label_list *list, const char *text, size_t n);

#endif
