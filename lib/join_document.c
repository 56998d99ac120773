#include "join_document.h"
#include "expr.h"
#include "path.h"
#include "split.h"

#include <inttypes.h>
#include <string.h>

/* No text has more pieces, and numbers up to here can be added to. */
#define PIECES_MOST (INT64_C(1) << 40)

bool join_chunk_read(struct join_chunk *chunk, struct json_span record)
{
	struct json_span value = json_get(record, "chunk");
	struct json_member m[] = {JSON_MEMBER("doc"),  JSON_MEMBER("path"),  JSON_MEMBER("i"),
				  JSON_MEMBER("of"),   JSON_MEMBER("start"), JSON_MEMBER("end"),
				  JSON_MEMBER("chunk")};

	if (json_type(value) != JSON_OBJECT)
		return false;
	json_find(value, m, sizeof m / sizeof *m);
	chunk->doc = m[0].value;
	chunk->path = m[1].value;
	chunk->own = m[6].value;
	return json_type(chunk->doc) == JSON_STRING && json_type(chunk->path) == JSON_STRING &&
	       json_integer(m[2].value, &chunk->i) == 0 &&
	       json_integer(m[3].value, &chunk->of) == 0 &&
	       json_integer(m[4].value, &chunk->start) == 0 &&
	       json_integer(m[5].value, &chunk->end) == 0 && chunk->i >= 1 &&
	       chunk->i <= chunk->of && chunk->of <= PIECES_MOST && chunk->start >= 0 &&
	       chunk->start <= chunk->end;
}

/* What a path leads to in an object, at NULL if nothing. It comes from the record, and can lead
 * nowhere but into it. */
static struct json_span follow(struct json_span path_text, struct json_span object)
{
	struct buf text = {0}, message = {0};
	struct json_span value = {NULL, 0};

	json_unescape(&text, path_text);
	struct path *path = path_new(text.data, text.length);
	if (path == NULL || path_get(path, object, &value, &message) < 0 || value.at <= object.at ||
	    value.at >= object.at + object.length)
		value.at = NULL;
	path_free(path);
	buf_free(&text);
	buf_free(&message);
	return value;
}

/* Add the piece's text, less what the one before it has. */
static void add_text(struct join_document *d, const struct join_chunk *chunk,
		     struct json_span piece)
{
	struct json_span text = follow(chunk->path, piece);

	if (d->pieces == 0)
		buf_addc(&d->text, '"');
	if (json_type(text) != JSON_STRING || chunk->start > d->end || chunk->end < d->end ||
	    split_length(text) != chunk->end - chunk->start) {
		d->text_lost = true;
		return;
	}
	text = split_behind(text, d->end - chunk->start);
	buf_add(&d->text, text.at, text.length);
	d->end = chunk->end;
}

static void add_value(struct join_document *d, const struct join_rule *rule,
		      const struct join_chunk *chunk, struct json_span piece)
{
	struct buf value = {0}, message = {0};
	int result = expr_eval(rule->expr, piece, &value, &message);
	struct json_span span = {value.data, value.length};

	buf_addc(&d->values, d->pieces == 0 ? '[' : ',');
	buf_add(&d->values, value.data, value.length);
	if (result > 0 && json_is_set(span)) {
		d->other = d->other || json_type(span) != JSON_STRING;
	} else if (d->problem.length == 0) {
		buf_addf(&d->problem, "piece %" PRId64 " of %" PRId64 ": --join ", chunk->i,
			 chunk->of);
		buf_add(&d->problem, rule->text.data, rule->text.length);
		if (message.length > 0)
			buf_addf(&d->problem, ": %s", buf_string(&message));
		else
			buf_adds(&d->problem, " yields nothing");
	}
	buf_free(&value);
	buf_free(&message);
}

void join_document_add(struct join_document *d, const struct join_rule *rule,
		       struct json_span piece)
{
	struct join_chunk chunk;

	if (!join_chunk_read(&chunk, piece))
		return;
	add_text(d, &chunk, piece);
	add_value(d, rule, &chunk, piece);
	if (d->pieces++ == 0)
		buf_add(&d->first, piece.at, piece.length);
}

