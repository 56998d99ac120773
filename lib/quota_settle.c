/* What results teach. */
#include "clock.h"
#include "provider.h"
#include "quota_state.h"

#include <string.h>

#define HOLD_MOST    (3600 * CLOCK_SEC)
#define HOLD_DEFAULT CLOCK_SEC

/* Of the most that was ever left, this part is kept free: so somebody else who uses the same quota
 * is noticed before a request is turned away. */
#define RESERVE_PART 20

/* What is left is not reckoned on from a sample older than this. */
#define SAMPLE_AGE (60 * CLOCK_SEC)

/* Means move by this part of the difference. */
#define MEAN_PART 16

/* What a result says of one kind; -1 for what it does not say. */
struct told {
	int64_t limit, remaining;
	double reset; /* seconds */
};

/* The members of a result that are looked at. */
struct outcome {
	const struct record *record;
	struct json_span cache, checkpoint, ms, ratelimit; /* entries of lb */
	struct json_span body;                             /* of the response */
	int64_t status;                                    /* 0: there is no response */
};

static struct outcome read_outcome(const struct record *r)
{
	struct json_member lb[] = {JSON_MEMBER("cache"), JSON_MEMBER("checkpoint"),
				   JSON_MEMBER("ms"), JSON_MEMBER("ratelimit")};
	struct json_member response[] = {JSON_MEMBER("status_code"), JSON_MEMBER("body")};
	struct outcome o = {.record = r};

	json_find(r->lb, lb, sizeof lb / sizeof *lb);
	json_find(r->response, response, sizeof response / sizeof *response);
	o.cache = lb[0].value;
	o.checkpoint = lb[1].value;
	o.ms = lb[2].value;
	o.ratelimit = lb[3].value;
	o.body = response[1].value;
	json_integer(response[0].value, &o.status);
	return o;
}

/* Raise a value to at least this. Returns whether it was lower. */
static bool raise(_Atomic int64_t *place, int64_t value)
{
	int64_t old = atomic_load(place);

	while (old < value)
		if (atomic_compare_exchange_weak(place, &old, value))
			return true;
	return false;
}

/* Did the request surely never reach the provider? */
static bool was_not_sent(const struct outcome *o)
{
	static const char *const codes[] = {
	    "connect_failed",  "resolve_failed", "tls_failed",
	    "no_api_key",      "url_refused",    "not_a_request",
	    "budget_exceeded", "unpriced_model", "unsupported_method",
	};
	struct json_span code;

	if (json_equals(o->cache, "hit") || json_is_set(o->checkpoint))
		return true;
	if (json_is_set(o->record->response))
		return false;
	code = json_get(o->record->error, "code");
	/* What may have been sent has the time that it took. */
	if (json_equals(code, "cancelled") || json_equals(code, "command_died"))
		return o->ms.at == NULL;
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (json_equals(code, codes[i]))
			return true;
	return false;
}

/* Move a mean, of which 0 means that it is unknown. An update that is lost between two processes
 * does not matter. */
static void move_mean(_Atomic int64_t *mean, int64_t sample)
{
	int64_t old = atomic_load(mean);

	atomic_store(mean,
		     old <= 0 || old > INT64_MAX / 2 ? sample : old + (sample - old) / MEAN_PART);
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
	return value < least ? least : value > most ? most : value;
}

static void settle_tokens(struct quota *q, const struct quota_ticket *t, const struct outcome *o,
			  int64_t now)
{
	struct provider_usage usage;

	if (t->model == 0 || !provider_usage(o->body, &usage))
		return;
	int64_t input = clamp(usage.input, 0, QUOTA_MOST);
	int64_t output = clamp(usage.output, 0, QUOTA_MOST);
	quota_return_tokens(q, t, t->tokens - input - output, now);
	struct quota_model *m = quota_model(q, t->model, true);
	if (m == NULL)
		return;
	if (t->input > 0)
		move_mean(&m->ratio, clamp((input << 16) / t->input, 1 << 14, 1 << 19));
	if (t->capped == 0)
		move_mean(&m->output, clamp(output << 8, 1, QUOTA_MOST));
}

