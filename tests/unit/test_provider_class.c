/* Which failures are worth another try: the providers' own samples, and the cases in which a code,
 * a type, a status and a text disagree. */
#include "clock.h"
#include "provider.h"
#include "tap.h"

static const char *const class_names[] = {"ok", "transient", "length", "permanent", "quota"};

#define OK        PROVIDER_OK
#define TRANSIENT PROVIDER_TRANSIENT
#define LENGTH    PROVIDER_LENGTH
#define PERMANENT PROVIDER_PERMANENT
#define QUOTA     PROVIDER_QUOTA

static struct json_span span(const char *text)
{
	return text != NULL ? (struct json_span){text, strlen(text)} : (struct json_span){NULL, 0};
}

/* The class of a result with this response body and the error that lbcall makes of its code. */
static enum provider_class class_of(long status, const char *code, const char *body,
				    int should_retry)
{
	char error[200];

	snprintf(error, sizeof error, "{\"code\":\"%s\",\"message\":\"...\"}", code);
	return provider_classify(status, span(error), span(body), should_retry);
}

static void check(enum provider_class got, enum provider_class want, const char *name)
{
	tap_is(class_names[got], class_names[want], "%s", name);
}

/* OpenAI's body, its code and type as JSON. */
#define OPENAI(message, type, code)                                                               \
	"{\"error\":{\"message\":\"" message "\",\"type\":" type ",\"param\":null,\"code\":" code \
	"}}"
#define ANTHROPIC(type, message)                                                      \
	"{\"type\":\"error\",\"error\":{\"type\":\"" type "\",\"message\":\"" message \
	"\"},\"request_id\":\"req_1\"}"
#define SPEND(code)                                                                         \
	"{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"...\"," \
	"\"details\":{\"error_code\":\"" code "\"}}}"

