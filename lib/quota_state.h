/* quota_state: the page, and what the parts of quota share; for quota*.c only. */
#ifndef QUOTA_STATE_H
#define QUOTA_STATE_H

#include "bucket.h"
#include "quota.h"

#define QUOTA_PAGE   4096
#define QUOTA_MODELS 64

enum quota_kind { QUOTA_REQUESTS, QUOTA_TOKENS, QUOTA_DAY, QUOTA_KINDS };

struct quota_lane {
	struct bucket bucket;
	_Atomic int64_t given;   /* by an option; 0 for none */
	_Atomic int64_t learned; /* the latest that a result told; 0 for none */
	_Atomic int64_t highest; /* of what results said is left */

	/* The newest request whose result said what is left: its order, counted from 1; when it was
	 * sent; and what was left then, plus the total of what had got places up to it. */
	_Atomic int64_t sampled, sampled_at, sampled_sum;
};

struct quota_model {
	_Atomic int64_t name;   /* hash; 0: free */
	_Atomic int64_t ratio;  /* of reported to estimated input, times 2^16; 0: unknown */
	_Atomic int64_t output; /* mean of answers without a cap, times 2^8; 0: unknown */
};

/* All zero but for the magic is a lane at its start. */
struct quota_page {
	_Atomic uint64_t magic; /* "lbrate", and the version in two bytes */
	_Atomic int64_t burst;
	_Atomic int64_t hold_until;
	_Atomic int64_t probe_until; /* a request is out to find limits; 0: none is */
	_Atomic int64_t silent;      /* good answers that showed no limits */
	_Atomic int64_t requests;    /* all that were given a place, ever */
	_Atomic int64_t tokens;
	struct quota_lane lanes[QUOTA_KINDS];
	struct quota_model models[QUOTA_MODELS];

	/* When a request last found more than half of a burst of tokens, and had not waited for it.
	 * Versions that do not know this leave it alone. */
	_Atomic int64_t plenty_at;
};

_Static_assert(sizeof(struct quota_page) <= QUOTA_PAGE, "the state is one page");

struct quota {
	struct quota_page *page;
	bool mapped;
	bool adaptive;

	/* The place that this process booked last. */
	struct bucket_share last[QUOTA_KINDS];
	size_t last_count;
	int64_t last_order; /* that of its ticket */
};

/* The limit of a kind that is in force. Returns whether there is one. */
bool quota_limit(const struct quota *q, enum quota_kind kind, struct bucket_limit *limit);

/* Give back so many of a ticket's tokens, or charge (units negative) for more. */
void quota_return_tokens(struct quota *q, const struct quota_ticket *ticket, int64_t units,
			 int64_t now);

/* The place of a model in the page; NULL if it has none and cannot or (make false) shall not get
 * one. */
struct quota_model *quota_model(const struct quota *q, int64_t name, bool make);

#endif
