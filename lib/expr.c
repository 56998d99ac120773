/*
 * libjq's functions take over the references they are given, except where a jv_copy is written
 * here. Nothing of jq.h and jv.h is used that jq 1.6 does not have.
 */
#include "expr.h"
#include "buf.h"
#include "jqscan.h"
#include "mem.h"
#include "msg.h"
#include "path.h"

#include <jq.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* How much of an expression a message shows. */
#define SHOWN 60

/*
 * Put before every expression, on its first line so that line numbers stay: harmless definitions of
 * what would read files or further input, print, or stop the program. (What halt_error leaves in
 * its state, jq 1.6 frees twice.)
 */
static const char prelude[] = "def input: error(\"there is no input but the record itself\");"
			      "def inputs: input;"
			      "def halt: error(\"halt cannot be used here\");"
			      "def halt_error: error(\"halt_error cannot be used here\");"
			      "def halt_error(f): halt_error;"
			      "def modulemeta: error(\"modules cannot be used here\");"
			      "def stderr: .;";

struct expr {
	char *text;
	struct path *path; /* if it is a plain path, else NULL */
	jq_state *jq;      /* if it is not, else NULL */
};

struct expr_view {
	struct json_span input;
	jv value; /* if parsed */
	bool parsed;
};

/* Append text in single quotes, on one line, cut short between two characters. */
static void add_quoted(struct buf *out, const char *text)
{
	size_t n = strlen(text);
	size_t shown = n > SHOWN ? SHOWN : n;

	while (shown > 0 && ((unsigned char)text[shown] & 0xc0) == 0x80)
		shown--;
	buf_addc(out, '\'');
	for (size_t i = 0; i < shown; i++)
		buf_addc(out, (unsigned char)text[i] < 0x20 ? ' ' : text[i]);
	buf_adds(out, shown < n ? "...'" : "'");
}

/* A mistake as a message that names the expression: memory for the caller to free. */
static char *explain(const char *text, const char *reason)
{
	struct buf message = {0};

	add_quoted(&message, text);
	buf_adds(&message, ": ");
	buf_adds(&message, reason);
	return buf_string(&message);
}

/* Remove all from the first occurrence of the mark on. */
static void cut_at(char *text, const char *mark)
{
	char *found = strstr(text, mark);
	if (found != NULL)
		*found = '\0';
}

/*
 * The useful part of what libjq reports, which is like "jq: error: syntax error, unexpected ')'
 * (Unix shell quoting issues?) at <top-level>, line 3, column 1:" and then the program's text.
 */
static char *explain_report(const char *text, char *report)
{
	static const char prefix[] = "jq: error: ";
	static const char place[] = " at <top-level>, line ";
	const char *at = strstr(report, place);
	long line = at != NULL ? strtol(at + sizeof place - 1, NULL, 10) : 0;
	long lines = 1;

	for (const char *p = text; *p != '\0'; p++)
		if (*p == '\n')
			lines++;
	/* The parenthesis that compile() puts behind the expression is not the user's. */
	if (line > lines && strstr(report, "unexpected ')'") != NULL)
		return explain(text, "syntax error, unexpected end of the expression");
	cut_at(report, place);
	cut_at(report, "\n");
	cut_at(report, " (while parsing");
	cut_at(report, " (Unix shell quoting issues?)");
	if (strncmp(report, prefix, sizeof prefix - 1) == 0)
		report += sizeof prefix - 1;
	struct buf reason = {0};
	buf_adds(&reason, *report != '\0' ? report : "syntax error");
	if (lines > 1 && line > 0 && line <= lines)
		buf_addf(&reason, " in line %ld", line);
	char *message = explain(text, buf_string(&reason));
	buf_free(&reason);
	return message;
}

/* Keeps the first of libjq's reports; those that follow are consequences and counts. */
static void keep_report(void *data, jv report)
{
	struct buf *first = data;

	if (first->length == 0 && jv_get_kind(report) == JV_KIND_STRING)
		buf_adds(first, jv_string_value(report));
	jv_free(report);
}

static void run_out_of_memory(void *data)
{
	(void)data;
	msg_die(STATUS_SYSTEM, "out of memory");
}