/* When it was sent: no earlier than it might, and so long ago as the call took. */
static int64_t sent_at(const struct quota_ticket *t, const struct outcome *o, int64_t now)
{
	int64_t ms, at = t->at < now ? t->at : now;

	if (json_integer(o->ms, &ms) == 0 && ms >= 0 && ms < (now - at) / CLOCK_MS)
		at = now - ms * CLOCK_MS;
	return at;
}

static int64_t total_of(const struct quota *q, enum quota_kind kind)
{
	return atomic_load(kind == QUOTA_TOKENS ? &q->page->tokens : &q->page->requests);
}

/* Take down what is left at the provider, if nothing newer is known. Two processes may write at the
 * same moment, or one be killed before the last word: until the next result the sum and the time
 * may be of two neighbours. */
static void take_sample(struct quota *q, enum quota_kind kind, const struct quota_ticket *t,
			int64_t remaining, int64_t sent)
{
	struct quota_lane *lane = &q->page->lanes[kind];
	struct bucket_limit limit;

	/* A ticket from the future is not of this lane. */
	if (t->order >= total_of(q, QUOTA_REQUESTS) || !raise(&lane->sampled, t->order + 1) ||
	    !quota_limit(q, kind, &limit))
		return;
	int64_t minute = bucket_refill(&limit, 60 * CLOCK_SEC);
	int64_t reserve = clamp(atomic_load(&lane->highest), 0, minute) / RESERVE_PART;
	int64_t upto = kind == QUOTA_TOKENS ? t->before + t->tokens : t->order + 1;
	atomic_store(&lane->sampled_at, sent);
	atomic_store(&lane->sampled_sum, remaining - reserve + upto);
}

/*
 * The provider's bucket held so much when the newest request was served of which that is known.
 * Since then it has been filling, and all that got a place after it counts as taken, sent or not.
 * What that leaves is the most that our own may hold, whatever was given back to it: a provider may
 * count what was asked for, not what was used.
 */
static void tighten(struct quota *q, enum quota_kind kind, int64_t now)
{
	struct quota_lane *lane = &q->page->lanes[kind];
	struct bucket_limit limit;
	int64_t age = now - clamp(atomic_load(&lane->sampled_at), 0, now);

	if (age > SAMPLE_AGE || !quota_limit(q, kind, &limit))
		return;
	int64_t sum = clamp(atomic_load(&lane->sampled_sum), -QUOTA_MOST, INT64_MAX / 4);
	int64_t total = clamp(total_of(q, kind), 0, INT64_MAX / 4);
	bucket_tighten(&lane->bucket, &limit, sum + bucket_refill(&limit, age) - total, now);
}

static void learn_kind(struct quota *q, enum quota_kind kind, const struct quota_ticket *t,
		       const struct told *told, int64_t sent)
{
	struct quota_lane *lane = &q->page->lanes[kind];

	if (told->limit <= 0)
		return;
	if (atomic_load(&lane->learned) != told->limit)
		atomic_store(&lane->learned, told->limit);
	if (told->remaining < 0 || told->remaining > told->limit)
		return;
	raise(&lane->highest, told->remaining);
	take_sample(q, kind, t, told->remaining, sent);
}

/*
 * Groq's limit of requests is one a day, under the same name. A bucket or window of a minute is
 * full again after a minute; one that takes longer, and would take more than ten minutes if it were
 * empty, is that of a day.
 */
static bool is_daily(struct quota *q, const struct told *told)
{
	int64_t limit = told->limit, used = limit - told->remaining;
	int64_t known = atomic_load(&q->page->lanes[QUOTA_DAY].learned);

	if (limit > 0 && known == limit)
		return true;
	if (limit <= 0 || told->remaining < 0 || used < 0 || told->reset <= 61 ||
	    told->reset * (double)limit <= 600 * (double)(used > 0 ? used : 1))
		return false;
	/* It may have passed for a minute's while little was used. */
	atomic_compare_exchange_strong(&q->page->lanes[QUOTA_REQUESTS].learned, &limit, 0);
	return true;
}