static void test_openai(void)
{
	static const struct {
		long status;
		const char *code; /* as error.code has it */
		const char *body;
		enum provider_class want;
	} cases[] = {
	    {429, "rate_limit_exceeded",
	     OPENAI("Rate limit reached", "\"requests\"", "\"rate_limit_exceeded\""), TRANSIENT},
	    {429, "slow_down", OPENAI("Slow down", "null", "\"slow_down\""), TRANSIENT},
	    {429, "insufficient_quota",
	     OPENAI("You exceeded", "\"insufficient_quota\"", "\"insufficient_quota\""), QUOTA},
	    {429, "insufficient_quota", OPENAI("", "\"insufficient_quota\"", "null"), QUOTA},
	    {429, "new_code", OPENAI("", "\"insufficient_quota\"", "\"new_code\""), QUOTA},
	    {429, "credit_balance_exhausted", OPENAI("", "\"x\"", "\"credit_balance_exhausted\""),
	     QUOTA},
	    {429, "organization_spend_limit_exceeded",
	     OPENAI("", "\"x\"", "\"organization_spend_limit_exceeded\""), QUOTA},
	    {429, "project_spend_limit_exceeded",
	     OPENAI("", "\"x\"", "\"project_spend_limit_exceeded\""), QUOTA},
	    {429, "organization_usage_limit_exceeded",
	     OPENAI("", "\"x\"", "\"organization_usage_limit_exceeded\""), QUOTA},
	    {400, "billing_hard_limit_reached",
	     OPENAI("", "\"invalid_request_error\"", "\"billing_hard_limit_reached\""), QUOTA},
	    {429, "rate_limit_exceeded",
	     OPENAI("INSUFFICIENT QUOTA for this second", "\"requests\"",
		    "\"rate_limit_exceeded\""),
	     TRANSIENT},
	    {429, "http_429", OPENAI("INSUFFICIENT QUOTA: insufficient_quota", "null", "null"),
	     TRANSIENT},
	    {429, "rate_limit_exceeded",
	     OPENAI("Request too large for gpt-4o in organization org-1 on tokens per min (TPM): "
		    "Limit 30000, Requested 40000.",
		    "\"tokens\"", "\"rate_limit_exceeded\""),
	     PERMANENT},
	    {429, "rate_limit_exceeded",
	     OPENAI("Rate limit reached: 'Request too large'", "\"tokens\"",
		    "\"rate_limit_exceeded\""),
	     TRANSIENT},
	    {400, "context_length_exceeded",
	     OPENAI("This model's maximum context length is 8192 tokens.",
		    "\"invalid_request_error\"", "\"context_length_exceeded\""),
	     LENGTH},
	    {400, "http_400",
	     OPENAI("This model's maximum context length is 4096 tokens. However",
		    "\"BadRequestError\"", "400"),
	     LENGTH},
	    {400, "content_filter", OPENAI("", "null", "\"content_filter\""), PERMANENT},
	    {400, "invalid_request_error", OPENAI("", "\"invalid_request_error\"", "null"),
	     PERMANENT},
	    {401, "invalid_api_key", OPENAI("", "\"invalid_request_error\"", "\"invalid_api_key\""),
	     PERMANENT},
	    {403, "unsupported_country_region_territory",
	     OPENAI("", "\"request_forbidden\"", "\"unsupported_country_region_territory\""),
	     PERMANENT},
	    {404, "model_not_found", OPENAI("", "\"invalid_request_error\"", "\"model_not_found\""),
	     PERMANENT},
	    {500, "server_error", OPENAI("", "\"server_error\"", "null"), TRANSIENT},
	    {503, "server_is_overloaded", OPENAI("", "\"x\"", "\"server_is_overloaded\""),
	     TRANSIENT},
	    /* The code goes before the status. */
	    {403, "rate_limit_exceeded", OPENAI("", "null", "\"rate_limit_exceeded\""), TRANSIENT},
	    {500, "insufficient_quota", OPENAI("", "null", "\"insufficient_quota\""), QUOTA},
	    /* A type that many errors share does not. */
	    {409, "invalid_request_error", OPENAI("", "\"invalid_request_error\"", "null"),
	     TRANSIENT},
	    {400, "api_error", OPENAI("", "\"api_error\"", "null"), PERMANENT},
	    /* Nor does the request's own text, quoted in a message, stop a run. */
	    {400, "invalid_request_error",
	     OPENAI("Invalid value: 'Your credit balance is too low'", "\"invalid_request_error\"",
		    "null"),
	     PERMANENT},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char name[100];
		snprintf(name, sizeof name, "OpenAI, case %zu: %ld %s", i, cases[i].status,
			 cases[i].code);
		check(class_of(cases[i].status, cases[i].code, cases[i].body, -1), cases[i].want,
		      name);
	}
}

static void test_anthropic(void)
{
	static const struct {
		long status;
		const char *code;
		const char *body;
		enum provider_class want;
	} cases[] = {
	    {400, "invalid_request_error", ANTHROPIC("invalid_request_error", "bad"), PERMANENT},
	    {400, "invalid_request_error",
	     ANTHROPIC("invalid_request_error",
		       "prompt is too long: 210000 tokens > 200000 maximum"),
	     LENGTH},
	    {400, "invalid_request_error",
	     ANTHROPIC("invalid_request_error",
		       "Your credit balance is too low to access the Anthropic API."),
	     QUOTA},
	    {401, "authentication_error", ANTHROPIC("authentication_error", ""), PERMANENT},
	    {402, "billing_error", ANTHROPIC("billing_error", ""), QUOTA},
	    {403, "permission_error", ANTHROPIC("permission_error", ""), PERMANENT},
	    {404, "not_found_error", ANTHROPIC("not_found_error", ""), PERMANENT},
	    {413, "request_too_large", ANTHROPIC("request_too_large", ""), PERMANENT},
	    {429, "rate_limit_error", ANTHROPIC("rate_limit_error", "INSUFFICIENT QUOTA"),
	     TRANSIENT},
	    {500, "api_error", ANTHROPIC("api_error", ""), TRANSIENT},
	    {504, "timeout_error", ANTHROPIC("timeout_error", ""), TRANSIENT},
	    {529, "overloaded_error", ANTHROPIC("overloaded_error", ""), TRANSIENT},
	    {429, "enforced_spend_limit_reached", SPEND("enforced_spend_limit_reached"), QUOTA},
	    {429, "contract_spend_limit_reached", SPEND("contract_spend_limit_reached"), QUOTA},
	    {429, "requests_per_minute", SPEND("requests_per_minute"), TRANSIENT},
	    /* Whoever made the record may have known less than the body says. */
	    {429, "http_429", SPEND("enforced_spend_limit_reached"), QUOTA},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char name[100];
		snprintf(name, sizeof name, "Anthropic, case %zu: %ld %s", i, cases[i].status,
			 cases[i].code);
		check(class_of(cases[i].status, cases[i].code, cases[i].body, -1), cases[i].want,
		      name);
	}
}

