/* What becomes of a record after an attempt. */
#include "clock.h"
#include "retry.h"
#include "tap.h"

#define NOW (1000 * CLOCK_SEC)

static const struct retry_policy policy = {.attempts = 5,
					   .models = 2,
					   .base = CLOCK_SEC,
					   .cap = 60 * CLOCK_SEC,
					   .max_wait = 600 * CLOCK_SEC};

static struct json_span span(const char *text)
{
	return text != NULL ? (struct json_span){text, strlen(text)} : (struct json_span){NULL, 0};
}

static struct retry_outcome outcome(enum provider_class class, long status)
{
	return (struct retry_outcome){.class = class, .status = status};
}

static void test_read(void)
{
	static const struct {
		const char *response, *error, *ratelimit;
		enum provider_class class;
		int64_t asked;
	} cases[] = {
	    {"{\"status_code\":200,\"body\":{}}", "null", NULL, PROVIDER_OK, 0},
	    {"{\"status_code\":200,\"body\":{}}", NULL, "{\"retry_after\":5}", PROVIDER_OK, 0},
	    {"null", "{\"code\":\"timeout\"}", NULL, PROVIDER_TRANSIENT, 0},
	    {"{\"status_code\":503,\"body\":null}", "{\"code\":\"http_503\"}",
	     "{\"retry_after\":1.5}", PROVIDER_TRANSIENT, 1500 * CLOCK_MS},
	    {"{\"status_code\":429}", "{}",
	     "{\"retry_after\":2,\"remaining_tokens\":0,\"reset_tokens\":9}", PROVIDER_TRANSIENT,
	     2 * CLOCK_SEC},
	    {"{\"status_code\":429}", "{}",
	     "{\"retry_after\":0,\"remaining_tokens\":0,\"reset_tokens\":9}", PROVIDER_TRANSIENT,
	     0},
	    {"{\"status_code\":429,\"body\":{\"error\":{\"details\":[{\"retryDelay\":\"3s\"}]}}}",
	     "{}", "{\"remaining_tokens\":0,\"reset_tokens\":9}", PROVIDER_TRANSIENT,
	     3 * CLOCK_SEC},
	    {"{\"status_code\":429}", "{}",
	     "{\"remaining_requests\":0,\"reset_requests\":9,\"remaining_tokens\":0,"
	     "\"reset_tokens\":4,\"remaining_input_tokens\":1,\"reset_input_tokens\":60}",
	     PROVIDER_TRANSIENT, 9 * CLOCK_SEC},
	    {"{\"status_code\":429}", "{}", "{\"remaining_output_tokens\":0}", PROVIDER_TRANSIENT,
	     0},
	    {"{\"status_code\":503}", "{}", "{\"remaining_tokens\":0,\"reset_tokens\":9}",
	     PROVIDER_TRANSIENT, 0},
	    {"{\"status_code\":429}", "{}", "{\"retry_after\":-1}", PROVIDER_TRANSIENT, 0},
	    {"{\"status_code\":429}", "{}", "{\"retry_after\":\"x\"}", PROVIDER_TRANSIENT, 0},
	    {"{\"status_code\":429}", "{}", "{\"retry_after\":1e300}", PROVIDER_TRANSIENT,
	     INT64_MAX},
	    {"{\"status_code\":400}", "{}", "{\"should_retry\":true}", PROVIDER_TRANSIENT, 0},
	    {"{\"status_code\":503}", "{}", "{\"should_retry\":false}", PROVIDER_PERMANENT, 0},
	    {"{\"status_code\":99999999999}", "{}", NULL, PROVIDER_PERMANENT, 0},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct retry_outcome o;
		retry_read(&o, span(cases[i].response), span(cases[i].error),
			   span(cases[i].ratelimit), 0);
		tap_int(o.class, cases[i].class, "class of %s %s", cases[i].response,
			cases[i].ratelimit != NULL ? cases[i].ratelimit : "");
		tap_int(o.asked, cases[i].asked, "...and how long it asks to wait");
	}
}

static uint64_t fingerprint(const char *error)
{
	return retry_fingerprint(span(error));
}

static void test_fingerprint(void)
{
	uint64_t one = fingerprint("{\"code\":\"c\",\"message\":\"it broke (request req_1a)\"}");

	tap_ok(fingerprint("{\"message\":\"it broke (request req_2b)\",\"code\":\"c\"}") == one,
	       "words with digits do not count");
	tap_ok(fingerprint("{\"code\":\"d\",\"message\":\"it broke (request req_1a)\"}") != one,
	       "the code does");
	tap_ok(fingerprint("{\"code\":\"c\",\"message\":\"it burst (request req_1a)\"}") != one,
	       "other words do");
	tap_ok(fingerprint("{\"message\":\"ab c\"}") != fingerprint("{\"message\":\"a bc\"}"),
	       "so does where they end");
	tap_ok(fingerprint("\"text\"") == fingerprint("{}"), "an error of another shape has none");
}

