/* batch_flow_state: what the parts of the flow share; for batch_*.c only. */
#ifndef BATCH_FLOW_STATE_H
#define BATCH_FLOW_STATE_H

#include "batch_flow.h"
#include "batch_index.h"
#include "line.h"
#include "provider.h"
#include "reply.h"

/* A call that a part has in flight. */
enum batch_call {
	BATCH_IDLE,
	BATCH_UPLOAD,
	BATCH_CREATE,
	BATCH_POLL,
	BATCH_FETCH, /* of work->file */
	BATCH_MARK,  /* the newest batch that is there before one is made */
	BATCH_LOOK,  /* at a page of the list, for a batch that may be there */
	BATCH_PROBE  /* whether the results of a batch are this part's (Anthropic) */
};

/* What has been done of bringing out a part's results. */
enum batch_pass {
	BATCH_PASS_NONE,
	BATCH_PASS_FILES, /* the lines of output and errors */
	BATCH_PASS_REST,  /* the requests without one */
	BATCH_PASS_FAIL,  /* all requests, with code and message below */
	BATCH_PASS_SKIP,  /* none: they have been submitted */
	BATCH_PASS_DONE
};

/* What a part does in this run. */
struct batch_work {
	enum batch_call call;
	int64_t due;       /* when to go on, clock_now time */
	unsigned step;     /* of the backoff */
	int64_t patience;  /* until when an answer that may be early is waited out; 0: not begun */
	unsigned early;    /* such answers since then */
	unsigned refusals; /* for want of room, so far */
	bool refused;      /* for want of room: waits for another batch's end */
	const char *file;  /* which of "output" and "errors" is fetched */
	bool got_output, got_errors; /* or there is none */
	bool gone;                   /* one of them is there no more */
	struct http_upload upload;
	int fd; /* of the file in flight, or -1 */
	struct buf url, body;

	/* The search for a batch that may be there. */
	unsigned looks, pages;
	char *cursor; /* of the next page, or NULL */
	bool pending; /* one that may be it has not ended */
	char probe[BATCH_API_ID];
	char **strangers; /* batches that are known to be others' */
	size_t stranger_count;

	enum batch_pass pass;
	const char *reading; /* which of the files; NULL at first */
	struct line_reader reader;
	uint64_t next;                                /* index */
	uint64_t garbage, unknown, repeated, expired; /* lines */
	unsigned fetches;     /* of files with lines that could not be read, so far */
	char *code, *message; /* for BATCH_PASS_FAIL */
	long status;          /* ...and the HTTP status of the refusal, or 0 */
};

enum { BATCH_ROUTES = 8 };

struct batch_flow {
	struct batch_flow_options options;
	struct stage *stage;
	struct http *http;
	struct batch_spool *spool;
	struct batch_index *index; /* NULL: no earlier run's request can be asked for */
	struct batch_route routes[BATCH_ROUTES]; /* a few that were used last */
	char *route_keys[BATCH_ROUTES];
	size_t next_route;
	const struct http_headers *headers[2]; /* by style, once picked */
	bool key_missing;
	bool input_ended, quota;
	bool broken;    /* the run ends with status 4 */
	bool stopping;  /* after a signal: only what has come back is brought out */
	bool unbounded; /* ...and all of it now */
	uint64_t claimed, answered;
	int64_t warn; /* no warning of an outage before, clock_now time */
	uint64_t random;
	struct buf line, result, code, message, error;
	struct reply reply;
};

/* batch_answer: a call has ended; the request is the part. */
void batch_answer(void *context, void *request, const struct http_reply *reply);

/* batch_send: starts a call for a part. */
void batch_send_upload(struct batch_flow *f, struct batch_part *p);
void batch_send_create(struct batch_flow *f, struct batch_part *p);
void batch_send_poll(struct batch_flow *f, struct batch_part *p);
void batch_send_fetch(struct batch_flow *f, struct batch_part *p, const char *suffix,
		      const char *id, enum batch_call call);
void batch_send_newest(struct batch_flow *f, struct batch_part *p);
void batch_send_list(struct batch_flow *f, struct batch_part *p);

/* The headers for the part's calls; NULL after a message, and the part has failed. */
const struct http_headers *batch_send_headers(struct batch_flow *f, struct batch_part *p);

/* batch_settle: goes on with a part of which it is not known whether it has a batch; and notes
 * before it is made what tells it from others. */
void batch_settle_marked(struct batch_flow *f, struct batch_part *p,
			 const struct http_reply *reply);
void batch_settle_step(struct batch_flow *f, struct batch_part *p);
void batch_settle_looked(struct batch_flow *f, struct batch_part *p,
			 const struct http_reply *reply);
void batch_settle_probed(struct batch_flow *f, struct batch_part *p,
			 const struct http_reply *reply);

/* batch_collect: brings out outcomes until there is no room for more; and leaves its file. */
void batch_collect_run(struct batch_flow *f, struct batch_part *p);
void batch_collect_end(struct batch_work *w);

/* All of the part's requests fail so, in this run; or for good, which is noted. status is that of
 * the answer by which the provider refused all of them, 0 if it did not. */
void batch_flow_give_up(struct batch_part *p, long status, const char *code, const char *message);
void batch_flow_fail(struct batch_flow *f, struct batch_part *p, long status, const char *code,
		     const char *message);

/* Move a part to a phase, from which it goes on at once. Ends the run if that cannot be noted;
 * returns whether it could. */
bool batch_flow_move(struct batch_flow *f, struct batch_part *p, enum batch_phase phase);

/* The part has a batch, of this id. */
void batch_flow_created(struct batch_flow *f, struct batch_part *p, const char *id);

/* It has ended as the provider says. */
void batch_flow_ended(struct batch_flow *f, struct batch_part *p, const struct batch_api_batch *b);

/* Go on later: the next of a growing row of waits, or what the reply (or NULL) asks for. */
void batch_flow_later(struct batch_flow *f, struct batch_part *p, const struct http_reply *reply);

/* Is what may be due to its being early still to be waited out? It begins with the first question.
 */
bool batch_flow_patient(struct batch_flow *f, struct batch_part *p);

/* What a reply that is no success means, with code and message left in the flow. */
enum provider_class batch_flow_judge(struct batch_flow *f, const struct http_reply *reply);

/* A call failed: go on later, warning now and then, if that may heal; or return false. */
bool batch_flow_transient(struct batch_flow *f, struct batch_part *p,
			  const struct http_reply *reply, enum provider_class class);

/* The outcome of a request is out. */
void batch_flow_answered(struct batch_flow *f, struct batch_part *p, uint64_t index);

/* A file or the journal failed, which was said: the run ends. */
void batch_flow_broken(struct batch_flow *f);

#endif
