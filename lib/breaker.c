#include "breaker.h"
#include "backoff.h"

int64_t breaker_opens(const struct breaker *b, size_t in_flight)
{
	switch (b->state) {
	case BREAKER_OPEN:
		return in_flight > b->left ? INT64_MAX : b->until;
	case BREAKER_SLOW:
		return in_flight >= b->window ? INT64_MAX : 0;
	case BREAKER_CLOSED:
		break;
	}
	return 0;
}

bool breaker_overtook(const struct breaker *b, int64_t sent)
{
	return b->state == BREAKER_OPEN && sent <= b->opened;
}

/* The wait is half fixed and half jitter, so that the number of probes has a bound. */
static void open_for_a_while(struct breaker *b, size_t in_flight, int64_t now, uint64_t random)
{
	int64_t half = backoff_limit(b->base, b->cap, b->step) / 2;

	if (b->state == BREAKER_CLOSED)
		b->target = in_flight + 1;
	if (b->state != BREAKER_OPEN)
		b->opened = now;
	b->state = BREAKER_OPEN;
	b->until = backoff_until(now, half, backoff_jitter(half, half, 0, random));
	b->left = in_flight;
	b->failures = 0;
	b->step++;
}

static void failed(struct breaker *b, size_t in_flight, int64_t now, uint64_t random)
{
	b->failures++;
	switch (b->state) {
	case BREAKER_CLOSED:
		if (b->failures >= BREAKER_TRIP)
			open_for_a_while(b, in_flight, now, random);
		break;
	case BREAKER_OPEN:
		b->left = in_flight;
		if (now >= b->until)
			open_for_a_while(b, in_flight, now, random);
		break;
	case BREAKER_SLOW:
		if (b->failures >= b->window || b->failures >= BREAKER_TRIP)
			open_for_a_while(b, in_flight, now, random);
		break;
	}
}

void breaker_result(struct breaker *b, bool ok, size_t in_flight, int64_t now, uint64_t random)
{
	if (!ok) {
		failed(b, in_flight, now, random);
		return;
	}
	b->failures = 0;
	if (b->state == BREAKER_OPEN) {
		b->state = BREAKER_SLOW;
		b->window = 0;
	}
	if (b->state == BREAKER_SLOW && ++b->window >= b->target) {
		b->state = BREAKER_CLOSED;
		b->step = 0;
	}
}
