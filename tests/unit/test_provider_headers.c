/* What providers' rate-limit headers mean; the samples follow the providers' own documentation. */
#include "buf.h"
#include "clock.h"
#include "provider.h"
#include "tap.h"

/* 2026-11-06 08:00:00 UTC; in 1994 the sixth of November was a Sunday, in 2026 it is a Friday. */
#define WALL (INT64_C(1793952000) * CLOCK_SEC)

static void test_durations(void)
{
	static const struct {
		const char *text;
		int64_t want; /* in nanoseconds, -1 for an error */
	} cases[] = {
	    {"1s", CLOCK_SEC},
	    {"6m0s", 360 * CLOCK_SEC},
	    {"12ms", 12 * CLOCK_MS},
	    {"1h16m0.667s", (3600 + 16 * 60) * CLOCK_SEC + 667 * CLOCK_MS},
	    {"57.238s", 57238 * CLOCK_MS},
	    {"2m59.56s", 179560 * CLOCK_MS},
	    {"20", 20 * CLOCK_SEC},
	    {"0.5", CLOCK_SEC / 2},
	    {".5s", CLOCK_SEC / 2},
	    {"5.s", 5 * CLOCK_SEC},
	    {"0", 0},
	    {"0s", 0},
	    {" 7 ", 7 * CLOCK_SEC},
	    {"250us", 250000},
	    {"250\xc2\xb5s", 250000},
	    {"3ns", 3},
	    {"1.5h", 5400 * CLOCK_SEC},
	    {"0.0000000019s", 1},
	    {"", -1},
	    {" ", -1},
	    {"-1", -1},
	    {"-1s", -1},
	    {"+1s", -1},
	    {"s", -1},
	    {".", -1},
	    {".s", -1},
	    {"1x", -1},
	    {"1m30", -1},
	    {"1 s", -1},
	    {"1e3", -1},
	    {"soon", -1},
	    {"99999999999", INT64_MAX}, /* no int64_t of nanoseconds */
	    {"99999999999999999999", INT64_MAX},
	    {"99999999999999999999x", -1},
	    {"9223372037s", INT64_MAX},
	    {"9223372036s", INT64_C(9223372036) * CLOCK_SEC},
	    {"2562048h", INT64_MAX},
	    {"9223372036s9223372036s", INT64_MAX},
	    {"9223372036.854775808s", INT64_MAX},
	    /* RFC 3339 */
	    {"2026-11-06T08:00:37Z", 37 * CLOCK_SEC},
	    {"2026-11-06T08:00:37.25Z", 37250 * CLOCK_MS},
	    {"2026-11-06t08:01:00z", 60 * CLOCK_SEC},
	    {"2026-11-06T09:00:01+01:00", CLOCK_SEC},
	    {"2026-11-06T03:30:01-04:30", CLOCK_SEC},
	    {"2026-11-07T08:00:00Z", 86400 * CLOCK_SEC},
	    {"2027-03-01T08:00:00Z", 115 * 86400 * CLOCK_SEC},
	    {"2028-03-01T08:00:00Z", 481 * 86400 * CLOCK_SEC}, /* a leap year's */
	    {"2026-11-06T07:59:59Z", 0},
	    {"1969-12-31T23:59:59Z", 0},
	    {"0000-01-01T00:00:00Z", 0},
	    {"9999-12-31T23:59:59Z", INT64_MAX},
	    {"Fri, 31 Dec 9999 23:59:59 GMT", INT64_MAX},
	    {"2026-13-06T08:00:00Z", -1},
	    {"2026-00-06T08:00:00Z", -1},
	    {"2026-11-06T24:00:00Z", -1},
	    {"2026-11-06T08:00:00", -1},
	    {"2026-11-06", -1},
	    {"2026-11-06T08:00:00.Z", -1},
	    {"2026-11-06T08:00:00Zx", -1},
	    {"2026-11-06T08:00:00+0100", -1},
	    /* RFC 9110, 5.6.7 */
	    {"Fri, 06 Nov 2026 08:00:37 GMT", 37 * CLOCK_SEC},
	    {"Friday, 06-Nov-26 08:00:37 GMT", 37 * CLOCK_SEC},
	    {"Fri Nov  6 08:00:37 2026", 37 * CLOCK_SEC},
	    {"Mon Nov 16 08:00:00 2026", 10 * 86400 * CLOCK_SEC},
	    {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
	    {"Sunday, 06-Nov-94 08:49:37 GMT", 0}, /* 2094 is more than 50 years ahead */
	    {"Sun Nov  6 08:49:37 1994", 0},
	    {"Fri, 06 Nov 2026 08:00:37", -1},
	    {"Fri, 06 Nov 2026 08:00:37 CET", -1},
	    {"Fri, 6 Nov 2026 08:00:37 GMT", -1},
	    {"Fri, 06 Non 2026 08:00:37 GMT", -1},
	    {"Fri Nov 6 08:00:37 2026", -1},
	    {"Fri", -1},
	    {"Fri, ", -1},
	    {", 06 Nov 2026 08:00:37 GMT", 37 * CLOCK_SEC},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t got = -2;
		int status = provider_duration(cases[i].text, strlen(cases[i].text), WALL, &got);
		tap_int(status < 0 ? -1 : got, cases[i].want, "duration \"%s\"", cases[i].text);
	}
	int64_t got = -2;
	tap_int(provider_duration("Sat, 01 Jan 2000 00:00:01 GMT", 29,
				  INT64_C(946684800) * CLOCK_SEC + CLOCK_MS, &got),
		0, "a fraction of the present second is taken off");
	tap_int(got, 999 * CLOCK_MS, "to the nanosecond");
}

static void test_ratelimit(void)
{
	static const struct {
		const char *name;
		const char *headers;
		const char *want; /* NULL: there are none */
	} cases[] = {
	    {"OpenAI",
	     "HTTP/2 200\r\nx-ratelimit-limit-requests: 10000\r\nx-ratelimit-limit-tokens: "
	     "200000\r\n"
	     "x-ratelimit-remaining-requests: 9999\r\nx-ratelimit-remaining-tokens: 199984\r\n"
	     "x-ratelimit-reset-requests: 8.64s\r\nx-ratelimit-reset-tokens: 4ms\r\n"
	     "x-request-id: req_1\r\n\r\n",
	     "{\"limit_requests\":10000,\"remaining_requests\":9999,\"reset_requests\":8.64,"
	     "\"limit_tokens\":200000,\"remaining_tokens\":199984,\"reset_tokens\":0.004}"},
	    {"Anthropic",
	     "anthropic-ratelimit-requests-limit: 50\r\nanthropic-ratelimit-requests-remaining: "
	     "49\r\n"
	     "anthropic-ratelimit-requests-reset: 2026-11-06T08:00:02Z\r\n"
	     "anthropic-ratelimit-tokens-limit: 60000\r\nanthropic-ratelimit-tokens-remaining: "
	     "59000\r\n"
	     "anthropic-ratelimit-tokens-reset: 2026-11-06T08:01:00Z\r\n"
	     "anthropic-ratelimit-input-tokens-limit: 50000\r\n"
	     "anthropic-ratelimit-input-tokens-remaining: 50000\r\n"
	     "anthropic-ratelimit-input-tokens-reset: 2026-11-06T07:59:59Z\r\n"
	     "anthropic-ratelimit-output-tokens-limit: 10000\r\n"
	     "anthropic-ratelimit-output-tokens-remaining: 9000\r\n"
	     "anthropic-ratelimit-output-tokens-reset: 2026-11-06T08:00:06Z\r\n",
	     "{\"limit_requests\":50,\"remaining_requests\":49,\"reset_requests\":2,"
	     "\"limit_tokens\":60000,\"remaining_tokens\":59000,\"reset_tokens\":60,"
	     "\"limit_input_tokens\":50000,\"remaining_input_tokens\":50000,\"reset_input_tokens\":"
	     "0,"
	     "\"limit_output_tokens\":10000,\"remaining_output_tokens\":9000,\"reset_output_"
	     "tokens\":6}"},
	    {"Azure, in whole seconds",
	     "x-ratelimit-remaining-requests: 0\r\nx-ratelimit-remaining-tokens: 12\r\n"
	     "x-ratelimit-reset-requests: 9\r\nx-ratelimit-reset-tokens: 1\r\nretry-after: 9\r\n"
	     "retry-after-ms: 8650\r\n",
	     "{\"remaining_requests\":0,\"reset_requests\":9,\"remaining_tokens\":12,\"reset_"
	     "tokens\":1,"
	     "\"retry_after\":8.65}"},
	    {"Azure, unknown",
	     "x-ratelimit-limit-requests: -1\r\nx-ratelimit-remaining-requests: -1\r\n"
	     "x-ratelimit-reset-requests: -1\r\n"
	     "x-ratelimit-limit-tokens: 0\r\nx-ratelimit-remaining-tokens: 0\r\n"
	     "x-ratelimit-reset-tokens: 0\r\n",
	     NULL},
	    {"Groq",
	     "retry-after: 2\r\nx-ratelimit-limit-requests: 14400\r\nx-ratelimit-limit-tokens: "
	     "18000\r\n"
	     "x-ratelimit-remaining-requests: 14370\r\nx-ratelimit-remaining-tokens: 17997\r\n"
	     "x-ratelimit-reset-requests: 2m59.56s\r\nx-ratelimit-reset-tokens: 7.66s\r\n",
	     "{\"limit_requests\":14400,\"remaining_requests\":14370,\"reset_requests\":179.56,"
	     "\"limit_tokens\":18000,\"remaining_tokens\":17997,\"reset_tokens\":7.66,\"retry_"
	     "after\":2}"},
	    {"names in any case, lines ended by LF, white space around values",
	     "Retry-After:\t1.5 \nX-Should-Retry:true\nX-RATELIMIT-LIMIT-TOKENS:  5\t\n",
	     "{\"limit_tokens\":5,\"retry_after\":1.5,\"should_retry\":true}"},
	    {"should not be tried again", "x-should-retry: FALSE\r\n", "{\"should_retry\":false}"},
	    {"retry-after as a date", "retry-after: Fri, 06 Nov 2026 08:02:00 GMT\r\n",
	     "{\"retry_after\":120}"},
	    {"retry-after as a date that has passed",
	     "retry-after: Fri, 06 Nov 2026 07:00:00 GMT\r\n", "{\"retry_after\":0}"},
	    {"a retry-after of millennia is not none", "retry-after: 99999999999\r\n",
	     "{\"retry_after\":9223372036.855}"},
	    {"...in milliseconds", "retry-after-ms: 99999999999999\r\n",
	     "{\"retry_after\":9223372.037}"},
	    {"retry-after-ms with decimals", "retry-after-ms: 12.5\r\n", "{\"retry_after\":0.013}"},
	    {"retry-after when retry-after-ms cannot be read",
	     "retry-after-ms: x\r\nretry-after: 3\r\n", "{\"retry_after\":3}"},
	    {"less than a millisecond is not nothing", "x-ratelimit-reset-tokens: 1us\r\n",
	     "{\"reset_tokens\":0.001}"},
	    {"what cannot be read is left out",
	     "retry-after: soon\r\nx-should-retry: maybe\r\nx-ratelimit-limit-tokens: 1e9\r\n"
	     "x-ratelimit-limit-requests:\r\nx-ratelimit-remaining-tokens: 99999999999999999999\r\n"
	     "x-ratelimit-reset-tokens: later\r\n",
	     NULL},
	    {"the last of several counts", "retry-after: 1\r\nretry-after: 2\r\n",
	     "{\"retry_after\":2}"},
	    {"a last line without an end", "retry-after: 4", "{\"retry_after\":4}"},
	    {"other headers",
	     "x-ratelimit-limit-input-tokens: 1\r\nx-ratelimit-limit: 1\r\n"
	     "x-ratelimit-limit-requests-day: 1\r\nratelimit-limit-tokens: 1\r\n"
	     "anthropic-ratelimit-tokens-limits: 1\r\nretry-afte: 1\r\nretry-after\r\n: 1\r\n",
	     NULL},
	    {"nothing", "", NULL},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = {0};
		buf_adds(&out, "<");
		bool any =
		    provider_ratelimit(&out, cases[i].headers, strlen(cases[i].headers), WALL);
		tap_int(any, cases[i].want != NULL, "%s: are there any?", cases[i].name);
		tap_is(buf_string(&out) + 1, cases[i].want != NULL ? cases[i].want : "",
		       "%s: rate limits", cases[i].name);
		buf_free(&out);
	}
	struct buf out = {0};
	tap_ok(!provider_ratelimit(&out, NULL, 0, WALL), "no headers at all");
	buf_free(&out);
}

static void test_headers(void)
{
	static const char headers[] =
	    "HTTP/1.1 429 Too Many: Requests\r\nContent-Type: text/html \r\n"
	    "X-Request-Id:  req_9\r\nx-request-id: req_10\r\nempty:\r\n"
	    "a-b: c:d\nlast: z";
	static const struct {
		const char *name;
		const char *value;
	} cases[] = {{"x-request-id", "req_9"},
		     {"content-type", "text/html"},
		     {"empty", ""},
		     {"a-b", "c:d"},
		     {"last", "z"}};
	static const char *const wanted[] = {
	    "Retry-After",
	    "retry-after-ms",
	    "X-Should-Retry",
	    "x-ratelimit-limit-requests",
	    "X-RateLimit-Reset-Tokens",
	    "anthropic-ratelimit-requests-limit",
	    "anthropic-ratelimit-input-tokens-remaining",
	    "anthropic-ratelimit-output-tokens-reset",
	    "x-request-id",
	    "Request-Id",
	};
	static const char *const unwanted[] = {
	    "",
	    "content-type",
	    "set-cookie",
	    "retry",
	    "retry-after-",
	    "x-ratelimit-limit",
	    "x-ratelimit-limit-",
	    "x-ratelimit-limit-input-tokens",
	    "x-ratelimit-limit-tokens-minute",
	    "anthropic-ratelimit-requests",
	    "anthropic-ratelimit-limit-requests",
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct json_span value =
		    provider_header(headers, sizeof headers - 1, cases[i].name);
		tap_bytes(value.at, value.length, cases[i].value, strlen(cases[i].value),
			  "the header %s", cases[i].name);
	}
	tap_ok(provider_header(headers, sizeof headers - 1, "x-request").at == NULL,
	       "a header that is not there");
	tap_ok(provider_header(NULL, 0, "a").at == NULL, "a header among none");
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		tap_ok(provider_wants_header(wanted[i], strlen(wanted[i])), "%s is wanted",
		       wanted[i]);
	for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
		tap_ok(!provider_wants_header(unwanted[i], strlen(unwanted[i])),
		       "\"%s\" is not wanted", unwanted[i]);
}

int main(void)
{
	test_durations();
	test_ratelimit();
	test_headers();
	return tap_done();
}
