/* serial: the ids that a provider gives out. */
#ifndef SERIAL_H
#define SERIAL_H

#include <stdint.h>

#define SERIAL_LENGTH 24

struct serial {
	uint64_t state;
};

/* Start a series; equal seeds give equal ids. */
void serial_seed(struct serial *s, uint64_t seed);

/* A new id: letters and digits, and a NUL. */
void serial_next(struct serial *s, char id[SERIAL_LENGTH + 1]);

#endif
