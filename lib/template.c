#include "template.h"
#include "buf.h"
#include "expr.h"
#include "jqscan.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* Literal text, or an expression. */
struct piece {
	char *text;
	size_t length;
	struct expr *expr;
	bool useful; /* it gave something else than null */
};

struct template
{
	struct piece *pieces;
	size_t count;
	size_t capacity;
	struct expr_view *view;
};

/* Append "line 2, column 5: " for a place in the text; columns are counted in characters. */
static void add_place(struct buf *out, const char *text, const char *at)
{
	size_t line = 1, column = 1;

	for (const char *p = text; p < at; p++) {
		if (*p == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)*p & 0xc0) != 0x80) {
			column++;
		}
	}
	buf_addf(out, "line %zu, column %zu: ", line, column);
}

/* The first line with bytes that are not UTF-8, or NULL. */
static const char *find_invalid(const char *text, size_t length)
{
	const char *p = text;
	const char *end = text + length;
	struct buf quoted = {0};

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *next = newline != NULL ? newline + 1 : end;
		buf_clear(&quoted);
		if (json_quote(&quoted, p, (size_t)(next - p)))
			break;
		p = next;
	}
	buf_free(&quoted);
	return p < end ? p : NULL;
}

static struct piece *add_piece(struct template *t)
{
	if (t->count == t->capacity) {
		t->capacity = t->capacity > 0 ? t->capacity * 2 : 8;
		t->pieces = mem_resize(t->pieces, t->capacity, sizeof *t->pieces);
	}
	struct piece *piece = &t->pieces[t->count++];
	*piece = (struct piece){NULL, 0, NULL, false};
	return piece;
}

/* Compile what stands in one pair of parentheses. Returns 0, or -1 with the reason in *error. */
static int add_expression(struct template *t, const struct jqscan_piece *found, char **error)
{
	static const char nul[] = "NUL in an expression";

	/* libjq takes a C string, so it would see but the part before the NUL. */
	if (memchr(found->at, '\0', found->length) != NULL) {
		*error = mem_copy(nul, sizeof nul - 1);
		return -1;
	}
	char *text = mem_copy(found->at, found->length);
	struct expr *expr = expr_new(text, error);
	free(text);
	if (expr == NULL)
		return -1;
	add_piece(t)->expr = expr;
	return 0;
}

/* Returns 0, or -1 with the mistake in problem. */
static int compile(struct template *t, const char *text, size_t length, struct buf *problem)
{
	const char *at = text;
	const char *start = at;
	struct jqscan_piece found;
	int more;

	while ((more = jqscan_next(&at, text + length, &found)) > 0) {
		char *error = NULL;
		if (!found.expression) {
			struct piece *piece = add_piece(t);
			piece->text = mem_copy(found.at, found.length);
			piece->length = found.length;
		} else if (add_expression(t, &found, &error) < 0) {
			add_place(problem, text, start);
			buf_adds(problem, error);
			free(error);
			return -1;
		}
		start = at;
	}
	if (more < 0) {
		add_place(problem, text, at);
		buf_adds(problem, "\\( without the ) that closes it");
	}
	return more;
}

struct template *template_new(const char *text, size_t length, char **error)
{
	struct buf problem = {0};
	struct template *t = mem_zero(1, sizeof *t);
	const char *invalid = find_invalid(text, length);

	t->view = expr_view_new();
	if (invalid != NULL) {
		add_place(&problem, text, invalid);
		buf_adds(&problem, "invalid UTF-8 in this line");
	} else if (compile(t, text, length, &problem) == 0) {
		return t;
	}
	*error = mem_copy(problem.data, problem.length);
	buf_free(&problem);
	template_free(t);
	return NULL;
}

void template_free(struct template *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->count; i++) {
		free(t->pieces[i].text);
		expr_free(t->pieces[i].expr);
	}
	free(t->pieces);
	expr_view_free(t->view);
	free(t);
}

struct json_span template_head(const struct template *t, bool *whole)
{
	bool literal = t->count > 0 && t->pieces[0].expr == NULL;

	/* Literal text is in one piece up to an expression. */
	*whole = t->count == 0 || (t->count == 1 && literal);
	return literal ? (struct json_span){t->pieces[0].text, t->pieces[0].length}
		       : (struct json_span){"", 0};
}

/* Append an expression's value. Returns 0 or -1. */
static int add_value(struct template *t, struct piece *piece, struct buf *out, struct buf *message)
{
	struct buf reason = {0};
	size_t start = out->length;
	int found = expr_text(piece->expr, t->view, out, &reason);

	if (found == 0)
		buf_adds(out, "null");
	if (found >= 0 && (out->length - start != 4 || memcmp(out->data + start, "null", 4) != 0))
		piece->useful = true;
	if (found < 0) {
		expr_show(piece->expr, message);
		buf_adds(message, ": ");
		buf_add(message, reason.data, reason.length);
	}
	buf_free(&reason);
	return found < 0 ? -1 : 0;
}

int template_fill(struct template *t, struct json_span input, struct buf *out, struct buf *message)
{
	size_t before = out->length;
	int result = 0;

	expr_view_set(t->view, input);
	for (size_t i = 0; i < t->count && result == 0; i++) {
		struct piece *piece = &t->pieces[i];
		if (piece->expr != NULL)
			result = add_value(t, piece, out, message);
		else
			buf_add(out, piece->text, piece->length);
	}
	if (result < 0)
		out->length = before;
	/* Not to keep a parsed record while the next one is awaited. */
	expr_view_set(t->view, (struct json_span){NULL, 0});
	return result;
}

bool template_nulls(const struct template *t, struct buf *out)
{
	size_t start = out->length;

	for (size_t i = 0; i < t->count; i++) {
		if (t->pieces[i].expr == NULL || t->pieces[i].useful)
			continue;
		if (out->length > start)
			buf_adds(out, ", ");
		expr_show(t->pieces[i].expr, out);
	}
	return out->length > start;
}
