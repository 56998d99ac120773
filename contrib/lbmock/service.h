/*
 * service: the pretended provider. Takes a call as it came over the wire and decides the reply:
 * checks the credential and the body, enforces limits and quota, draws a fault, writes the answer,
 * logs and counts. Knows nothing of connections; see server.h.
 *
 * The order in which a call can be turned away: path and method, credential (401), rate limits
 * (429), body (400), quota. What is left is served: it meets a fault or is answered, after the
 * latency. What is turned away is so at once, and so are calls for files and batches. These have a
 * limit of their own on requests, and none on tokens.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include "batch.h"
#include "fault.h"
#include "latency.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct calllog;
struct incoming;
struct outcome;
struct service;

struct service_options {
	struct latency latency;
	struct fault_plan faults;
	uint64_t seed;
	int64_t rpm;          /* 0: no limit */
	int64_t tpm;          /* 0: no limit */
	int64_t burst;        /* requests; 0: rpm */
	int64_t prompt_share; /* what prompts count, percent of their estimate */
	int64_t quota;        /* calls served before there are no more; -1: no quota */
	int64_t retry_after;  /* ns, on 429 faults */
	const char *key;      /* the only credential that is good; NULL: any, or none */
	bool pretty;
	struct batch_options batch;
	struct calllog *log; /* NULL: none. Borrowed. */
};

/* A provider. The options must stay. The caller frees with service_free. */
struct service *service_new(const struct service_options *options);

void service_free(struct service *s);

/* Decide the reply to a call. Times: wall in unix ns, now on the monotonic clock. */
void service_answer(struct service *s, const struct incoming *call, struct outcome *reply,
		    int64_t wall, int64_t now);

/* The call to an endpoint is over, one way or the other; it no longer counts as in flight. */
void service_done(struct service *s, enum api api);

/* The time in ns until there is work to do on batches: 0 for now, INT64_MAX if there is none. */
int64_t service_idle(const struct service *s, int64_t wall);

/* Work on batches for a few milliseconds at most. */
void service_work(struct service *s, int64_t wall);

#endif
