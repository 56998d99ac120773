/*
 * fault: what goes wrong, and how often (--fail KIND:SHARE,..., and --batch-fail, see
 * batch_fault.h).
 */
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>
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
	/* in the results of a batch */
	FAULT_EXPIRE,   /* the request is not done in time */
	FAULT_OMIT,     /* its result is not there */
	FAULT_TWICE,    /* its result is there twice */
	FAULT_STRANGER, /* one more result, of a request that was never made */
	FAULT_BROKEN,   /* its result is not JSON */
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

/* Is it an error status or a fault of the connection or the body, which any call can meet? Is it
 * one of an answer? */
bool fault_is_of_call(enum fault_kind kind);
bool fault_is_of_answer(enum fault_kind kind);

/* Add the faults of one --fail option. Returns NULL, or what is wrong with it. */
const char *fault_parse(struct fault_plan *plan, const char *value);

/* The fault that a name or a status stands for; FAULT_NONE if it is none. */
struct fault fault_find(const char *name);

/* Add one fault with its share, as text. Returns NULL, or what is wrong. */
const char *fault_add(struct fault_plan *plan, struct fault fault, const char *share);

/* Call add for each KIND:ARGUMENT of a list with commas, until it says what is wrong. Returns that,
 * or NULL. */
const char *fault_each(const char *value,
		       const char *(*add)(void *context, const char *kind, const char *argument),
		       void *context);

/* Decide the fate of the next call: one draw per call if there are any faults. */
struct fault fault_draw(const struct fault_plan *plan, struct rng *r);

/* The kind's name as in --fail; NULL for FAULT_NONE. A status is named "status" here. */
const char *fault_name(enum fault_kind kind);

#endif
