#include "retry.h"
#include "backoff.h"
#include "clock.h"
#include "fnv.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       c == '-' || (unsigned char)c >= 0x80;
}

uint64_t retry_fingerprint(struct json_span error)
{
	struct json_span code = json_get(error, "code");
	struct json_span message = json_get(error, "message");
	uint64_t h = fnv_add(FNV_START, code.at, code.length);

	for (size_t i = 0; i < message.length;) {
		size_t start = i;
		bool digits = false;
		for (; i < message.length && is_word(message.at[i]); i++)
			digits = digits || is_digit(message.at[i]);
		if (!digits)
			h = fnv_add(h, message.at + start, i - start);
		for (; i < message.length && !is_word(message.at[i]); i++)
			continue;
		h = fnv_add(h, " ", 1);
	}
	return h;
}

/* A number of seconds as nanoseconds; 0 if it is none. */
static int64_t seconds(struct json_span value)
{
	double s;

	if (json_number(value, &s) < 0 || !(s > 0))
		return 0;
	return s < 9e9 ? (int64_t)(s * (double)CLOCK_SEC) : INT64_MAX;
}

/* The latest reset among the kinds of which nothing is left. */
static int64_t reset(struct json_span ratelimit)
{
	static const struct {
		const char *remaining, *reset;
	} kinds[] = {{"remaining_requests", "reset_requests"},
		     {"remaining_tokens", "reset_tokens"},
		     {"remaining_input_tokens", "reset_input_tokens"},
		     {"remaining_output_tokens", "reset_output_tokens"}};
	int64_t latest = 0;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		int64_t remaining;
		if (json_integer(json_get(ratelimit, kinds[i].remaining), &remaining) < 0 ||
		    remaining > 0)
			continue;
		int64_t time = seconds(json_get(ratelimit, kinds[i].reset));
		if (time > latest)
			latest = time;
	}
	return latest;
}

void retry_read(struct retry_outcome *o, struct json_span response, struct json_span error,
		struct json_span ratelimit, int64_t wall)
{
	struct json_span body = json_get(response, "body");
	struct json_span should = json_get(ratelimit, "should_retry");
	struct json_span after = json_get(ratelimit, "retry_after");
	int64_t status;

	*o = (struct retry_outcome){0};
	if (json_integer(json_get(response, "status_code"), &status) == 0 && status > 0 &&
	    status < 1000)
		o->status = (long)status;
	o->class = provider_classify(o->status, error, body,
				     json_type(should) == JSON_BOOL ? should.at[0] == 't' : -1);
	if (o->class == PROVIDER_OK)
		return;
	o->error = retry_fingerprint(error);
	int64_t delay = provider_retry_delay(body, wall);
	if (json_type(after) == JSON_NUMBER)
		o->asked = seconds(after);
	else if (delay >= 0)
		o->asked = delay;
	else if (o->status == 429)
		o->asked = reset(ratelimit);
}

/* Is it this record that makes the server fail? Then it has failed so before, and others succeed.
 */
static bool repeats(struct retry_state *state, const struct retry_outcome *o, uint64_t successes)
{
	if (o->status != 500 || o->class != PROVIDER_TRANSIENT || o->rejected) {
		state->repeats = 0;
		return false;
	}
	if (state->repeats == 0 || state->error != o->error)
		state->repeats = 1;
	else if (successes > state->successes)
		state->repeats++;
	state->error = o->error;
	state->successes = successes;
	return state->repeats >= RETRY_REPEATS;
}

/* On to the next model, if there is one. */
static enum retry_verdict next_model(const struct retry_policy *policy, struct retry_state *state)
{
	if (state->model >= policy->models)
		return RETRY_FAILED;
	state->model++;
	state->tries = 0;
	state->repeats = 0;
	return RETRY_AGAIN;
}

enum retry_verdict retry_decide(const struct retry_policy *policy, struct retry_state *state,
				const struct retry_outcome *o, uint64_t successes, int64_t now,
				uint64_t random, int64_t *until)
{
	enum retry_verdict verdict = RETRY_AGAIN;
	bool repeated = repeats(state, o, successes);
	int64_t floor = o->asked < policy->max_wait ? o->asked : policy->max_wait;

	if (o->class == PROVIDER_QUOTA)
		return RETRY_QUOTA;
	if (o->class == PROVIDER_PERMANENT)
		return RETRY_FAILED;
	if (o->class == PROVIDER_OK && !o->rejected)
		return RETRY_DONE;
	*until = now;
	if (o->class == PROVIDER_LENGTH || state->tries >= policy->attempts || repeated)
		verdict = next_model(policy, state);
	else if (state->tries > 0)
		*until = backoff_until(
		    now, floor,
		    backoff_jitter(policy->base, policy->cap, state->tries - 1, random));
	if (policy->deadline > 0 && *until - state->first > policy->deadline)
		verdict = RETRY_FAILED;
	return verdict;
}

bool retry_take(struct retry_budget *b)
{
	if (b->retries >= RETRY_FREE + b->requests * b->percent / 100)
		return false;
	b->retries++;
	return true;
}
