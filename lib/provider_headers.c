/*
 * The rate limits in response headers. Two families name the same things in another order, OpenAI's
 * x-ratelimit-WHAT-KIND (also Azure's, Groq's) and Anthropic's anthropic-ratelimit-KIND-WHAT.
 *
 * What is not believed: negative numbers, which Azure sends for "unknown", and everything about a
 * kind whose limit is 0, which it sends where it does not count that kind.
 */
#include "provider.h"
#include "buf.h"
#include "clock.h"

#include <string.h>
#include <strings.h>

enum what { LIMIT, REMAINING, RESET, WHATS };

static const char *const what_names[WHATS] = {"limit", "remaining", "reset"};

enum kind { REQUESTS, TOKENS, INPUT_TOKENS, OUTPUT_TOKENS, KINDS };

/* As Anthropic's headers spell them, and as lb.ratelimit does. */
static const struct {
	const char *header;
	const char *member;
} kind_names[KINDS] = {{"requests", "requests"},
		       {"tokens", "tokens"},
		       {"input-tokens", "input_tokens"},
		       {"output-tokens", "output_tokens"}};

#define UNKNOWN INT64_C(-1)

/* The headers' values; times in nanoseconds from now on. */
struct limits {
	int64_t value[KINDS][WHATS];
	int64_t retry_after;
	int64_t retry_after_ms;
	int should_retry; /* 0, 1, or -1 if nothing was said */
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* A name in any case equals this one in lower case. */
static bool name_equals(struct json_span name, const char *want)
{
	return name.length == strlen(want) && strncasecmp(name.at, want, name.length) == 0;
}

/* Take the word, in lower case, off the front of the name. */
static bool take_prefix(struct json_span *name, const char *word)
{
	size_t n = strlen(word);

	if (name->length < n || !name_equals((struct json_span){name->at, n}, word))
		return false;
	name->at += n;
	name->length -= n;
	return true;
}

/* Take a name of a kind off the front. OpenAI's headers know the first two only. */
static bool take_kind(struct json_span *name, size_t kinds, size_t *kind)
{
	for (*kind = 0; *kind < kinds; ++*kind)
		if (take_prefix(name, kind_names[*kind].header))
			return true;
	return false;
}

static bool take_what(struct json_span *name, size_t *what)
{
	for (*what = 0; *what < WHATS; ++*what)
		if (take_prefix(name, what_names[*what]))
			return true;
	return false;
}

/* Is it the name of a limit, and if so, which? */
static bool limit_name(struct json_span name, size_t *kind, size_t *what)
{
	if (take_prefix(&name, "x-ratelimit-"))
		return take_what(&name, what) && take_prefix(&name, "-") &&
		       take_kind(&name, INPUT_TOKENS, kind) && name.length == 0;
	if (take_prefix(&name, "anthropic-ratelimit-"))
		return take_kind(&name, KINDS, kind) && take_prefix(&name, "-") &&
		       take_what(&name, what) && name.length == 0;
	return false;
}

bool provider_wants_header(const char *name, size_t length)
{
	static const char *const others[] = {"retry-after", "retry-after-ms", "x-should-retry",
					     "x-request-id", "request-id"};
	struct json_span span = {name, length};
	size_t kind, what;

	/* Most headers begin with another letter than these. */
	if (length == 0 || strchr("xraXRA", name[0]) == NULL)
		return false;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (name_equals(span, others[i]))
			return true;
	return limit_name(span, &kind, &what);
}

/*
 * The next header line. Lines without a colon, such as the status line, are skipped. Returns false
 * at the end; else *at is moved behind the line.
 */
static bool next_header(const char **at, const char *end, struct json_span *name,
			struct json_span *value)
{
	while (*at < end) {
		const char *line = *at;
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		*at = stop != NULL ? stop + 1 : end;
		if (stop == NULL)
			stop = end;
		const char *colon = memchr(line, ':', (size_t)(stop - line));
		if (colon == NULL)
			continue;
		const char *from = colon + 1;
		while (from < stop && is_space(*from))
			from++;
		while (stop > from && (is_space(stop[-1]) || stop[-1] == '\r'))
			stop--;
		*name = (struct json_span){line, (size_t)(colon - line)};
		*value = (struct json_span){from, (size_t)(stop - from)};
		return true;
	}
	return false;
}

struct json_span provider_header(const char *headers, size_t length, const char *name)
{
	const char *at = headers;
	struct json_span found, value;

