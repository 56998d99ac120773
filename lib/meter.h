/*
 * meter: counts what a tool has written and shows it on stderr: with --progress one live line on a
 * terminal, redrawn ten times a second, or a plain line every ten seconds elsewhere; with -v a
 * summary at the end.
 */
#ifndef METER_H
#define METER_H

#include "json.h"

#include <stdbool.h>
#include <stdint.h>

struct buf;

struct meter {
	bool progress; /* --progress */
	bool verbose;  /* -v */
	int64_t total; /* --total, 0 if unknown */

	uint64_t ok, failed; /* records written */
	uint64_t cached;     /* answered from a store */
	uint64_t attempts;   /* beyond the first, of what does not come from a store */
	double spent;        /* USD, from lb.cost of the same */
	double budget;       /* USD, 0 if there is none */

	bool terminal, drawn;
	int64_t started, next; /* clock_now time */
	/* What was so a while ago, and half a while ago: the rate is counted from the first. */
	struct meter_mark {
		int64_t time;
		uint64_t done;
		double spent;
	} marks[2];
};

/* Is stderr a terminal on which no tool around this one shows a live line? Then a meter may be
 * shown unasked. */
bool meter_has_room(void);

/* Start counting at now. With a live line to be shown, commands that are started from now on are
 * told by the variable LB_METER. */
void meter_start(struct meter *m, int64_t now);

/* Count a record with this lb member (at NULL if it has none). */
void meter_count(struct meter *m, bool failed, struct json_span lb);

/* When meter_tick has something to do; INT64_MAX without --progress. */
int64_t meter_deadline(const struct meter *m);

/* Draw, if it is time to. */
void meter_tick(struct meter *m, int64_t now);

/* Append the line for a terminal of so many columns: as much of it as there is room for. Rate, time
 * to go and what will be spent are reckoned from the last quarter of a minute or more, since what
 * comes from a store comes fast and costs nothing, and often comes first. */
void meter_line(struct buf *out, const struct meter *m, int64_t now, size_t columns);

/* The last line, and the summary. */
void meter_end(struct meter *m, int64_t now);

#endif
