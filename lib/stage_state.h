/* stage_state: what the parts of the stage runner share; for stage*.c only. */
#ifndef STAGE_STATE_H
#define STAGE_STATE_H

#include "buf.h"
#include "child.h"
#include "flight.h"
#include "hold.h"
#include "line.h"
#include "order.h"
#include "out.h"
#include "stage.h"

struct stage {
	struct stage_options options;
	struct stage_jobs jobs;
	void *context;

	struct line_reader in;
	bool hungry;      /* all lines in memory are taken: read before taking more */
	bool input_ended; /* no more is read: end of input, a signal, or stage_stop */
	bool finished;    /* the finish job has run */
	bool stopping;    /* ...before the end of the input */
	int signals;      /* that were seen */
	bool cut_off;     /* read no more, and cancel what was read but not begun */
	bool halted;      /* stage_halt */
	int64_t idle_due; /* when the idle job wants to be called again */
	bool giving_up;   /* a second signal: nothing more is waited for */
	uint64_t sequence;

	struct out out;
	struct order *order; /* or NULL */
	struct spool *spool;
	struct hold_queue *holds;

	/* The command, in wrap form. */
	struct child child;
	bool dead;               /* it died and is not started again */
	bool child_halted;       /* it was asked to stop */
	bool replacing;          /* ...and is to be started again */
	unsigned barren;         /* starts in a row that ended in death without an answer */
	uint64_t answers;        /* since it was started */
	size_t left;             /* records that were in it when it closed its stdout... */
	bool clean;              /* ...which was as it should be: behind the end of its input */
	bool left_others;        /* it has ended, but its stdout has not, which was said */
	int end;                 /* its status, as waitpid gives it */
	uint64_t strays;         /* lines of it that answer nothing */
	struct out feed;         /* to its stdin */
	struct line_reader from; /* from its stdout */
	struct flight_table *flights;
	uint64_t queued;  /* bytes for it since it was started */
	uint64_t written; /* ...of which so many were written, once its stdin is closed */
	uint64_t made_up; /* ids given so far */

	size_t unwritten; /* bytes left out of stdout, as nobody reads */
	int status;       /* the least that the run ends with */
	bool fatal;       /* end it now */
	struct buf key;
};

/* Start the command. Returns 0, or -1 after a message. */
int stage_child_start(struct stage *s);

/* Send a line to the command, now or when it runs again. */
void stage_child_send(struct stage *s, uint64_t sequence, struct json_span custom_id,
		      struct json_span line, const void *note, size_t note_length);

/* Read what the command has written. */
void stage_child_read(struct stage *s);

/* Take a record out of the table and tell the result job. answer is NULL when none came. */
void stage_child_settle(struct stage *s, struct flight *f, const struct record *answer);

/* Its stdin is closed for good, by us or because it would not read on. */
void stage_child_close(struct stage *s);

/* It has closed its stdout. Its own end may be long in coming. */
void stage_child_end(struct stage *s);

/* A child has ended, as a signal tells: if it is the command, take its status. */
void stage_child_reap(struct stage *s);

/* When it has ended, but something that it has started keeps its stdout open: if nothing can be
 * answered any more, that is its end. */
void stage_child_end_outlived(struct stage *s);

/* Does it run, or something that may answer for it? */
bool stage_child_is_there(const struct stage *s);

/* Write what it takes without waiting, if much has gathered, all has, or it comes to waiting; close
 * its stdin when nothing more can come. */
void stage_child_feed(struct stage *s, bool about_to_wait);

/* Ask it to stop when it has finished what it has in flight. */
void stage_child_halt(struct stage *s);

/* Stop it; what was in it is lost. */
void stage_child_give_up(struct stage *s);

/* It can answer no more, but there are records in it. */
bool stage_child_is_losing(const struct stage *s);

/* Bring them out as lost, as far as there is room on stdout. */
void stage_child_lose(struct stage *s);

/* May the command be sent another line now? If it has ended and may run again: will it take one
 * when it is started? */
bool stage_child_has_room(const struct stage *s);

/* The same for a record that waits, for which it is started again. */
bool stage_child_ready(struct stage *s);

/* When the next record that is held may be released (clock_now time): at its time, with the stage
 * stopping or halted at once. INT64_MAX: there is none, or no room for what becomes of it. */
int64_t stage_hold_due(const struct stage *s);

/* Release those that are due. */
void stage_hold_release(struct stage *s);

/* There is no room for a record among what is kept, for the reason in errno: no more is read or
 * sent, and the status is 4; but what is in flight is paid for, and finishes. The record is left to
 * the caller. */
void stage_no_room(struct stage *s, const char *what);

/* A request that is given up before it was begun: it comes out as cancelled, for the reason why. */
void stage_cancel(struct stage *s, uint64_t sequence, const struct record *r, const char *why);

/* A request that got no answer: a failed result for it goes through the result job. If the
 * command had read it, it has lb.ms as with lbcall: it may have been sent. */
void stage_lost(struct stage *s, struct stage_flight *flight);

/* A signal has come. */
void stage_handle_signals(struct stage *s);

/* May another line be taken from the input? */
bool stage_io_wants_input(const struct stage *s);

/* From when on the next record may be taken, as the tool has it. */
int64_t stage_io_opens(const struct stage *s);

/* Let the tool bring out what it keeps back. */
void stage_io_idle(struct stage *s);

/* Write to stdout: all of it if there is nothing else to look after, else what it takes now. After
 * a second signal all, and a reader that takes nothing for a second gets no more. */
void stage_io_write(struct stage *s);

/* Write what is left and close stdout. */
void stage_io_finish(struct stage *s);

/* Wait until something can be done, having written what has gathered, and do the reading. */
void stage_io_wait(struct stage *s);

#endif
