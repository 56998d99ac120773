/* What a Batch API says of each request: the lines of its files with results. */
#include "batch_api.h"
#include "buf.h"
#include "record.h"
#include "reply.h"

#define EXPIRED   "batch_expired"
#define CANCELLED "batch_cancelled"

int batch_api_line(struct batch_api_line *l, enum target_style style, struct json_span text,
		   const char **problem)
{
	struct json_member m[] = {JSON_MEMBER("custom_id"), JSON_MEMBER("id"),
				  JSON_MEMBER("response"), JSON_MEMBER("error"),
				  JSON_MEMBER("result")};
	struct json_error error;

	if (json_check(text.at, text.length, NULL, m, sizeof m / sizeof *m, &error) < 0) {
		*problem = "not JSON";
		return -1;
	}
	if (json_type(m[0].value) != JSON_STRING) {
		*problem = "no custom_id";
		return -1;
	}
	*l = (struct batch_api_line){
	    .style = style,
	    .custom_id = m[0].value,
	    .id = m[1].value,
	    .response = m[2].value,
	    .error = m[3].value,
	    .result = m[4].value,
	};
	return 0;
}

/* The status that comes with an error type of Anthropic's (API reference, errors). */
static long status_of(struct json_span type)
{
	static const struct {
		const char *type;
		long status;
	} types[] = {
	    {"invalid_request_error", 400}, {"authentication_error", 401},
	    {"billing_error", 402},         {"permission_error", 403},
	    {"not_found_error", 404},       {"request_too_large", 413},
	    {"rate_limit_error", 429},      {"timeout_error", 504},
	    {"overloaded_error", 529},
	};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (json_equals(type, types[i].type))
			return types[i].status;
	return 500; /* api_error */
}

/* A result of Anthropic's as the HTTP answer that it stands for. */
static void read_result(struct reply_batched *answer, struct json_span result)
{
	struct json_span type = json_get(result, "type");
	struct json_span error = json_get(result, "error");

	if (json_equals(type, "succeeded")) {
		answer->status = 200;
		answer->body = json_get(result, "message");
	} else if (json_equals(type, "errored")) {
		answer->status = status_of(json_path(error, "error", "type", NULL));
		answer->body = error;
		answer->request_id = json_get(error, "request_id");
	} else if (json_equals(type, "expired")) {
		answer->error =
		    JSON_LITERAL("{\"code\":\"" EXPIRED "\",\"message\":"
				 "\"the batch expired before this request was begun\"}");
	} else if (json_equals(type, "canceled")) {
		answer->error =
		    JSON_LITERAL("{\"code\":\"" CANCELLED "\",\"message\":"
				 "\"the batch was cancelled before this request was begun\"}");
	}
}

static void read_response(struct reply_batched *answer, const struct batch_api_line *l)
{
	struct json_member m[] = {JSON_MEMBER("status_code"), JSON_MEMBER("request_id"),
				  JSON_MEMBER("body")};
	int64_t status;

	json_find(l->response, m, sizeof m / sizeof *m);
	answer->request_id = m[1].value;
	answer->body = m[2].value;
	answer->error = l->error;
	if (json_integer(m[0].value, &status) == 0)
		answer->status = status >= 100 && status <= 599 ? (long)status : 0;
	else if (json_is_set(answer->body))
		answer->status = 200;
	if (answer->status == 0)
		answer->body = (struct json_span){NULL, 0};
}

enum batch_api_outcome batch_api_result(struct reply *r, struct buf *out,
					const struct record *request,
					const struct batch_api_line *l)
{
	struct reply_batched answer = {0};
	struct json_span id = json_type(l->id) == JSON_STRING ? l->id : l->custom_id;

	if (l->style == TARGET_ANTHROPIC)
		read_result(&answer, l->result);
	else
		read_response(&answer, l);
	reply_batched(r, out, request, &answer, id);
	if (!r->failed)
		return BATCH_API_GOOD;
	struct json_span code = json_get(answer.error, "code");
	bool begun =
	    answer.status != 0 || (!json_equals(code, EXPIRED) && !json_equals(code, CANCELLED));
	return begun ? BATCH_API_BAD : BATCH_API_AGAIN;
}
