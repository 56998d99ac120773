#include "outcome.h"
#include "blob.h"
#include "clock.h"
#include "limit.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

void outcome_start(struct outcome *o)
{
	o->way = OUTCOME_SEND;
	o->status = 200;
	o->content_type = "application/json";
	o->id[0] = '\0';
	o->body.length = 0;
	blob_drop(o->blob);
	o->blob = NULL;
	o->stream = false;
	o->delay = 0;
	o->header_count = 0;
}

void outcome_blob(struct outcome *o, struct blob *blob, uint64_t offset, uint64_t n)
{
	o->blob = blob_share(blob);
	o->offset = offset;
	o->length = n;
}

void outcome_error(struct outcome *o, enum api api, const struct api_error *error)
{
	o->status = error->status;
	o->body.length = 0;
	api_error(&o->body, api, error, o->id);
}

void outcome_header(struct outcome *o, const char *name, const char *format, ...)
{
	va_list args;

	if (o->header_count == OUTCOME_HEADERS)
		return;
	va_start(args, format);
	vsnprintf(o->headers[o->header_count].value, sizeof o->headers[0].value, format, args);
	va_end(args);
	o->headers[o->header_count++].name = name;
}

void outcome_retry_after(struct outcome *o, int64_t ns)
{
	outcome_header(o, "retry-after", "%lld", (long long)((ns + CLOCK_SEC - 1) / CLOCK_SEC));
	outcome_header(o, "retry-after-ms", "%lld", (long long)((ns + CLOCK_MS - 1) / CLOCK_MS));
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

static void add_bucket(struct outcome *o, const struct header_names *names, bool anthropic,
		       const struct limit_bucket_state *s, int64_t wall)
{
	char reset[48];

	if (s->limit == 0)
		return;
	if (anthropic)
		format_time(reset, sizeof reset, wall + s->reset);
	else
		limit_format_duration(reset, sizeof reset, s->reset);
	outcome_header(o, names->limit, "%lld", (long long)s->limit);
	outcome_header(o, names->remaining, "%lld", (long long)s->remaining);
	outcome_header(o, names->reset, "%s", reset);
}

void outcome_limits(struct outcome *o, enum api api, const struct limit_verdict *v, int64_t wall)
{
	static const struct header_names openai[] = {OPENAI_NAMES("requests"),
						     OPENAI_NAMES("tokens")};
	static const struct header_names anthropic[] = {ANTHROPIC_NAMES("requests"),
							ANTHROPIC_NAMES("tokens")};
	bool is_anthropic = api_is_anthropic(api);
	const struct header_names *names = is_anthropic ? anthropic : openai;

	add_bucket(o, &names[0], is_anthropic, &v->requests, wall);
	add_bucket(o, &names[1], is_anthropic, &v->tokens, wall);
}

void outcome_free(struct outcome *o)
{
	buf_free(&o->body);
	blob_drop(o->blob);
	o->blob = NULL;
}
