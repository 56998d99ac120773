#include "pricing.h"
#include "buf.h"
#include "money.h"

#include <string.h>

/* Codes of failures before anything was sent, with which no answer came; lb-record(5) lists them.
 * A provider's batch bills neither what expired nor what was cancelled. */
static const char *const unsent[] = {
    "bad_record",      "not_a_request",  "unsupported_method", "url_refused",
    "no_api_key",      "connect_failed", "resolve_failed",     "tls_failed",
    "budget_exceeded", "unpriced_model", "unbounded_cost",     "exceeds_rate_limit",
    "quota_exhausted", "item_too_large", "batch_cancelled",    "request_too_large",
    "batch_failed",    "batch_expired",  "batch_unsupported",
};

static bool was_unsent(const struct record *r)
{
	struct json_span code = json_get(r->error, "code");

	/* What may have been sent has the time that it took. */
	if (json_equals(code, "cancelled") || json_equals(code, "command_died"))
		return !json_is_set(record_lb(r, "ms"));
	for (size_t i = 0; i < sizeof unsent / sizeof *unsent; i++)
		if (json_equals(code, unsent[i]))
			return true;
	return false;
}

static bool is_stored(const struct record *r)
{
	return json_equals(record_lb(r, "cache"), "hit") || json_is_set(record_lb(r, "checkpoint"));
}

/* The body of the request. */
static struct json_span body_of(const struct record *r, struct json_span request)
{
	if (request.at == NULL)
		return r->body;
	struct json_span body = json_get(request, "body");
	return body.at != NULL ? body : json_get(request, "params");
}

/* Is a model named, in the answer or in its request? */
static bool names_model(const struct record *r, struct json_span body, struct json_span request)
{
	return json_is_set(json_get(body, "model")) ||
	       json_is_set(json_get(body, "modelVersion")) ||
	       json_is_set(json_get(body_of(r, request), "model"));
}

/* A result without a usage. */
static enum pricing_kind judge(const struct record *r, struct json_span body,
			       struct json_span request)
{
	int64_t status;

	if (json_integer(json_get(r->response, "status_code"), &status) < 0) {
		if (json_equals(json_get(r->error, "code"), "batch_pending"))
			return PRICING_DEFERRED;
		return was_unsent(r) ? PRICING_FREE : PRICING_DOUBTFUL;
	}
	if (status >= 300 || json_is_set(json_get(body, "error")))
		return PRICING_FREE;
	return !record_failed(r) && names_model(r, body, request) ? PRICING_UNTOLD
								  : PRICING_DOUBTFUL;
}

static const struct price_model *find_model(const struct price_table *t, const struct record *r,
					    struct json_span body, struct json_span request)
{
	const struct price_model *m = price_find_json(t, json_get(body, "model"));

	if (m == NULL)
		m = price_find_json(t, json_get(body, "modelVersion")); /* Gemini's own */
	if (m == NULL)
		m = price_find_json(t, json_get(body_of(r, request), "model"));
	return m != NULL ? m : price_other(t);
}

/* Was it served at a dearer tier than was asked for? Where none is, or "auto", a project's settings
 * say which it is. */
static bool is_upgraded(const struct price_model *m, const struct price_terms *terms,
			struct json_span asked)
{
	static const char *const names[] = {[PRICE_PRIORITY] = "priority", [PRICE_FAST] = "fast"};

	for (size_t i = PRICE_PRIORITY; i <= PRICE_FAST; i++)
		if (terms->factors[i] && m->factors[i] > PRICE_ONE &&
		    !json_equals(json_get(asked, "service_tier"), names[i]) &&
		    !json_equals(json_get(asked, "speed"), names[i]))
			return true;
	return false;
}

void pricing_result(const struct price_table *t, const struct record *r, struct json_span request,
		    int64_t now, struct pricing *p)
{
	struct json_span cost = record_lb(r, "cost");
	struct json_span body = json_get(r->response, "body");
	struct price_terms terms;

	*p = (struct pricing){.kind = PRICING_STORED};
	if (is_stored(r))
		return;
	bool used = provider_usage(body, &p->usage);
	p->model = find_model(t, r, body, request);
	if (json_type(cost) == JSON_NUMBER && money_parse(cost.at, cost.length, &p->cost) == 0) {
		p->kind = PRICING_KNOWN;
		return;
	}
	if (!used) {
		p->kind = judge(r, body, request);
		return;
	}
	p->kind = PRICING_UNPRICED;
	if (p->model == NULL)
		return;
	price_terms(&terms, body, now);
	struct json_span batch = record_lb(r, "batch");
	if (json_type(batch) == JSON_BOOL && *batch.at == 't')
		terms.factors[PRICE_BATCH] = true;
	p->cost = price_cost(p->model, &p->usage, &terms);
	p->upgraded = is_upgraded(p->model, &terms, body_of(r, request));
	p->kind = PRICING_PRICED;
}

int pricing_request(const struct price_table *t, const struct record *r, int64_t *most,
		    const char **code, struct buf *message)
{
	const struct price_model *m = price_find_json(t, json_get(r->body, "model"));
	struct price_bound bound;
	const char *why;

	if (m == NULL)
		m = price_other(t);
	if (m == NULL) {
		*code = "unpriced_model";
		buf_adds(message, "no price is known for the model ");
		pricing_name(message, r, (struct json_span){NULL, 0});
		buf_adds(message, ": add it with -p, or give --price");
		return -1;
	}
	if (price_worst(m, r->body, &bound, &why) < 0) {
		*code = "unbounded_cost";
		buf_adds(message, why);
		return -1;
	}
	*most = bound.cost;
	return 0;
}

void pricing_name(struct buf *out, const struct record *r, struct json_span request)
{
	struct json_span name = json_path(r->response, "body", "model", NULL);

	if (json_type(name) != JSON_STRING)
		name = json_get(body_of(r, request), "model");
	if (json_type(name) == JSON_STRING)
		json_text(out, name);
	else
		buf_addc(out, '?');
}
