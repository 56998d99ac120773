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

/* The kind of character before one, which is the column in weights. Small letters come in five
 * groups, from the vowels to those that few words have. */
enum {
	AFTER_VOWEL,   /* aeiou */
	AFTER_COMMON,  /* rnlst */
	AFTER_MIDDLE,  /* cdmhp */
	AFTER_SCARCE,  /* bfgvwyk */
	AFTER_RARE,    /* jqxz */
	AFTER_CAPITAL, /* one that begins a word */
	AFTER_INNER,   /* another: in HTTP, getName, x3B */
	AFTER_DIGIT,
	AFTER_SPACE,
	AFTER_SPACES, /* = AFTER_SPACE + 1: see tokens_run_add */
	AFTER_LINE,
	AFTER_OPENING, /* bracket or quote */
	AFTER_UNDERSCORE,
	AFTER_MARK,
	AFTER_FOREIGN, /* not ASCII */
	AFTER_NOTHING, /* at the start */
	AFTERS
};

/* The rows in weights. */
enum {
	CAPITAL,
	SPACE,
	LINE,
	QUOTE,
	APOSTROPHE,
	OPEN,
	CLOSE,
	DASH,
	UNDERSCORE,
	DOT,
	SLASH,
	COLON,
	COMMA,
	SIGN,
	LETTERS,
	ROWS = LETTERS + 26
};

/* Hundredths of a token. */
static const unsigned char weights[ROWS][AFTERS] = {
    [CAPITAL] = {100, 100, 100, 100, 100, 15, 21, 100, 0, 0, 100, 81, 10, 61, 93, 100},
    [SPACE] = {100, 100, 100, 100, 100, 100, 100, 100, 100, 0, 100, 100, 100, 100, 100, 100},
    [LINE] = {100, 100, 99, 99, 98, 90, 99, 100, 2, 10, 0, 0, 19, 1, 70, 100},
    [QUOTE] = {100, 100, 100, 99, 97, 84, 99, 100, 0, 0, 100, 7, 37, 9, 97, 100},
    [APOSTROPHE] = {93, 82, 98, 97, 87, 69, 98, 95, 0, 3, 94, 4, 41, 34, 96, 100},
    [OPEN] = {99, 100, 100, 99, 92, 92, 98, 96, 1, 19, 99, 13, 14, 13, 97, 100},
    [CLOSE] = {100, 100, 100, 99, 98, 98, 99, 100, 5, 3, 99, 4, 43, 13, 99, 100},
    [DASH] = {100, 100, 100, 100, 96, 94, 98, 100, 1, 1, 99, 21, 60, 5, 92, 100},
    [UNDERSCORE] = {100, 100, 100, 100, 98, 95, 100, 99, 2, 13, 97, 23, 1, 17, 97, 100},
    [DOT] = {100, 100, 100, 100, 100, 99, 100, 100, 2, 14, 98, 21, 37, 8, 98, 100},
    [SLASH] = {100, 100, 100, 100, 97, 94, 99, 99, 7, 21, 65, 9, 45, 2, 96, 100},
    [COLON] = {100, 100, 100, 99, 94, 94, 98, 100, 1, 6, 85, 0, 59, 8, 96, 100},
    [COMMA] = {100, 100, 100, 100, 99, 99, 100, 100, 2, 16, 99, 1, 23, 10, 97, 100},
    [SIGN] = {99, 100, 99, 99, 97, 97, 99, 99, 1, 1, 100, 32, 66, 11, 98, 100},
    [LETTERS + 0] = {8, 12, 6, 7, 21, 10, 13, 100, 0, 1, 100, 69, 29, 62, 30, 100},
    [LETTERS + 1] = {3, 50, 14, 37, 47, 4, 41, 100, 0, 0, 100, 87, 24, 42, 36, 100},
    [LETTERS + 2] = {2, 11, 29, 57, 25, 6, 41, 100, 0, 1, 100, 85, 18, 33, 20, 100},
    [LETTERS + 3] = {0, 2, 13, 31, 23, 21, 61, 100, 0, 0, 100, 90, 4, 35, 32, 100},
    [LETTERS + 4] = {4, 3, 2, 4, 7, 4, 10, 100, 0, 0, 100, 72, 15, 57, 22, 100},
    [LETTERS + 5] = {2, 22, 43, 15, 28, 3, 59, 100, 0, 0, 100, 77, 41, 47, 39, 100},
    [LETTERS + 6] = {2, 3, 32, 31, 78, 19, 62, 100, 0, 0, 100, 98, 37, 44, 22, 100},
    [LETTERS + 7] = {13, 2, 1, 4, 50, 1, 51, 100, 0, 0, 100, 92, 6, 45, 17, 100},
    [LETTERS + 8] = {9, 11, 10, 8, 18, 10, 24, 100, 0, 0, 100, 68, 37, 31, 31, 100},
    [LETTERS + 9] = {12, 57, 73, 10, 53, 39, 73, 100, 0, 0, 100, 95, 4, 14, 51, 100},
    [LETTERS + 10] = {5, 14, 9, 39, 61, 17, 72, 100, 0, 0, 100, 80, 16, 60, 49, 100},
    [LETTERS + 11] = {1, 11, 7, 7, 25, 12, 34, 100, 0, 0, 100, 84, 4, 36, 26, 100},
    [LETTERS + 12] = {0, 17, 10, 34, 50, 10, 44, 100, 0, 3, 100, 77, 8, 24, 26, 100},
    [LETTERS + 13] = {0, 13, 35, 9, 42, 1, 26, 100, 0, 0, 100, 78, 42, 57, 9, 100},
    [LETTERS + 14] = {4, 6, 4, 5, 20, 6, 26, 100, 0, 0, 100, 53, 6, 31, 11, 100},
    [LETTERS + 15] = {4, 9, 9, 18, 9, 5, 46, 100, 0, 0, 100, 83, 15, 40, 33, 100},
    [LETTERS + 16] = {5, 26, 46, 73, 44, 37, 83, 100, 0, 0, 100, 65, 30, 39, 30, 100},
    [LETTERS + 17] = {0, 5, 5, 8, 63, 2, 15, 100, 0, 0, 100, 83, 28, 43, 8, 100},
    [LETTERS + 18] = {0, 3, 9, 17, 6, 3, 39, 100, 0, 0, 100, 68, 13, 35, 47, 100},
    [LETTERS + 19] = {0, 2, 2, 16, 7, 1, 44, 100, 0, 0, 100, 81, 7, 40, 18, 100},
    [LETTERS + 20] = {3, 11, 10, 12, 7, 13, 30, 100, 0, 0, 100, 70, 15, 42, 21, 100},
    [LETTERS + 21] = {3, 16, 58, 50, 80, 21, 51, 100, 0, 0, 100, 82, 11, 37, 34, 100},
    [LETTERS + 22] = {2, 17, 32, 12, 39, 29, 70, 100, 0, 0, 100, 97, 36, 55, 15, 100},
    [LETTERS + 23] = {1, 17, 13, 64, 37, 5, 60, 100, 0, 0, 100, 54, 10, 41, 73, 100},
    [LETTERS + 24] = {2, 4, 7, 5, 17, 8, 31, 100, 0, 0, 100, 80, 18, 38, 24, 100},
    [LETTERS + 25] = {7, 33, 41, 31, 54, 22, 79, 100, 0, 0, 100, 76, 37, 52, 22, 100},
};

