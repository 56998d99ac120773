#include "split.h"
#include "mem.h"
#include "split_boundary.h"
#include "tokens_run.h"

#include <stdlib.h>
#include <string.h>

/* The most that a code point adds to an estimate of tokens, rounded up. */
#define POINT_TOKENS 3

/* The most that one is by itself. */
#define LONE_TOKENS 2

/* A place in the text. Units are hundredths of tokens, or whole ones of the others. */
struct place {
	const char *at;
	int64_t index; /* in code points, from the start of the text */
	int64_t units; /* from the start of the piece */
	enum split_level level;
};

struct split {
	struct split_rule rule;
	const char *end;         /* of the text */
	enum split_level least;  /* below which no place is worth a mark */
	int64_t most, overlap;   /* in units */
	struct place from, done; /* where the next piece begins, and where the last one ended */
	struct place *marks;     /* where the next one may well end */
	size_t count, capacity;
	bool ended;
};

/* How far a piece reaches at most. */
struct reach {
	struct place last, cluster; /* the last place that fits, and the last cluster's end */
	int64_t done;               /* units up to where the last piece ended */
	bool whole;                 /* it is the rest of the text */
};

int split_unit(const char *name, enum split_by *by)
{
	static const char *const names[] = {
	    [SPLIT_TOKENS] = "tokens",
	    [SPLIT_CHARS] = "chars",
	    [SPLIT_LINES] = "lines",
	    [SPLIT_PARAGRAPHS] = "paragraphs",
	};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(names[i], name) == 0) {
			*by = (enum split_by)i;
			return 0;
		}
	}
	return -1;
}

const char *split_mistake(const struct split_rule *rule)
{
	bool tokens = rule->by == SPLIT_TOKENS;

	if (rule->size < (tokens ? 2 * POINT_TOKENS : 1))
		return "it wants a size, --size N, of at least 6 tokens, or 1 of anything else";
	if (rule->overlap > 0 && tokens && rule->overlap < LONE_TOKENS)
		return "an overlap (--overlap) is at least 2 tokens";
	if (rule->overlap > rule->size - (tokens ? POINT_TOKENS : 1))
		return "the overlap (--overlap) must be less than the size, by tokens 3 less";
	return NULL;
}

struct split *split_new(const struct split_rule *rule, struct json_span string)
{
	static const enum split_level least[] = {
	    [SPLIT_TOKENS] = SPLIT_WORD,
	    [SPLIT_CHARS] = SPLIT_WORD,
	    [SPLIT_LINES] = SPLIT_LINE,
	    [SPLIT_PARAGRAPHS] = SPLIT_PARAGRAPH,
	};
	struct split *s = mem_zero(1, sizeof *s);
	int64_t unit = rule->by == SPLIT_TOKENS ? 100 : 1;

	s->rule = *rule;
	s->end = string.at + string.length - 1;
	s->least = least[rule->by];
	s->most = rule->size > INT64_MAX / unit ? INT64_MAX : rule->size * unit;
	s->overlap = rule->overlap > INT64_MAX / unit ? INT64_MAX : rule->overlap * unit;
	s->from.at = s->done.at = string.at + 1;
	return s;
}

void split_free(struct split *s)
{
	if (s == NULL)
		return;
	free(s->marks);
	free(s);
}

static void add_mark(struct split *s, const struct place *place)
{
	if (s->count == s->capacity) {
		s->capacity = s->capacity > 0 ? 2 * s->capacity : 256;
		s->marks = mem_resize(s->marks, s->capacity, sizeof *s->marks);
	}
	s->marks[s->count++] = *place;
}

/* Do units count what is passed, rather than what ends? */
static bool counts_text(const struct split *s)
{
	return s->rule.by == SPLIT_TOKENS || s->rule.by == SPLIT_CHARS;
}

/* Walks a piece from its start. */
struct walk {
	struct split_flow flow;
	struct tokens_run run;
	struct place place; /* behind the code points that were passed */
	const char *ahead;  /* behind the one that comes */
	uint32_t code;      /* the one that comes, or SPLIT_END */
};

static void walk_begin(const struct split *s, struct walk *w)
{
	*w = (struct walk){.place = s->from};
	w->place.units = 0;
	w->ahead = w->place.at;
	w->code = split_take(&w->ahead, s->end);
	tokens_run_begin(&w->run);
}

/* Pass a code point; place.level is what ends there. */
static void walk_on(const struct split *s, struct walk *w)
{
	uint32_t code = w->code;

	w->place.at = w->ahead;
	w->place.index++;
	w->code = split_take(&w->ahead, s->end);
	w->place.level = SPLIT_PARAGRAPH;
	if (w->code != SPLIT_END)
		w->place.level = split_pass(&w->flow, code, w->code, w->place.at, s->end);
	if (s->rule.by == SPLIT_TOKENS) {
		tokens_run_add_code(&w->run, code);
		w->place.units = w->run.hundredths;
	} else if (s->rule.by == SPLIT_CHARS || w->place.level >= s->least) {
		w->place.units++;
	}
}

