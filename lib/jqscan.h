/*
 * jqscan: jq expressions inside of text, by the lexical rules of jq: where one ends, and how a
 * template falls into literal text and expressions. Knows strings, interpolations in them, brackets
 * and comments; whether what it finds is an expression is for the compiler to say.
 */
#ifndef JQSCAN_H
#define JQSCAN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Where the expression that starts at text ends: the offset of the first closing bracket that
 * closes none of its own. Returns n if there is none.
 */
size_t jqscan_end(const char *text, size_t n);

/*
 * What keeps text, a C string, from being an expression whatever it means: static text, or NULL.
 * It is empty or not UTF-8, or its brackets and quotes do not match, so that putting it between
 * parentheses would make something else of it.
 */
const char *jqscan_mistake(const char *text);

/* A part of a template: literal text, or what stands between "\(" and ")". */
struct jqscan_piece {
	const char *at;
	size_t length;
	bool expression;
};

/*
 * The next piece of the template between *at and end; *at moves behind it. Returns 1; 0 at the end;
 * -1 if a "\(" is not closed, with *at left on its backslash.
 */
int jqscan_next(const char **at, const char *end, struct jqscan_piece *piece);

#endif
