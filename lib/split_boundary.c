#include "split_boundary.h"

#include <stddef.h>
#include <string.h>

struct range {
	uint16_t first, last;
};

/* What belongs to the code point before it: general category M of Unicode 14, joiners and half
 * width voicing marks. Of what is beyond the basic plane only emoji's parts, in is_mark. */
static const struct range marks[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x05bf, 0x05bf}, {0x05c1, 0x05c2},
    {0x05c4, 0x05c5}, {0x05c7, 0x05c7}, {0x0610, 0x061a}, {0x064b, 0x065f}, {0x0670, 0x0670},
    {0x06d6, 0x06dc}, {0x06df, 0x06e4}, {0x06e7, 0x06e8}, {0x06ea, 0x06ed}, {0x0711, 0x0711},
    {0x0730, 0x074a}, {0x07a6, 0x07b0}, {0x07eb, 0x07f3}, {0x07fd, 0x07fd}, {0x0816, 0x0819},
    {0x081b, 0x0823}, {0x0825, 0x0827}, {0x0829, 0x082d}, {0x0859, 0x085b}, {0x0898, 0x089f},
    {0x08ca, 0x08e1}, {0x08e3, 0x0903}, {0x093a, 0x093c}, {0x093e, 0x094f}, {0x0951, 0x0957},
    {0x0962, 0x0963}, {0x0981, 0x0983}, {0x09bc, 0x09bc}, {0x09be, 0x09cd}, {0x09d7, 0x09d7},
    {0x09e2, 0x09e3}, {0x09fe, 0x0a03}, {0x0a3c, 0x0a51}, {0x0a70, 0x0a71}, {0x0a75, 0x0a75},
    {0x0a81, 0x0a83}, {0x0abc, 0x0abc}, {0x0abe, 0x0acd}, {0x0ae2, 0x0ae3}, {0x0afa, 0x0b03},
    {0x0b3c, 0x0b3c}, {0x0b3e, 0x0b57}, {0x0b62, 0x0b63}, {0x0b82, 0x0b82}, {0x0bbe, 0x0bcd},
    {0x0bd7, 0x0bd7}, {0x0c00, 0x0c04}, {0x0c3c, 0x0c3c}, {0x0c3e, 0x0c56}, {0x0c62, 0x0c63},
    {0x0c81, 0x0c83}, {0x0cbc, 0x0cbc}, {0x0cbe, 0x0cd6}, {0x0ce2, 0x0ce3}, {0x0d00, 0x0d03},
    {0x0d3b, 0x0d3c}, {0x0d3e, 0x0d4d}, {0x0d57, 0x0d57}, {0x0d62, 0x0d63}, {0x0d81, 0x0d83},
    {0x0dca, 0x0ddf}, {0x0df2, 0x0df3}, {0x0e31, 0x0e31}, {0x0e33, 0x0e3a}, {0x0e47, 0x0e4e},
    {0x0eb1, 0x0eb1}, {0x0eb3, 0x0ebc}, {0x0ec8, 0x0ecd}, {0x0f18, 0x0f19}, {0x0f35, 0x0f35},
    {0x0f37, 0x0f37}, {0x0f39, 0x0f39}, {0x0f3e, 0x0f3f}, {0x0f71, 0x0f84}, {0x0f86, 0x0f87},
    {0x0f8d, 0x0fbc}, {0x0fc6, 0x0fc6}, {0x102b, 0x103e}, {0x1056, 0x1059}, {0x105e, 0x1060},
    {0x1062, 0x1064}, {0x1067, 0x106d}, {0x1071, 0x1074}, {0x1082, 0x108d}, {0x108f, 0x108f},
    {0x109a, 0x109d}, {0x135d, 0x135f}, {0x1712, 0x1715}, {0x1732, 0x1734}, {0x1752, 0x1753},
    {0x1772, 0x1773}, {0x17b4, 0x17d3}, {0x17dd, 0x17dd}, {0x180b, 0x180d}, {0x180f, 0x180f},
    {0x1885, 0x1886}, {0x18a9, 0x18a9}, {0x1920, 0x193b}, {0x1a17, 0x1a1b}, {0x1a55, 0x1a7f},
    {0x1ab0, 0x1b04}, {0x1b34, 0x1b44}, {0x1b6b, 0x1b73}, {0x1b80, 0x1b82}, {0x1ba1, 0x1bad},
    {0x1be6, 0x1bf3}, {0x1c24, 0x1c37}, {0x1cd0, 0x1cd2}, {0x1cd4, 0x1ce8}, {0x1ced, 0x1ced},
    {0x1cf4, 0x1cf4}, {0x1cf7, 0x1cf9}, {0x1dc0, 0x1dff}, {0x200c, 0x200d}, {0x20d0, 0x20f0},
    {0x2cef, 0x2cf1}, {0x2d7f, 0x2d7f}, {0x2de0, 0x2dff}, {0x302a, 0x302f}, {0x3099, 0x309a},
    {0xa66f, 0xa672}, {0xa674, 0xa67d}, {0xa69e, 0xa69f}, {0xa6f0, 0xa6f1}, {0xa802, 0xa802},
    {0xa806, 0xa806}, {0xa80b, 0xa80b}, {0xa823, 0xa827}, {0xa82c, 0xa82c}, {0xa880, 0xa881},
    {0xa8b4, 0xa8c5}, {0xa8e0, 0xa8f1}, {0xa8ff, 0xa8ff}, {0xa926, 0xa92d}, {0xa947, 0xa953},
    {0xa980, 0xa983}, {0xa9b3, 0xa9c0}, {0xa9e5, 0xa9e5}, {0xaa29, 0xaa36}, {0xaa43, 0xaa43},
    {0xaa4c, 0xaa4d}, {0xaa7b, 0xaa7d}, {0xaab0, 0xaab0}, {0xaab2, 0xaab4}, {0xaab7, 0xaab8},
    {0xaabe, 0xaabf}, {0xaac1, 0xaac1}, {0xaaeb, 0xaaef}, {0xaaf5, 0xaaf6}, {0xabe3, 0xabea},
    {0xabec, 0xabed}, {0xfb1e, 0xfb1e}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xff9e, 0xff9f}};

