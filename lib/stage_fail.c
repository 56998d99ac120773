/* Requests that get no answer: the failed results that are made for them here. */
#include "clock.h"
#include "stage_state.h"

#include <inttypes.h>

/*
 * lbcall gives lb.ms to what it has begun. So has a request that the command was given, which may
 * have sent it; one that was not, has none, whatever a former answer left in it. Sets *timed, whose
 * text is in out, to such a record; or to the record as it is.
 */
static void set_time(struct buf *out, const struct record *r, int64_t since, struct record *timed)
{
	struct buf ms = {0};
	struct json_edit edit = {"ms", {NULL, 0}};

	*timed = *r;
	if (r->kind != RECORD_REQUEST || (since == 0 && record_lb(r, "ms").at == NULL))
		return;
	if (since > 0) {
		buf_addf(&ms, "%" PRId64, (clock_now() - since) / CLOCK_MS);
		edit.value = (struct json_span){ms.data, ms.length};
	}
	record_set(out, r, NULL, 0, &edit, 1);
	struct line line = {out->data, out->length, r->number, out->length};
	record_parse(timed, &line, false);
	buf_free(&ms);
}

void stage_cancel(struct stage *s, uint64_t sequence, const struct record *r, const char *why)
{
	struct buf timed = {0}, text = {0};
	struct record own;

	set_time(&timed, r, 0, &own);
	if (s->jobs.fail != NULL) {
		s->jobs.fail(s, s->context, &own, sequence, "cancelled", why);
	} else {
		record_fail(&text, &own, "cancelled", why);
		stage_emit(s, sequence, (struct json_span){text.data, text.length}, true);
	}
	buf_free(&timed);
	buf_free(&text);
}

void stage_lost(struct stage *s, struct stage_flight *flight)
{
	bool cancelled = s->giving_up || s->stopping;
	struct buf timed = {0}, text = {0};
	struct record request, r;
	struct line line = {flight->request.at, flight->request.length, flight->sequence + 1,
			    flight->request.length};

	record_parse(&request, &line, false);
	set_time(&timed, &request, flight->since, &r);
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
