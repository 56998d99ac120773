/*
 * batch: batches of requests, OpenAI's and Anthropic's, as they pass through their states in
 * simulated time. What is particular to a provider stands in batch_openai and batch_messages.
 *
 *   VALIDATING -> FAILED
 *              -> IN_PROGRESS -> FINALIZING -> COMPLETED or EXPIRED
 *   CANCELLING (from each of those that run) -> CANCELLED
 *
 * A batch that takes a time T validates for a tenth of it, is in progress for eight and finalizes
 * for one; meanwhile requests are done evenly. With T = 0 it is as fast as the machine. Requests
 * are taken in an order of the batch's own. Work goes in short slices, between which calls are
 * served. Anthropic's batches begin IN_PROGRESS.
 */
#ifndef BATCH_H
#define BATCH_H

#include "api.h"
#include "batch_fault.h"
#include "buf.h"
#include "outcome.h"
#include "rng.h"
#include "seen.h"
#include "serial.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob;
struct calllog;
struct engine;
struct errand;
struct files;
struct stats;

struct batch_options {
	int64_t duration; /* ns that a batch takes */
	int64_t window;   /* ns until it expires */
	int64_t enqueued; /* tokens of a model's batches that may wait; 0: any number */
	int64_t size; /* bytes of a file, or of a message batch; 0: as many as the provider takes */
	struct batch_fault_plan faults;
};

enum batch_state {
	BATCH_VALIDATING,
	BATCH_IN_PROGRESS,
	BATCH_FINALIZING,
	BATCH_CANCELLING,
	BATCH_FAILED, /* from here on it has ended */
	BATCH_COMPLETED,
	BATCH_EXPIRED,
	BATCH_CANCELLED,
	BATCH_STATES
};

/* What became of a request. */
enum batch_result { BATCH_SUCCEEDED, BATCH_ERRORED, BATCH_LATE, BATCH_CALLED_OFF, BATCH_RESULTS };

/* What will become of a batch, other than its end. */
enum batch_fate { BATCH_AS_USUAL, BATCH_TO_CANCEL, BATCH_TO_EXPIRE, BATCH_TO_VANISH };

/* A request's bytes in the input. */
struct batch_item {
	uint64_t offset;
	uint64_t length;
};

struct batch {
	char id[SERIAL_LENGTH + 16];
	bool anthropic;
	enum batch_state state;
	enum batch_state ending;  /* what it ends in, once it finalizes or is cancelled */
	int64_t at[BATCH_STATES]; /* when it came to a state, unix ns; 0: never */
	int64_t created;
	int64_t expires;
	enum batch_fate fate;
	int64_t unseen;  /* look-ups that do not find it yet */
	int64_t unready; /* look-ups that do not show its files yet */
	bool has_key;
	uint64_t key; /* a hash of its owner's credential */

	/* The input, until it has ended. */
	struct blob *input;
	const char *text; /* the same, mapped */
	struct seen ids;  /* while it is made and validated */
	struct batch_item *items;
	size_t count;
	size_t capacity;
	size_t stride; /* from one item to the next that is done */
	size_t next;   /* the item to do next */
	size_t done;   /* how many are done, of each their result is counted here */
	int64_t results[BATCH_RESULTS];
	struct blob *output;   /* NULL: nothing in it */
	struct blob *failures; /* OpenAI's, of requests that did not succeed */
	int64_t prompt_tokens;
	int64_t completion_tokens;

	/* OpenAI's only. */
	enum api api; /* of its endpoint */
	char input_file[64];
	char output_file[64];
	char error_file[64];
	struct buf metadata; /* a JSON object, or empty */
	struct buf model;    /* a JSON string, or empty */
	struct buf errors;   /* JSON objects with commas between */
	size_t error_count;
	size_t checked; /* items that have been validated */
	int64_t tokens; /* estimate of its prompts; counted if there is a limit */
	int64_t inputs; /* of embeddings */
};

/* All batches, in the order in which they were made. */
struct batch_list {
	const struct batch_options *options;
	struct engine *engine;
	struct files *files;
	struct stats *stats;
	struct calllog *log; /* NULL: none */
	struct serial *serial;
	struct rng request_rng;
	struct rng poll_rng;
	int64_t faults_left[BATCH_FAULT_COUNTS]; /* of those that hit the first N */
	struct batch **batches;
	size_t count;
	size_t capacity;
	struct outcome reply; /* used again for each request */
	struct buf line;
	struct buf custom;
};

/* Make ready; options, engine, files, stats, log and serial have been set, and must stay. */
void batch_start(struct batch_list *l, uint64_t seed);

void batch_free(struct batch_list *l);

/* Answer a call to one of the endpoints for batches. In batch_answer. */
void batch_answer(struct batch_list *l, struct errand *e);

/* Work for a slice of time, of milliseconds, on batches whose time has come. time is the provider's
 * clock. Returns when there is more to do, on the same clock: at or before time for at once,
 * INT64_MAX if nothing is left. */
int64_t batch_work(struct batch_list *l, int64_t time);

/* The rest is for the other files of batch. */

/* What a provider has of its own in how calls are answered. */
struct batch_provider {
	int64_t page;     /* how many a page of a list may have */
	const char *list; /* how a list begins, up to its first batch */
	/* Make a batch, or say what is wrong with the call. */
	void (*create)(struct batch_list *l, struct errand *e);
	/* Append what a batch looks like to the one who calls. */
	void (*add_object)(struct buf *out, const struct errand *e, const struct batch *b);
	/* Answer that a batch which has ended cannot be cancelled. */
	void (*refuse_cancel)(struct errand *e, const struct batch *b);
};

/* A new batch, in a state, of a call; input is shared. It is in the list when batch_add has been
 * called; until then batch_drop frees it. */
struct batch *batch_new(struct batch_list *l, const struct errand *e, const char *prefix,
			enum batch_state state, struct blob *input);
void batch_add(struct batch_list *l, struct batch *b);
void batch_drop(struct batch *b);

/* Add an item. */
void batch_item(struct batch *b, uint64_t offset, uint64_t length);

/* Has it ended? */
bool batch_ended(const struct batch *b);

/* Stop it: it will be BATCH_CANCELLED. It has not ended. */
void batch_cancel(struct batch *b, int64_t time);

/* Do the next item of a batch: BATCH_SUCCEEDED, or whatever else comes of it. With BATCH_LATE or
 * BATCH_CALLED_OFF it is not done any more, and its results say so. In batch_run. */
void batch_run(struct batch_list *l, struct batch *b, enum batch_result wanted, int64_t time);

#endif