enum { JOINER = 0x200d };

static bool is_mark(uint32_t code)
{
	size_t low = 0, high = sizeof marks / sizeof *marks;

	if (code < marks[0].first)
		return false;
	if (code > 0xffff) /* skin tones, tags, variation selectors */
		return (code >= 0x1f3fb && code <= 0x1f3ff) || (code >> 12 == 0xe0);
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (code > marks[middle].last)
			low = middle + 1;
		else
			high = middle;
	}
	return low < sizeof marks / sizeof *marks && code >= marks[low].first;
}

static bool is_flag(uint32_t code)
{
	return code >= 0x1f1e6 && code <= 0x1f1ff;
}

/* White space at which a line may be broken; the zero width space, too, which Khmer and Thai have
 * between words. */
static bool is_space(uint32_t code)
{
	if (code < 0x80)
		return code == ' ' || (code >= '\t' && code <= '\r');
	return code == 0x85 || code == 0x1680 || code == 0x3000 || code == 0x2028 ||
	       code == 0x2029 || (code >= 0x2000 && code <= 0x200b && code != 0x2007);
}

/* Is the code point one of a list that ends with 0? */
static bool is_one_of(const uint16_t *list, uint32_t code)
{
	while (*list != 0 && *list != code)
		list++;
	return *list != 0;
}

/* What ends a sentence without a space behind it: of Chinese and Japanese, Devanagari, Urdu,
 * Arabic, Armenian, Ethiopic, Khmer, Burmese, Tibetan. */
static bool is_wide_stop(uint32_t code)
{
	static const uint16_t list[] = {0x3002, 0xff01, 0xff1f, 0xff61, 0xff0e,
					0x0964, 0x0965, 0x06d4, 0x061f, 0x0589,
					0x1362, 0x17d4, 0x104b, 0x0f0d, 0};
	return code >= 0x0589 && is_one_of(list, code);
}

static bool is_stop(uint32_t code)
{
	return code == '.' || code == '!' || code == '?' || code == 0x2026;
}

/* What may stand between a stop and the end of its sentence. */
static bool is_closer(uint32_t code)
{
	static const uint16_t list[] = {'"',    '\'',   ')',    ']',    '}',    0xbb,   0x2019,
					0x201d, 0x203a, 0x3009, 0x300b, 0x300d, 0x300f, 0x3011,
					0x3015, 0x3017, 0xff09, 0xff3d, 0xff5d, 0xff63, 0};
	return is_one_of(list, code);
}

/* Chinese and Japanese commas, colons and semicolons, at which words end for certain. */
static bool is_wide_comma(uint32_t code)
{
	return code == 0x3001 || code == 0xff0c || code == 0xff1a || code == 0xff1b ||
	       code == 0xff64;
}

/* Kana and Han. */
static bool is_ideograph(uint32_t code)
{
	return (code >= 0x3041 && code <= 0x30ff) || (code >= 0x3400 && code <= 0x9fff) ||
	       (code >= 0xf900 && code <= 0xfaff) || (code >= 0x20000 && code <= 0x3ffff);
}

