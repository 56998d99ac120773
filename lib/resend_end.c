#include "json.h"
#include "msg.h"
#include "record.h"
#include "resend_state.h"

/* Of a reason that stands in all the records that are given up. */
#define REASON_MOST 1000

void resend_emit_rest(struct resend *t, struct json_span text, uint64_t sequence)
{
	struct line line = {text.at, text.length, 0, text.length};
	struct record r;

	record_parse(&r, &line, false);
	buf_clear(&t->edit);
	record_fail(&t->edit, &r, t->code, buf_string(&t->reason));
	stage_emit(t->stage, sequence, (struct json_span){t->edit.data, t->edit.length}, true);
}

/* End the run: nothing more is sent. The reason is why, and what the error says. */
static void halt(struct resend *t, const char *code, const char *why, struct json_span error)
{
	if (stage_halted(t->stage))
		return;
	t->code = code;
	buf_adds(&t->reason, why);
	json_text(&t->reason, json_get(error, "message"));
	if (t->reason.length > REASON_MOST)
		t->reason.length = REASON_MOST;
	msg_warn("stopped: %s; when that is mended, send the records again that failed as %s",
		 buf_string(&t->reason), t->code);
	stage_halt(t->stage);
}

void resend_count_failure(struct resend *t, struct json_span error)
{
	const char *code = "too_many_failures";

	if (++t->failed_in_row == t->options->stop_after && !stage_stopping(t->stage))
		halt(t, code, "too many attempts in a row have failed, the last one with: ", error);
}

void resend_emit_quota(struct resend *t, struct json_span line, uint64_t sequence)
{
	const char *code = "quota_exhausted";

	halt(t, code, "the account's quota is exhausted: ", json_get(line, "error"));
	resend_emit_rest(t, line, sequence);
}

void resend_emit_spent(struct resend *t, struct json_span line, uint64_t sequence)
{
	if (!t->spent_told)
		msg_warn("the retry budget is spent (--retry-budget): what fails now is not sent "
			 "again");
	t->spent_told = true;
	stage_emit(t->stage, sequence, line, true);
}
