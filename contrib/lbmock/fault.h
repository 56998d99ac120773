/*
 * fault: what goes wrong, and how often (--fail KIND:SHARE,...).
 */
#ifndef FAULT_H
#define FAULT_H

#include <stddef.h>

struct rng;

enum fault_kind {
	FAULT_NONE,
	FAULT_STATUS, /* an HTTP error status with the provider's body */
	/* on the connection */
	FAULT_HANG,  /* never answers */
	FAULT_CUT,   /* closes in the middle of the body */
	FAULT_RESET, /* closes without an answer */
	/* in the body */
	FAULT_GARBAGE,  /* 200, but not JSON */
	FAULT_ERROR200, /* 200 with an error object whose code is a number */
	/* in the answer */
	FAULT_REFUSE,   /* a refusal, or filtered content */
	FAULT_TRUNCATE, /* cut off as if at the token limit */
	/* in an answer of the packed form */
	FAULT_MISSING,   /* one number left out */
	FAULT_REPEAT,    /* one number twice */
	FAULT_SURPLUS,   /* one number more than asked for */
	FAULT_RENUMBER,  /* numbered from 0 */
	FAULT_MALFORMED, /* not JSON; also in any answer that a schema asked for */
	FAULT_KINDS
};

struct fault {
	enum fault_kind kind;
	int status; /* of FAULT_STATUS */
};

#define FAULT_MAX 32

/* A zeroed struct is no faults. */
struct fault_plan {
	struct {
		struct fault fault;
		double share;
	} entries[FAULT_MAX];
	size_t count;
};

/* Add the faults of one --fail option. Returns NULL, or what is wrong with it. */
const char *fault_parse(struct fault_plan *plan, const char *value);

/* Decide the fate of the next call: one draw per call if there are any faults. */
struct fault fault_draw(const struct fault_plan *plan, struct rng *r);

/* The kind's name as in --fail; NULL for FAULT_NONE. A status is named "status" here. */
const char *fault_name(enum fault_kind kind);

#endif
