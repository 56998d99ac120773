#include "budget.h"
#include "budget_state.h"
#include "clock.h"
#include "mem.h"
#include "msg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* How fast a group fills up, for the next one to be larger, or slow, to be smaller. */
#define FILLS_FAST (10 * CLOCK_MS)
#define FILLS_SLOW (50 * CLOCK_MS)

/* How often a shared ledger is looked at while others' reservations are in the way. */
#define LOOK_EVERY (20 * CLOCK_MS)

struct budget *budget_new(const struct budget_options *options)
{
	struct budget *b = mem_zero(1, sizeof *b);

	b->options = *options;
	b->command = budget_hash_command(options->command);
	b->kept_most = BUDGET_GROUP_LEAST;
	b->excess = 1;
	b->kept = mem_zero(BUDGET_GROUP_MOST, sizeof *b->kept);
	return b;
}

void budget_free(struct budget *b)
{
	if (b == NULL)
		return;
	budget_drop_entries(b, b->entry_count);
	if (b->alert_pid > 0)
		waitpid(b->alert_pid, NULL, WNOHANG);
	buf_free(&b->lines);
	buf_free(&b->text);
	free(b->kept);
	free(b->entries);
	free(b);
}

bool budget_refuses(const struct budget *b)
{
	return b->refuses;
}

int64_t budget_opens(const struct budget *b)
{
	return b->opens;
}

static void fail(struct budget *b, struct stage *s, const struct record *r, uint64_t sequence,
		 const char *code, const char *message)
{
	buf_clear(&b->text);
	record_fail(&b->text, r, code, message);
	stage_emit(s, sequence, (struct json_span){b->text.data, b->text.length}, true);
}

/* The record of a kept line. */
static void parse_kept(const struct budget *b, const struct budget_kept *k, struct record *r)
{
	struct line line = {b->lines.data + k->at, k->length, k->sequence + 1, k->length};

	record_parse(r, &line, false);
}

static void forward(struct budget *b, struct stage *s, const struct budget_kept *k)
{
	struct budget_ticket ticket = {k->id, k->bound, k->amount};
	struct json_span line = {b->lines.data + k->at, k->length};
	char id[32];
	struct json_edit edit = {"reserved", {id, 0}};
	struct record r;

	if (b->options.command != NULL) {
		struct json_span own_id = {k->id_length > 0 ? b->lines.data + k->id_at : NULL,
					   k->id_length};
		stage_forward(s, k->sequence, own_id, line, &ticket, sizeof ticket);
		return;
	}
	edit.value.length = (size_t)snprintf(id, sizeof id, "\"%016" PRIx64 "\"", k->id);
	parse_kept(b, k, &r);
	buf_clear(&b->text);
	record_set(&b->text, &r, NULL, 0, &edit, 1);
	stage_forward(s, k->sequence, r.custom_id, (struct json_span){b->text.data, b->text.length},
		      NULL, 0);
}

static void refuse(struct budget *b, struct stage *s, const struct budget_kept *k)
{
	struct record r;
	struct buf message = {0};

	parse_kept(b, k, &r);
	if (stage_stopping(s)) {
		fail(b, s, &r, k->sequence, "cancelled", "interrupted before it was sent");
		return;
	}
	buf_adds(&message, "the budget is spent: ");
	buf_adds(&message, b->waiting ? "nothing that is reserved was settled for too long"
				      : "what this may cost does not fit beside it");
	fail(b, s, &r, k->sequence, "budget_exceeded", buf_string(&message));
	buf_free(&message);
}

/* What to do with requests behind one that has to wait. Returns the answer for it and them. */
static enum ledger_answer wait_or_refuse(struct budget *b)
{
	int64_t now = clock_now(), settled = ledger_settled(b->options.ledger);