enum { REQUESTS, TOKENS, INPUT, TOLD };

static int64_t count_told(struct json_span number)
{
	int64_t count;
	bool good = json_integer(number, &count) == 0 && count >= 0;
	return good ? clamp(count, 0, QUOTA_MOST) : -1;
}

/* Read lb.ratelimit. */
static void read_told(struct json_span ratelimit, struct told told[TOLD])
{
	struct json_member members[TOLD * 3] = {
	    JSON_MEMBER("limit_requests"),     JSON_MEMBER("remaining_requests"),
	    JSON_MEMBER("reset_requests"),     JSON_MEMBER("limit_tokens"),
	    JSON_MEMBER("remaining_tokens"),   JSON_MEMBER("reset_tokens"),
	    JSON_MEMBER("limit_input_tokens"), JSON_MEMBER("remaining_input_tokens"),
	    JSON_MEMBER("reset_input_tokens"),
	};

	json_find(ratelimit, members, TOLD * 3);
	for (size_t i = 0; i < TOLD; i++) {
		told[i] = (struct told){count_told(members[3 * i].value),
					count_told(members[3 * i + 1].value), -1};
		json_number(members[3 * i + 2].value, &told[i].reset);
	}
	if (told[TOKENS].limit < 0)
		told[TOKENS] = told[INPUT];
}

/* Seconds as nanoseconds, an hour at most; -1 stays. */
static int64_t span_of(double seconds)
{
	if (!(seconds >= 0))
		return -1;
	return seconds < 3600 ? (int64_t)(seconds * (double)CLOCK_SEC) : HOLD_MOST;
}

static void hold(struct quota *q, const struct outcome *o, const struct told told[TOLD],
		 int64_t now)
{
	struct json_span should = json_get(o->ratelimit, "should_retry");
	int should_retry = should.at == NULL ? -1 : should.at[0] == 't';
	double seconds = -1;

	if (provider_classify(429, o->record->error, o->body, should_retry) != PROVIDER_TRANSIENT)
		return;
	json_number(json_get(o->ratelimit, "retry_after"), &seconds);
	int64_t wait = span_of(seconds);
	if (wait < 0)
		wait = provider_retry_delay(o->body, now);
	for (size_t i = 0; i < TOLD && wait < 0; i++)
		if (told[i].remaining == 0)
			wait = span_of(told[i].reset);
	if (wait < 0)
		wait = HOLD_DEFAULT;
	int64_t until = atomic_load(&q->page->hold_until);
	if (until > now + HOLD_MOST) /* the clock was set back */
		atomic_compare_exchange_strong(&q->page->hold_until, &until, now);
	raise(&q->page->hold_until, now + clamp(wait, 0, HOLD_MOST));
}

void quota_settle(struct quota *q, const struct quota_ticket *t, const struct record *r,
		  int64_t now)
{
	struct outcome o = read_outcome(r);
	struct told told[TOLD];

	if (was_not_sent(&o)) {
		quota_give_back(q, t, now);
		return;
	}
	read_told(o.ratelimit, told);
	settle_tokens(q, t, &o, now);
	int64_t sent = sent_at(t, &o, now);
	learn_kind(q, is_daily(q, &told[REQUESTS]) ? QUOTA_DAY : QUOTA_REQUESTS, t, &told[REQUESTS],
		   sent);
	learn_kind(q, QUOTA_TOKENS, t, &told[TOKENS], sent);
	for (enum quota_kind kind = 0; kind < QUOTA_KINDS; kind++)
		tighten(q, kind, now);
	if (o.status == 429)
		hold(q, &o, told, now);
	if (o.status / 100 == 2 && told[REQUESTS].limit <= 0 && told[TOKENS].limit <= 0)
		atomic_fetch_add(&q->page->silent, 1);
	if (atomic_load(&q->page->probe_until) != 0)
		atomic_store(&q->page->probe_until, 0);
}