static void test_status(void)
{
	static const struct {
		long status;
		enum provider_class want;
	} cases[] = {
	    {301, PERMANENT}, {400, PERMANENT}, {401, PERMANENT}, {402, QUOTA},
	    {403, PERMANENT}, {404, PERMANENT}, {405, PERMANENT}, {408, TRANSIENT},
	    {409, TRANSIENT}, {413, PERMANENT}, {422, PERMANENT}, {425, TRANSIENT},
	    {429, TRANSIENT}, {451, PERMANENT}, {499, PERMANENT}, {500, TRANSIENT},
	    {501, PERMANENT}, {502, TRANSIENT}, {503, TRANSIENT}, {504, TRANSIENT},
	    {505, PERMANENT}, {520, TRANSIENT}, {529, TRANSIENT},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char code[20], name[60];
		snprintf(code, sizeof code, "http_%ld", cases[i].status);
		snprintf(name, sizeof name, "status %ld without a body", cases[i].status);
		check(class_of(cases[i].status, code, NULL, -1), cases[i].want, name);
		snprintf(name, sizeof name, "status %ld, named by no code", cases[i].status);
		check(class_of(cases[i].status, "", "null", -1), cases[i].want, name);
	}
	/* OpenRouter sends 200 and the status as a number in the body. */
	check(class_of(200, "http_429", "{\"error\":{\"code\":429,\"message\":\"x\"}}", -1),
	      TRANSIENT, "200 with an error 429");
	check(class_of(200, "http_402", "{\"error\":{\"code\":402,\"message\":\"x\"}}", -1), QUOTA,
	      "200 with an error 402");
	check(class_of(200, "http_400", "{\"error\":{\"code\":400,\"message\":\"x\"}}", -1),
	      PERMANENT, "200 with an error 400");
	check(class_of(200, "http_502", "{\"error\":{\"code\":502,\"message\":\"x\"}}", -1),
	      TRANSIENT, "200 with an error 502");
	check(class_of(200, "error_in_response", "{\"error\":{\"message\":\"x\"}}", -1), TRANSIENT,
	      "200 with an error without a code");
	check(class_of(200, "server_error",
		       "{\"status\":\"failed\",\"error\":{\"code\":\"server_error\"}}", -1),
	      TRANSIENT, "200, failed in the server");
	check(class_of(200, "invalid_request_error", ANTHROPIC("invalid_request_error", "bad"), -1),
	      PERMANENT, "200, invalid request");
	check(class_of(0, "api_error", NULL, -1), TRANSIENT, "no status, but a known type");
	check(class_of(429, "http_429",
		       "[{\"error\":{\"code\":429,\"message\":\"You exceeded your "
		       "current quota\",\"status\":\"RESOURCE_EXHAUSTED\"}}]",
		       -1),
	      TRANSIENT, "Gemini's 429, which speaks of quota");
}

static void test_should_retry(void)
{
	const char *quota = OPENAI("", "null", "\"insufficient_quota\"");

	check(class_of(400, "http_400", NULL, 1), TRANSIENT, "x-should-retry: true on a 400");
	check(class_of(429, "http_429", NULL, 0), PERMANENT, "x-should-retry: false on a 429");
	check(class_of(500, "http_500", NULL, 0), PERMANENT, "x-should-retry: false on a 500");
	check(class_of(500, "http_500", NULL, 1), TRANSIENT, "x-should-retry: true on a 500");
	check(class_of(429, "insufficient_quota", quota, 1), QUOTA,
	      "x-should-retry: true does not heal quota");
	check(class_of(429, "insufficient_quota", quota, 0), QUOTA,
	      "x-should-retry: false leaves quota what it is");
	check(class_of(400, "context_length_exceeded", NULL, 1), LENGTH,
	      "x-should-retry: true does not make a prompt shorter");
	check(class_of(0, "timeout", NULL, 0), TRANSIENT, "without a response there is no header");
}

