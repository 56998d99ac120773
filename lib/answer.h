/*
 * answer: takes a result apart into one outcome for each of its items. The other side of pack.h.
 *
 * Answers of a pack are matched by their number, never by position. A number that is missing or
 * comes twice fails its item; a number that was never asked for makes all of them doubtful, since
 * the model may have counted differently, and fails the whole pack.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "json.h"

#include <stdbool.h>

struct buf;
struct expr;
struct record;

struct answer_item {
	struct json_span item;  /* at NULL if the result carries no items */
	struct json_span value; /* the answer as JSON; at NULL if there is none */
	struct json_span error; /* {"code","message",...}; at NULL if there is none */
};

struct answer_set {
	struct answer_item *items;
	size_t count;
	bool again; /* a packed answer came, but not for all: the rest may be asked in smaller packs
		     */
	char **kept; /* texts that spans point into */
	size_t kept_count;
};

/*
 * Take a result apart. from: where the answer is in the response body, or NULL for the API's own
 * place. Spans point into the record or into the set.
 */
void answer_take(struct answer_set *set, const struct record *result, struct expr *from);
void answer_free(struct answer_set *set);

/* Is it the error of an item that failed before: an object with a string as its code? Any other is
 * a member of the item's own. */
bool answer_is_failure(struct json_span error);

/* May answers go to a member of this name? It needs no escapes, and means nothing else. */
bool answer_is_name(const char *name);

/*
 * Append the line for one item: its own members with the answer under the name `into`, or with
 * error. An item that is no object becomes {"item":...}, a result without items {"custom_id":...}.
 */
void answer_line(struct buf *out, const struct answer_item *a, struct json_span custom_id,
		 const char *into);

#endif
