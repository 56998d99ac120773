#include "stats.h"
#include "buf.h"
#include "errand.h"
#include "outcome.h"

#include <inttypes.h>

void stats_begin(struct stats *s)
{
	s->requests++;
	s->in_flight++;
	if (s->in_flight > s->peak_in_flight)
		s->peak_in_flight = s->in_flight;
}

void stats_end(struct stats *s)
{
	s->in_flight--;
}

void stats_count(struct stats *s, enum stats_outcome outcome)
{
	s->outcomes[outcome]++;
}

void stats_served(struct stats *s, struct fault fault, int64_t prompt_tokens,
		  int64_t completion_tokens)
{
	if (fault.kind == FAULT_NONE)
		s->outcomes[STATS_OK]++;
	else if (fault.kind == FAULT_STATUS)
		s->statuses[fault.status - 400]++;
	else
		s->faults[fault.kind]++;
	s->prompt_tokens += prompt_tokens;
	s->completion_tokens += completion_tokens;
}

void stats_errand(struct stats *s, const struct errand *e, struct fault fault)
{
	int status = e->reply->status;

	if (fault.kind == FAULT_NONE && e->reply->way == OUTCOME_RESET)
		fault.kind = FAULT_RESET;
	else if (fault.kind == FAULT_NONE && e->fault[0] != '\0' && status != 200)
		fault = (struct fault){FAULT_STATUS, status};
	if (fault.kind != FAULT_NONE || status == 200)
		stats_served(s, fault, 0, 0);
	else
		stats_count(s, STATS_ERROR);
}

void stats_batched(struct stats *s, int64_t prompt_tokens, int64_t completion_tokens)
{
	s->batched++;
	s->prompt_tokens += prompt_tokens;
	s->completion_tokens += completion_tokens;
}

static void add_faults(struct buf *out, const struct stats *s)
{
	const char *comma = "";

	for (int status = 0; status < 200; status++) {
		if (s->statuses[status] == 0)
			continue;
		buf_addf(out, "%s\"%d\":%" PRIu64, comma, 400 + status, s->statuses[status]);
		comma = ",";
	}
	for (int kind = FAULT_STATUS + 1; kind < FAULT_KINDS; kind++) {
		if (s->faults[kind] == 0)
			continue;
		buf_addf(out, "%s\"%s\":%" PRIu64, comma, fault_name((enum fault_kind)kind),
			 s->faults[kind]);
		comma = ",";
	}
}

void stats_write(struct buf *out, const struct stats *s)
{
	buf_addf(out,
		 "{\"requests\":%" PRIu64 ",\"ok\":%" PRIu64 ",\"rate_limited\":%" PRIu64
		 ",\"quota\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"faults\":{",
		 s->requests, s->outcomes[STATS_OK], s->outcomes[STATS_LIMITED],
		 s->outcomes[STATS_QUOTA], s->outcomes[STATS_ERROR]);
	add_faults(out, s);
	buf_addf(
	    out,
	    "},\"batched\":%" PRIu64 ",\"prompt_tokens\":%" PRId64 ",\"completion_tokens\":%" PRId64
	    ",\"in_flight\":%" PRIu64 ",\"peak_in_flight\":%" PRIu64 "}",
	    s->batched, s->prompt_tokens, s->completion_tokens, s->in_flight, s->peak_in_flight);
}
