/*
 * The quick way through a text that is right, 64 bytes at a time, for processors that have AVX2;
 * what it does not accept json_check looks at again, to say what is wrong and where.
 *
 * Of each block come masks: which bytes are within strings, and at which there is a token (Langdale
 * and Lemire, "Parsing Gigabytes of JSON per Second", 2019). Strings are checked there as well, all
 * of them alike. What is left is to walk from token to token, by the grammar.
 *
 * A token is an operator, the first byte of a number or literal, or the closing quote of a string.
 * A colon is none: it must stand right behind a quote, and makes a name of that string.
 */
#include "json_blocks.h"
#include "json_scan.h"

#ifdef JSON_BLOCKS

#define MOST_TAKEN 3              /* tokens at once: a name, a value, and what is behind it */
#define WINDOW     ((size_t)2048) /* tokens are found in so many bytes at once */

/* What one block tells of the next one's first bytes. */
struct state {
	uint64_t in_string; /* all ones: they are within a string */
	uint64_t in_scalar; /* 1: the first is behind a byte of a number or a literal */
	uint64_t in_name;   /* 1: the first is behind a closing quote */
	uint64_t wrong;     /* not 0: something was found wrong in one of the blocks */
};

struct blocks {
	const char *text;
	size_t done, length; /* of the text */
	bool ended;
	bool closely; /* the next block must be looked at */
	struct state state;
	struct json_blocks_rare rare;
	/* Offsets of tokens: up to MOST_TAKEN that were not taken yet, and those of a window. Up to
	 * eight are noted behind the last. */
	uint32_t *end;
	uint32_t tokens[MOST_TAKEN + WINDOW + JSON_BLOCK + 8];
};

/* What a byte is, as a bit. */
enum {
	BRACES = 128,
	COMMA = 64,
	COLON = 32,
	QUOTE = 16,
	BLANK = 8,
	BACKSLASH = 4,
	CONTROL = 2,
	BEYOND = 1
};

JSON_IN_AVX2 __m256i classes(__m256i v)
{
	enum { ANY = CONTROL | BEYOND };
	static const uint8_t upper[16] = {CONTROL, CONTROL, COMMA | QUOTE | BLANK,
					  COLON,   0,       BRACES | BACKSLASH,
					  0,       BRACES,  BEYOND,
					  BEYOND,  BEYOND,  BEYOND,
					  BEYOND,  BEYOND,  BEYOND,
					  BEYOND};
	static const uint8_t lower[16] = {ANY | BLANK,
					  ANY,
					  ANY | QUOTE,
					  ANY,
					  ANY,
					  ANY,
					  ANY,
					  ANY,
					  ANY,
					  ANY,
					  ANY | COLON,
					  ANY | BRACES,
					  ANY | COMMA | BACKSLASH,
					  ANY | BRACES,
					  ANY,
					  ANY};

	return json_block_classes(v, lower, upper);
}

/* The bytes that have the bit 7 - n. */
#define HAVE(b, n) json_block_mask(_mm256_slli_epi16((b).low, n), _mm256_slli_epi16((b).high, n))

/* For each bit that is set that and all above, up to the next one that is set: a product without
 * carries. */
JSON_IN_AVX2 uint64_t fill_between(uint64_t bits)
{
	__m128i product =
	    _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)bits), _mm_set1_epi8((char)0xff), 0);
	return (uint64_t)_mm_cvtsi128_si64(product);
}

