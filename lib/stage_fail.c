/* Requests that get no answer: the failed results that are made for them here. */
#include "clock.h"
#include "stage_state.h"

#include <inttypes.h>

void stage_cancel(struct stage *s, uint64_t sequence, const struct record *r, const char *why)
{
	struct buf text = {0};

	if (s->jobs.fail != NULL) {
		s->jobs.fail(s, s->context, r, sequence, "cancelled", why);
		return;
	}
	record_fail(&text, r, "cancelled", why);
	stage_emit(s, sequence, (struct json_span){text.data, text.length}, true);
	buf_free(&text);
}

/* The request with lb.ms, which lbcall gives to what it has begun: the command may have sent it. */
static void add_time(struct buf *out, const struct record *r, int64_t since)
{
	struct buf ms = {0};

	buf_addf(&ms, "%" PRId64, (clock_now() - since) / CLOCK_MS);
	struct json_edit edit = {"ms", {ms.data, ms.length}};
	record_set(out, r, NULL, 0, &edit, 1);
	buf_free(&ms);
}

void stage_lost(struct stage *s, struct stage_flight *flight)
{
	bool cancelled = s->giving_up || s->stopping;
	struct buf timed = {0}, text = {0};
	struct record r;
	struct line line = {flight->request.at, flight->request.length, flight->sequence + 1,
			    flight->request.length};

	record_parse(&r, &line, false);
	if (cancelled && flight->since > 0 && r.kind == RECORD_REQUEST) {
		add_time(&timed, &r, flight->since);
		line = (struct line){timed.data, timed.length, line.number, timed.length};
		record_parse(&r, &line, false);
	}
	if (json_type(r.text) != JSON_OBJECT)
		record_fail(&text, &r, "not_a_request",
			    "no object: it cannot carry the custom_id that a command's answer is "
			    "found by");
	else if (cancelled)
		record_fail(&text, &r, "cancelled",
			    flight->since > 0 ? "interrupted before an answer came"
					      : "interrupted before it was sent");
	else
		record_fail(&text, &r, "command_died",
			    "the command ended without answering this record");
	line = (struct line){text.data, text.length, 0, text.length};
	record_parse(&r, &line, false);
	flight->lost = true;
	s->jobs.result(s, s->context, &r, flight->sequence, flight);
	buf_free(&timed);
	buf_free(&text);
}
