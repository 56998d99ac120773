#include "serial.h"
#include "rng.h"

void serial_seed(struct serial *s, uint64_t seed)
{
	s->state = rng_scatter(seed);
}

void serial_next(struct serial *s, char id[SERIAL_LENGTH + 1])
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567"; /* five bits each */
	uint64_t bits = 0;

	for (unsigned i = 0; i < SERIAL_LENGTH; i++, bits >>= 5) {
		if (i % 12 == 0)
			bits = rng_scatter(s->state++);
		id[i] = digits[bits & 31];
	}
	id[SERIAL_LENGTH] = '\0';
}