JSON_IN_AVX2 uint64_t find_tokens(struct state *s, struct json_blocks_rare *r, bool *closely,
				  const char *p, const char *before)
{
	struct json_block b = json_block_load(p);
	struct json_block c = {classes(b.low), classes(b.high)};
	struct json_block o = {_mm256_or_si256(c.low, _mm256_slli_epi16(c.low, 1)),
			       _mm256_or_si256(c.high, _mm256_slli_epi16(c.high, 1))};
	uint64_t operators = HAVE(o, 0), colons = HAVE(c, 2), quotes = HAVE(c, 3);
	uint64_t blanks = HAVE(c, 4), controls = 0;

	*closely |= !_mm256_testz_si256(_mm256_or_si256(c.low, c.high),
					_mm256_set1_epi8(BACKSLASH | CONTROL | BEYOND));
	if (*closely) {
		*closely = json_blocks_look(r, p, before);
		quotes &= ~r->escaped;
		blanks |= r->blanks;
		controls = r->controls;
	}
	uint64_t inside = fill_between(quotes) ^ s->in_string; /* from an opening quote on */
	uint64_t closing = quotes & ~inside;
	uint64_t scalars = ~(operators | colons | blanks | quotes);
	uint64_t behind = scalars << 1 | s->in_scalar;
	s->wrong |= (controls & inside) | (colons & ~inside & ~(closing << 1 | s->in_name));
	s->in_string = (uint64_t)((int64_t)inside >> 63);
	s->in_name = closing >> 63;
	s->in_scalar = scalars >> 63;
	return ((operators | (scalars & ~behind)) & ~inside) | closing;
}

/* Note the places of the bits: eight at a time, whether there are so many or not. */
JSON_IN_AVX2 uint32_t *note_tokens(uint32_t *out, size_t offset, uint64_t bits)
{
	uint32_t *end = out + _mm_popcnt_u64(bits);

	for (; out < end; out += 8) {
#pragma GCC unroll 8
		for (int i = 0; i < 8; i++, bits = _blsr_u64(bits))
			out[i] = (uint32_t)(offset + _tzcnt_u64(bits));
	}
	return end;
}

/* Find more tokens behind those that were not taken yet, from at on, until so many are there, or
 * all. Returns the place of the first one. */
JSON_AVX2 static uint32_t *find_more(struct blocks *s, uint32_t *at, size_t wanted)
{
	size_t left = (size_t)(s->end - at), offset = s->done;
	struct state state = s->state;
	uint32_t *out = s->tokens + left;
	const char *before = offset > 0 ? s->text + offset - 32 : NULL;
	bool closely = s->closely;

	for (size_t i = 0; i < left; i++)
		s->tokens[i] = at[i];
	while ((size_t)(out - s->tokens) < wanted && !s->ended) {
		size_t rest = s->length - offset;
		size_t stop = offset + (rest < WINDOW ? rest : WINDOW);
		for (; stop - offset >= JSON_BLOCK; offset += JSON_BLOCK) {
			const char *p = s->text + offset;
			out = note_tokens(out, offset,
					  find_tokens(&state, &s->rare, &closely, p, before));
			before = p + 32;
		}
		if (stop == s->length) {
			/* The last bytes, or none, with blanks behind them. */
			char last[JSON_BLOCK];
			memset(last, ' ', sizeof last);
			memcpy(last, s->text + offset, stop - offset);
			out = note_tokens(out, offset,
					  find_tokens(&state, &s->rare, &closely, last, before));
			s->ended = true;
		}
	}
	s->done = offset;
	s->end = out;
	s->closely = closely;
	s->state = state;
	return s->tokens;
}

/* Are so many tokens there from *at on? */
static inline bool has(struct blocks *s, uint32_t **at, size_t wanted)
{
	if ((size_t)(s->end - *at) >= wanted)
		return true;
	*at = find_more(s, *at, wanted);
	return (size_t)(s->end - *at) >= wanted;
}

/* Is this a number or a literal, and does it end where a token may? */
static inline bool is_scalar(const char *p, const char *end)
{
	const char *wrong;

	if (*p == 't' && end - p >= 4 && memcmp(p, "true", 4) == 0)
		p += 4;
	else if (*p == 'f' && end - p >= 5 && memcmp(p, "false", 5) == 0)
		p += 5;
	else if (*p == 'n' && end - p >= 4 && memcmp(p, "null", 4) == 0)
		p += 4;
	else
		p = json_scan_number(p, end, &wrong);
	return p != NULL &&
	       (p == end || *p == ',' || *p == '}' || *p == ']' || json_scan_space(p, p + 1) != p);
}

