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

enum kind { REQUESTS, TOKENS, INPUT_TOKENS, OUTPUT_TOKENS, KINDS };

/* What a header tells: one of the limits, which come first, or something else. */
#define TELLS(kind, what) ((kind)*WHATS + (what))
enum { LIMITS = KINDS * WHATS, RETRY_AFTER = LIMITS, RETRY_AFTER_MS, SHOULD_RETRY, REQUEST_ID };

/* As lb.ratelimit spells them. */
static const char *const limit_names[LIMITS] = {
    "limit_requests",      "remaining_requests",      "reset_requests",
    "limit_tokens",        "remaining_tokens",        "reset_tokens",
    "limit_input_tokens",  "remaining_input_tokens",  "reset_input_tokens",
    "limit_output_tokens", "remaining_output_tokens", "reset_output_tokens",
};

struct header {
	const char *name;
	size_t length;
	int tells;
};

#define HEADER(name, tells)                  \
	{                                    \
		name, sizeof name - 1, tells \
	}
#define OPENAI(name, kind)                                                 \
	HEADER("x-ratelimit-limit-" name, TELLS(kind, LIMIT)),             \
	    HEADER("x-ratelimit-remaining-" name, TELLS(kind, REMAINING)), \
	    HEADER("x-ratelimit-reset-" name, TELLS(kind, RESET))
#define ANTHROPIC(name, kind)                                                         \
	HEADER("anthropic-ratelimit-" name "-limit", TELLS(kind, LIMIT)),             \
	    HEADER("anthropic-ratelimit-" name "-remaining", TELLS(kind, REMAINING)), \
	    HEADER("anthropic-ratelimit-" name "-reset", TELLS(kind, RESET))

static const struct header headers_known[] = {
    OPENAI("requests", REQUESTS),
    OPENAI("tokens", TOKENS),
    ANTHROPIC("requests", REQUESTS),
    ANTHROPIC("tokens", TOKENS),
    ANTHROPIC("input-tokens", INPUT_TOKENS),
    ANTHROPIC("output-tokens", OUTPUT_TOKENS),
    HEADER("retry-after", RETRY_AFTER),
    HEADER("retry-after-ms", RETRY_AFTER_MS),
    HEADER("x-should-retry", SHOULD_RETRY),
    HEADER("x-request-id", REQUEST_ID),
    HEADER("request-id", REQUEST_ID),
};

#define UNKNOWN INT64_C(-1)

/* The headers' values; times in nanoseconds from now on. */
struct limits {
	int64_t value[LIMITS];
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

/* What is known of a header, or NULL. This is asked of each header of each answer. */
static const struct header *find_header(struct json_span name)
{
	/* Most begin with another letter than these. */
	if (name.length == 0 || strchr("xraXRA", name.at[0]) == NULL)
		return NULL;
	for (size_t i = 0; i < sizeof headers_known / sizeof *headers_known; i++)
		if (headers_known[i].length == name.length &&
		    strncasecmp(headers_known[i].name, name.at, name.length) == 0)
			return &headers_known[i];
	return NULL;
}

bool provider_wants_header(const char *name, size_t length)
{
	return find_header((struct json_span){name, length}) != NULL;
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
	const struct header *header = find_header(name);

	switch (header != NULL ? header->tells : REQUEST_ID) {
	case REQUEST_ID:
		break;
	case RETRY_AFTER:
		l->retry_after = read_duration(value, wall);
		break;
	case RETRY_AFTER_MS: {
		/* Milliseconds, with decimals at times: read as seconds, then scaled. */
		int64_t thousandfold = read_duration(value, wall);
		l->retry_after_ms = thousandfold < 0 ? UNKNOWN : thousandfold / 1000;
		break;
	}
	case SHOULD_RETRY:
		l->should_retry = name_equals(value, "true")    ? 1
				  : name_equals(value, "false") ? 0
								: -1;
		break;
	default:
		l->value[header->tells] =
		    header->tells % WHATS == RESET ? read_duration(value, wall) : read_count(value);
		break;
	}
}

/* Start a member of the object: a brace or comma, and its name. */
static void add_name(struct buf *out, bool *any, const char *name)
{
	buf_adds(out, *any ? ",\"" : "{\"");
	buf_adds(out, name);
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

	for (int i = 0; i < LIMITS; i++) {
		int64_t value = l->value[i];
		if (value < 0 || l->value[i - i % WHATS + LIMIT] == 0)
			continue;
		add_name(out, &any, limit_names[i]);
		if (i % WHATS == RESET)
			add_seconds(out, value);
		else
			buf_addn(out, (uint64_t)value);
	}
	int64_t retry_after = l->retry_after_ms >= 0 ? l->retry_after_ms : l->retry_after;
	if (retry_after >= 0) {
		add_name(out, &any, "retry_after");
		add_seconds(out, retry_after);
	}
	if (l->should_retry >= 0) {
		add_name(out, &any, "should_retry");
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

	for (size_t i = 0; i < LIMITS; i++)
		l.value[i] = UNKNOWN;
	while (length > 0 && next_header(&at, headers + length, &name, &value))
		read_header(&l, name, value, wall);
	return add_limits(out, &l);
}
