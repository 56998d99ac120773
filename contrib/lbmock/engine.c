#include "engine.h"
#include "clock.h"
#include "completion.h"
#include "embeddings.h"
#include "fingerprint.h"
#include "outcome.h"

bool engine_read(struct engine *e, struct engine_task *t)
{
	struct request *r = &e->request;

	t->has_body = request_read(r, t->api, t->body, t->length, &t->error, &e->scratch) == 0;
	if (t->has_body && e->prompt_share != 100)
		r->prompt_tokens = (r->prompt_tokens * e->prompt_share + 99) / 100;
	return t->has_body;
}

static void send_quota(struct engine_task *t)
{
	if (t->api == API_MESSAGES)
		outcome_error(
		    t->reply, t->api,
		    &(struct api_error){
			.status = 400,
			.message = "Your credit balance is too low to access the Anthropic API. "
				   "Please go to Plans & Billing to upgrade or purchase credits."});
	else
		outcome_error(t->reply, t->api,
			      &(struct api_error){
				  .status = 429,
				  .type = "insufficient_quota",
				  .code = "insufficient_quota",
				  .message =
				      "You exceeded your current quota, please check your plan and "
				      "billing details."});
}

/* 200 with what is not JSON: an HTML page cut off with invalid UTF-8, half an answer, or nothing.
 */
static void send_garbage(struct engine *e, struct engine_task *t)
{
	static const char html[] = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n"
				   "<body>\xff\xfe caf\xe9 <center><h1>502 Bad Ga";
	static const char half[] =
	    "{\"id\":\"chatcmpl-0\",\"object\":\"chat.completion\",\"choices\":[{\"ind";

	switch (e->garbage++ % 3) {
	case 0:
		t->reply->content_type = "text/html";
		buf_add(&t->reply->body, html, sizeof html - 1);
		break;
	case 1:
		buf_adds(&t->reply->body, half);
		break;
	default:
		break;
	}
}

bool engine_fault(struct engine *e, struct engine_task *t, struct fault fault)
{
	switch (fault.kind) {
	case FAULT_STATUS:
		outcome_error(t->reply, t->api, &(struct api_error){.status = fault.status});
		if (fault.status == 429)
			outcome_retry_after(t->reply, e->retry_after);
		break;
	case FAULT_HANG:
		t->reply->way = OUTCOME_HANG;
		break;
	case FAULT_RESET:
		t->reply->way = OUTCOME_RESET;
		break;
	case FAULT_GARBAGE:
		send_garbage(e, t);
		break;
	case FAULT_ERROR200:
		buf_adds(&t->reply->body,
			 "{\"error\":{\"message\":\"Provider returned error\",\"code\":502}}");
		break;
	default:
		return false;
	}
	t->fault = fault;
	return true;
}

static void send_answer(struct engine *e, struct engine_task *t, struct fault fault)
{
	struct request *r = &e->request;
	struct completion c;
	uint64_t choice = 0; /* of the answer that goes missing */

	if (t->api == API_EMBEDDINGS) {
		embeddings_body(&t->reply->body, r);
	} else {
		c = (struct completion){
		    .request = r, .created = t->wall / CLOCK_SEC, .id = t->reply->id};
		if (fault.kind == FAULT_MISSING)
			choice = fingerprint_of(t->body, t->length);
		if (fault.kind == FAULT_REFUSE)
			completion_refuse(&c, e->refusals++ % 2 == 1);
		if (fault.kind == FAULT_REFUSE ||
		    completion_make(&c, &e->model, fault.kind, choice))
			t->fault = fault;
		completion_write(&t->reply->body, &c);
		t->completion_tokens = c.tokens;
		t->reply->stream = r->stream;
		if (r->stream)
			t->reply->content_type = "text/event-stream";
	}
	t->prompt_tokens = r->prompt_tokens;
	if (fault.kind == FAULT_CUT) {
		t->reply->way = OUTCOME_CUT;
		t->fault = fault;
	}
}

bool engine_serve(struct engine *e, struct engine_task *t, struct fault fault)
{
	if (e->quota == 0) {
		send_quota(t);
		return false;
	}
	if (e->quota > 0)
		e->quota--;
	if (!engine_fault(e, t, fault))
		send_answer(e, t, fault);
	return true;
}

void engine_free(struct engine *e)
{
	request_free(&e->request);
	model_free(&e->model);
	buf_free(&e->scratch);
}
