/*
 * The weights, and the run over a text.
 *
 * A tokenizer like o200k_base first cuts a text by kind of character (a word with the space before
 * it, up to three digits, signs with the line's end), then splits each piece by a vocabulary. The
 * first is known; of the second there are averages. So each character has a weight, the chance that
 * a token begins at it (for some, how many do), which depends on the kind of character before it.
 * Weights were counted over half of a collection of prose, manuals, program messages and code in
 * some thirty languages, JSON, URLs and encoded data, and checked on the other half. Rare letters
 * and pairs weigh more than common ones: that alone tells English from base64.
 */
#include "tokens.h"
#include "tokens_run.h"

#include <stdbool.h>
#include <string.h>

/* The kind of character before one, which is the row in weights. Small letters come in five groups,
 * from the vowels to those that few words have. */
enum {
	AFTER_MARK,    /* all that has no row of its own */
	AFTER_OPENING, /* bracket or quote */
	AFTER_UNDERSCORE,
	AFTER_LINE,
	AFTER_SPACE,
	AFTER_SPACES,
	AFTER_FOREIGN, /* not ASCII */
	AFTER_NOTHING, /* at the start */
	AFTER_DIGIT,   /* the first of three */
	AFTER_TWO_DIGITS,
	AFTER_THREE_DIGITS,
	AFTER_VOWEL,   /* aeiou */
	AFTER_COMMON,  /* rnlst */
	AFTER_MIDDLE,  /* cdmhp */
	AFTER_SCARCE,  /* bfgvwyk */
	AFTER_RARE,    /* jqxz */
	AFTER_CAPITAL, /* one that begins a word */
	AFTER_INNER,   /* another: in HTTP, getName, x3B */
	AFTERS
};

#define THREE(x)   x, x, x
#define FOUR(x)    x, x, x, x
#define EIGHT(x)   FOUR(x), FOUR(x)
#define SIXTEEN(x) EIGHT(x), EIGHT(x)

/* All of ASCII in order, from what there is for each character or kind of them. */
#define ASCII(sign, quote, backslash, capital, space, digit, line, apostrophe, open, close, dash,  \
	      underscore, dot, slash, colon, comma, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o,   \
	      p, q, r, s, t, u, v, w, x, y, z)                                                     \
	{                                                                                          \
		EIGHT(sign), sign, space, line, sign, sign, line, sign, sign, SIXTEEN(sign),       \
		    space, sign, quote, FOUR(sign), apostrophe, open, close, sign, sign, comma,    \
		    dash, dot, slash, EIGHT(digit), digit, digit, colon, comma, open, sign, close, \
		    sign, sign, EIGHT(capital), SIXTEEN(capital), capital, capital, open,          \
		    backslash, close, sign, underscore, sign, a, b, c, d, e, f, g, h, i, j, k, l,  \
		    m, n, o, p, q, r, s, t, u, v, w, x, y, z, open, sign, close, sign, sign        \
	}

/*
 * Hundredths of a token, at most 100: the low bits hold the sum of eight. Above them may stand the
 * row that comes next, if that depends on more than the character. A bit marks the two characters
 * that end what is plain in a JSON string.
 */
#define WEIGHT_BITS         10
#define WEIGHT_MASK         ((1 << WEIGHT_BITS) - 1)
#define THEN(after, weight) ((after) << WEIGHT_BITS | (weight))
#define STOP                0x8000

#define INNER(weight) THEN(AFTER_INNER, weight)

#define WEIGHTS(sign, quote, ...) ASCII(sign, STOP | (quote), STOP | (sign), __VA_ARGS__)
#define DIGITS(digit)                                                                           \
	WEIGHTS(99, 100, INNER(100), 100, digit, 100, 95, 96, 100, 100, 99, 100, 99, 100, 100,  \
		100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, \
		100, 100, 100, 100, 100, 100, 100, 100, 100, 100)