static void test_own_codes(void)
{
	static const struct {
		const char *codes[20];
		enum provider_class want;
	} groups[] = {
	    {{"timeout", "resolve_failed", "connect_failed", "tls_failed", "connection_lost",
	      "transport_error", "command_died", "bad_response", "bad_stream", "batch_expired"},
	     TRANSIENT},
	    {{"cancelled", "not_a_request", "unsupported_method", "url_refused", "no_api_key",
	      "response_too_large", "bad_record", "bad_item", "exceeds_rate_limit",
	      "budget_exceeded", "unpriced_model", "item_too_large", "too_many_failures", "not_ok",
	      "whatever", ""},
	     PERMANENT},
	    {{"quota_exhausted"}, QUOTA},
	};

	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		for (size_t j = 0; groups[i].codes[j] != NULL; j++)
			check(class_of(0, groups[i].codes[j], NULL, -1), groups[i].want,
			      groups[i].codes[j]);
	check(class_of(200, "bad_response", "null", -1), TRANSIENT, "bad_response, status 200");
	check(class_of(200, "bad_stream", "null", -1), TRANSIENT, "bad_stream, status 200");
	check(class_of(429, "too_many_failures", OPENAI("", "null", "\"rate_limit_exceeded\""), -1),
	      PERMANENT, "what a tool decided goes before what the body says");
}

static void test_shapes(void)
{
	check(provider_classify(200, span(NULL), span("{}"), -1), OK, "no error");
	check(provider_classify(200, span("null"), span("{}"), -1), OK, "error is null");
	check(provider_classify(500, span("null"), span(NULL), 1), OK,
	      "error alone says whether a result failed");
	check(provider_classify(0, span("\"boom\""), span(NULL), -1), PERMANENT,
	      "an error that is a string");
	check(provider_classify(503, span("{}"), span(NULL), -1), TRANSIENT,
	      "an error without a code");
	check(provider_classify(503, span("{\"code\":7}"), span("[]"), -1), TRANSIENT,
	      "a code that is a number");
	check(provider_classify(0, span("{\"code\":\"\\u0074imeout\"}"), span(NULL), -1), TRANSIENT,
	      "a code spelt with escapes");
	check(provider_classify(400, span("{\"code\":\"http_4x9\"}"), span(NULL), -1), PERMANENT,
	      "no status in a code");
	check(provider_classify(400,
				span("{\"code\":\"invalid_request_error\",\"message\":"
				     "\"prompt is too long: 2 tokens > 1 maximum\"}"),
				span(NULL), -1),
	      LENGTH, "without a body the record's own message counts");
}

static void test_retry_delay(void)
{
	static const struct {
		const char *body;
		int64_t want;
	} cases[] = {
	    {"{\"error\":{\"details\":[{\"@type\":\"x\"},{\"retryDelay\":\"57.238s\"}]}}",
	     57238 * CLOCK_MS},
	    {"[{\"error\":{\"details\":[{\"retryDelay\":\"3s\"}]}}]", 3 * CLOCK_SEC},
	    {"{\"error\":{\"details\":[{\"retryDelay\":\"soon\"},{\"retryDelay\":\"1s\"}]}}",
	     CLOCK_SEC},
	    {"{\"error\":{\"details\":[{\"retryDelay\":3}]}}", -1},
	    {"{\"error\":{\"details\":[{\"retryDelay\":\"-3s\"}]}}", -1},
	    {"{\"error\":{\"details\":{\"error_code\":\"x\"}}}", -1},
	    {"{\"error\":null}", -1},
	    {"3", -1},
	    {NULL, -1},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		tap_int(provider_retry_delay(span(cases[i].body), 0), cases[i].want, "delay in %s",
			cases[i].body != NULL ? cases[i].body : "no body");
}

int main(void)
{
	test_openai();
	test_anthropic();
	test_status();
	test_should_retry();
	test_own_codes();
	test_shapes();
	test_retry_delay();
	return tap_done();
}
