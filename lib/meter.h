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

	uint64_t ok, failed;       /* records written */
	uint64_t cached, attempts; /* answered from a store; attempts beyond the first */
	double spent;              /* USD, from lb.cost of what does not come from a store */
	double budget;             /* USD, 0 if there is none */

	bool terminal, drawn;
	int64_t started, next; /* clock_now time */
	/* What was so a while ago, and half a while ago: the rate is counted from the first. */
	struct meter_mark {
		int64_t time;
		uint64_t done;
		double spent;
	} marks[2];
};

/* Start counting at now. */
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
