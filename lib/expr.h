/*
 * expr: what an option's jq expression yields on a record; the only module that knows libjq.
 *
 * Plain paths (".id", ".a.b[0]", ".[\"odd name\"]", ".") are answered by our own scanner with jq's
 * meaning (path.h), and libjq is not even initialised for them; everything else is compiled by
 * libjq and evaluated on a view of the record. Expressions come from the command line only. They
 * see one record and nothing else: no modules, no ~/.jq, no input or inputs, nothing printed
 * (debug and stderr pass their input on), and halt is an error.
 *
 * Not for several threads: compiling hides HOME for a moment.
 */
#ifndef EXPR_H
#define EXPR_H

#include "json.h"

struct buf;
struct expr;
struct expr_view;

/*
 * Compile. Returns NULL on a mistake, with a one-line message in *error that names the expression
 * (the caller frees it).
 */
struct expr *expr_new(const char *text, char **error);
void expr_free(struct expr *e);

/* Is it a plain path, that is, one that does without libjq? */
bool expr_is_path(const struct expr *e);

/* Append the expression in single quotes, on one line and cut short, as messages name it. */
void expr_show(const struct expr *e, struct buf *out);

/*
 * The first output for an input, a valid JSON text, appended to out as one line of compact JSON. (A
 * plain path's value is copied with its bytes, numbers and escapes as they are.) Returns 1; 0 if
 * the expression yields nothing ("empty"); -1 with libjq's reason appended to message, the caller's
 * buffer, if it fails.
 */
int expr_eval(struct expr *e, struct json_span input, struct buf *out, struct buf *message);

/* Is the first output true as jq's if sees it: neither false nor null? As expr_eval otherwise. */
int expr_test(struct expr *e, struct json_span input, bool *value, struct buf *message);

/*
 * A record that several expressions look at: parsed for libjq once, and only if one of them needs
 * it. The text must stay until the view is set to another one, or freed.
 */
struct expr_view *expr_view_new(void);
void expr_view_set(struct expr_view *view, struct json_span input);
void expr_view_free(struct expr_view *view);

/* As expr_eval, on a view, but a string is appended as it is, without quotes and escapes. */
int expr_text(struct expr *e, struct expr_view *view, struct buf *out, struct buf *message);

#endif
