/*
 * template: text with jq expressions in it, as in a jq string: "Classify: \(.name)".
 *
 * Only "\(" is special. All else is literal: quotes, newlines, and a backslash before anything but
 * a parenthesis. (To get a literal "\(", write \("\\(").)
 */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include "json.h"

#include <stdbool.h>

struct buf;
struct template;

/*
 * Compile length bytes of text, which are copied. Returns NULL on a mistake, with a one-line
 * message in *error that names the place and the expression (the caller frees it).
 */
struct template *template_new(const char *text, size_t length, char **error);
void template_free(struct template *t);

/* The text before the first expression, and whether that is all of it. */
struct json_span template_head(const struct template *t, bool *whole);

/*
 * Append the text with each \(expression) replaced by its first output for an input, a valid JSON
 * text: a string as it is, anything else as compact JSON; null is "null", and so is an expression
 * without output. Returns 0, or -1 with out as it was and a message that names the expression.
 */
int template_fill(struct template *t, struct json_span input, struct buf *out, struct buf *message);

/* Append the expressions that have given "null" whenever the template was filled, as messages name
 * them, with commas between. Returns whether there are any. */
bool template_nulls(const struct template *t, struct buf *out);

#endif
