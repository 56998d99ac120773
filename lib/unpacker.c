#include "unpacker.h"
#include "answer.h"
#include "buf.h"
#include "mem.h"
#include "msg.h"
#include "packer.h"
#include "record.h"
#include "stage.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct unpacker {
	struct stage *stage;
	struct expr *answer;
	const char *into;
	struct packer *packer;
	uint64_t requests; /* that came where results should */
	struct buf line;
};

struct unpacker *unpacker_new(struct stage *stage, struct expr *answer, const char *into,
			      struct packer *packer)
{
	struct unpacker *u = mem_zero(1, sizeof *u);

	u->stage = stage;
	u->answer = answer;
	u->into = into;
	u->packer = packer;
	return u;
}

void unpacker_free(struct unpacker *u)
{
	if (u == NULL)
		return;
	buf_free(&u->line);
	free(u);
}

static void emit_item(struct unpacker *u, const struct answer_item *a, struct json_span custom_id,
		      uint64_t sequence)
{
	buf_clear(&u->line);
	answer_line(&u->line, a, custom_id, u->into);
	stage_emit(u->stage, sequence, (struct json_span){u->line.data, u->line.length},
		   a->error.at != NULL);
}

/* Emit the items of a result. */
static void unpack(struct unpacker *u, const struct record *r, uint64_t sequence,
		   const struct stage_flight *flight)
{
	struct record own = *r;
	struct answer_set set;
	uint64_t *sequences = NULL;

	if (flight != NULL) {
		/* The command may have dropped lb: the items are those that were sent. */
		own.lb = json_get(flight->request, "lb");
		if (own.body.at == NULL)
			own.body = json_get(flight->request, "body");
		sequences = mem_alloc(flight->note_length);
		memcpy(sequences, flight->note, flight->note_length);
	}
	answer_take(&set, &own, u->answer);
	bool again = flight != NULL && set.again && !flight->lost && !stage_stopping(u->stage);
	for (size_t i = 0; i < set.count; i++)
		if (!again || set.items[i].error.at == NULL)
			emit_item(u, &set.items[i], own.custom_id,
				  sequences != NULL ? sequences[i] : sequence);
	if (again)
		packer_ask_again(u->packer, &set, sequences);
	answer_free(&set);
	free(sequences);
}

void unpacker_take(struct unpacker *u, const struct record *r, uint64_t sequence,
		   const struct stage_flight *flight)
{
	/* A result has a response, though it be null. */
	if (flight == NULL && r->response.at == NULL && record_lb(r, "items").at == NULL)
		stage_emit_record(u->stage, sequence, r);
	else
		unpack(u, r, sequence, flight);
}

bool unpacker_pass(struct unpacker *u, const struct record *r, uint64_t sequence)
{
	bool carries = u->packer != NULL && r->custom_id.at != NULL && record_failed(r) &&
		       json_count(record_lb(r, "items")) == 1;

	if (carries)
		unpack(u, r, sequence, NULL);
	else if (answer_is_failure(r->error))
		stage_emit_record(u->stage, sequence, r);
	else
		return false;
	return true;
}

void unpacker_pass_request(struct unpacker *u, const struct record *r, uint64_t sequence)
{
	u->requests++;
	stage_emit_record(u->stage, sequence, r);
}

void unpacker_finish(const struct unpacker *u)
{
	if (u->requests > 0)
		msg_warn("-u: requests came that were never answered, and passed: %" PRIu64
			 "; put  lbcall  before it",
			 u->requests);
}