/* jq_compile without a HOME, in which it would look for a .jq to read. */
static bool compile_homeless(jq_state *jq, const char *program)
{
	const char *home = getenv("HOME");
	char *kept = home != NULL ? mem_copy(home, strlen(home)) : NULL;

	unsetenv("HOME");
	bool compiled = jq_compile(jq, program) != 0;
	if (kept != NULL && setenv("HOME", kept, 1) != 0)
		run_out_of_memory(NULL);
	free(kept);
	return compiled;
}

/*
 * Parentheses keep "import" and "include" out, for they stand only at a program's start. The line
 * break before the closing one ends a comment; two, because a backslash may hide the first.
 */
static jq_state *compile(const char *text, char **error)
{
	struct buf program = {0};
	struct buf report = {0};
	jq_state *jq = jq_init();

	if (jq == NULL)
		run_out_of_memory(NULL);
	/* jq 1.6 leaves all but the first of these uninitialised. */
	jq_set_error_cb(jq, keep_report, &report);
	jq_set_nomem_handler(jq, run_out_of_memory, NULL);
	jq_set_input_cb(jq, NULL, NULL);
	jq_set_debug_cb(jq, NULL, NULL);

	buf_adds(&program, prelude);
	/* $ENV is made when compiling, without HOME then; env is made when running. */
	if (strstr(text, "$ENV") != NULL)
		buf_adds(&program, "env as $ENV | ");
	buf_addf(&program, "(%s\n\n)", text);
	if (!compile_homeless(jq, buf_string(&program))) {
		*error = explain_report(text, buf_string(&report));
		jq_teardown(&jq);
	} else {
		jq_set_error_cb(jq, NULL, NULL);
	}
	buf_free(&report);
	buf_free(&program);
	return jq;
}

struct expr *expr_new(const char *text, char **error)
{
	const char *mistake = jqscan_mistake(text);
	jq_state *jq = NULL;

	if (mistake != NULL) {
		*error = explain(text, mistake);
		return NULL;
	}
	struct path *path = path_new(text, strlen(text));
	if (path == NULL && (jq = compile(text, error)) == NULL)
		return NULL;
	struct expr *e = mem_zero(1, sizeof *e);
	e->text = mem_copy(text, strlen(text));
	e->path = path;
	e->jq = jq;
	return e;
}

void expr_free(struct expr *e)
{
	if (e == NULL)
		return;
	jq_teardown(&e->jq);
	path_free(e->path);
	free(e->text);
	free(e);
}

bool expr_is_path(const struct expr *e)
{
	return e->path != NULL;
}

void expr_show(const struct expr *e, struct buf *out)
{
	add_quoted(out, e->text);
}

static jv parse(struct json_span text)
{
	/* Not jv_parse_sized: on an error jq 1.6 prints the text there as if it ended in NUL. */
	struct jv_parser *parser = jv_parser_new(0);

	jv_parser_set_buf(parser, text.at, (int)text.length, 0);
	jv value = jv_parser_next(parser);
	jv_parser_free(parser);
	return value;
}

/* Is there an escape of a surrogate, the second digit of which is one of these? */
static bool is_surrogate(const char *p, const char *end, const char *digits)
{
	return end - p >= 6 && p[0] == '\\' && p[1] == 'u' && (p[2] == 'd' || p[2] == 'D') &&
	       strchr(digits, p[3]) != NULL;
}

/* Append the text with each escaped surrogate that has no partner replaced by U+FFFD. */
static void replace_surrogates(struct buf *out, struct json_span text)
{
	const char *p = text.at;
	const char *end = p + text.length;
	const char *stop;

	while ((stop = memchr(p, '\\', (size_t)(end - p))) != NULL) {
		bool first = is_surrogate(stop, end, "89abAB");
		bool pair = first && is_surrogate(stop + 6, end, "cdefCDEF");
		bool lone = !pair && (first || is_surrogate(stop, end, "cdefCDEF"));
		size_t n = pair ? 12 : lone ? 6 : 2;
		buf_add(out, p, (size_t)(stop - p));
		buf_add(out, lone ? "\\ufffd" : stop, n);
		p = stop + n;
	}
	buf_add(out, p, (size_t)(end - p));
}

