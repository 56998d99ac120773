#include "splitter.h"
#include "buf.h"
#include "expr.h"
#include "mem.h"
#include "msg.h"
#include "naming.h"
#include "pack.h"
#include "path.h"
#include "stage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The pieces of one document are in memory together. */
#define PIECES_BYTES_MOST ((size_t)1 << 30)

/* About what a piece's chunk member takes. */
#define CHUNK_BYTES 128

struct splitter {
	struct stage *stage;
	struct naming *naming;
	struct split_rule rule;
	const char *text; /* as the user wrote it */
	struct expr *expr;
	bool plain; /* ...it is a plain path */
	/* Where pieces go: in a document that is an object, and in one that becomes {"item":...}.
	 */
	struct target {
		struct buf text;
		struct path *path;
	} targets[2];
	const char *into;

	struct split_piece *pieces;
	size_t count, capacity;
	struct buf whole; /* the document as an object with a chunk */
	struct buf own, value, line, message;
};

/* A document that is cut. */
struct cutting {
	struct json_span string;      /* what is cut */
	struct json_span text, chunk; /* what a piece has in their places, in whole */
	struct json_span own;         /* the chunk that the document has itself, at NULL for none */
	const struct target *target;
	struct buf id; /* the document's, with quotes */
};

static void make_targets(struct splitter *s)
{
	const char *text = s->text + strspn(s->text, " \t\n");
	size_t n = strlen(text);

	while (n > 0 && strchr(" \t\n", text[n - 1]) != NULL)
		n--;
	size_t bare = n < 2 || text[1] == '[';
	for (int wrapped = 0; wrapped < 2; wrapped++) {
		struct target *t = &s->targets[wrapped];
		if (!s->plain)
			buf_addf(&t->text, ".%s", s->into);
		else if (wrapped) /* ".item" for ".", ".item[0]" for ".[0]", ".item.a" for ".a" */
			buf_addf(&t->text, ".item%.*s", (int)(n - bare), text + bare);
		else
			buf_add(&t->text, text, n);
		t->path = path_new(t->text.data, t->text.length);
	}
}

struct splitter *splitter_new(struct stage *stage, struct naming *naming, const char *text,
			      const struct split_rule *rule, const char *into, char **error)
{
	const char *mistake = split_mistake(rule);

	if (mistake != NULL) {
		*error = mem_copy(mistake, strlen(mistake));
		return NULL;
	}
	struct expr *expr = expr_new(text, error);
	if (expr == NULL)
		return NULL;
	if (into != NULL && expr_is_path(expr)) {
		static const char beside[] = "--into is for an expression that is no plain path, "
					     "for else the pieces take the text's place";
		*error = mem_copy(beside, sizeof beside - 1);
		expr_free(expr);
		return NULL;
	}
	struct splitter *s = mem_zero(1, sizeof *s);
	s->stage = stage;
	s->naming = naming;
	s->rule = *rule;
	s->text = text;
	s->expr = expr;
	s->plain = expr_is_path(expr);
	s->into = into != NULL ? into : "text";
	make_targets(s);
	return s;
}

void splitter_free(struct splitter *s)
{
	if (s == NULL)
		return;
	expr_free(s->expr);
	for (int i = 0; i < 2; i++) {
		path_free(s->targets[i].path);
		buf_free(&s->targets[i].text);
	}
	free(s->pieces);
	buf_free(&s->whole);
	buf_free(&s->own);
	buf_free(&s->value);
	buf_free(&s->line);
	buf_free(&s->message);
	free(s);
}

static void ids_failed(struct splitter *s)
{
	msg_warn("temporary file for ids: %s", strerror(errno));
	stage_fatal(s->stage, STATUS_SYSTEM);
}

static void fail(struct splitter *s, struct json_span document, struct json_span id,
		 uint64_t sequence, const char *code, const char *message)
{
	buf_clear(&s->line);
	pack_add_failed(&s->line, id, document, code, message);
	stage_emit(s->stage, sequence, (struct json_span){s->line.data, s->line.length}, true);
}

void splitter_fail(struct splitter *s, struct json_span document, uint64_t sequence,
		   const char *code, const char *message)
{
	struct buf id = {0};

	if (naming_id(s->naming, &document, 1, &id) < 0)
		ids_failed(s);
	fail(s, document, (struct json_span){id.data, id.length}, sequence, code, message);
	buf_free(&id);
}

/* Append the object with a member "chunk", in the place of its own, or else right behind the last
 * value: so that an object from which it is taken off is as it was, white space and all. */
static void add_with_chunk(struct buf *out, struct json_span object, struct json_span own)
{
	struct json_iter it = json_iter(object);
	struct json_span value = {object.at, 1}, key;
	const char *end = object.at + object.length;

	if (own.at == NULL)
		while (json_next(&it, &key, &value))
			;
	const char *cut = own.at != NULL ? own.at : value.at + value.length;
	buf_add(out, object.at, (size_t)(cut - object.at));
	if (own.at == NULL)
		buf_adds(out, value.at > object.at ? ",\"chunk\":" : "\"chunk\":");
	buf_addc(out, '0');
	cut += own.length;
	buf_add(out, cut, (size_t)(end - cut));
}

