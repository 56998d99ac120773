/*
 * split: cuts a long text into pieces that are no larger than a size, at the best places that fit,
 * with an overlap. Pure.
 *
 * The text is a JSON string, and a piece is some of its bytes as they stand, so that escapes stay
 * as they are and all pieces together, less what they have twice, are the string. Sizes are hard: a
 * word, a sentence, even a cluster of code points that is larger than the size is cut, but never a
 * code point, an escape or a pair of them.
 *
 * By tokens (tokens.h) or characters (code points) a piece ends where a paragraph does, a line, a
 * sentence or a word: at the highest of these that leaves it at least half full. White space stays
 * with what is before it. Sentences end in any script; a word ends at white space, and in Chinese
 * and Japanese at a comma or where another script begins. Where there is none of these a cluster
 * ends it, which is most of what Unicode calls an extended grapheme cluster (UAX #29). By lines or
 * paragraphs, which blank lines part, it holds as many as the size.
 *
 * A piece begins with the end of the one before: as much as the overlap, or less where a better
 * place is within its first half, or it begins within a word; but always at least a code point.
 */
#ifndef SPLIT_H
#define SPLIT_H

#include "json.h"

#include <stdbool.h>
#include <stdint.h>

enum split_by { SPLIT_TOKENS, SPLIT_CHARS, SPLIT_LINES, SPLIT_PARAGRAPHS };

/* Sizes in units of by. */
struct split_rule {
	enum split_by by;
	int64_t size, overlap;
};

struct split_piece {
	struct json_span text; /* bytes of the string, without quotes */
	int64_t start, end;    /* its place in the string's value, in code points */
};

struct split;

/* The unit by its name: tokens, chars, lines or paragraphs. Returns 0 or -1. */
int split_unit(const char *name, enum split_by *by);

/*
 * A mistake in a rule, as a message, or NULL. The size is at least 1 and the overlap smaller. By
 * tokens, of which a code point may be more than one, the size is at least 6, and the overlap at
 * least 2 and 3 less than the size, or 0.
 */
const char *split_mistake(const struct split_rule *rule);

/* Cut a JSON string, which must stay, by a rule without mistake. */
struct split *split_new(const struct split_rule *rule, struct json_span string);
void split_free(struct split *s);

/* The next piece. There is at least one, though the string be empty. Returns false at the end. */
bool split_next(struct split *s, struct split_piece *piece);

/* The length of a JSON string's value in code points, and the bytes, without quotes, behind the
 * first count of them. A lone surrogate's escape is one. */
int64_t split_length(struct json_span string);
struct json_span split_behind(struct json_span string, int64_t count);

#endif