/* Append what a failed libjq function says; takes the value over. */
static void add_reason(struct buf *message, jv invalid)
{
	jv reason = jv_invalid_get_msg(invalid);
	bool text = jv_get_kind(reason) == JV_KIND_STRING;

	if (!text)
		reason = jv_dump_string(reason, 0);
	buf_add(message, jv_string_value(reason), (size_t)jv_string_length_bytes(jv_copy(reason)));
	if (!text)
		buf_adds(message, " (not a string)");
	jv_free(reason);
}

/* Parse the record unless that was done. Returns 0, or -1 with a message. */
static int view_parse(struct expr_view *view, struct buf *message)
{
	if (view->parsed)
		return 0;
	if (view->input.length > INT_MAX) {
		buf_adds(message, "too long for libjq");
		return -1;
	}
	jv value = parse(view->input);
	if (!jv_is_valid(value)) {
		/* A cut emoji leaves half of a surrogate pair, over which jq 1.6 stumbles. */
		struct buf repaired = {0};
		jv_free(value);
		replace_surrogates(&repaired, view->input);
		value = parse((struct json_span){repaired.data, repaired.length});
		buf_free(&repaired);
	}
	if (!jv_is_valid(value)) {
		buf_adds(message, "libjq cannot read the record: ");
		add_reason(message, value);
		return -1;
	}
	view->value = value;
	view->parsed = true;
	return 0;
}

static void view_clear(struct expr_view *view)
{
	if (view->parsed)
		jv_free(view->value);
	view->parsed = false;
}

struct expr_view *expr_view_new(void)
{
	return mem_zero(1, sizeof(struct expr_view));
}

void expr_view_set(struct expr_view *view, struct json_span input)
{
	view_clear(view);
	view->input = input;
}

void expr_view_free(struct expr_view *view)
{
	if (view == NULL)
		return;
	view_clear(view);
	free(view);
}

/* The first output of an expression that is no path, in *output. Returns as expr_eval. */
static int run(struct expr *e, struct expr_view *view, jv *output, struct buf *message)
{
	if (view_parse(view, message) < 0)
		return -1;
	jq_start(e->jq, jv_copy(view->value), 0);
	jv result = jq_next(e->jq);
	if (jv_is_valid(result)) {
		*output = result;
		return 1;
	}
	if (!jv_invalid_has_msg(jv_copy(result))) {
		jv_free(result);
		return 0;
	}
	add_reason(message, result);
	return -1;
}

/* Append the value as JSON, or if raw a string's as it is. Returns as expr_eval. */
static int append(struct expr *e, struct expr_view *view, bool raw, struct buf *out,
		  struct buf *message)
{
	struct json_span value;
	jv output;

	if (e->path != NULL) {
		if (path_get(e->path, view->input, &value, message) < 0)
			return -1;
		if (raw)
			json_text(out, value);
		else
			json_compact(out, value);
		return 1;
	}
	int found = run(e, view, &output, message);
	if (found <= 0)
		return found;
	if (!raw || jv_get_kind(output) != JV_KIND_STRING)
		output = jv_dump_string(output, 0);
	buf_add(out, jv_string_value(output), (size_t)jv_string_length_bytes(jv_copy(output)));
	jv_free(output);
	return 1;
}

int expr_eval(struct expr *e, struct json_span input, struct buf *out, struct buf *message)
{
	struct expr_view view = {.input = input};
	int found = append(e, &view, false, out, message);

	view_clear(&view);
	return found;
}

int expr_text(struct expr *e, struct expr_view *view, struct buf *out, struct buf *message)
{
	return append(e, view, true, out, message);
}

int expr_test(struct expr *e, struct json_span input, bool *value, struct buf *message)
{
	struct expr_view view = {.input = input};
	struct json_span found;
	jv output;

	if (e->path != NULL) {
		if (path_get(e->path, input, &found, message) < 0)
			return -1;
		*value = *found.at != 'n' && *found.at != 'f';
		return 1;
	}
	int outputs = run(e, &view, &output, message);
	if (outputs > 0) {
		jv_kind kind = jv_get_kind(output);
		*value = kind != JV_KIND_NULL && kind != JV_KIND_FALSE;
		jv_free(output);
	}
	view_clear(&view);
	return outputs;
}