static bool is_letter_or_digit(uint32_t code)
{
	return (code >= '0' && code <= '9') || ((code | 0x20) >= 'a' && (code | 0x20) <= 'z');
}

static bool is_hangul(uint32_t code)
{
	return (code >= 0x1100 && code <= 0x11ff) || (code >= 0xac00 && code <= 0xd7a3);
}

/* Are two code points of one cluster? */
static bool is_cluster(const struct split_flow *f, uint32_t code, uint32_t next)
{
	if (code < 0x20)
		return code == '\r' && next == '\n';
	if (next < 0x300)
		return false;
	if (is_mark(next) || (code == JOINER && next > JOINER))
		return true;
	if (is_flag(code) && is_flag(next))
		return f->flags % 2 == 1;
	return next >= 0x1160 && next <= 0x11ff && is_hangul(code);
}

/* Has the line nothing but white space? What is behind the last line counts as none. */
static bool is_blank(const char *at, const char *end)
{
	uint32_t code;

	do {
		code = split_take(&at, end);
	} while (is_space(code) && code != '\n');
	return code == '\n' || code == SPLIT_END;
}

static void note(struct split_flow *f, uint32_t code)
{
	f->flags = is_flag(code) ? f->flags + 1 : 0;
	if (is_wide_stop(code))
		f->stop = SPLIT_WIDE_STOP;
	else if (is_stop(code))
		f->stop = f->stop == SPLIT_NO_STOP ? SPLIT_STOP : f->stop;
	else if (f->stop != SPLIT_NO_STOP && !is_closer(code) && !is_space(code))
		f->stop = SPLIT_NO_STOP;
	if (code == '\n') {
		if (!f->inked && f->block == SPLIT_BLOCK)
			f->block = SPLIT_GAP;
		f->inked = false;
	} else if (!is_space(code)) {
		f->inked = true;
		f->block = SPLIT_BLOCK;
	}
}

enum split_level split_pass(struct split_flow *f, uint32_t code, uint32_t next, const char *behind,
			    const char *end)
{
	note(f, code);
	if (is_cluster(f, code, next))
		return SPLIT_POINT;
	if (code == '\n')
		return f->block == SPLIT_GAP && !is_blank(behind, end) ? SPLIT_PARAGRAPH
								       : SPLIT_LINE;
	if (is_space(next))
		return SPLIT_CLUSTER;
	if (f->stop == SPLIT_WIDE_STOP && !is_closer(next) && !is_stop(next) && !is_wide_stop(next))
		return SPLIT_SENTENCE;
	/* A stop before a small letter is that of an abbreviation. */
	if (is_space(code))
		return f->stop == SPLIT_STOP && !(next >= 'a' && next <= 'z') ? SPLIT_SENTENCE
									      : SPLIT_WORD;
	if (is_wide_comma(code) && !is_closer(next))
		return SPLIT_WORD;
	if ((is_ideograph(code) && is_letter_or_digit(next)) ||
	    (is_letter_or_digit(code) && is_ideograph(next)))
		return SPLIT_WORD;
	return SPLIT_CLUSTER;
}

/* Four hexadecimal digits, known to be such. */
static uint32_t hex4(const char *digits)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++) {
		uint32_t c = (unsigned char)digits[i];
		value = value << 4 | (c <= '9' ? c & 0xf : (c & 0xf) + 9);
	}
	return value;
}

/* What the escape at *at stands for: a pair of surrogates is one, a lone one U+FFFD. */
static uint32_t take_escape(const char **at, const char *end)
{
	static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
	const char *p = *at;
	uint32_t code = (unsigned char)p[1];

	if (code != 'u') {
		const char *name = strchr(names, (int)code);
		*at = p + 2;
		return name != NULL ? (unsigned char)values[name - names] : code;
	}
	code = hex4(p + 2);
	*at = p += 6;
	if (code >> 11 != 0xd800 >> 11)
		return code;
	if (code < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
		uint32_t low = hex4(p + 2);
		if (low >> 10 == 0xdc00 >> 10) {
			*at = p + 6;
			return 0x10000 + ((code & 0x3ff) << 10 | (low & 0x3ff));
		}
	}
	return 0xfffd;
}

uint32_t split_take(const char **at, const char *end)
{
	const unsigned char *p = (const unsigned char *)*at;

	if (*at == end)
		return SPLIT_END;
	if (*p == '\\')
		return take_escape(at, end);
	int more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
	uint32_t code = more == 0 ? *p : *p & (0x3fu >> more);
	for (int i = 1; i <= more; i++)
		code = code << 6 | (p[i] & 0x3fu);
	*at += more + 1;
	return code;
}
