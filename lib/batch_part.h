/*
 * batch_part: the requests that make one batch, and how far it has come.
 *
 * Part N of a job has these files in its folder (batch_journal.h):
 *
 *   N.requests   the requests as they came in, one a line, in order
 *   N.upload     what is sent, until the batch is there
 *   N.output     results, as they were fetched
 *   N.errors     the same, of those that failed (OpenAI)
 *
 * A request is known by its index in the part, from 0. It is sent under an id that begins with it,
 * "17-k3f9q2ab-product_17": the index, the part's tag, and of its own custom_id what every provider
 * takes. So a result is matched without a table, whatever ids the requests have and however often.
 */
#ifndef BATCH_PART_H
#define BATCH_PART_H

#include "batch_api.h"
#include "batch_journal.h"
#include "batch_route.h"
#include "buf.h"
#include "record.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes of a tag and of an id that is sent, with the NUL. */
#define BATCH_TAG 9
#define BATCH_ID  65

enum batch_phase {
	BATCH_SPOOLED,  /* its first two files are whole */
	BATCH_UPLOADED, /* the provider has the file (OpenAI) */
	BATCH_CREATING, /* the provider was asked to make the batch; what came of it is not known */
	BATCH_CREATED,  /* there is a batch */
	BATCH_ENDED,    /* ...which has ended */
	BATCH_FETCHED,  /* its results are in our files */
	BATCH_COLLECTED, /* ...and it is known which requests are to be asked anew */
	BATCH_FAILED,    /* it came to nothing, for all of its requests */
	BATCH_DROPPED    /* it was not sent, and is not needed any more */
};

/* What is known of a request of this run. */
struct batch_item {
	uint64_t sequence;    /* of the line that asks, or one of those below */
	uint64_t offset : 35; /* of its line in N.requests, or apart */
	uint64_t length : 28; /* bytes */
	uint64_t apart : 1;   /* the line that asks differs, and stands in the job's own file */
};
#define BATCH_UNCLAIMED UINT64_MAX       /* no line of this run asks for it */
#define BATCH_ANSWERED  (UINT64_MAX - 1) /* it was asked for, and its outcome is out */
#define BATCH_LINE_MOST ((uint64_t)1 << 28)
#define BATCH_FILE_MOST ((uint64_t)1 << 35)

/* Requests of a part: more than any provider takes in a batch. */
#define BATCH_REQUESTS_MOST 1000000

#define BATCH_UNINTENDED (-1)

struct batch_part {
	struct batch_part *next;
	uint64_t number;
	enum batch_phase phase;
	bool earlier; /* it was made in an earlier run */

	/* What its requests have in common: the texts of their url and of their body's model, ""
	 * where they have none; and where they go. */
	char *url, *model;
	bool params;
	char *base;               /* as in the route, when the part was made */
	struct batch_route route; /* of this run, once it is needed */

	uint64_t count;         /* requests */
	uint64_t bytes, upload; /* of N.requests and N.upload */
	uint64_t tokens;        /* estimated, of all prompts */
	unsigned round;         /* 0, or how often its requests were asked again */
	char tag[BATCH_TAG];
	/* When the newest batch was made that was there before this one's making was first
	 * intended, by the provider's clock, seconds since 1970: older ones are not it. 0: not
	 * known; BATCH_UNINTENDED: it never was. */
	int64_t newest;
	char file[BATCH_API_ID]; /* the provider's names: of the uploaded file, ... */
	char batch[BATCH_API_ID], output[BATCH_API_ID], errors[BATCH_API_ID];
	enum batch_api_state outcome; /* from BATCH_ENDED on */
	char **refused;               /* batches made of it that the provider would not begin */
	size_t refused_count;
	unsigned char *dead;  /* bits by index: to be asked anew; NULL for none */
	char *code, *message; /* why it failed, or with the outcome BATCH_API_FAILED what it left */

	struct batch_item *items; /* NULL while no line of this run asks for any */
	uint64_t claimed, answered;

	struct batch_work *work; /* of batch_flow.c */
};

struct batch_part *batch_part_new(uint64_t number);
void batch_part_free(struct batch_part *p);

/* Set code and message, which are copied. */
void batch_part_explain(struct batch_part *p, const char *code, const char *message);

/* Its file with this suffix, "requests": opened with flags; or removed, if it is there. Returns a
 * descriptor or 0, or -1 after a message. */
int batch_part_open(const struct batch_part *p, const struct batch_journal *j, const char *suffix,
		    int flags);
int batch_part_remove(const struct batch_part *p, const struct batch_journal *j,
		      const char *suffix);

/* Report what failed with that file, by errno. Returns -1. */
int batch_part_complain(const struct batch_part *p, const struct batch_journal *j,
			const char *suffix);

/* The id that a request is sent under. */
void batch_part_id(const struct batch_part *p, uint64_t index, struct json_span custom_id,
		   char id[BATCH_ID]);

/* The index in an id that came back, a JSON string; or -1 if it is none of this part's. */
int64_t batch_part_index(const struct batch_part *p, struct json_span id);

/* A new tag. Returns 0, or -1 with errno. */
int batch_part_tag(char tag[BATCH_TAG]);

/* Is this request to be asked anew? Note that it is. */
bool batch_part_is_dead(const struct batch_part *p, uint64_t index);
void batch_part_kill(struct batch_part *p, uint64_t index);

/* The dead as ranges, "0-5,9", appended; and read back. Returns 0, or -1 if it is no such text. */
void batch_part_list_dead(const struct batch_part *p, struct buf *out);
int batch_part_read_dead(struct batch_part *p, const char *text);

#endif
