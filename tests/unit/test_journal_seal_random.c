/* Seals on random records: whoever reads a sealed line as JSON finds what the seal says, and
 * nothing in the record but its marks has changed. */
#include "backoff.h"
#include "buf.h"
#include "journal_state.h"
#include "tap.h"

#include <inttypes.h>

#define ROUNDS  100000
#define REQUEST UINT64_C(0x0123456789abcdef)
#define DIGITS  "0123456789abcdef"
#define ZEROS   "0000000000000000"

static uint64_t seed = 1;

static size_t below(size_t n)
{
	return (size_t)(backoff_random(&seed) % n);
}

#define PICK(list) (list)[below(sizeof(list) / sizeof *(list))]

static const char *const names[] = {
    "custom_id", "custom_id",  "custom\\u005fid", "lb",   "lb",
    "l\\u0062",  "error",      "response",        "body", "x",
    "id",        "checkpoint", "request",         "sum",
};
static const char *const entries[] = {
    "checkpoint", "checkpoint", "asked", "ms", "c\\u0068eckpoint", "x,\\\"checkpoint", "id",
};
static const char *const ids[] = {
    "a", "ab", "a\\\\b", "a\\\"b", "\\u0061", "", "\303\251", ",", "{", "a\\n",
};
static const char *const values[] = {
    "null",
    "7",
    "{}",
    "\"\"",
    "\"\\\"\"",
    "\"" DIGITS "\"",
    "[\"a\\\\\"]",
    "{\"request\":\"" DIGITS "\",\"sum\":\"" ZEROS "\"}",
    "{\"request\":\"" DIGITS "\",\"sum\":\"" DIGITS "\"}",
    "{\"checkpoint\":{\"request\":\"" DIGITS "\",\"sum\":\"" ZEROS "\"}}",
    "{\"checkpoint\":{\"request\":\"" DIGITS "\",\"sum\":\"" DIGITS "\"}}",
    "{\"checkpoint\":{\"request\":\"1\"},\"k\":\"aaaaaaa\",\"sum\":\"" ZEROS "\"}",
    "{\"code\":\"e\"}",
};

static void add_space(struct buf *out)
{
	if (below(30) == 0)
		buf_addc(out, ' ');
}

static void add_value(struct buf *out, const char *name)
{
	if (strncmp(name, "custom", 6) == 0 && below(8) > 0)
		buf_addf(out, "\"%s\"", PICK(ids));
	else
		buf_adds(out, PICK(values));
}

static void add_lb(struct buf *out)
{
	size_t count = below(4);

	buf_addc(out, '{');
	for (size_t i = 0; i < count; i++) {
		add_space(out);
		buf_addf(out, "%s\"%s\":%s", i > 0 ? "," : "", PICK(entries), PICK(values));
	}
	add_space(out);
	buf_addc(out, '}');
}

static void make_record(struct buf *out)
{
	size_t count = below(6);

	buf_clear(out);
	buf_addc(out, '{');
	for (size_t i = 0; i <= count; i++) {
		/* Most begin as those do that may be sealed. */
		const char *name = i == 0 && below(4) > 0 ? "custom_id" : PICK(names);
		buf_addf(out, "%s", i > 0 ? "," : "");
		add_space(out);
		buf_addf(out, "\"%s\":", name);
		add_space(out);
		if (*name == 'l' && below(4) > 0)
			add_lb(out);
		else
			add_value(out, name);
	}
	add_space(out);
	buf_addc(out, '}');
}

static void parse(struct record *r, const struct buf *text)
{
	struct line line = {text->data, text->length, 1, text->length};

	record_parse(r, &line, false);
}

/* The id that a record goes by: most often its own, else that as it is written, or any. */
static void choose_id(struct buf *id, const struct record *r)
{
	size_t kind = below(8);

	buf_clear(id);
	if (kind == 0)
		buf_adds(id, PICK(ids));
	else if (kind == 1 && json_type(r->custom_id) == JSON_STRING)
		buf_add(id, r->custom_id.at + 1, r->custom_id.length - 2);
	else
		json_text(id, r->custom_id);
}