_Static_assert(AFTERS == 16, "the bits of KIND");

/* A byte's row, times 16, and what it is to the character behind it. The bit is how a space is
 * told. */
#define SPACE_BIT             15
#define ROW_MASK              0x3f0
#define KIND(row, after)      ((row) << 4 | (after))
#define LETTER(letter, after) KIND(LETTERS + (letter) - 'a', after)
#define MARK(row)             KIND(row, AFTER_MARK)

#define KIND_SPACE (1 << SPACE_BIT | KIND(SPACE, AFTER_SPACE))
#define KIND_LINE  KIND(LINE, AFTER_LINE)
#define KIND_OPEN  KIND(OPEN, AFTER_OPENING)

/* 0 for those whose row depends on what is before them, and for those not ASCII. */
static const uint32_t kinds[256] = {
    ['a'] = LETTER('a', AFTER_VOWEL),
    ['b'] = LETTER('b', AFTER_SCARCE),
    ['c'] = LETTER('c', AFTER_MIDDLE),
    ['d'] = LETTER('d', AFTER_MIDDLE),
    ['e'] = LETTER('e', AFTER_VOWEL),
    ['f'] = LETTER('f', AFTER_SCARCE),
    ['g'] = LETTER('g', AFTER_SCARCE),
    ['h'] = LETTER('h', AFTER_MIDDLE),
    ['i'] = LETTER('i', AFTER_VOWEL),
    ['j'] = LETTER('j', AFTER_RARE),
    ['k'] = LETTER('k', AFTER_SCARCE),
    ['l'] = LETTER('l', AFTER_COMMON),
    ['m'] = LETTER('m', AFTER_MIDDLE),
    ['n'] = LETTER('n', AFTER_COMMON),
    ['o'] = LETTER('o', AFTER_VOWEL),
    ['p'] = LETTER('p', AFTER_MIDDLE),
    ['q'] = LETTER('q', AFTER_RARE),
    ['r'] = LETTER('r', AFTER_COMMON),
    ['s'] = LETTER('s', AFTER_COMMON),
    ['t'] = LETTER('t', AFTER_COMMON),
    ['u'] = LETTER('u', AFTER_VOWEL),
    ['v'] = LETTER('v', AFTER_SCARCE),
    ['w'] = LETTER('w', AFTER_SCARCE),
    ['x'] = LETTER('x', AFTER_RARE),
    ['y'] = LETTER('y', AFTER_SCARCE),
    ['z'] = LETTER('z', AFTER_RARE),
    [' '] = KIND_SPACE,
    ['\t'] = KIND_SPACE,
    ['\n'] = KIND_LINE,
    ['\r'] = KIND_LINE,
    ['('] = KIND_OPEN,
    ['['] = KIND_OPEN,
    ['{'] = KIND_OPEN,
    ['<'] = KIND_OPEN,
    ['"'] = KIND(QUOTE, AFTER_OPENING),
    ['\''] = KIND(APOSTROPHE, AFTER_OPENING),
    [')'] = MARK(CLOSE),
    [']'] = MARK(CLOSE),
    ['}'] = MARK(CLOSE),
    ['>'] = MARK(CLOSE),
    ['-'] = MARK(DASH),
    ['_'] = KIND(UNDERSCORE, AFTER_UNDERSCORE),
    ['.'] = MARK(DOT),
    ['/'] = MARK(SLASH),
    [':'] = MARK(COLON),
    [','] = MARK(COMMA),
    [';'] = MARK(COMMA),
    ['!'] = MARK(SIGN),
    ['#'] = MARK(SIGN),
    ['$'] = MARK(SIGN),
    ['%'] = MARK(SIGN),
    ['&'] = MARK(SIGN),
    ['*'] = MARK(SIGN),
    ['+'] = MARK(SIGN),
    ['='] = MARK(SIGN),
    ['?'] = MARK(SIGN),
    ['@'] = MARK(SIGN),
    ['\\'] = MARK(SIGN),
    ['^'] = MARK(SIGN),
    ['`'] = MARK(SIGN),
    ['|'] = MARK(SIGN),
    ['~'] = MARK(SIGN),
};

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