static void test_verdicts(void)
{
	static const struct {
		enum provider_class class;
		bool rejected;
		unsigned tries, model;
		enum retry_verdict want;
		unsigned want_model;
	} cases[] = {
	    {PROVIDER_OK, false, 1, 0, RETRY_DONE, 0},
	    {PROVIDER_OK, false, 9, 2, RETRY_DONE, 2},
	    {PROVIDER_OK, true, 1, 0, RETRY_AGAIN, 0},
	    {PROVIDER_OK, true, 5, 0, RETRY_AGAIN, 1},
	    {PROVIDER_OK, true, 5, 2, RETRY_FAILED, 2},
	    {PROVIDER_TRANSIENT, false, 4, 0, RETRY_AGAIN, 0},
	    {PROVIDER_TRANSIENT, false, 5, 0, RETRY_AGAIN, 1},
	    {PROVIDER_TRANSIENT, false, 5, 1, RETRY_AGAIN, 2},
	    {PROVIDER_TRANSIENT, false, 5, 2, RETRY_FAILED, 2},
	    {PROVIDER_LENGTH, false, 1, 0, RETRY_AGAIN, 1},
	    {PROVIDER_LENGTH, false, 1, 2, RETRY_FAILED, 2},
	    {PROVIDER_PERMANENT, false, 1, 0, RETRY_FAILED, 0},
	    {PROVIDER_QUOTA, false, 1, 0, RETRY_QUOTA, 0},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct retry_state state = {
		    .attempts = cases[i].tries, .tries = cases[i].tries, .model = cases[i].model};
		struct retry_outcome o = outcome(cases[i].class, 0);
		int64_t until = 0;
		o.rejected = cases[i].rejected;
		tap_int(retry_decide(&policy, &state, &o, 0, NOW, 0, &until), cases[i].want,
			"case %zu: the verdict", i);
		tap_int(state.model, cases[i].want_model, "...and the model");
		if (state.model != cases[i].model) {
			tap_int(state.tries, 0, "another model has all its attempts");
			tap_int(until, NOW, "...and need not wait");
		}
	}
}

static void test_waits(void)
{
	struct retry_outcome o = outcome(PROVIDER_TRANSIENT, 429);
	struct retry_state state = {.attempts = 3, .tries = 3, .first = NOW - 10 * CLOCK_SEC};
	struct retry_policy own = policy;
	int64_t until;

	retry_decide(&own, &state, &o, 0, NOW, 4 * CLOCK_SEC, &until);
	tap_int(until - NOW, 4 * CLOCK_SEC, "the third failure waits up to four times the base");
	retry_decide(&own, &state, &o, 0, NOW, 4 * CLOCK_SEC + 1, &until);
	tap_int(until - NOW, 0, "...and no longer");
	o.asked = 30 * CLOCK_SEC;
	retry_decide(&own, &state, &o, 0, NOW, CLOCK_SEC, &until);
	tap_int(until - NOW, 31 * CLOCK_SEC, "the jitter comes behind what the server asks");
	o.asked = INT64_MAX;
	retry_decide(&own, &state, &o, 0, NOW, CLOCK_SEC, &until);
	tap_int(until - NOW, 601 * CLOCK_SEC, "of which max_wait is the most");

	o.asked = 30 * CLOCK_SEC;
	own.deadline = 40 * CLOCK_SEC;
	tap_int(retry_decide(&own, &state, &o, 0, NOW, 0, &until), RETRY_AGAIN,
		"the deadline counts from the first attempt");
	tap_int(retry_decide(&own, &state, &o, 0, NOW, 1, &until), RETRY_FAILED,
		"a wait beyond it is none");
	o = outcome(PROVIDER_OK, 200);
	tap_int(retry_decide(&own, &state, &o, 0, NOW + CLOCK_SEC * 1000, 1, &until), RETRY_DONE,
		"an answer behind it is one");
}

/* Decide on a row of outcomes with status 500; successes before each. Returns the verdicts as text.
 */
static const char *row(const char *errors, const char *successes, long status)
{
	static char verdicts[20];
	struct retry_state state = {0};
	struct retry_policy own = {.attempts = 100, .base = 1, .cap = 1};
	size_t i;
	int64_t until;

	for (i = 0; errors[i] != '\0'; i++) {
		struct retry_outcome o = outcome(PROVIDER_TRANSIENT, status);
		o.error = (uint64_t)errors[i];
		state.attempts++;
		state.tries++;
		verdicts[i] = retry_decide(&own, &state, &o, (uint64_t)(successes[i] - '0'), NOW, 0,
					   &until) == RETRY_AGAIN
				  ? 'a'
				  : 'f';
	}
	verdicts[i] = '\0';
	return verdicts;
}

static void test_repeats(void)
{
	tap_is(row("eee", "123", 500), "aaf", "the same 500 three times is permanent");
	tap_is(row("eeeeee", "111111", 500), "aaaaaa", "...not while nothing else succeeds");
	tap_is(row("eeeee", "11123", 500), "aaaaf", "...and is when it does again");
	tap_is(row("efefef", "123456", 500), "aaaaaa", "different errors are no repeats");
	tap_is(row("eefee", "12345", 500), "aaaaa", "...and begin anew");
	tap_is(row("eeeee", "12345", 502), "aaaaa", "a 502 is not the record's own");

	struct retry_state state = {.tries = 3, .repeats = 2, .error = 'e'};
	struct retry_outcome o = {.class = PROVIDER_TRANSIENT, .status = 500, .error = 'e'};
	int64_t until;
	tap_int(retry_decide(&policy, &state, &o, 1, NOW, 0, &until), RETRY_AGAIN,
		"another model is tried");
	tap_int(state.model, 1, "...the first one");
	tap_int(state.repeats, 0, "...for which it counts anew");
}

static void test_budget(void)
{
	struct retry_budget b = {.percent = 20};
	int taken = 0;

	while (taken < 1000 && retry_take(&b))
		taken++;
	tap_int(taken, RETRY_FREE, "without requests a hundred are free");
	b.requests = 1000;
	while (taken < 1000 && retry_take(&b))
		taken++;
	tap_int(taken, RETRY_FREE + 200, "a share of the requests comes on top");
}

int main(void)
{
	test_read();
	test_fingerprint();
	test_verdicts();
	test_waits();
	test_repeats();
	test_budget();
	return tap_done();
}