/* Make the document an object that a piece can be put into. */
static void make_whole(struct splitter *s, struct json_span document, struct cutting *c)
{
	struct buf object = {0}, edited = {0};

	if (json_type(document) != JSON_OBJECT) {
		buf_adds(&object, "{\"item\":");
		buf_add(&object, document.at, document.length);
		buf_addc(&object, '}');
		document = (struct json_span){object.data, object.length};
	}
	if (!s->plain) {
		struct json_edit edit = {s->into, JSON_LITERAL("\"\"")};
		json_set(&edited, document, &edit, 1);
		document = (struct json_span){edited.data, edited.length};
	}
	buf_clear(&s->whole);
	c->own = json_get(document, "chunk");
	add_with_chunk(&s->whole, document, c->own);
	buf_clear(&s->own);
	if (c->own.at != NULL) {
		buf_add(&s->own, c->own.at, c->own.length);
		c->own = (struct json_span){s->own.data, s->own.length};
	}
	buf_free(&object);
	buf_free(&edited);
}

/* Find what is to be cut. Returns 0, or -1 with a message. */
static int find_text(struct splitter *s, struct json_span document, struct cutting *c)
{
	c->target = &s->targets[json_type(document) != JSON_OBJECT];
	make_whole(s, document, c);
	struct json_span whole = {s->whole.data, s->whole.length};
	buf_clear(&s->value);
	if (s->plain) {
		if (path_get(c->target->path, whole, &c->string, &s->message) < 0)
			return -1;
		c->text = c->string;
	} else {
		if (expr_eval(s->expr, document, &s->value, &s->message) < 0)
			return -1;
		c->string = (struct json_span){s->value.data, s->value.length};
		path_get(c->target->path, whole, &c->text, &s->message);
	}
	c->chunk = json_get(whole, "chunk");
	if (c->string.length > 0 && json_type(c->string) == JSON_STRING)
		return 0;
	buf_adds(&s->message, "it yields no text, which has to be a string");
	return -1;
}

/* Cut all pieces, so that their number is known. Returns 0, or -1 if they are too much. */
static int cut(struct splitter *s, const struct cutting *c)
{
	struct split *split = split_new(&s->rule, c->string);
	size_t rest = s->whole.length - c->text.length + CHUNK_BYTES, bytes = 0;
	struct split_piece piece;

	s->count = 0;
	while (bytes <= PIECES_BYTES_MOST && split_next(split, &piece)) {
		if (s->count == s->capacity) {
			s->capacity = s->capacity > 0 ? 2 * s->capacity : 64;
			s->pieces = mem_resize(s->pieces, s->capacity, sizeof *s->pieces);
		}
		s->pieces[s->count++] = piece;
		bytes += rest + piece.text.length;
	}
	split_free(split);
	return bytes <= PIECES_BYTES_MOST ? 0 : -1;
}

static void add_chunk(struct splitter *s, const struct cutting *c, size_t i)
{
	const struct split_piece *piece = &s->pieces[i];
	struct buf *out = &s->line;

	buf_adds(out, "{\"id\":");
	buf_add(out, c->id.data, c->id.length - 1);
	buf_addf(out, "-%zu\",\"doc\":", i + 1);
	buf_add(out, c->id.data, c->id.length);
	buf_addf(out,
		 ",\"i\":%zu,\"of\":%zu,\"start\":%" PRId64 ",\"end\":%" PRId64 ",\"path\":", i + 1,
		 s->count, piece->start, piece->end);
	json_quote(out, c->target->text.data, c->target->text.length);
	if (c->own.at != NULL) {
		buf_adds(out, ",\"chunk\":");
		buf_add(out, c->own.at, c->own.length);
	}
	buf_addc(out, '}');
}

static void add_text(struct splitter *s, size_t i)
{
	buf_addc(&s->line, '"');
	buf_add(&s->line, s->pieces[i].text.at, s->pieces[i].text.length);
	buf_addc(&s->line, '"');
}

static void emit_piece(struct splitter *s, const struct cutting *c, size_t i, uint64_t sequence)
{
	bool text_first = c->text.at < c->chunk.at;
	struct json_span first = text_first ? c->text : c->chunk;
	struct json_span second = text_first ? c->chunk : c->text;
	const char *between = first.at + first.length, *behind = second.at + second.length;

	buf_clear(&s->line);
	buf_add(&s->line, s->whole.data, (size_t)(first.at - s->whole.data));
	if (text_first)
		add_text(s, i);
	else
		add_chunk(s, c, i);
	buf_add(&s->line, between, (size_t)(second.at - between));
	if (text_first)
		add_chunk(s, c, i);
	else
		add_text(s, i);
	buf_add(&s->line, behind, (size_t)(s->whole.data + s->whole.length - behind));
	stage_emit(s->stage, sequence, (struct json_span){s->line.data, s->line.length}, false);
}

void splitter_add(struct splitter *s, struct json_span document, uint64_t sequence)
{
	struct cutting c = {0};

	buf_clear(&s->message);
	buf_addf(&s->message, "--split %s: ", s->text);
	if (naming_id(s->naming, &document, 1, &c.id) < 0)
		ids_failed(s);
	struct json_span id = {c.id.data, c.id.length};
	if (find_text(s, document, &c) < 0)
		fail(s, document, id, sequence, "bad_item", buf_string(&s->message));
	else if (cut(s, &c) < 0)
		fail(s, document, id, sequence, "item_too_large",
		     "its pieces, each with all the other members, would be more than 1 GiB: leave "
		     "members out");
	else
		for (size_t i = 0; i < s->count; i++)
			emit_piece(s, &c, i, sequence);
	buf_free(&c.id);
}
