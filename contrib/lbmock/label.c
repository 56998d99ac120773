#include "label.h"
#include "fingerprint.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define LABEL_BYTES 64 /* a longer phrase is not a label */
#define LABEL_WORDS 4
#define STEM_BYTES  24

/* How far to look for the end of a phrase. Without an end to it, a text that opens a list at every
 * other byte would be read as often; that is why a list is not read beyond LABEL_MAX either. */
#define PHRASE_BYTES 256

/* What is left of a text while it is read. */
struct cursor {
	const char *at;
	const char *end;
};

#define ROW(c) c, c + 1, c + 2, c + 3, c + 4, c + 5, c + 6, c + 7
#define GAP    0, 0, 0, 0, 0, 0, 0, 0

/* The bytes of words, in lower case: letters, digits, and all that is not ASCII. 0 for what stands
 * between words. */
static const unsigned char letters[256] = {
    GAP,       GAP,       GAP,       GAP,       GAP,       GAP,       ROW('0'),  '8',
    '9',       0,         0,         0,         0,         0,         0,         0,
    'a',       'b',       'c',       'd',       'e',       'f',       'g',       ROW('h'),
    ROW('p'),  'x',       'y',       'z',       0,         0,         0,         0,
    0,         0,         'a',       'b',       'c',       'd',       'e',       'f',
    'g',       ROW('h'),  ROW('p'),  'x',       'y',       'z',       0,         0,
    0,         0,         0,         ROW(0x80), ROW(0x88), ROW(0x90), ROW(0x98), ROW(0xa0),
    ROW(0xa8), ROW(0xb0), ROW(0xb8), ROW(0xc0), ROW(0xc8), ROW(0xd0), ROW(0xd8), ROW(0xe0),
    ROW(0xe8), ROW(0xf0), ROW(0xf8),
};

static bool is_word(char c)
{
	return letters[(unsigned char)c] != 0;
}

static bool begins(const char *at, const char *end, const char *word)
{
	size_t n = strlen(word);
	return (size_t)(end - at) >= n && strncasecmp(at, word, n) == 0;
}

static void skip_blanks(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
		c->at++;
}

void label_add(struct label_list *list, const char *label, size_t length)
{
	if (list->count == LABEL_MAX)
		return;
	list->labels[list->count].at = label;
	list->labels[list->count].length = length;
	list->count++;
}

/* Add the phrase from..to without quotes and the like around it. False if it is too long for a
 * label. */
static bool add_phrase(struct label_list *list, const char *from, const char *to)
{
	static const char around[] = " \t\r\"'`*[]{}<>";
	size_t blanks = 0;

	while (from < to && strchr(around, *from) != NULL)
		from++;
	if (begins(from, to, "or ") || begins(from, to, "and "))
		from += *from == 'o' || *from == 'O' ? 3 : 4;
	while (from < to && strchr(around, *from) != NULL)
		from++;
	while (from < to && strchr(around, to[-1]) != NULL)
		to--;
	for (const char *p = from; p < to; p++)
		blanks += *p == ' ';
	if (to - from > LABEL_BYTES || blanks >= LABEL_WORDS)
		return false;
	if (from < to)
		label_add(list, from, (size_t)(to - from));
	return true;
}

/* Does the list end at p? A full stop ends it only before a blank or the end: "node.js" is a label.
 */
static bool ends_list(const char *p, const char *end)
{
	if (p == end || strchr("\n;:)]}?!", *p) != NULL)
		return true;
	return *p == '.' && (p + 1 == end || strchr(" \t\r\n\"'`", p[1]) != NULL);
}

/* The length of the separator at p, or 0. */
static size_t separator(const char *p, const char *end)
{
	if (*p == ',' || *p == '/' || *p == '|')
		return 1;
	return *p == ' ' && begins(p, end, " or ") ? 3 : 0;
}

/* The end of the phrase at p: a separator or the end of the list. Quoted, it may hold either. */
static const char *phrase_end(const char *p, const char *end)
{
	if (end - p > PHRASE_BYTES)
		end = p + PHRASE_BYTES;
	while (p < end && strchr(" \t[{(*", *p) != NULL)
		p++;
	if (p < end && strchr("\"'`", *p) != NULL) {
		const char *line = memchr(p, '\n', (size_t)(end - p));
		const char *close =
		    memchr(p + 1, *p, (size_t)((line != NULL ? line : end) - p - 1));
		if (close != NULL)
			p = close + 1;
	}
	while (!ends_list(p, end) && separator(p, end) == 0)
		p++;
	return p;
}