/* See how far the next piece may reach, and mark the good places on the way. */
static void reach(struct split *s, struct reach *r)
{
	struct walk w;

	walk_begin(s, &w);
	*r = (struct reach){.last = w.place, .cluster = w.place, .whole = w.code == SPLIT_END};
	s->count = 0;
	while (w.code != SPLIT_END) {
		walk_on(s, &w);
		if (counts_text(s) && w.place.units > s->most)
			return;
		r->last = w.place;
		if (w.place.at <= s->done.at)
			r->done = w.place.units;
		if (w.place.level >= SPLIT_CLUSTER)
			r->cluster = w.place;
		/* Nothing good begins with a blank line. */
		bool blank = counts_text(s) && (w.code == '\n' || w.code == '\r');
		if (w.place.level >= s->least && !blank)
			add_mark(s, &w.place);
		r->whole = w.code == SPLIT_END;
		if (!counts_text(s) && w.place.units == s->most)
			return;
	}
}

/* Where the piece is best cut off. */
static struct place choose_end(const struct split *s, const struct reach *r)
{
	const struct place *best = NULL, *last = s->count > 0 ? &s->marks[s->count - 1] : NULL;
	int64_t half = r->done + (r->last.units - r->done) / 2;

	if (r->whole || !counts_text(s))
		return r->last;
	for (size_t i = s->count; i-- > 0;) {
		const struct place *m = &s->marks[i];
		if (m->at <= s->done.at || m->units < half)
			break;
		if (best == NULL || m->level > best->level)
			best = m;
	}
	if (best != NULL)
		return *best;
	if (last != NULL && last->at > s->done.at)
		return *last;
	return r->cluster.at > s->done.at ? r->cluster : r->last;
}

/* Is the text up to the end of the piece no more than the overlap? What it counts as is not quite
 * the difference of what its ends do. */
static bool fits(const struct split *s, const struct place *place, const struct place *end)
{
	struct tokens_run run = {0};
	const char *at = place->at;

	if (s->rule.by != SPLIT_TOKENS)
		return end->units - place->units <= s->overlap;
	tokens_run_begin(&run);
	while (at < end->at && run.hundredths <= s->overlap)
		tokens_run_add_code(&run, split_take(&at, s->end));
	return run.hundredths <= s->overlap;
}

/* The units that may lie between a place and the end: the first code point of a text often counts
 * as a token more than within. */
static int64_t overlap_most(const struct split *s)
{
	return s->rule.by == SPLIT_TOKENS ? s->overlap - 100 : s->overlap;
}

/* The overlap begins within a word: where its first cluster does that fits, or its first code point
 * of a cluster that does not. */
static struct place cut_overlap(const struct split *s, const struct place *end)
{
	struct place point = {0}, before = {0};
	struct walk w;

	walk_begin(s, &w);
	before = w.place;
	for (;;) {
		walk_on(s, &w);
		if (w.place.at >= end->at)
			break;
		before = w.place;
		if (end->units - w.place.units > overlap_most(s))
			continue;
		bool cluster = w.place.level >= SPLIT_CLUSTER;
		if ((point.at != NULL && !cluster) || !fits(s, &w.place, end))
			continue;
		if (cluster)
			return w.place;
		point = w.place;
	}
	return point.at != NULL ? point : before;
}

/* Where the next piece begins. */
static struct place choose_start(const struct split *s, const struct place *end)
{
	const struct place *best = NULL;
	bool by_text = counts_text(s);

	if (s->rule.overlap == 0)
		return *end;
	if (s->count == 0)
		return cut_overlap(s, end);
	const struct place *marks_end = s->marks + s->count;
	for (const struct place *m = s->marks; m < marks_end && m->at < end->at; m++) {
		int64_t units = end->units - m->units;
		if (units > overlap_most(s))
			continue;
		if (best == NULL || (by_text && m->level > best->level && units >= s->overlap / 2))
			best = m;
	}
	while (best != NULL && !fits(s, best, end))
		best = best + 1 < marks_end && best[1].at < end->at ? best + 1 : NULL;
	return best != NULL ? *best : cut_overlap(s, end);
}

bool split_next(struct split *s, struct split_piece *piece)
{
	struct reach r;

	if (s->ended)
		return false;
	reach(s, &r);
	struct place end = choose_end(s, &r);
	piece->text = (struct json_span){s->from.at, (size_t)(end.at - s->from.at)};
	piece->start = s->from.index;
	piece->end = end.index;
	s->ended = end.at == s->end;
	if (!s->ended)
		s->from = choose_start(s, &end);
	s->done = end;
	return true;
}

int64_t split_length(struct json_span string)
{
	const char *at = string.at + 1, *end = string.at + string.length - 1;
	int64_t count = 0;

	while (split_take(&at, end) != SPLIT_END)
		count++;
	return count;
}

struct json_span split_behind(struct json_span string, int64_t count)
{
	const char *at = string.at + 1, *end = string.at + string.length - 1;

	while (count-- > 0 && split_take(&at, end) != SPLIT_END)
		;
	return (struct json_span){at, (size_t)(end - at)};
}