/* From one place to before another, without white space at the end. */
static inline struct json_span up_to(const char *from, const char *to)
{
	while (json_scan_space(to - 1, to) == to)
		to--;
	return (struct json_span){from, (size_t)(to - from)};
}

/* Note the value if its name is wanted: from behind the colon to before what follows. */
static inline void note(struct json_member *wanted, size_t count, size_t *next, const char *name,
			const char *name_end, const char *end)
{
	const char *value = json_scan_space(name_end + 2, end);

	json_scan_note(wanted, count, next, (struct json_span){name, (size_t)(name_end + 1 - name)},
		       up_to(value, end));
}

/* Is this a string, a number or a literal, with nothing behind it? */
static bool is_alone(const char *p, const char *end)
{
	return *p == '"' ? p + 1 == end || p[1] != ':' : is_scalar(p, end);
}

/* All tokens, by the grammar; the labels are the states between them, and share the stack and the
 * member that is being noted. */
static bool walk(struct blocks *s, struct json_member *wanted, size_t count)
{
	const char *const text = s->text, *const end = text + s->length;
	uint32_t *at = s->end;
	const char *p, *name = NULL, *name_end = NULL;
	char open[JSON_MAX_DEPTH];
	size_t depth = 0, next = 0;

	if (!has(s, &at, 1))
		return false;
	p = text + *at++;
	if (*p != '{' && *p != '[')
		return is_alone(p, end) && !has(s, &at, 1);
	if (*p == '[')
		count = 0;
opened:
	if (depth == JSON_MAX_DEPTH || !has(s, &at, 1))
		return false;
	open[depth++] = *p;
	if (text[*at] == *p + 2) { /* '}' is '{' + 2, ']' is '[' + 2 */
		at++;
		goto closed;
	}
	if (*p == '[')
		goto value;
name:
	if (!has(s, &at, MOST_TAKEN))
		return false;
	if (depth == 1) {
		name = json_scan_space(p + 1, end);
		name_end = text + *at;
	}
	p = text + *at++;
	if (p[0] != '"' || p[1] != ':')
		return false;
	goto value_there;
value:
	if (!has(s, &at, 2)) /* and what is behind it */
		return false;
value_there:
	p = text + *at++;
	if (*p == '{' || *p == '[')
		goto opened;
	if (*p == '"' ? p[1] == ':' : !is_scalar(p, end))
		return false;
ended:
	p = text + *at++;
	if (depth == 1 && count > 0)
		note(wanted, count, &next, name, name_end, p);
	if (*p == ',' && open[depth - 1] == '{')
		goto name;
	if (*p == ',')
		goto value;
	if (*p != open[depth - 1] + 2)
		return false;
closed:
	if (--depth > 0 && has(s, &at, 1))
		goto ended;
	return depth == 0 && !has(s, &at, 1);
}

bool json_blocks_check(const char *text, size_t n, struct json_span *root,
		       struct json_member *wanted, size_t count)
{
	struct blocks s;

	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") ||
	    !__builtin_cpu_supports("pclmul") || !__builtin_cpu_supports("popcnt") ||
	    n > UINT32_MAX)
		return false;
	for (size_t i = 0; i < count; i++)
		wanted[i].value = (struct json_span){NULL, 0};
	/* Not all of it is set to nothing, which would take longer than many a record. */
	s.text = text;
	s.length = n;
	s.done = 0;
	s.ended = s.closely = false;
	s.end = s.tokens;
	s.state = (struct state){0};
	s.rare = (struct json_blocks_rare){0};
	if (!walk(&s, wanted, count) || (s.state.wrong | s.rare.wrong | s.state.in_string) != 0)
		return false;
	*root = up_to(json_scan_space(text, text + n), text + n);
	return true;
}

#else

bool json_blocks_check(const char *text, size_t n, struct json_span *root,
		       struct json_member *wanted, size_t count)
{
	(void)text;
	(void)n;
	(void)root;
	(void)wanted;
	(void)count;
	return false;
}

#endif