/* Read "a, b/c or d" at the cursor. */
static void read_inline(struct cursor *c, struct label_list *list)
{
	while (list->count < LABEL_MAX) {
		const char *stop = phrase_end(c->at, c->end);
		if (!add_phrase(list, c->at, stop))
			break;
		c->at = stop;
		if (ends_list(stop, c->end))
			break;
		c->at += separator(stop, c->end);
	}
}

/* Read lines that begin with "- " or "* " at the cursor, which stands before a newline. */
static void read_bullets(struct cursor *c, struct label_list *list)
{
	while (c->at < c->end && *c->at == '\n') {
		struct cursor line = {c->at + 1, c->end};
		skip_blanks(&line);
		if (!begins(line.at, c->end, "- ") && !begins(line.at, c->end, "* "))
			break;
		const char *stop = memchr(line.at, '\n', (size_t)(c->end - line.at));
		if (stop == NULL)
			stop = c->end;
		if (!add_phrase(list, line.at + 2, stop))
			break;
		c->at = stop;
	}
}

static void read_list(struct cursor *c, struct label_list *list)
{
	skip_blanks(c);
	list->begin = c->at;
	if (c->at < c->end && *c->at == '\n')
		read_bullets(c, list);
	else
		read_inline(c, list);
	list->end = c->at;
}

/* Behind "one of": pass over a colon, or "the following kinds:" and the like. */
static void skip_lead(struct cursor *c)
{
	skip_blanks(c);
	if (c->at < c->end && *c->at == ':') {
		c->at++;
		return;
	}
	if (!begins(c->at, c->end, "the") && !begins(c->at, c->end, "following"))
		return;
	const char *p = c->at;
	while (p < c->end && p - c->at < LABEL_BYTES && (is_word(*p) || *p == ' '))
		p++;
	if (p < c->end && *p == ':')
		c->at = p + 1;
}

/* Is the colon at p one that announces labels? Looks at the words of its sentence, 48 bytes back.
 */
static bool is_named(const char *text, const char *p)
{
	static const char *const words[] = {"label",  "categor", "class", "option",
					    "choice", "topic",   "tag",   "choose"};
	const char *from = p - text > 48 ? p - 48 : text;

	for (const char *q = p; q-- > from;) {
		if (*q == '\n' || *q == '.')
			return false;
		if (!is_word(*q) || (q > text && is_word(q[-1])))
			continue;
		for (size_t i = 0; i < sizeof words / sizeof *words; i++)
			if (begins(q, p, words[i]) && !begins(q, p, "classify"))
				return true;
	}
	return false;
}

/* If a list may begin behind p, put the cursor there and say how far to trust it. */
static enum label_strength opens_list(const char *text, const char *p, struct cursor *c)
{
	bool starts_word = p == text || !is_word(p[-1]);

	if ((*p == 'o' || *p == 'O') && starts_word && begins(p, c->end, "one of")) {
		c->at = p + 6;
		if (c->at < c->end && is_word(*c->at))
			return LABEL_NO_LIST;
		skip_lead(c);
		return LABEL_ONE_OF;
	}
	c->at = p + 1;
	if (*p == '(')
		return begins(c->at, c->end, "e.g") || begins(c->at, c->end, "i.e") ? LABEL_NO_LIST
										    : LABEL_GUESS;
	/* Not the colons of 12:30, https:// and {"name":"value"}. */
	if (*p == ':' && c->at < c->end && (*c->at == ' ' || *c->at == '\n') &&
	    (p == text || p[-1] != '"'))
		return is_named(text, p) ? LABEL_NAMED : LABEL_GUESS;
	return LABEL_NO_LIST;
}

