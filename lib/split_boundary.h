/* split_boundary: what may end between two code points of a text, within the module. Pure. */
#ifndef SPLIT_BOUNDARY_H
#define SPLIT_BOUNDARY_H

#include <stdbool.h>
#include <stdint.h>

/* Behind the last code point. */
#define SPLIT_END UINT32_MAX

/* What ends at a place, from the least to the most. */
enum split_level {
	SPLIT_POINT, /* a code point, within a cluster */
	SPLIT_CLUSTER,
	SPLIT_WORD,
	SPLIT_SENTENCE,
	SPLIT_LINE,
	SPLIT_PARAGRAPH
};

/* What has to be known of the code points so far; zeroed at the start. */
struct split_flow {
	enum { SPLIT_NO_STOP, SPLIT_STOP, SPLIT_WIDE_STOP } stop; /* the sentence has ended */
	enum { SPLIT_NO_BLOCK, SPLIT_BLOCK, SPLIT_GAP } block;    /* of lines that are not blank */
	bool inked;                                               /* this line is not blank */
	unsigned flags;                                           /* regional indicators in a row */
};

/* The next code point from *at, in the inside of a JSON string up to end, with its escapes;
 * SPLIT_END if there is none. *at is behind it then. */
uint32_t split_take(const char **at, const char *end);

/* Pass a code point. next is the one that follows, at `behind`, not SPLIT_END. Returns what ends
 * between them. */
enum split_level split_pass(struct split_flow *f, uint32_t code, uint32_t next, const char *behind,
			    const char *end);

#endif
