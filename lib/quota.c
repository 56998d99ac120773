/* Taking a place in the lane, and giving it back. */
#include "quota.h"
#include "buf.h"
#include "clock.h"
#include "fnv.h"
#include "quota_state.h"

#include <string.h>

/* With nothing known: how long a request is waited for that is out to find limits, how often it is
 * looked whether it is back, and how many good answers must have shown none. */
#define PROBE_WAIT  (60 * CLOCK_SEC)
#define PROBE_PAUSE (20 * CLOCK_MS)
#define SILENT_MOST 3

/* A hold that ends later than one can is of a clock that was set back. */
#define HOLD_MOST (3600 * CLOCK_SEC)

/* The guess for an answer without a cap, until there is a mean. */
#define OUTPUT_GUESS 256

/* Where estimates stop, so that sums fit. */
#define TOKENS_MOST (INT64_C(1) << 40)

/* A count from the page, which may be damaged. */
static int64_t count_of(const _Atomic int64_t *place)
{
	int64_t value = atomic_load_explicit(place, memory_order_relaxed);
	return value < 0 ? 0 : value > QUOTA_MOST ? QUOTA_MOST : value;
}

/*
 * How many may go at once. Of requests by default a second's worth. Of tokens a minute's, as much
 * as the providers' own buckets hold: all requests in flight have their answers' caps reserved, so
 * less would keep down how many can be in flight. Of a day's requests all.
 */
static int64_t burst_of(const struct quota *q, enum quota_kind kind, int64_t units)
{
	int64_t burst = count_of(&q->page->burst);
	struct bucket_limit requests;

	if (burst > QUOTA_BURST_MOST)
		burst = QUOTA_BURST_MOST;
	if (kind == QUOTA_REQUESTS)
		return burst > 0 ? burst : units >= 60 ? units / 60 : 1;
	if (kind == QUOTA_DAY || burst == 0 || !quota_limit(q, QUOTA_REQUESTS, &requests))
		return units;
	/* The tokens of so many requests, if all are alike. */
	burst = burst * units / requests.units;
	return burst > 0 ? burst : 1;
}

bool quota_limit(const struct quota *q, enum quota_kind kind, struct bucket_limit *limit)
{
	const struct quota_lane *lane = &q->page->lanes[kind];
	int64_t given = count_of(&lane->given), learned = count_of(&lane->learned);
	int64_t units = given;

	if (given > 0 ? learned > 0 && learned < given : q->adaptive)
		units = learned;
	if (units == 0)
		return false;
	limit->units = units;
	limit->period = kind == QUOTA_DAY ? 86400 * CLOCK_SEC : 60 * CLOCK_SEC;
	limit->burst = burst_of(q, kind, units);
	return true;
}

bool quota_is_limited(const struct quota *q)
{
	struct bucket_limit limit;

	for (enum quota_kind kind = 0; kind < QUOTA_KINDS; kind++)
		if (quota_limit(q, kind, &limit))
			return true;
	return q->adaptive;
}

bool quota_counts_tokens(const struct quota *q)
{
	return q->adaptive || count_of(&q->page->lanes[QUOTA_TOKENS].given) > 0;
}

int64_t quota_tokens(const struct quota *q)
{
	struct bucket_limit limit;
	return quota_limit(q, QUOTA_TOKENS, &limit) ? limit.units : 0;
}

/* 52 bits; not 0. */
static int64_t hash_name(struct json_span name)
{
	return (int64_t)(fnv_add(FNV_START, name.at, name.length) >> 12 | 1);
}

