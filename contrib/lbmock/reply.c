#include "reply.h"
#include "clock.h"
#include "limit.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

void reply_start(struct reply *r)
{
	r->way = REPLY_SEND;
	r->status = 200;
	r->content_type = "application/json";
	r->body.length = 0;
	r->stream = false;
	r->delay = 0;
	r->header_count = 0;
}

void reply_header(struct reply *r, const char *name, const char *format, ...)
{
	va_list args;

	if (r->header_count == REPLY_HEADERS)
		return;
	va_start(args, format);
	vsnprintf(r->headers[r->header_count].value, sizeof r->headers[0].value, format, args);
	va_end(args);
	r->headers[r->header_count++].name = name;
}

void reply_retry_after(struct reply *r, int64_t ns)
{
	reply_header(r, "retry-after", "%lld", (long long)((ns + CLOCK_SEC - 1) / CLOCK_SEC));
	reply_header(r, "retry-after-ms", "%lld", (long long)((ns + CLOCK_MS - 1) / CLOCK_MS));
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

static void add_bucket(struct reply *r, const struct header_names *names, bool anthropic,
		       const struct limit_bucket_state *s, int64_t wall)
{
	char reset[48];

	if (s->limit == 0)
		return;
	if (anthropic)
		format_time(reset, sizeof reset, wall + s->reset);
	else
		limit_format_duration(reset, sizeof reset, s->reset);
	reply_header(r, names->limit, "%lld", (long long)s->limit);
	reply_header(r, names->remaining, "%lld", (long long)s->remaining);
	reply_header(r, names->reset, "%s", reset);
}

void reply_limits(struct reply *r, enum api api, const struct limit_verdict *v, int64_t wall)
{
	static const struct header_names openai[] = {OPENAI_NAMES("requests"),
						     OPENAI_NAMES("tokens")};
	static const struct header_names anthropic[] = {ANTHROPIC_NAMES("requests"),
							ANTHROPIC_NAMES("tokens")};
	const struct header_names *names = api == API_MESSAGES ? anthropic : openai;

	add_bucket(r, &names[0], api == API_MESSAGES, &v->requests, wall);
	add_bucket(r, &names[1], api == API_MESSAGES, &v->tokens, wall);
}

void reply_free(struct reply *r)
{
	buf_free(&r->body);
}
