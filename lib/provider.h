/*
 * provider: what the providers' HTTP answers mean: rate limits in headers, error codes in bodies,
 * and the answer itself with the reasons for which it is none. Pure: bytes in, facts out.
 *
 * Sources: OpenAI API reference (rate limits, errors, chat completions, responses), Anthropic API
 * reference (rate limits, errors, messages), Azure OpenAI quotas, RFC 9110 (Retry-After).
 */
#ifndef PROVIDER_H
#define PROVIDER_H

#include "json.h"

#include <stdint.h>

struct buf;

/* Is this response header one that the functions below are asked for: a rate limit, when to try
 * again, or the request's id (x-request-id, request-id)? The name may be in any case. */
bool provider_wants_header(const char *name, size_t length);

/*
 * Append the JSON object of the rate-limit headers among the given header lines ("Name: value",
 * each ended by CR LF or LF), as lb.ratelimit holds it:
 * {"limit_requests","remaining_requests","reset_requests","limit_tokens","remaining_tokens",
 * "reset_tokens","limit_input_tokens",...,"limit_output_tokens",...,"retry_after","should_retry"},
 * counts as integers, resets and retry_after in seconds from now (decimals to the millisecond,
 * never negative, rounded up), should_retry a boolean; only what was there and could be read.
 * Negative counts, and kinds with a limit of 0, mean "unknown" (Azure) and are left out;
 * retry-after-ms goes before retry-after. wall is now in nanoseconds since 1970, for headers that
 * carry a date. Returns whether there were any; if not, nothing is appended.
 */
bool provider_ratelimit(struct buf *out, const char *headers, size_t length, int64_t wall);

/* The value of the header line with this name (lower case), or at == NULL. White space around the
 * value is left out. */
struct json_span provider_header(const char *headers, size_t length, const char *name);

/*
 * A duration as providers spell it: Go ("6m0s", "12ms", "1h16m0.667s"), seconds ("57.238s", "20"),
 * or a date (RFC 3339, or an HTTP date of RFC 9110 in any of its three forms). Returns 0 and
 * nanoseconds from wall on, 0 for a date that has passed, INT64_MAX for 292 years and more; or -1
 * for anything else, a negative number too.
 */
int provider_duration(const char *text, size_t length, int64_t wall, int64_t *nanoseconds);

/* The members of a body by which errors are told: to be found by json_check or json_find, for
 * provider_error. */
enum { PROVIDER_MEMBERS = 8 };
void provider_members(struct json_member members[PROVIDER_MEMBERS]);

/*
 * The error that a response body carries: OpenAI's, Anthropic's or one like them (vLLM's strings,
 * OpenRouter's numbers, Gemini's arrays, FastAPI's detail). Appends its code and its message,
 * either of which may stay empty. The code is the first that is there of code, details.error_code
 * (which says what an Anthropic 429 is about), type, status; an HTTP status, as a number or as
 * text, becomes "http_N", other numbers don't count. Returns whether there is an error: null and
 * false are none. members are as json_check or json_find left them, or NULL to have them looked up.
 */
bool provider_error(struct json_span body, const struct json_member members[PROVIDER_MEMBERS],
		    struct buf *code, struct buf *message);

/*
 * The text of the answer in a response body of any known API, appended to text: chat
 * (choices[0].message.content), legacy completions (choices[0].text), Responses (the output_text
 * parts), messages (the text blocks), Gemini (the text parts that are no thoughts). Returns NULL,
 * or the error code for which it is no good answer, with a message appended to text instead:
 * "truncated", "refusal", "content_filter", "no_answer". An empty string is an answer; null is
 * none.
 */
const char *provider_answer(struct json_span body, struct buf *text);

/* Does a request's body ask for an answer that is JSON? */
bool provider_wants_json(struct json_span body);

/* Find the JSON value in an answer's text, which models like to put between lines of three
 * backquotes. Returns 0, or -1 if there is none. */
int provider_find_json(const struct buf *text, struct json_span *value);

/* What became of a request, for deciding whether to send it again. */
enum provider_class {
	PROVIDER_OK,        /* answered */
	PROVIDER_TRANSIENT, /* may well go another time */
	PROVIDER_LENGTH,    /* too long for this model: permanent, unless another one takes it */
	PROVIDER_PERMANENT, /* will fail again */
	PROVIDER_QUOTA      /* the account has no credit left: nothing will go until it is paid */
};

/*
 * Classify a result record's outcome: status is that of its response (0 if there is none), error
 * its error member (at NULL or null: PROVIDER_OK), body the response's (at NULL if there is none).
 * By the codes first, which are looked for in the body and in error.code, then by status, then by
 * the types, and by words in the message only where a provider has no code for it. An
 * x-should-retry header (should_retry, 1 or 0; -1 for none) decides between transient and
 * permanent, but never heals quota. Codes that the tools themselves give are known: transport
 * errors are transient, refusals to send are permanent.
 */
enum provider_class provider_classify(long status, struct json_span error, struct json_span body,
				      int should_retry);

/* How long the body of an error asks to wait, in nanoseconds (Gemini's
 * error.details[].retryDelay), or -1 if it does not say. wall as for provider_ratelimit. */
int64_t provider_retry_delay(struct json_span body, int64_t wall);

/* The tokens that an answer reports. Counts that are not there are 0. */
struct provider_usage {
	int64_t input;       /* all of the prompt: with what was cached, and written to a cache */
	int64_t cached;      /* of it, read from a cache */
	int64_t cache_write; /* of it, written to a cache (Anthropic: for five minutes) */
	int64_t cache_write_1h; /* of it, written to a cache for an hour (Anthropic) */
	int64_t output;         /* all of the answer: with the reasoning */
	int64_t reasoning;      /* of it, reasoning or thoughts */
};

/* The usage in a response body of any known API: chat and completions, Responses, embeddings,
 * DeepSeek, Anthropic messages, Gemini's own. Returns whether there is one. Negative counts, and
 * such that are no whole numbers, make it none; so does a total alone, but that of a list, such as
 * embeddings, is its input. */
bool provider_usage(struct json_span body, struct provider_usage *usage);

#endif