struct quota_model *quota_model(const struct quota *q, int64_t name, bool make)
{
	for (size_t i = 0; i < QUOTA_MODELS; i++) {
		struct quota_model *m = &q->page->models[((uint64_t)name / 2 + i) % QUOTA_MODELS];
		int64_t owner = atomic_load(&m->name);
		if (owner == 0 && !make)
			return NULL;
		if (owner == 0 && atomic_compare_exchange_strong(&m->name, &owner, name))
			return m;
		if (owner == name)
			return m;
	}
	return NULL;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t estimate_tokens(const struct quota *q, const struct quota_need *need, int64_t name)
{
	const struct quota_model *m = quota_model(q, name, false);
	int64_t ratio = m != NULL ? count_of(&m->ratio) : 0;
	int64_t input = least(need->input, TOKENS_MOST), output = need->output;

	if (ratio > 0 && ratio < 1 << 20)
		input = input * ratio >> 16;
	if (output < 0)
		output = m != NULL && count_of(&m->output) > 0 ? count_of(&m->output) >> 8
							       : OUTPUT_GUESS;
	return input + least(output, TOKENS_MOST);
}

int64_t quota_opens(const struct quota *q, int64_t now)
{
	int64_t until = atomic_load(&q->page->hold_until);
	return until > now && until <= now + HOLD_MOST ? until : now;
}

/* With no limit known: may this request go and look for some? The others wait meanwhile. */
static bool may_probe(struct quota *q, int64_t now, int64_t go)
{
	int64_t until = atomic_load(&q->page->probe_until);

	if (!q->adaptive || atomic_load(&q->page->silent) >= SILENT_MOST)
		return true;
	if (until > now && until <= now + QUOTA_AHEAD + PROBE_WAIT)
		return false;
	return atomic_compare_exchange_strong(&q->page->probe_until, &until, go + PROBE_WAIT);
}

/* Book a place for so many tokens as the ticket has. */
static enum quota_answer book(struct quota *q, int64_t now, struct quota_ticket *ticket,
			      int64_t *at)
{
	int64_t latest = now + QUOTA_AHEAD, go = quota_opens(q, now);
	const struct bucket_share *tokens = NULL;
	size_t count = 0;

	ticket->at = 0;
	for (enum quota_kind kind = 0; kind < QUOTA_KINDS; kind++) {
		struct bucket_share *share = &q->last[count];
		share->bucket = &q->page->lanes[kind].bucket;
		share->units = kind == QUOTA_TOKENS ? ticket->tokens : 1;
		if (!quota_limit(q, kind, &share->limit))
			continue;
		if (kind == QUOTA_TOKENS && ticket->tokens > 0)
			tokens = share;
		count++;
	}
	q->last_count = count;
	q->last_order = -1;
	if (count > 0)
		go = bucket_reserve(q->last, count, go, latest);
	if (go == BUCKET_NEVER)
		return QUOTA_NEVER;
	*at = go > latest ? least(go - QUOTA_AHEAD, latest) : now + PROBE_PAUSE;
	if (go > latest || (count == 0 && !may_probe(q, now, go)))
		return QUOTA_LATER;
	ticket->full_at = tokens != NULL ? tokens->after : 0;
	ticket->at = *at = go;
	ticket->order = q->last_order = atomic_fetch_add(&q->page->requests, 1);
	ticket->before = atomic_fetch_add(&q->page->tokens, ticket->tokens);
	return QUOTA_GO;
}

/* Are there tokens enough for so many not to be waited for, and more than half of a burst? */
static bool has_plenty(const struct quota *q, int64_t tokens, int64_t now)
{
	struct bucket_limit limit;

	if (tokens == 0 || !quota_limit(q, QUOTA_TOKENS, &limit))
		return false;
	int64_t left = bucket_left(&q->page->lanes[QUOTA_TOKENS].bucket, &limit, now);
	return left > limit.burst / 2 && left >= least(tokens, limit.burst);
}

enum quota_answer quota_reserve(struct quota *q, const struct quota_need *need, int64_t now,
				struct quota_ticket *ticket, int64_t *at)
{
	*ticket = (struct quota_ticket){.input = need->input, .capped = need->output >= 0};
	if (quota_counts_tokens(q)) {
		ticket->model = hash_name(need->model);
		ticket->tokens = estimate_tokens(q, need, ticket->model);
	}
	int64_t opens = quota_opens(q, now);
	bool plenty = has_plenty(q, ticket->tokens, opens);
	enum quota_answer answer = book(q, now, ticket, at);
	if (plenty && answer == QUOTA_GO)
		atomic_store(&q->page->plenty_at, opens);
	return answer;
}

/* Has nobody got a place after this one? */
static bool is_last(const struct quota *q, const struct quota_ticket *ticket)
{
	return atomic_load(&q->page->requests) == ticket->order + 1;
}

enum quota_answer quota_move(struct quota *q, int64_t now, struct quota_ticket *ticket, int64_t *at)
{
	int64_t opens = quota_opens(q, now);
	bool held = opens > now && ticket->at < opens;
	bool set_back = ticket->at > now + QUOTA_AHEAD; /* the clock was */

