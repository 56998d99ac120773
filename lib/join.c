#include "join.h"
#include "answer.h"
#include "expr.h"
#include "fnv.h"
#include "join_document.h"
#include "mem.h"
#include "msg.h"
#include "record.h"
#include "spool.h"
#include "stage.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How many numbers of pieces a message lists. */
#define LISTED 20

/* A piece that has come; i is 0 where there is none. */
struct arrival {
	int64_t i;
	bool failed;
	struct spool_entry line;
};

/* A document of which pieces have come. */
struct group {
	struct group *chain;           /* in the table */
	struct group *next, *previous; /* in the order of their first pieces */
	uint64_t hash;
	char *key;
	size_t key_length;
	int64_t of;
	struct arrival *arrivals; /* a table by their numbers, until put_in_order */
	size_t count, capacity;   /* capacity is a power of two, or 0 */
	int64_t good;             /* pieces that have not failed */
};

struct join {
	struct stage *stage;
	struct join_rule rule;
	struct spool *spool;
	struct group **chains;
	size_t size, count; /* size is a power of two, or 0 */
	struct group *first, *last;
	struct buf key, piece, line;
	bool broken;     /* the spool is, which has been said */
	uint64_t packed; /* results that came with their items still packed in them */
};

/* The member that an expression like " .name" names, if it is one, appended to name. */
static void find_name(const struct buf *text, struct buf *name)
{
	for (size_t i = 1; i < text->length; i++) {
		unsigned char c = (unsigned char)text->data[i];
		if (!isalpha(c) && c != '_' && (i == 1 || !isdigit(c)))
			return;
	}
	if (text->length < 2 || text->data[0] != '.')
		return;
	buf_add(name, text->data + 1, text->length - 1);
	if (strcmp(buf_string(name), "chunk") == 0 || strcmp(name->data, "error") == 0)
		buf_clear(name);
}

struct join *join_new(struct stage *stage, const char *text, const char *into, char **error)
{
	struct expr *expr = expr_new(text, error);
	size_t start = strspn(text, " \t\n"), end = strlen(text);

	if (expr == NULL)
		return NULL;
	struct join *j = mem_zero(1, sizeof *j);
	while (end > start && strchr(" \t\n", text[end - 1]) != NULL)
		end--;
	j->stage = stage;
	j->rule.expr = expr;
	j->rule.into = into;
	buf_add(&j->rule.text, text + start, end - start);
	find_name(&j->rule.text, &j->rule.name);
	buf_string(&j->rule.text);
	j->spool = spool_new(SPOOL_MEMORY);
	return j;
}

static void free_group(struct join *j, struct group *g)
{
	for (size_t i = 0; i < g->capacity; i++)
		spool_drop(j->spool, &g->arrivals[i].line);
	free(g->arrivals);
	free(g->key);
	free(g);
}

static void remove_group(struct join *j, struct group *g)
{
	struct group **link = &j->chains[g->hash & (j->size - 1)];

	while (*link != g)
		link = &(*link)->chain;
	*link = g->chain;
	if (g->next != NULL)
		g->next->previous = g->previous;
	else
		j->last = g->previous;
	if (g->previous != NULL)
		g->previous->next = g->next;
	else
		j->first = g->next;
	j->count--;
	free_group(j, g);
}

void join_free(struct join *j)
{
	if (j == NULL)
		return;
	while (j->first != NULL)
		remove_group(j, j->first);
	spool_free(j->spool);
	expr_free(j->rule.expr);
	buf_free(&j->rule.text);
	buf_free(&j->rule.name);
	buf_free(&j->key);
	buf_free(&j->piece);
	buf_free(&j->line);
	free(j->chains);
	free(j);
}

static void grow(struct join *j)
{
	size_t size = j->size > 0 ? 2 * j->size : 64;
	struct group **chains = mem_zero(size, sizeof(struct group *));

	for (struct group *g = j->first; g != NULL; g = g->next) {
		g->chain = chains[g->hash & (size - 1)];
		chains[g->hash & (size - 1)] = g;
	}
	free(j->chains);
	j->chains = chains;
	j->size = size;
}

/* The document that a chunk is of, entered if it is new. Documents of different numbers of pieces
 * are different ones, as they may be if ids come twice. */
