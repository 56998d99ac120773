#include "limit.h"
#include "clock.h"
#include "mem.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define MINUTE (60 * CLOCK_SEC)

struct bucket {
	double level;
	int64_t at; /* when the level was right */
};

struct key {
	uint64_t hash;
	bool used;
	struct bucket requests;
	struct bucket tokens;
};

/* An open-addressed table of keys, never more than half full. */
struct limit_table {
	int64_t rpm;
	int64_t tpm;
	double burst;
	struct key *keys;
	size_t capacity; /* a power of two */
	size_t count;
};

struct limit_table *limit_new(int64_t rpm, int64_t tpm, int64_t burst)
{
	struct limit_table *t = mem_zero(1, sizeof *t);

	t->rpm = rpm;
	t->tpm = tpm;
	t->burst = (double)(burst > 0 ? burst : rpm);
	t->capacity = 16;
	t->keys = mem_zero(t->capacity, sizeof *t->keys);
	return t;
}

void limit_free(struct limit_table *t)
{
	if (t == NULL)
		return;
	free(t->keys);
	free(t);
}

/* The key's place: where it is, or where it would go. */
static struct key *find_place(struct limit_table *t, uint64_t hash)
{
	size_t i = (size_t)hash & (t->capacity - 1);
	while (t->keys[i].used && t->keys[i].hash != hash)
		i = (i + 1) & (t->capacity - 1);
	return &t->keys[i];
}

static void grow(struct limit_table *t)
{
	struct key *old = t->keys;
	size_t old_capacity = t->capacity;

	t->capacity *= 2;
	t->keys = mem_zero(t->capacity, sizeof *t->keys);
	for (size_t i = 0; i < old_capacity; i++)
		if (old[i].used)
			*find_place(t, old[i].hash) = old[i];
	free(old);
}

static struct key *find_key(struct limit_table *t, uint64_t hash, int64_t now)
{
	struct key *key = find_place(t, hash);

	if (key->used)
		return key;
	if (2 * t->count >= t->capacity) {
		grow(t);
		key = find_place(t, hash);
	}
	t->count++;
	*key = (struct key){.hash = hash, .used = true};
	key->requests = (struct bucket){t->burst, now};
	key->tokens = (struct bucket){(double)t->tpm, now};
	return key;
}

static void refill(struct bucket *b, int64_t per_minute, double capacity, int64_t now)
{
	b->level += (double)(now - b->at) * (double)per_minute / (double)MINUTE;
	if (b->level > capacity)
		b->level = capacity;
	b->at = now;
}

/* The time until the bucket, now at level, holds amount. */
static int64_t time_until(double level, double amount, int64_t per_minute)
{
	if (level >= amount || per_minute == 0)
		return 0;
	return (int64_t)ceil((amount - level) * (double)MINUTE / (double)per_minute);
}

static struct limit_bucket_state describe(const struct bucket *b, int64_t per_minute,
					  double capacity)
{
	return (struct limit_bucket_state){
	    .limit = per_minute,
	    .remaining = (int64_t)b->level,
	    .reset = time_until(b->level, capacity, per_minute),
	};
}

/* Take amount from the bucket, or say how long until it holds that much. A millionth of a unit is
 * forgiven, so that whoever waits as long as told finds it full enough in floating point. */
static int64_t take(struct bucket *b, double amount, int64_t per_minute)
{
	if (per_minute == 0)
		return 0;
	if (b->level + 1e-6 < amount)
		return time_until(b->level, amount, per_minute);
	b->level = b->level > amount ? b->level - amount : 0;
	return 0;
}

struct limit_verdict limit_take(struct limit_table *t, uint64_t hash, int64_t tokens, int64_t now)
{
	struct limit_verdict v = {.outcome = LIMIT_PASS};

	if (t->rpm == 0 && t->tpm == 0)
		return v;
	struct key *key = find_key(t, hash, now);
	refill(&key->requests, t->rpm, t->burst, now);
	refill(&key->tokens, t->tpm, (double)t->tpm, now);
	v.wait = take(&key->requests, 1, t->rpm);
	if (v.wait > 0) {
		v.outcome = LIMIT_REQUESTS;
	} else if (t->tpm > 0 && tokens > t->tpm) {
		v.outcome = LIMIT_TOO_LARGE;
	} else {
		v.wait = take(&key->tokens, (double)tokens, t->tpm);
		if (v.wait > 0)
			v.outcome = LIMIT_TOKENS;
	}
	if (t->rpm > 0)
		v.requests = describe(&key->requests, t->rpm, t->burst);
	if (t->tpm > 0)
		v.tokens = describe(&key->tokens, t->tpm, (double)t->tpm);
	return v;
}

void limit_format_duration(char *out, size_t size, int64_t ns)
{
	int64_t ms = (ns + CLOCK_MS - 1) / CLOCK_MS;
	int64_t minutes = ms / 60000;
	char seconds[32];

	if (ms < 1000) {
		snprintf(out, size, ms == 0 ? "0s" : "%lldms", (long long)ms);
		return;
	}
	snprintf(seconds, sizeof seconds, "%.6gs", (double)(ms % 60000) / 1000);
	if (minutes >= 60)
		snprintf(out, size, "%lldh%lldm%s", (long long)(minutes / 60),
			 (long long)(minutes % 60), seconds);
	else if (minutes > 0)
		snprintf(out, size, "%lldm%s", (long long)minutes, seconds);
	else
		snprintf(out, size, "%s", seconds);
}