/* Append the values: as one string, if all are, with newlines between. */
static void add_joined(const struct join_document *d, struct buf *out)
{
	struct json_span array = {d->values.data, d->values.length};
	struct json_iter it = json_iter(array);
	struct json_span value;
	bool first = true;

	if (d->other) {
		buf_add(out, array.at, array.length);
		return;
	}
	buf_addc(out, '"');
	while (json_next(&it, NULL, &value)) {
		if (!first)
			buf_adds(out, "\\n");
		first = false;
		buf_add(out, value.at + 1, value.length - 2);
	}
	buf_addc(out, '"');
}

/* Append the object with another value in a value's place. */
static void add_replaced(struct buf *out, const struct buf *object, struct json_span old,
			 struct json_span value)
{
	const char *behind = old.at + old.length;

	buf_add(out, object->data, (size_t)(old.at - object->data));
	buf_add(out, value.at, value.length);
	buf_add(out, behind, (size_t)(object->data + object->length - behind));
}

/* The text of the document in the place of the first piece's; null if it is not known. */
static void put_text(struct join_document *d, struct json_span path, struct json_span text)
{
	struct buf object = {0};
	struct json_span old = follow(path, (struct json_span){d->first.data, d->first.length});

	if (old.at == NULL)
		return;
	add_replaced(&object, &d->first, old, text);
	buf_free(&d->first);
	d->first = object;
}

/* The member that the joined values go to; NULL for the place of the text. */
static const char *choose_name(const struct join_rule *rule, bool is_text)
{
	if (rule->into != NULL || is_text)
		return rule->into;
	return rule->name.length > 0 ? rule->name.data : "answer";
}

/* Append the object with its own chunk again, if it had one, and with the outcome. */
static void add_outcome(struct buf *out, const struct join_document *d,
			const struct join_chunk *chunk, const struct join_rule *rule, bool is_text,
			struct json_span value, struct json_span error)
{
	const char *name = choose_name(rule, is_text);
	struct json_edit edits[4];
	size_t count = 0;

	edits[count++] = (struct json_edit){"chunk", chunk->own};
	if (error.at != NULL)
		edits[count++] = (struct json_edit){"error", error};
	if (name != NULL && (error.at == NULL || rule->into == NULL))
		edits[count++] = (struct json_edit){name, value};
	/* What else the expression names is the first piece's own. */
	if (!is_text && rule->name.length > 0 && strcmp(name, rule->name.data) != 0)
		edits[count++] = (struct json_edit){rule->name.data, {NULL, 0}};
	json_set(out, (struct json_span){d->first.data, d->first.length}, edits, count);
}

void join_document_write(struct join_document *d, const struct join_rule *rule,
			 struct json_span error, struct buf *out)
{
	struct buf joined = {0}, path = {0}, own = {0};
	struct join_chunk chunk = {0};

	buf_addc(&d->text, '"');
	buf_addc(&d->values, ']');
	join_chunk_read(&chunk, (struct json_span){d->first.data, d->first.length});
	json_unescape(&path, chunk.path);
	bool is_text = strcmp(buf_string(&path), rule->text.data) == 0;
	bool whole = !d->text_lost && chunk.start == 0 && d->pieces == chunk.of;
	struct json_span text = {d->text.data, d->text.length};
	if (error.at == NULL && is_text && whole)
		buf_add(&joined, text.at, text.length);
	else if (error.at == NULL)
		add_joined(d, &joined);
	struct json_span value = {joined.data, joined.length};
	if (!whole)
		text = is_text && error.at == NULL ? value : JSON_LITERAL("null");
	if (chunk.own.at != NULL) { /* the first piece is about to change */
		buf_add(&own, chunk.own.at, chunk.own.length);
		chunk.own = (struct json_span){own.data, own.length};
	}
	put_text(d, chunk.path, text);
	add_outcome(out, d, &chunk, rule, is_text, value, error);
	buf_free(&joined);
	buf_free(&path);
	buf_free(&own);
}

void join_document_free(struct join_document *d)
{
	buf_free(&d->first);
	buf_free(&d->text);
	buf_free(&d->values);
	buf_free(&d->problem);
}