static struct group *find_group(struct join *j, const struct join_chunk *chunk)
{
	buf_clear(&j->key);
	json_unescape(&j->key, chunk->doc);
	buf_addf(&j->key, "%c%" PRId64, '\0', chunk->of);
	uint64_t hash = fnv_add(FNV_START, j->key.data, j->key.length);
	hash ^= hash >> 29;
	if (j->count >= j->size)
		grow(j);
	struct group *g = j->chains[hash & (j->size - 1)];
	while (g != NULL && (g->hash != hash || g->key_length != j->key.length ||
			     memcmp(g->key, j->key.data, g->key_length) != 0))
		g = g->chain;
	if (g != NULL)
		return g;
	g = mem_zero(1, sizeof *g);
	g->hash = hash;
	g->key = mem_copy(j->key.data, j->key.length);
	g->key_length = j->key.length;
	g->of = chunk->of;
	g->chain = j->chains[hash & (j->size - 1)];
	j->chains[hash & (j->size - 1)] = g;
	g->previous = j->last;
	if (j->last != NULL)
		j->last->next = g;
	else
		j->first = g;
	j->last = g;
	j->count++;
	return g;
}

static void spool_failed(struct join *j)
{
	if (!j->broken)
		msg_warn("temporary file for pieces that wait: %s", strerror(errno));
	j->broken = true;
	stage_fatal(j->stage, STATUS_SYSTEM);
}

/* The text of a piece that has come, in j->piece. */
static struct json_span read_piece(struct join *j, const struct arrival *a)
{
	buf_clear(&j->piece);
	if (spool_get(&a->line, &j->piece) < 0)
		spool_failed(j);
	return (struct json_span){j->piece.data, j->piece.length};
}

static void emit(struct join *j, bool failed)
{
	stage_emit(j->stage, 0, (struct json_span){j->line.data, j->line.length}, failed);
}

/* Where the piece of a number stands in the table, or is to stand. */
static struct arrival *find_place(const struct group *g, int64_t i)
{
	size_t mask = g->capacity - 1;
	size_t at = (size_t)(fnv_add(FNV_START, &i, sizeof i) >> 16) & mask;

	while (g->arrivals[at].i != 0 && g->arrivals[at].i != i)
		at = (at + 1) & mask;
	return &g->arrivals[at];
}

/* Make sure that the table has room for one more, and an eighth that is free. */
static void make_room(struct group *g)
{
	struct group old = *g;

	if (g->count + g->count / 8 + 1 < g->capacity)
		return;
	g->capacity = old.capacity > 0 ? 2 * old.capacity : 2;
	g->arrivals = mem_zero(g->capacity, sizeof *g->arrivals);
	for (size_t k = 0; k < old.capacity; k++)
		if (old.arrivals[k].i != 0)
			*find_place(g, old.arrivals[k].i) = old.arrivals[k];
	free(old.arrivals);
}

static int by_number(const void *left, const void *right)
{
	const struct arrival *a = left, *b = right;

	return (a->i > b->i) - (a->i < b->i);
}

/* No more will come: from a table the arrivals become a list. */
static void put_in_order(struct group *g)
{
	size_t kept = 0;

	for (size_t k = 0; k < g->capacity; k++)
		if (g->arrivals[k].i != 0)
			g->arrivals[kept++] = g->arrivals[k];
	g->capacity = kept;
	qsort(g->arrivals, kept, sizeof *g->arrivals, by_number);
}

/* A good piece came twice, and which of the two is meant nobody can say. */
static void refuse_repeated(struct join *j, const struct record *r, uint64_t sequence)
{
	buf_clear(&j->line);
	record_fail(&j->line, r, "piece_repeated",
		    "this piece of its document came before, with an answer");
	stage_emit(j->stage, sequence, (struct json_span){j->line.data, j->line.length}, true);
}

/* Append numbers of pieces, up to some: those that failed, or those that are not there. Returns how
 * many there are. */
