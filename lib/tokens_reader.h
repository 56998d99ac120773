/*
 * tokens_reader: a walk over a body that json_check has accepted, adding up what is prompt in it as
 * it comes by, within the module. Pure.
 */
#ifndef TOKENS_READER_H
#define TOKENS_READER_H

#include "json.h"
#include "tokens_run.h"

#include <stdbool.h>
#include <stddef.h>

struct tokens_reader {
	struct tokens_run run; /* what has come so far */
	const char *at;        /* what comes next */
	const char *end;       /* of the body */
};

/* From behind an opening bracket or a value to the next element or key; false, and at is behind
 * the closing bracket, if there is none. */
bool tokens_reader_next(struct tokens_reader *r);

/* The value that at is at; at is behind it then. Nothing is added. */
struct json_span tokens_reader_take(struct tokens_reader *r);

/* The key that at is at, with its quotes; at is at its value then. */
struct json_span tokens_reader_take_key(struct tokens_reader *r);

/*
 * Add a prompt or a part of one, of whatever shape, that at is at: all strings in it that are not
 * known to be silent, and numbers in arrays. at is behind it then. It comes back to itself as deep
 * as JSON nests, JSON_MAX_DEPTH.
 */
void tokens_reader_add(struct tokens_reader *r);

/* As tokens_reader_add, for an element of an array: numbers are tokens themselves. Returns whether
 * it is something else. */
bool tokens_reader_add_element(struct tokens_reader *r);

/* Add the value that at is at as the JSON text that the model sees: without white space. at is
 * behind it then. */
void tokens_reader_add_json(struct tokens_reader *r);

/* A string that says something, and what: 0 or more. An array of them is sorted by length. */
struct tokens_word {
	const char *text;
	size_t length;
	int meaning;
};

#define TOKENS_WORD(literal, meaning)                     \
	{                                                 \
		(literal), sizeof(literal) - 1, (meaning) \
	}
#define TOKENS_WORDS_END           \
	{                          \
		NULL, SIZE_MAX, -1 \
	}

/* The meaning of a value that is one of such words, escapes considered; otherwise -1. */
int tokens_reader_meaning(struct json_span value, const struct tokens_word *words);

#endif