	while (length > 0 && next_header(&at, headers + length, &found, &value))
		if (name_equals(found, name))
			return value;
	return (struct json_span){NULL, 0};
}

/* Digits only, or UNKNOWN. */
static int64_t read_count(struct json_span value)
{
	int64_t n = 0;

	if (value.length == 0)
		return UNKNOWN;
	for (size_t i = 0; i < value.length; i++) {
		char c = value.at[i];
		if (c < '0' || c > '9' || __builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, c - '0', &n))
			return UNKNOWN;
	}
	return n;
}

static int64_t read_duration(struct json_span value, int64_t wall)
{
	int64_t nanoseconds;

	if (provider_duration(value.at, value.length, wall, &nanoseconds) < 0)
		return UNKNOWN;
	return nanoseconds;
}

static void read_header(struct limits *l, struct json_span name, struct json_span value,
			int64_t wall)
{
	size_t kind, what;

	if (limit_name(name, &kind, &what)) {
		l->value[kind][what] =
		    what == RESET ? read_duration(value, wall) : read_count(value);
	} else if (name_equals(name, "retry-after")) {
		l->retry_after = read_duration(value, wall);
	} else if (name_equals(name, "retry-after-ms")) {
		/* Milliseconds, with decimals at times: read as seconds, then scaled. */
		int64_t thousandfold = read_duration(value, wall);
		l->retry_after_ms = thousandfold < 0 ? UNKNOWN : thousandfold / 1000;
	} else if (name_equals(name, "x-should-retry")) {
		l->should_retry = name_equals(value, "true")    ? 1
				  : name_equals(value, "false") ? 0
								: -1;
	}
}

/* Start a member of the object: a brace or comma, and its name. */
static void add_name(struct buf *out, bool *any, const char *name, const char *suffix)
{
	buf_adds(out, *any ? ",\"" : "{\"");
	buf_adds(out, name);
	if (suffix[0] != '\0')
		buf_addc(out, '_');
	buf_adds(out, suffix);
	buf_adds(out, "\":");
	*any = true;
}

/* Seconds, rounded up to the millisecond: waiting too short is what costs a request. */
static void add_seconds(struct buf *out, int64_t nanoseconds)
{
	int64_t ms = nanoseconds / CLOCK_MS + (nanoseconds % CLOCK_MS > 0);

	buf_addn(out, (uint64_t)ms / 1000);
	if (ms % 1000 == 0)
		return;
	buf_addf(out, ".%03d", (int)(ms % 1000));
	while (out->data[out->length - 1] == '0')
		out->length--;
}

static bool add_limits(struct buf *out, const struct limits *l)
{
	bool any = false;

	for (size_t kind = 0; kind < KINDS; kind++) {
		if (l->value[kind][LIMIT] == 0)
			continue;
		for (size_t what = 0; what < WHATS; what++) {
			int64_t value = l->value[kind][what];
			if (value < 0)
				continue;
			add_name(out, &any, what_names[what], kind_names[kind].member);
			if (what == RESET)
				add_seconds(out, value);
			else
				buf_addn(out, (uint64_t)value);
		}
	}
	int64_t retry_after = l->retry_after_ms >= 0 ? l->retry_after_ms : l->retry_after;
	if (retry_after >= 0) {
		add_name(out, &any, "retry_after", "");
		add_seconds(out, retry_after);
	}
	if (l->should_retry >= 0) {
		add_name(out, &any, "should_retry", "");
		buf_adds(out, l->should_retry != 0 ? "true" : "false");
	}
	if (any)
		buf_addc(out, '}');
	return any;
}

bool provider_ratelimit(struct buf *out, const char *headers, size_t length, int64_t wall)
{
	struct limits l = {.retry_after = UNKNOWN, .retry_after_ms = UNKNOWN, .should_retry = -1};
	const char *at = headers;
	struct json_span name, value;

	for (size_t kind = 0; kind < KINDS; kind++)
		for (size_t what = 0; what < WHATS; what++)
			l.value[kind][what] = UNKNOWN;
	while (length > 0 && next_header(&at, headers + length, &name, &value))
		read_header(&l, name, value, wall);
	return add_limits(out, &l);
}
