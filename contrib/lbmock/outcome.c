#include "outcome.h"
#include "clock.h"
#include "limit.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

void outcome_start(struct outcome *r)
{
	r->way = OUTCOME_SEND;
	r->status = 200;
	r->content_type = "application/json";
	r->body.length = 0;
	r->stream = false;
	r->delay = 0;
	r->header_count = 0;
}

void outcome_header(struct outcome *r, const char *name, const char *format, ...)
{
	va_list args;

	if (r->header_count == OUTCOME_HEADERS)
		return;
	va_start(args, format);
	vsnprintf(r->headers[r->header_count].value, sizeof r->headers[0].value, format, args);
	va_end(args);
	r->headers[r->header_count++].name = name;
}

void outcome_retry_after(struct outcome *r, int64_t ns)
{
	outcome_header(r, "retry-after", "%lld", (long long)((ns + CLOCK_SEC - 1) / CLOCK_SEC));
	outcome_header(r, "retry-after-ms", "%lld", (long long)((ns + CLOCK_MS - 1) / CLOCK_MS));
}

/* The names of a bucket's three headers. */
struct header_names {
	const char *limit;
	const char *remaining;
	const char *reset;
};

#define OPENAI_NAMES(what)                                                \
	{                                                                 \
		"x-ratelimit-limit-" what, "x-ratelimit-remaining-" what, \
		    "x-ratelimit-reset-" what                             \
	}
#define ANTHROPIC_NAMES(what)                                                                   \
	{                                                                                       \
		"anthropic-ratelimit-" what "-limit", "anthropic-ratelimit-" what "-remaining", \
		    "anthropic-ratelimit-" what "-reset"                                        \
	}

/* RFC 3339 in UTC, rounded up to a whole second. */
static void format_time(char *out, size_t size, int64_t wall)
{
	time_t seconds = (time_t)((wall + CLOCK_SEC - 1) / CLOCK_SEC);
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL || strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		out[0] = '\0';
}

static void add_bucket(struct outcome *r, const struct header_names *names, bool anthropic,
		       const struct limit_bucket_state *s, int64_t wall)
{
	char reset[48];

	if (s->limit == 0)
		return;
	if (anthropic)
		format_time(reset, sizeof reset, wall + s->reset);
	else
		limit_format_duration(reset, sizeof reset, s->reset);
	outcome_header(r, names->limit, "%lld", (long long)s->limit);
	outcome_header(r, names->remaining, "%lld", (long long)s->remaining);
	outcome_header(r, names->reset, "%s", reset);
}

void outcome_limits(struct outcome *r, enum api api, const struct limit_verdict *v, int64_t wall)
{
	static const struct header_names openai[] = {OPENAI_NAMES("requests"),
						     OPENAI_NAMES("tokens")};
	static const struct header_names anthropic[] = {ANTHROPIC_NAMES("requests"),
							ANTHROPIC_NAMES("tokens")};
	const struct header_names *names = api == API_MESSAGES ? anthropic : openai;

	add_bucket(r, &names[0], api == API_MESSAGES, &v->requests, wall);
	add_bucket(r, &names[1], api == API_MESSAGES, &v->tokens, wall);
}

void outcome_free(struct outcome *r)
{
	buf_free(&r->body);
}