/* Append the record as it is but for its marks, and the white space around them. */
static void add_rest(struct buf *out, const struct record *r)
{
	struct json_edit none[] = {{JOURNAL_LOGGED, {NULL, 0}}, {JOURNAL_ASKED, {NULL, 0}}};
	struct buf rest = {0}, lb = {0};

	if (json_type(r->lb) == JSON_OBJECT)
		json_set(&rest, r->lb, none, 2);
	else
		buf_adds(&rest, "{}");
	json_compact(&lb, (struct json_span){rest.data, rest.length});
	struct json_edit edit = {"lb", {lb.data, lb.length}};
	json_set(out, r->text, &edit, 1);
	buf_free(&rest);
	buf_free(&lb);
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->length == b->length &&
	       (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

/* Is the record itself unchanged on its line? */
static bool is_kept(const struct record *before, const struct record *after)
{
	struct buf a = {0}, b = {0};

	add_rest(&a, before);
	add_rest(&b, after);
	bool kept = same(&a, &b);
	buf_free(&a);
	buf_free(&b);
	return kept;
}

/* Read as JSON, is the line what was logged? */
static bool is_read(const struct record *before, const struct buf *line, const struct buf *id)
{
	struct json_span span = {line->data, line->length};
	struct buf found = {0};
	struct record r;
	uint64_t request;

	bool read = journal_judge(&r, &span, 1, true) == JOURNAL_GOOD &&
		    journal_mark(&r, JOURNAL_LOGGED, &request, &found) && request == REQUEST &&
		    same(&found, id) && record_failed(&r) == record_failed(before);
	buf_free(&found);
	return read;
}

/* What is wrong, in how many records. */
static struct totals {
	int sealed, unread, unlike, changed, believed;
} totals;

/* A line that is sealed as the record of this id. */
static void try_sealed(const struct record *r, const struct buf *line, const struct buf *id,
		       const struct journal_sealed *s)
{
	struct json_span text = {line->data, line->length};
	struct journal_sealed other;
	struct buf compact = {0};

	totals.sealed++;
	totals.unlike += s->id.length != id->length ||
			 memcmp(s->id.at, id->data, id->length) != 0 || s->request != REQUEST ||
			 record_failed(r);
	json_compact(&compact, text);
	totals.unread += !is_read(r, &compact, id);
	totals.believed += !same(&compact, line) &&
			   journal_unseal((struct json_span){compact.data, compact.length}, &other);
	buf_free(&compact);
}

/* Mark a record, and read its line in both ways. */
static void try_record(const struct buf *text)
{
	struct buf line = {0}, id = {0};
	struct totals before = totals;
	struct journal_sealed s;
	struct record r, after;

	parse(&r, text);
	choose_id(&id, &r);
	journal_set_mark(&line, &r, JOURNAL_LOGGED, &id, REQUEST);
	parse(&after, &line);
	totals.unread += id.length > 0 && !is_read(&r, &line, &id);
	totals.changed += !is_kept(&r, &after);
	if (journal_unseal((struct json_span){line.data, line.length}, &s))
		try_sealed(&r, &line, &id, &s);
	if (totals.unread > before.unread || totals.unlike > before.unlike ||
	    totals.changed > before.changed || totals.believed > before.believed) {
		tap_show("record", text->data, text->length);
		tap_show("line", line.data, line.length);
	}
	buf_free(&line);
	buf_free(&id);
}

int main(void)
{
	struct buf text = {0};

	for (int i = 0; i < ROUNDS; i++) {
		make_record(&text);
		try_record(&text);
	}
	buf_free(&text);
	tap_ok(totals.sealed > ROUNDS / 20, "many of the lines are sealed (%d)", totals.sealed);
	tap_int(totals.unread, 0,
		"read as JSON, each says the id, the request, and whether it failed");
	tap_int(totals.unlike, 0, "a seal says the same");
	tap_int(totals.changed, 0, "nothing but the marks is changed in a record");
	tap_int(totals.believed, 0,
		"what was written anew, without white space, is sealed no more");
	return tap_done();
}