static int64_t list(const struct group *g, bool missing, struct buf *out)
{
	int64_t count = 0, next = 1;

	for (size_t k = 0; k <= g->count; k++) {
		int64_t i = k < g->count ? g->arrivals[k].i : g->of + 1;
		int64_t from = missing ? next : i, to = missing ? i : i + 1;
		next = i + 1;
		if (!missing && (k == g->count || !g->arrivals[k].failed))
			continue;
		for (int64_t n = from; n < to && count + (n - from) < LISTED; n++)
			buf_addf(out, "%s%" PRId64, count + (n - from) > 0 ? ", " : "", n);
		count += to - from;
	}
	if (count > LISTED)
		buf_addf(out, " and %" PRId64 " more", count - LISTED);
	return count;
}

/* Append the error of a document: its code and message, and its pieces as they came. */
static void add_error(struct join *j, const struct group *g, const char *code, const char *message,
		      struct buf *out)
{
	record_error(out, code, message, strlen(message));
	out->length--;
	buf_adds(out, ",\"pieces\":[");
	for (size_t k = 0; k < g->count; k++) {
		struct json_span piece = read_piece(j, &g->arrivals[k]);
		if (k > 0)
			buf_addc(out, ',');
		buf_add(out, piece.at, piece.length);
	}
	buf_adds(out, "]}");
}

/* Bring the document out: with its pieces joined, or if code is not NULL as failed. */
static void write_document(struct join *j, struct group *g, const char *code, const char *message)
{
	struct join_document d = {0};
	struct buf error = {0};

	for (size_t k = 0; k < g->count; k++)
		join_document_add(&d, &j->rule, read_piece(j, &g->arrivals[k]));
	if (code == NULL && d.problem.length > 0) {
		code = "pieces_failed";
		message = buf_string(&d.problem);
	}
	if (code != NULL)
		add_error(j, g, code, message, &error);
	buf_clear(&j->line);
	if (!j->broken) { /* else a piece is not there */
		join_document_write(&d, &j->rule, (struct json_span){error.data, error.length},
				    &j->line);
		emit(j, code != NULL);
	}
	join_document_free(&d);
	buf_free(&error);
	remove_group(j, g);
}

static void fail(struct join *j, struct group *g)
{
	struct buf message = {0}, failed = {0}, missing = {0};

	put_in_order(g);
	int64_t failures = list(g, false, &failed);
	int64_t absent = list(g, true, &missing);
	buf_addf(&message, "of %" PRId64 " pieces", g->of);
	if (failures > 0)
		buf_addf(&message, " these failed: %s", buf_string(&failed));
	if (absent > 0)
		buf_addf(&message, "%s these are missing: %s", failures > 0 ? ";" : "",
			 buf_string(&missing));
	const char *code = "pieces_failed";
	if (absent > 0)
		code = "pieces_missing";
	write_document(j, g, code, buf_string(&message));
	buf_free(&message);
	buf_free(&failed);
	buf_free(&missing);
}

bool join_add(struct join *j, const struct record *r, uint64_t sequence)
{
	struct join_chunk chunk;
	struct spool_entry line = {0};

	if (!join_chunk_read(&chunk, r->text)) {
		j->packed += r->kind == RECORD_RESULT && record_lb(r, "items").at != NULL;
		return false;
	}
	struct group *g = find_group(j, &chunk);
	/* Any other error is a member of the document's own. */
	bool failed = answer_is_failure(r->error);
	make_room(g);
	struct arrival *a = find_place(g, chunk.i);
	if (a->i != 0 && !a->failed && !failed) {
		refuse_repeated(j, r, sequence);
		return true;
	}
	stage_skip(j->stage, sequence);
	if (a->i != 0 && failed)
		return true;
	if (spool_put(j->spool, r->text.at, r->text.length, &line) < 0) {
		spool_failed(j);
		return true;
	}
	g->count += a->i == 0;
	g->good += !failed;
	spool_drop(j->spool, &a->line);
	*a = (struct arrival){.i = chunk.i, .failed = failed, .line = line};
	if (g->good == g->of) {
		put_in_order(g);
		write_document(j, g, NULL, NULL);
	}
	return true;
}

void join_finish(struct join *j)
{
	while (j->first != NULL && !j->broken)
		fail(j, j->first);
	if (j->packed > 0)
		msg_warn("--join: results came whose items are still packed in them, and passed: "
			 "%" PRIu64 "; put  lbchunk -u  before it",
			 j->packed);
}