enum { IN_WORD, IN_SPACE, IN_OTHER, IN_SAME, PLACES };

/* Hundredths of a token for a character that is not ASCII: after one of ASCII's letters, after a
 * space, after anything else, and after one of its own script. */
static const unsigned char foreign_weights[SCRIPTS][PLACES] = {
    [SCRIPT_MARK] = {99, 1, 96, 96},       [SCRIPT_LATIN] = {31, 1, 72, 20},
    [SCRIPT_GREEK] = {25, 1, 96, 26},      [SCRIPT_CYRILLIC] = {55, 0, 94, 13},
    [SCRIPT_HEBREW] = {26, 2, 76, 30},     [SCRIPT_ARABIC] = {82, 0, 95, 19},
    [SCRIPT_DEVANAGARI] = {40, 0, 98, 18}, [SCRIPT_INDIC] = {44, 1, 93, 28},
    [SCRIPT_THAI] = {38, 1, 96, 37},       [SCRIPT_DASH] = {99, 2, 97, 41},
    [SCRIPT_SYMBOL] = {109, 67, 126, 151}, [SCRIPT_CJK_MARK] = {100, 43, 99, 34},
    [SCRIPT_KANA] = {98, 22, 96, 54},      [SCRIPT_HAN] = {99, 52, 94, 71},
    [SCRIPT_HANGUL] = {98, 3, 97, 56},     [SCRIPT_OTHER] = {76, 76, 76, 81},
    [SCRIPT_EMOJI] = {180, 94, 185, 201},
};