void label_find(struct label_list *best, const char *text, size_t n)
{
	const char *end = text + n;
	struct label_list found;

	best->strength = LABEL_NO_LIST;
	best->count = 0;
	for (const char *p = text; p < end; p++) {
		struct cursor c = {p, end};
		if (*p != ':' && *p != '(' && !(p[0] == 'o' || p[0] == 'O'))
			continue;
		enum label_strength strength = opens_list(text, p, &c);
		if (strength <= best->strength)
			continue;
		found.count = 0;
		read_list(&c, &found);
		if (*p == '(' && found.count < LABEL_MAX && (c.at == end || *c.at != ')'))
			continue;
		if (found.count < 2)
			continue;
		found.strength = strength;
		*best = found;
		if (strength == LABEL_ONE_OF)
			return;
	}
}

/* A word without case and ending. */
struct stem {
	char text[STEM_BYTES];
	size_t length;
};

/* Cut the ending off a word, if three letters are left. */
static void cut_ending(struct stem *s)
{
	static const struct {
		char text[4];
		size_t length;
	} endings[] = {{"ing", 3}, {"ies", 3}, {"ed", 2}, {"es", 2}, {"s", 1}, {"e", 1}, {"y", 1}};

	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		size_t n = endings[i].length;
		if (s->length >= n + 3 &&
		    memcmp(s->text + s->length - n, endings[i].text, n) == 0) {
			s->length -= n;
			return;
		}
	}
}

/* The stem of the next word, of which the cursor is moved behind, that begins with one of the
 * letters in first (NULL: any). False at the end of the text. */
static bool next_stem(struct cursor *c, const bool *first, struct stem *s)
{
	const char *p = c->at;
	const char *end = c->end;

	for (;;) {
		while (p < end && !is_word(*p))
			p++;
		if (p == end)
			return false;
		if (first == NULL || first[letters[(unsigned char)*p]])
			break;
		while (p < end && is_word(*p))
			p++;
	}
	for (s->length = 0; p < end && is_word(*p); p++)
		if (s->length < STEM_BYTES)
			s->text[s->length++] = (char)letters[(unsigned char)*p];
	c->at = p;
	cut_ending(s);
	return true;
}

static bool same_stem(const struct stem *a, const struct stem *b)
{
	size_t shorter = a->length < b->length ? a->length : b->length;

	if (a->text[0] != b->text[0] || (a->length != b->length && shorter < 4))
		return false;
	return memcmp(a->text, b->text, shorter) == 0;
}

/* The stems of a label. In a phrase, words of one or two letters ("out of stock") do not count. */
static size_t label_stems(const struct label_list *list, size_t i, struct stem stems[LABEL_WORDS])
{
	struct cursor c = {list->labels[i].at, list->labels[i].at + list->labels[i].length};
	size_t count = 0;

	while (count < LABEL_WORDS && next_stem(&c, NULL, &stems[count]))
		if (stems[count].length > 2 || stems[count].length == list->labels[i].length)
			count++;
	return count;
}

/* Add to the scores what one word of the text is worth. */
static void score_word(const struct stem *word, struct stem stems[][LABEL_WORDS],
		       const size_t *stem_counts, size_t count, unsigned *scores)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < stem_counts[i]; k++) {
			if (!same_stem(word, &stems[i][k]))
				continue;
			scores[i]++;
			break;
		}
	}
}

size_t label_pick(const struct label_list *list, const char *text, size_t n)
{
	struct stem stems[LABEL_MAX][LABEL_WORDS];
	size_t stem_counts[LABEL_MAX];
	bool first[256] = {false}; /* the letters that the labels' words begin with */
	unsigned scores[LABEL_MAX] = {0};
	struct cursor c = {text, text + n};
	struct stem word;
	unsigned best = 0;
	size_t ties = 0;

	for (size_t i = 0; i < list->count; i++) {
		stem_counts[i] = label_stems(list, i, stems[i]);
		for (size_t k = 0; k < stem_counts[i]; k++)
			first[(unsigned char)stems[i][k].text[0]] = true;
	}
	while (next_stem(&c, first, &word)) {
		if (list->begin != NULL && c.at > list->begin && c.at <= list->end)
			continue;
		score_word(&word, stems, stem_counts, list->count, scores);
	}
	for (size_t i = 0; i < list->count; i++) {
		if (scores[i] > best) {
			best = scores[i];
			ties = 0;
		}
		ties += scores[i] == best;
	}
	size_t winner = ties > 1 ? (size_t)(fingerprint_of(text, n) % ties) : 0;
	for (size_t i = 0; i < list->count; i++)
		if (scores[i] == best && winner-- == 0)
			return i;
	return 0;
}