	if (!b->waiting)
		silence_break(&b->silence, now);
	if (!b->waiting || settled != b->settled_then) {
		b->waiting = true;
		b->waiting_since = now;
		b->settled_then = settled;
	}
	int64_t end = b->waiting_since > INT64_MAX - b->options.max_wait
			  ? INT64_MAX
			  : b->waiting_since + b->options.max_wait;
	if (now >= end)
		return LEDGER_NEVER;
	b->opens = INT64_MAX;
	b->look = b->options.shared && now + LOOK_EVERY < end ? now + LOOK_EVERY : end;
	return LEDGER_LATER;
}

/* What to reserve for this bound. */
static int64_t scale(const struct budget *b, int64_t bound)
{
	double amount = (double)bound * b->excess;

	if (b->excess <= 1)
		return bound;
	return amount < (double)(INT64_MAX / 2) ? (int64_t)amount + 1 : INT64_MAX;
}

/* Reserve for one request. */
static enum ledger_answer reserve(struct budget *b, struct budget_kept *k)
{
	struct ledger *l = b->options.ledger;
	struct record r;
	int64_t key = 0;

	if (b->options.command != NULL && ledger_has_deferred(l)) {
		parse_kept(b, k, &r);
		key = budget_key(b, &r);
	}
	k->amount = scale(b, k->bound);
	enum ledger_answer answer = ledger_reserve(l, k->amount, key, &k->id);
	if (answer == LEDGER_LATER)
		return wait_or_refuse(b);
	b->waiting = false;
	return answer;
}

/* Settle and reserve what was kept back. Returns 0, or -1. */
static int fill_group(struct budget *b, bool stopping)
{
	enum ledger_answer answer = LEDGER_RESERVED;

	for (size_t i = 0; i < b->entry_count; i++) {
		if (ledger_settle(b->options.ledger, &b->entries[i].entry) < 0)
			return -1;
		budget_note_cost(b, &b->entries[i]);
	}
	for (size_t i = 0; i < b->kept_count; i++) {
		struct budget_kept *k = &b->kept[i];
		if (b->refuses || stopping)
			answer = LEDGER_NEVER;
		if (answer == LEDGER_RESERVED)
			answer = reserve(b, k);
		if (answer == LEDGER_BROKEN)
			return -1;
		k->answer = answer;
	}
	if (b->options.alert != NULL && b->entry_count > 0) {
		int due = ledger_alert(b->options.ledger, b->options.alert_share);
		if (due < 0)
			return -1;
		b->alert_due = due > 0;
	}
	return 0;
}

/* Do with each request what was decided. */
static void send_group(struct budget *b, struct stage *s)
{
	for (size_t i = 0; i < b->kept_count; i++) {
		const struct budget_kept *k = &b->kept[i];
		switch (k->answer) {
		case LEDGER_RESERVED:
			forward(b, s, k);
			break;
		case LEDGER_LATER:
			stage_hold(s, k->sequence,
				   (struct json_span){b->lines.data + k->at, k->length}, 0, "", 1);
			break;
		default:
			if (!b->refuses && !stage_stopping(s))
				stage_raise(s, STATUS_STOPPED);
			b->refuses |= !stage_stopping(s);
			refuse(b, s, k);
			break;
		}
	}
}

static void run_alert(struct budget *b)
{
	b->alert_due = false;
	b->alert_pid = budget_run_alert(b->options.alert);
}

/* Write what was kept back. Returns 0, or -1. */
static int store(struct budget *b, bool stopping)
{
	struct ledger *l = b->options.ledger;

	if (ledger_begin(l, clock_wall() / CLOCK_SEC) < 0)
		return -1;
	int result = fill_group(b, stopping);
	bool nothing =
	    b->entry_count == 0 && b->kept_count > 0 && b->kept[0].answer != LEDGER_RESERVED;
	if (result == 0 && !nothing)
		return ledger_commit(l);
	ledger_rollback(l);
	return result;
}