/* The script of a code point from U+0080 on, by the blocks of Unicode. */
static enum script script_of(uint32_t code)
{
	static const struct {
		uint32_t below;
		enum script script;
	} blocks[] = {
	    {0xc0, SCRIPT_MARK},       {0x300, SCRIPT_LATIN},      {0x340, SCRIPT_MARK},
	    {0x400, SCRIPT_GREEK},     {0x540, SCRIPT_CYRILLIC},   {0x600, SCRIPT_HEBREW},
	    {0x800, SCRIPT_ARABIC},    {0x900, SCRIPT_OTHER},      {0x980, SCRIPT_DEVANAGARI},
	    {0xe00, SCRIPT_INDIC},     {0x1000, SCRIPT_THAI},      {0x1e00, SCRIPT_INDIC},
	    {0x2000, SCRIPT_LATIN},    {0x2040, SCRIPT_DASH},      {0x3000, SCRIPT_SYMBOL},
	    {0x3040, SCRIPT_CJK_MARK}, {0x3100, SCRIPT_KANA},      {0xac00, SCRIPT_HAN},
	    {0xd7c0, SCRIPT_HANGUL},   {0xf000, SCRIPT_OTHER},     {0xfe00, SCRIPT_CJK_MARK},
	    {0xfe10, SCRIPT_OTHER},    {0x10000, SCRIPT_CJK_MARK},
	};

	for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
		if (code < blocks[i].below)
			return blocks[i].script;
	return SCRIPT_EMOJI;
}

/* A character that is not ASCII. Returns what is behind it; bytes that are not UTF-8 are taken for
 * some character or other, within the text. */
static const unsigned char *add_foreign(struct tokens_run *run, const unsigned char *p,
					const unsigned char *end)
{
	size_t length = *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
	uint32_t code = *p & (0xffu >> (length + 1));
	unsigned place = IN_OTHER;

	if (*p < 0xc0 || (size_t)(end - p) < length) {
		length = 1;
		code = 0x80;
	}
	for (size_t i = 1; i < length; i++)
		code = code << 6 | (p[i] & 0x3f);
	enum script script = script_of(code);
	if (run->before == AFTER_FOREIGN && run->script == script)
		place = IN_SAME;
	else if (run->before <= AFTER_INNER)
		place = IN_WORD;
	else if (run->before == AFTER_SPACE || run->before == AFTER_SPACES)
		place = IN_SPACE;
	run->hundredths += foreign_weights[script][place];
	run->before = AFTER_FOREIGN;
	run->script = script;
	return p + length;
}

/* A character whose kind is 0. Returns what is behind it. */
static const unsigned char *add_special(struct tokens_run *run, const unsigned char *p,
					const unsigned char *end)
{
	if (*p >= 0x80)
		return add_foreign(run, p, end);
	if (*p >= '0' && *p <= '9') {
		if (run->before != AFTER_DIGIT)
			run->digits = 0;
		run->hundredths += run->digits == 0 ? 100 : 0;
		run->digits = (run->digits + 1) % 3;
		run->before = AFTER_DIGIT;
	} else if (*p >= 'A' && *p <= 'Z') {
		bool inner = run->before <= AFTER_DIGIT;
		run->hundredths += weights[CAPITAL][run->before];
		run->before = inner ? AFTER_INNER : AFTER_CAPITAL;
	} else {
		run->hundredths += weights[SIGN][run->before];
		run->before = AFTER_MARK;
	}
	return p + 1;
}

void tokens_run_begin(struct tokens_run *run)
{
	run->before = AFTER_NOTHING;
}

/* The loop is to be fast: but for the specials nothing in it waits for what it found before, or
 * jumps as the text has it. */
void tokens_run_add(struct tokens_run *run, const char *text, size_t n)
{
	const unsigned char *cells = (const unsigned char *)weights;
	const unsigned char *p = (const unsigned char *)text;
	const unsigned char *end = p + n;

	while (p < end) {
		uint32_t before = run->before;
		uint32_t last = before == AFTER_SPACE || before == AFTER_SPACES ? KIND_SPACE : 0;
		uint32_t kind;
		uint64_t sum = 0;
		for (; p < end && (kind = kinds[*p]) != 0; p++) {
			sum += cells[(kind & ROW_MASK) + before];
			before = (kind & 15) + ((kind & last) >> SPACE_BIT);
			last = kind;
		}
		run->hundredths += (int64_t)sum;
		run->before = before;
		if (p < end)
			p = add_special(run, p, end);
	}
}

int64_t tokens_text(const char *text, size_t n)
{
	struct tokens_run run = {0};

	tokens_run_begin(&run);
	tokens_run_add(&run, text, n);
	return (run.hundredths + 99) / 100;
}
