#include "attempt.h"
#include "buf.h"
#include "money.h"

#include <string.h>

static struct json_span span_of(const struct buf *b)
{
	return (struct json_span){b->data, b->length};
}

void attempt_note(struct buf *out, const struct attempt *a)
{
	buf_add(out, &a->state, sizeof a->state);
	buf_add(out, a->model.at, a->model.length);
}

void attempt_read(struct attempt *a, const void *note, size_t length)
{
	memcpy(&a->state, note, sizeof a->state);
	a->model = (struct json_span){NULL, length - sizeof a->state};
	if (a->model.length > 0)
		a->model.at = (const char *)note + sizeof a->state;
}

/* An edit of the record's body that sets its model, or takes it off; body holds the new one. */
static struct json_edit model_edit(struct buf *body, const struct record *r, struct json_span model)
{
	struct json_edit edit = {"model", model};

	json_set(body, r->body, &edit, 1);
	return (struct json_edit){r->params ? "params" : "body", span_of(body)};
}

/* Add what this attempt has cost. Returns whether those before it have cost something. */
static bool add_cost(struct retry_state *state, const struct record *r, struct json_span request)
{
	struct json_span cost = record_lb(r, "cost");
	int64_t before = state->cost;
	int64_t nano;

	if (json_path(request, "lb", "cost", NULL).at != NULL)
		return false;
	if (money_parse(cost.at, cost.length, &nano) == 0)
		state->cost = money_sum(before, nano);
	return before > 0;
}

void attempt_line(struct buf *out, struct attempt *a, const struct record *r,
		  struct json_span request, bool rejected)
{
	static const char message[] = "the answer is not as --ok wants it";
	struct buf attempts = {0}, cost = {0}, body = {0}, error = {0};
	struct json_edit edits[2], lb_edits[2];
	size_t count = 0, lb_count = 0;

	buf_addn(&attempts, a->state.attempts);
	lb_edits[lb_count++] = (struct json_edit){"attempts", span_of(&attempts)};
	if (add_cost(&a->state, r, request)) {
		money_print(&cost, a->state.cost);
		lb_edits[lb_count++] = (struct json_edit){"cost", span_of(&cost)};
	}
	if (a->state.model > 0 && json_type(r->body) == JSON_OBJECT)
		edits[count++] = model_edit(&body, r, a->model);
	if (rejected) {
		const char *code = "not_ok";
		record_error(&error, code, message, sizeof message - 1);
		edits[count++] = (struct json_edit){"error", span_of(&error)};
	}
	record_set(out, r, edits, count, lb_edits, lb_count);
	buf_free(&attempts);
	buf_free(&cost);
	buf_free(&body);
	buf_free(&error);
}

void attempt_change_model(struct buf *out, struct attempt *a, struct json_span request,
			  struct json_span model, bool known)
{
	struct line line = {request.at, request.length, 0, request.length};
	struct buf body = {0};
	struct record r;

	record_parse(&r, &line, false);
	if (!known)
		a->model = json_get(r.body, "model");
	if (json_type(r.body) == JSON_OBJECT) {
		struct json_edit edit = model_edit(&body, &r, model);
		record_set(out, &r, &edit, 1, NULL, 0);
	} else {
		buf_add(out, request.at, request.length);
	}
	buf_free(&body);
}

void attempt_join(struct buf *out, struct json_span request, struct json_span result)
{
	buf_addc(out, '[');
	buf_add(out, request.at, request.length);
	buf_addc(out, ',');
	buf_add(out, result.at, result.length);
	buf_addc(out, ']');
}

struct json_span attempt_request(struct json_span joined)
{
	return json_element(joined, 0);
}

struct json_span attempt_result(struct json_span joined)
{
	return json_element(joined, 1);
}