	*at = ticket->at;
	if (!held && !set_back && (ticket->at <= now || !is_last(q, ticket)))
		return QUOTA_GO;
	/* Given back, it would move the word before places behind the hold that others have. */
	if (is_last(q, ticket))
		quota_give_back(q, ticket, now);
	return book(q, now, ticket, at);
}

/* The totals go back too, so that nothing seems to have passed; not if others have come after,
 * whose tickets count on them. */
static void give_back_totals(struct quota *q, const struct quota_ticket *ticket)
{
	int64_t requests = ticket->order + 1, tokens = ticket->before + ticket->tokens;

	if (atomic_compare_exchange_strong(&q->page->requests, &requests, ticket->order))
		atomic_compare_exchange_strong(&q->page->tokens, &tokens, ticket->before);
}

/*
 * What was taken comes in again with time, whether it was used or not. Where requests wait for that
 * it goes to them, and what was not used is still there to be given back. But where nobody waits
 * the bucket fills up: had less been taken, it would have been full earlier and the rest have run
 * over. So of what came in before the last request that found plenty, nothing is given back. Tokens
 * come in in the order in which they were taken, these ones as the last before full_at.
 */
void quota_return_tokens(struct quota *q, const struct quota_ticket *ticket, int64_t units,
			 int64_t now)
{
	int64_t plenty = atomic_load(&q->page->plenty_at), most = 0;
	struct bucket_limit limit;

	if (!quota_limit(q, QUOTA_TOKENS, &limit))
		return;
	if (plenty < 0 || plenty > now + QUOTA_AHEAD) /* the clock was set back */
		plenty = 0;
	if (ticket->full_at > plenty)
		most = bucket_refill(&limit, ticket->full_at - plenty);
	bucket_give_back(&q->page->lanes[QUOTA_TOKENS].bucket, &limit, least(units, most), now);
}

void quota_give_back(struct quota *q, const struct quota_ticket *ticket, int64_t now)
{
	struct bucket_limit limit;

	give_back_totals(q, ticket);
	atomic_store(&q->page->probe_until, 0);
	if (q->last_order == ticket->order) {
		bucket_cancel(q->last, q->last_count, now);
		q->last_order = -1;
		return;
	}
	quota_return_tokens(q, ticket, ticket->tokens, now);
	for (enum quota_kind kind = 0; kind < QUOTA_KINDS; kind++)
		if (kind != QUOTA_TOKENS && quota_limit(q, kind, &limit))
			bucket_give_back(&q->page->lanes[kind].bucket, &limit, 1, now);
}

/* The members of a ticket, in JSON as in memory but for their units. All are below 2^53, so that
 * programs which read numbers as floating point leave them as they are. */
static const struct field {
	const char *name;
	size_t offset;
	int64_t unit;
} fields[] = {
    {"at", offsetof(struct quota_ticket, at), 1000}, /* microseconds */
    {"order", offsetof(struct quota_ticket, order), 1},
    {"before", offsetof(struct quota_ticket, before), 1},
    {"tokens", offsetof(struct quota_ticket, tokens), 1},
    {"input", offsetof(struct quota_ticket, input), 1},
    {"capped", offsetof(struct quota_ticket, capped), 1},
    {"model", offsetof(struct quota_ticket, model), 1},
    {"full_at", offsetof(struct quota_ticket, full_at), 1000},
};

#define FIELDS     (sizeof fields / sizeof *fields)
#define FIELDS_OLD (FIELDS - 1) /* of a ticket by a version that does not know full_at */
#define FIELD_MOST (INT64_C(1) << 53)

void quota_write_ticket(struct buf *out, const struct quota_ticket *ticket)
{
	for (size_t i = 0; i < FIELDS; i++) {
		int64_t number;
		memcpy(&number, (const char *)ticket + fields[i].offset, sizeof number);
		buf_addc(out, i == 0 ? '{' : ',');
		buf_addc(out, '"');
		buf_adds(out, fields[i].name);
		buf_adds(out, "\":");
		buf_addn(out, (uint64_t)(number / fields[i].unit));
	}
	buf_addc(out, '}');
}

int quota_read_ticket(struct json_span value, int64_t now, struct quota_ticket *ticket)
{
	struct json_member members[FIELDS];

	for (size_t i = 0; i < FIELDS; i++)
		members[i] =
		    (struct json_member){fields[i].name, strlen(fields[i].name), {NULL, 0}};
	json_find(value, members, FIELDS);
	*ticket = (struct quota_ticket){.full_at = INT64_MAX};
	for (size_t i = 0; i < FIELDS; i++) {
		int64_t number;
		if (i >= FIELDS_OLD && members[i].value.at == NULL)
			break;
		if (json_integer(members[i].value, &number) < 0 || number < 0 ||
		    number > FIELD_MOST || number > INT64_MAX / fields[i].unit)
			return -1;
		number *= fields[i].unit;
		memcpy((char *)ticket + fields[i].offset, &number, sizeof number);
	}
	/* It has been through other hands: one that would upset the lane is none. */
	if (ticket->at > now + QUOTA_AHEAD || ticket->tokens > 2 * TOKENS_MOST ||
	    ticket->input > TOKENS_MOST)
		return -1;
	return 0;
}