/* Make groups as large as they fill up fast, which the time that writing them takes is not in. */
static void size_groups(struct budget *b)
{
	int64_t took = clock_now() - b->kept_since;

	if (b->kept_count >= b->kept_most && took < FILLS_FAST && b->kept_most < BUDGET_GROUP_MOST)
		b->kept_most *= 2;
	else if (took > FILLS_SLOW && b->kept_most > BUDGET_GROUP_LEAST)
		b->kept_most /= 2;
}

/* The ledger cannot be written: what is in flight is paid for and comes out, but no more is sent.
 */
static void refuse_group(struct budget *b, struct stage *s)
{
	if (b->kept_count > 0)
		stage_stop(s);
	for (size_t i = 0; i < b->kept_count; i++)
		b->kept[i].answer = LEDGER_NEVER;
}

void budget_write_group(struct budget *b, struct stage *s)
{
	if (b->writing || (b->kept_count == 0 && b->entry_count == 0))
		return;
	if (b->kept_count > 0)
		size_groups(b);
	if (!b->broken && store(b, stage_stopping(s)) < 0) {
		msg_warn("%s; no request is sent any more, and results are not booked",
			 ledger_problem(b->options.ledger));
		b->broken = true;
		stage_raise(s, STATUS_SYSTEM);
	}
	if (b->broken)
		refuse_group(b, s);
	budget_drop_entries(b, b->entry_count);
	b->writing = true;
	send_group(b, s);
	b->writing = false;
	if (b->kept_count > 0)
		b->kept_since = clock_now();
	b->kept_count = 0;
	buf_clear(&b->lines);
	if (b->alert_due)
		run_alert(b);
}

void budget_request(struct budget *b, struct stage *s, const struct record *r, uint64_t sequence,
		    int64_t bound)
{
	struct budget_kept *k = &b->kept[b->kept_count++];

	*k = (struct budget_kept){.sequence = sequence,
				  .at = b->lines.length,
				  .length = r->text.length,
				  .id_length = r->custom_id.length,
				  .bound = bound};
	if (r->custom_id.at != NULL)
		k->id_at = k->at + (size_t)(r->custom_id.at - r->text.at);
	buf_add(&b->lines, r->text.at, r->text.length);
	if (b->kept_count >= b->kept_most || b->lines.length >= BUDGET_GROUP_BYTES)
		budget_write_group(b, s);
}

int64_t budget_idle(struct budget *b, struct stage *s)
{
	int64_t now = clock_now();
	bool results_wait =
	    b->kept_count == 0 && !b->waiting && b->entry_count > 0 && now < b->entries_due;

	if (!results_wait)
		budget_write_group(b, s);
	if (b->opens != 0 && b->look <= now)
		b->opens = 0; /* what waits comes in again */
	if (results_wait)
		return b->entries_due;
	if (b->opens == 0)
		return INT64_MAX;
	/* The command's input stays open for what waits here. */
	int64_t due =
	    b->options.rounds ? INT64_MAX : silence_check(&b->silence, stage_in_flight(s), now);
	return due < b->look ? due : b->look;
}

int budget_end(struct budget *b)
{
	int result = b->entry_count > 0 ? store(b, true) : 0;

	if (result < 0 && !b->broken)
		msg_warn("%s", ledger_problem(b->options.ledger));
	if (b->retried > 0)
		msg_warn("%" PRIu64
			 " answers took several attempts, and what each of these cost is "
			 "not known here: put lbretry in front of lbcost",
			 b->retried);
	if (result == 0 && b->doubtful > 0 && b->options.shared)
		msg_warn("%" PRIu64 " requests may have been billed, and it is not known for how "
			 "much: what is reserved for them counts as spent until --forgive",
			 b->doubtful);
	if (result == 0 && b->deferred > 0 && b->options.shared)
		msg_warn("%" PRIu64 " requests are in batches that go on: what is reserved for "
			 "them counts as spent until the same command has fetched their answers, "
			 "or --forgive",
			 b->deferred);
	if (b->alert_due)
		run_alert(b);
	return result;
}
