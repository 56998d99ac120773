/* pricing: what a record costs by a price table: the answer of a result, and a request at most. */
#ifndef PRICING_H
#define PRICING_H

#include "price.h"
#include "record.h"

enum pricing_kind {
	PRICING_PRICED,   /* by its usage */
	PRICING_KNOWN,    /* it has lb.cost already */
	PRICING_STORED,   /* it comes from a cache or a checkpoint, and was not paid for now */
	PRICING_UNPRICED, /* it has a usage, but its model has no price */
	PRICING_UNTOLD, /* an answer that does not tell its usage, so that it has no price either */
	PRICING_DOUBTFUL, /* it may have been billed, but does not say for how much */
	PRICING_DEFERRED, /* it will be: the same command fetches its answer another time */
	PRICING_FREE      /* it was not billed */
};

struct pricing {
	enum pricing_kind kind;
	int64_t cost;                    /* nano-dollars; 0 unless priced or known */
	const struct price_model *model; /* NULL if unknown */
	struct provider_usage usage;
	bool upgraded; /* served at a dearer tier than was asked for */
};

/*
 * Price a result. Its model is the one that the response names, or if that has no price the
 * request's, or else the table's for other models. request is the text of the request's record, at
 * NULL to take what this record has of it; now is the time in seconds since 1970.
 *
 * Without a usage it was not billed if an answer with an error status came, or an error in place of
 * an answer, or if it failed before it was sent. In all other cases it may have been; if it is
 * the answer of a model that is named, and has not failed, it is taken to be.
 */
void pricing_result(const struct price_table *t, const struct record *r, struct json_span request,
		    int64_t now, struct pricing *p);

/*
 * The most that a request can cost. Returns 0 with the nano-dollars; or -1 with the code of the
 * error, static text, and the message appended: the model has no price, or there is no bound.
 */
int pricing_request(const struct price_table *t, const struct record *r, int64_t *most,
		    const char **code, struct buf *message);

/* Append the result with its cost, or as one without a price, in its lb, and if settled without
 * lb.reserved. Returns false, and nothing is appended, if it stays as it is. */
bool pricing_mark(struct buf *out, const struct record *r, const struct pricing *p, bool settled);

/* Append the request without the entries of its lb that would pass for its answer's: what it cost,
 * that it came from a store or a batch. A record that is sent once more may have them, or one from
 * a stranger who would not pay. Returns false, and nothing is appended, if it has none. */
bool pricing_unmark(struct buf *out, const struct record *r);

/* What had no price. */
struct pricing_gaps {
	uint64_t untold;  /* answers without a usage */
	uint64_t results; /* of models without a price */
	char *names[5];   /* of the first such models */
};

/* Note a result, if it is one without a price; name is that of its model if this has none. */
void pricing_note_gap(struct pricing_gaps *gaps, const struct pricing *p, const char *name);

/* Say on stderr how many there were, if any. */
void pricing_report_gaps(const struct pricing_gaps *gaps);
void pricing_forget_gaps(struct pricing_gaps *gaps);

/* Append what the model of a record, or of its request (as above), is called; "?" if it does not
 * say. */
void pricing_name(struct buf *out, const struct record *r, struct json_span request);

#endif