static const uint16_t weights[AFTERS][128] = {
    [AFTER_MARK] =
	WEIGHTS(11, 9, 61, 100, 100, 1, 34, 13, 13, 5, 17, 8, 2, 8, 10, 62, 42, 33, 35, 57, 47, 44,
		45, 31, 14, 60, 36, 24, 57, 31, 40, 39, 43, 35, 40, 42, 37, 55, 41, 38, 52),
    [AFTER_OPENING] =
	WEIGHTS(32, 7, 81, 100, 100, 0, 4, 13, 4, 21, 23, 21, 9, 0, 1, 69, 87, 85, 90, 72, 77, 98,
		92, 68, 95, 80, 84, 77, 78, 53, 83, 65, 83, 68, 81, 70, 82, 97, 54, 80, 76),
    [AFTER_UNDERSCORE] =
	WEIGHTS(66, 37, 10, 100, 100, 19, 41, 14, 43, 60, 1, 37, 45, 59, 23, 29, 24, 18, 4, 15, 41,
		37, 6, 37, 4, 16, 4, 8, 42, 6, 15, 30, 28, 13, 7, 15, 11, 36, 10, 18, 37),
    [AFTER_LINE] = WEIGHTS(100, 100, 100, 100, 100, 0, 94, 99, 99, 99, 97, 98, 65, 85, 99, 100, 100,
			   100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100,
			   100, 100, 100, 100, 100, 100, 100, 100, 100, 100),
    [AFTER_SPACE] =
	WEIGHTS(1, 0, 0, THEN(AFTER_SPACES, 100), 100, 2, 0, 1, 5, 1, 2, 2, 7, 1, 2, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    [AFTER_SPACES] =
	WEIGHTS(1, 0, 0, THEN(AFTER_SPACES, 0), 100, 10, 3, 19, 3, 1, 13, 14, 21, 6, 16, 1, 0, 1, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    [AFTER_FOREIGN] =
	WEIGHTS(98, 97, 93, 100, 100, 70, 96, 97, 99, 92, 97, 98, 96, 96, 97, 30, 36, 20, 32, 22,
		39, 22, 17, 31, 51, 49, 26, 26, 9, 11, 33, 30, 8, 47, 18, 21, 34, 15, 73, 24, 22),
    [AFTER_NOTHING] = WEIGHTS(100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100,
			      100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100,
			      100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100),
    [AFTER_DIGIT] = DIGITS(THEN(AFTER_TWO_DIGITS, 0)),
    [AFTER_TWO_DIGITS] = DIGITS(THEN(AFTER_THREE_DIGITS, 0)),
    [AFTER_THREE_DIGITS] = DIGITS(100),
    [AFTER_VOWEL] =
	WEIGHTS(99, 100, INNER(100), 100, 100, 100, 93, 99, 100, 100, 100, 100, 100, 100, 100, 8, 3,
		2, 0, 4, 2, 2, 13, 9, 12, 5, 1, 0, 0, 4, 4, 5, 0, 0, 0, 3, 3, 2, 1, 2, 7),
    [AFTER_COMMON] = WEIGHTS(100, 100, INNER(100), 100, 100, 100, 82, 100, 100, 100, 100, 100, 100,
			     100, 100, 12, 50, 11, 2, 3, 22, 3, 2, 11, 57, 14, 11, 17, 13, 6, 9, 26,
			     5, 3, 2, 11, 16, 17, 17, 4, 33),
    [AFTER_MIDDLE] = WEIGHTS(99, 100, INNER(100), 100, 100, 99, 98, 100, 100, 100, 100, 100, 100,
			     100, 100, 6, 14, 29, 13, 2, 43, 32, 1, 10, 73, 9, 7, 10, 35, 4, 9, 46,
			     5, 9, 2, 10, 58, 32, 13, 7, 41),
    [AFTER_SCARCE] = WEIGHTS(99, 99, INNER(100), 100, 100, 99, 97, 99, 99, 100, 100, 100, 100, 99,
			     100, 7, 37, 57, 31, 4, 15, 31, 4, 8, 10, 39, 7, 34, 9, 5, 18, 73, 8,
			     17, 16, 12, 50, 12, 64, 5, 31),
    [AFTER_RARE] = WEIGHTS(97, 97, INNER(100), 100, 100, 98, 87, 92, 98, 96, 98, 100, 97, 94, 99,
			   21, 47, 25, 23, 7, 28, 78, 50, 18, 53, 61, 25, 50, 42, 20, 9, 44, 63, 6,
			   7, 7, 80, 39, 37, 17, 54),
    [AFTER_CAPITAL] =
	WEIGHTS(97, 84, INNER(15), 100, 100, 90, 69, 92, 98, 94, 95, 99, 94, 94, 99, 10, 4, 6, 21,
		4, 3, 19, 1, 10, 39, 17, 12, 10, 1, 6, 5, 37, 2, 3, 1, 13, 21, 29, 5, 8, 22),
    [AFTER_INNER] = WEIGHTS(99, 99, INNER(21), 100, 100, 99, 98, 98, 99, 98, 100, 100, 99, 98, 100,
			    13, 41, 41, 61, 10, 59, 62, 51, 24, 73, 72, 34, 44, 26, 26, 46, 83, 15,
			    39, 44, 30, 51, 70, 60, 31, 79),
};

/* The row that comes next, unless the weight has another. */
static const uint16_t *const rows[128] =
    ASCII(weights[AFTER_MARK], weights[AFTER_OPENING], weights[AFTER_MARK], weights[AFTER_CAPITAL],
	  weights[AFTER_SPACE], weights[AFTER_DIGIT], weights[AFTER_LINE], weights[AFTER_OPENING],
	  weights[AFTER_OPENING], weights[AFTER_MARK], weights[AFTER_MARK],
	  weights[AFTER_UNDERSCORE], weights[AFTER_MARK], weights[AFTER_MARK], weights[AFTER_MARK],
	  weights[AFTER_MARK], weights[AFTER_VOWEL], weights[AFTER_SCARCE], weights[AFTER_MIDDLE],
	  weights[AFTER_MIDDLE], weights[AFTER_VOWEL], weights[AFTER_SCARCE], weights[AFTER_SCARCE],
	  weights[AFTER_MIDDLE], weights[AFTER_VOWEL], weights[AFTER_RARE], weights[AFTER_SCARCE],
	  weights[AFTER_COMMON], weights[AFTER_MIDDLE], weights[AFTER_COMMON], weights[AFTER_VOWEL],
	  weights[AFTER_MIDDLE], weights[AFTER_RARE], weights[AFTER_COMMON], weights[AFTER_COMMON],
	  weights[AFTER_COMMON], weights[AFTER_VOWEL], weights[AFTER_SCARCE], weights[AFTER_SCARCE],
	  weights[AFTER_RARE], weights[AFTER_SCARCE], weights[AFTER_RARE]);

enum script {
	SCRIPT_MARK, /* the signs of Latin-1 */
	SCRIPT_LATIN,
	SCRIPT_GREEK,
	SCRIPT_CYRILLIC,
	SCRIPT_HEBREW,
	SCRIPT_ARABIC,
	SCRIPT_DEVANAGARI,
	SCRIPT_INDIC, /* and other scripts of three bytes a letter */
	SCRIPT_THAI,
	SCRIPT_DASH, /* with quotes and dots */
	SCRIPT_SYMBOL,
	SCRIPT_CJK_MARK,
	SCRIPT_KANA,
	SCRIPT_HAN,
	SCRIPT_HANGUL,
	SCRIPT_OTHER,
	SCRIPT_EMOJI, /* and all beyond U+FFFF */
	SCRIPTS
};

/* Where a character stands that is not ASCII, which is its column in foreign_weights: behind one of
 * ASCII's letters, a space, another character of its script, or anything else. */
enum { IN_OTHER, IN_WORD, IN_SPACE, IN_SAME, PLACES };

static const unsigned char places[AFTERS] = {
    [AFTER_VOWEL] = IN_WORD,  [AFTER_COMMON] = IN_WORD, [AFTER_MIDDLE] = IN_WORD,
    [AFTER_SCARCE] = IN_WORD, [AFTER_RARE] = IN_WORD,   [AFTER_CAPITAL] = IN_WORD,
    [AFTER_INNER] = IN_WORD,  [AFTER_SPACE] = IN_SPACE, [AFTER_SPACES] = IN_SPACE,
};

/* Hundredths of a token for a character that is not ASCII. */
static const unsigned char foreign_weights[SCRIPTS][PLACES] = {
    [SCRIPT_MARK] = {96, 99, 1, 96},       [SCRIPT_LATIN] = {72, 31, 1, 20},
    [SCRIPT_GREEK] = {96, 25, 1, 26},      [SCRIPT_CYRILLIC] = {94, 55, 0, 13},
    [SCRIPT_HEBREW] = {76, 26, 2, 30},     [SCRIPT_ARABIC] = {95, 82, 0, 19},
    [SCRIPT_DEVANAGARI] = {98, 40, 0, 18}, [SCRIPT_INDIC] = {93, 44, 1, 28},
    [SCRIPT_THAI] = {96, 38, 1, 37},       [SCRIPT_DASH] = {97, 99, 2, 41},
    [SCRIPT_SYMBOL] = {126, 109, 67, 151}, [SCRIPT_CJK_MARK] = {99, 100, 43, 34},
    [SCRIPT_KANA] = {96, 98, 22, 54},      [SCRIPT_HAN] = {94, 99, 52, 71},
    [SCRIPT_HANGUL] = {97, 98, 3, 56},     [SCRIPT_OTHER] = {76, 76, 76, 81},
    [SCRIPT_EMOJI] = {185, 180, 94, 201},
};

/* By the blocks of Unicode: the script of each 64 code points, up to where they get large. */
static const unsigned char scripts[] = {THREE(SCRIPT_MARK),     SCRIPT_LATIN,
					EIGHT(SCRIPT_LATIN),    SCRIPT_MARK,
					THREE(SCRIPT_GREEK),    SCRIPT_CYRILLIC,
					FOUR(SCRIPT_CYRILLIC),  THREE(SCRIPT_HEBREW),
					EIGHT(SCRIPT_ARABIC),   FOUR(SCRIPT_OTHER),
					SCRIPT_DEVANAGARI,      SCRIPT_DEVANAGARI,
					SCRIPT_INDIC,           SCRIPT_INDIC,
					SIXTEEN(SCRIPT_INDIC),  EIGHT(SCRIPT_THAI),
					SIXTEEN(SCRIPT_INDIC),  SIXTEEN(SCRIPT_INDIC),
					SIXTEEN(SCRIPT_INDIC),  EIGHT(SCRIPT_INDIC),
					EIGHT(SCRIPT_LATIN),    SCRIPT_DASH,
					THREE(SCRIPT_SYMBOL),   FOUR(SCRIPT_SYMBOL),
					EIGHT(SCRIPT_SYMBOL),   SIXTEEN(SCRIPT_SYMBOL),
					SIXTEEN(SCRIPT_SYMBOL), SIXTEEN(SCRIPT_SYMBOL),
					SCRIPT_CJK_MARK,        THREE(SCRIPT_KANA)};

static inline enum script script_of(uint32_t code)
{
	if (code < 64 * sizeof scripts)
		return scripts[code / 64];
	return code < 0xac00    ? SCRIPT_HAN
	       : code < 0xd7c0  ? SCRIPT_HANGUL
	       : code < 0xf000  ? SCRIPT_OTHER
	       : code < 0xfe00  ? SCRIPT_CJK_MARK
	       : code < 0xfe10  ? SCRIPT_OTHER
	       : code < 0x10000 ? SCRIPT_CJK_MARK
				: SCRIPT_EMOJI;
}

/* A character that is not ASCII. */
static inline void add_foreign(struct tokens_run *run, uint32_t code)
{
	enum script script = script_of(code);
	const uint16_t *foreign = weights[AFTER_FOREIGN];
	unsigned place = IN_SAME;

	if (run->row != foreign || run->script != script)
		place = places[(size_t)(run->row - weights[0]) / 128];
	run->hundredths += foreign_weights[script][place];
	run->row = foreign;
	run->script = script;
}

static inline void add_ascii(struct tokens_run *run, int weight, unsigned char c)
{
	run->row = rows[c];
	if (weight > WEIGHT_MASK) {
		run->row = weights[weight >> WEIGHT_BITS];
		weight &= WEIGHT_MASK;
	}
	run->hundredths += weight;
}

/* Take a character that is not ASCII from p. Returns what is behind it; bytes that are not UTF-8
 * are taken for some character or other, within the text. */
static inline const unsigned char *take_foreign(const unsigned char *p, const unsigned char *end,
						uint32_t *code)
{
	if (*p >= 0xc0 && *p < 0xe0 && end - p >= 2) {
		*code = (*p & 0x1fu) << 6 | (p[1] & 0x3fu);
		return p + 2;
	}
	if (*p >= 0xe0 && *p < 0xf0 && end - p >= 3) {
		*code = (*p & 0xfu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
		return p + 3;
	}
	if (*p >= 0xf0 && end - p >= 4) {
		*code =
		    (*p & 7u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
		return p + 4;
	}
	*code = 0x80;
	return p + 1;
}

/*
 * Add ASCII eight at a time while p is before last, up to eight of which one is not ASCII, or has
 * a weight that holds more. Fast as nothing here waits for what was found before. Returns where it
 * stopped.
 */
static inline const unsigned char *add_eights(struct tokens_run *run, const unsigned char *p,
					      const unsigned char *last)
{
	for (; p < last; p += 8) {
		const uint16_t *row = run->row;
		unsigned sum = 0;
		uint64_t bytes;
		memcpy(&bytes, p, 8);
		if ((bytes & UINT64_C(0x8080808080808080)) != 0)
			break;
#pragma GCC unroll 8 /* which gcc -O2 does not do by itself; twice as fast */
		for (int i = 0; i < 8; i++) {
			size_t c = p[i];
			sum += row[c];
			row = rows[c];
		}
		if (sum > WEIGHT_MASK)
			break;
		run->hundredths += sum;
		run->row = row;
	}
	return p;
}

void tokens_run_begin(struct tokens_run *run)
{
	run->row = weights[AFTER_NOTHING];
}

void tokens_run_add_code(struct tokens_run *run, uint32_t code)
{
	if (code < 0x80)
		add_ascii(run, run->row[code] & ~STOP, (unsigned char)code);
	else
		add_foreign(run, code);
}

/* What stops the eights goes one by one, with what else of ASCII is in the eight. */
const char *tokens_run_add(struct tokens_run *run, const char *text, const char *behind)
{
	const unsigned char *p = (const unsigned char *)text;
	const unsigned char *end = (const unsigned char *)behind;
	const unsigned char *last = end - p < 8 ? p : end - 7;
	struct tokens_run r = *run;
	uint32_t code;

	while (p < end) {
		while (p < end && *p >= 0x80) {
			p = take_foreign(p, end, &code);
			add_foreign(&r, code);
		}
		p = add_eights(&r, p, last);
		const unsigned char *stop = p < last ? p + 8 : end;
		for (; p < stop && *p < 0x80; p++) {
			int weight = r.row[*p];
			if (weight > WEIGHT_MASK && (weight & STOP) != 0) {
				end = p;
				break;
			}
			add_ascii(&r, weight, *p);
		}
	}
	*run = r;
	return (const char *)p;
}

int64_t tokens_text(const char *text, size_t n)
{
	struct tokens_run run = {0};
	const char *end = text + n;

	tokens_run_begin(&run);
	while ((text = tokens_run_add(&run, text, end)) < end)
		tokens_run_add_code(&run, (unsigned char)*text++);
	return (run.hundredths + 99) / 100;
}
