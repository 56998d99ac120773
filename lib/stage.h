/*
 * stage: runs a tool between stdin and stdout.
 *
 * A tool is two jobs: what to do with a request that comes in, and what to do with a result.
 * Everything else is here: reading and writing, the command around which a tool is wrapped, order,
 * signals, records that wait, the meter, and the exit status. One loop serves three shapes:
 *
 *   pipe form   requests and results come on stdin; what is forwarded or emitted goes to stdout
 *   wrap form   what is forwarded goes to a command; its answers, found again by custom_id, are the
 *               results; what is emitted goes to stdout
 *   engine      as the pipe form, with a request's answer made here, later (lbcall)
 *
 * Every input line has a sequence number, and every one must come out: a job calls stage_forward,
 * stage_emit or stage_hold for it, at once or later. Bad lines never reach a job; they come out as
 * failed results with code bad_record.
 *
 * Memory: a bounded amount for what is being read and written; records in flight, waiting, or ahead
 * of their turn are spooled (spool.h), with about 150 bytes of memory for each.
 */
#ifndef STAGE_H
#define STAGE_H

#include "record.h"

#include <stdbool.h>
#include <stdint.h>

struct meter;
struct stage;

/* What is known of a record that was forwarded before. */
struct stage_flight {
	uint64_t sequence;
	struct json_span request; /* the bytes that were forwarded, with their own custom_id */
	const void *note;         /* what stage_forward was given */
	size_t note_length;
	bool lost; /* no answer came: the command died, or was given up */
	int64_t
	    since; /* clock_now time when it was given to the command; 0 if that never read it */
};

struct stage_jobs {
	/* A record that comes in: requests in pipe form, all in wrap form, and with `items` all
	 * that are no requests or results with a custom_id as well. note is that of stage_hold,
	 * else NULL. */
	void (*request)(struct stage *s, void *context, const struct record *r, uint64_t sequence,
			const void *note, size_t note_length);
	/* A result. flight is NULL in pipe form, where sequence is that of its line. */
	void (*result)(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		       const struct stage_flight *flight);
	/* The input has ended, or reading has stopped: forward what was gathered, or if stopped
	 * fail it. May be NULL. */
	void (*finish)(struct stage *s, void *context, bool stopped);
	/* One of its requests is given up before it was begun, for a reason that stands in code and
	 * message. NULL: it comes out with error, as record_fail writes it. */
	void (*fail)(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		     const char *code, const char *message);
	/* Neither request nor result, in pipe form. NULL: passes untouched. */
	void (*other)(struct stage *s, void *context, const struct record *r, uint64_t sequence);
	/* From when on may the next record be taken, a new line or a held one (clock_now time)? 0:
	 * at once; INT64_MAX: not before a result has come. NULL: always. */
	int64_t (*opens)(void *context);
	/* About to wait, to close the command's input, or to end: forward and emit now what was
	 * kept back to be stored together. Returns when to be called again though nothing happens
	 * (clock_now time), INT64_MAX for not at all. May be NULL. */
	int64_t (*idle)(struct stage *s, void *context);
};

/* Something that answers requests in this process, over descriptors of its own. */
struct stage_engine {
	int (*descriptor)(void *context);   /* readable when run has something to do, or -1 */
	int64_t (*deadline)(void *context); /* when run must be called anyway, clock_now time */
	void (*run)(void *context);         /* do what can be done without waiting */
	size_t (*room)(void *context);      /* how many more requests may be read */
	size_t (*in_flight)(void *context); /* requests not yet answered */
	void (*cancel)(void *context);      /* answer all of them now, as cancelled */
};

struct stage_options {
	char *const *command; /* argv of the command to wrap, or NULL */
	size_t max_line;      /* bytes */
	bool keep_order;
	bool items;       /* items are this tool's requests, too */
	bool feeds_again; /* the result job may forward again: keep the command's stdin open for
			     that */
	bool rounds;  /* ...but let it see end of input, and start it anew for what comes again */
	bool restart; /* start the command again when it dies */
	size_t hold_most; /* read no more while so many records are held; 0: no bound */
	int pipe_size;    /* of the pipe to the command, bytes; 0 for the system's own */
	struct meter *meter;
	const struct stage_engine *engine; /* or NULL */
};

struct stage *stage_new(const struct stage_options *options, const struct stage_jobs *jobs,
			void *context);

/* Run to the end of the input. Returns the exit status, all output written and closed. */
int stage_run(struct stage *s);

void stage_free(struct stage *s);

/*
 * Send a request on: to the command, or in pipe form to stdout. custom_id is that of the line, at
 * NULL if it has none. note (may be NULL) is kept and comes back with the result.
 */
void stage_forward(struct stage *s, uint64_t sequence, struct json_span custom_id,
		   struct json_span line, const void *note, size_t note_length);

/* Write a record to stdout: the outcome for this sequence number. failed counts it as failed. */
void stage_emit(struct stage *s, uint64_t sequence, struct json_span line, bool failed);

/* As stage_emit for a record that is known as spans; the meter reads its lb. */
void stage_emit_record(struct stage *s, uint64_t sequence, const struct record *r);

/* This sequence number has no outcome of its own. */
void stage_skip(struct stage *s, uint64_t sequence);

/* Bring the record back to the request job, with the note, at a time of clock_now. */
void stage_hold(struct stage *s, uint64_t sequence, struct json_span line, int64_t until,
		const void *note, size_t note_length);

/* Records that are held, and records that are in the command. */
size_t stage_held(const struct stage *s);
size_t stage_in_flight(const struct stage *s);

/* Has reading stopped before the end of the input, by a signal or stage_stop? */
bool stage_stopping(const struct stage *s);

/* Stop early on purpose: no more is read, what is in flight finishes, the exit status is 3. */
void stage_stop(struct stage *s);

/*
 * Stop sending, on purpose, but account for all of the input: the command's input is closed, and it
 * is asked to stop if it is one of these tools (what it has in flight it finishes; what it has not
 * begun comes back cancelled or lost); held records come back to the request job at once, and the
 * input is read to its end. From now on the request
 * job must answer what it gets, and nothing may be forwarded or held. The exit status is 3.
 */
void stage_halt(struct stage *s);
bool stage_halted(const struct stage *s);

/* The command still runs but is of no use any more: it is asked to stop, and if `restart` allows
 * started again for what is forwarded from now on. What was in it comes back, answered or lost. */
void stage_replace(struct stage *s);

/* The result at hand, an answer of the command's, does not show that the command works: it does not
 * count when a command that ends again and again without an answer is given up. */
void stage_discount(struct stage *s);

/* Something is broken beyond repair; the message has been given. Ends the run with the status. */
void stage_fatal(struct stage *s, int status);

/* Does so much wait for stdout that an engine with many results should emit no more before it is
 * run again? */
bool stage_is_full(const struct stage *s);

/* Raise the exit status to at least this one at the end: 0, 1, 3, 2, 4 in this order. */
void stage_raise(struct stage *s, int status);

#endif
