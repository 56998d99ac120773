#include "batch_report.h"
#include "clock.h"
#include "mem.h"
#include "msg.h"
#include "out.h"
#include "provider.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

struct report {
	struct batch_state *state;
	struct access *access;
	struct http *http;
	bool json, ended, trouble;
	struct out out;
	/* The answer that came last. */
	struct batch_api_batch batch;
	bool answered;
	struct buf text;
};

/* A line of the table. */
struct row {
	const char *status;
	int64_t completed, failed; /* -1: not known */
};

static void on_done(void *context, void *request, const struct http_reply *reply)
{
	struct report *t = context;
	const struct batch_part *p = request;
	struct buf code = {0}, message = {0};
	struct json_span body;
	struct json_error error;
	const char *problem = "";

	t->ended = true;
	buf_clear(&t->text);
	buf_add(&t->text, reply->body.at, reply->body.length);
	body = (struct json_span){t->text.data, t->text.length};
	t->answered = reply->error == NULL && reply->status >= 200 && reply->status < 300 &&
		      batch_api_read(&t->batch, p->route.style, body, &problem) == 0;
	if (t->answered)
		return;
	if (reply->error == NULL && json_check(body.at, body.length, &body, NULL, 0, &error) == 0)
		provider_error(body, NULL, &code, &message);
	if (reply->error != NULL)
		buf_adds(&message, reply->message);
	if (message.length == 0)
		buf_addf(&message, "HTTP status %ld %s", reply->status, problem);
	msg_warn("part %" PRIu64 ": batch %s: %s", p->number, p->batch, buf_string(&message));
	t->trouble = true;
	buf_free(&code);
	buf_free(&message);
}

/* Find out where the part's calls go. Returns whether they may go there. */
static bool find_route(struct report *t, struct batch_part *p)
{
	struct record r = {.params = p->params};
	const char *message = "it was sent elsewhere: give the same URL";

	if (*p->url != '\0')
		r.url = (struct json_span){p->url, strlen(p->url)};
	const char *code = batch_route_find(&p->route, t->access->targets, &r, &message);
	if (code == NULL && strcmp(p->route.base, p->base) == 0)
		return true;
	if (code == NULL)
		message = "it was sent elsewhere: give the same URL";
	msg_warn("part %" PRIu64 ": %s", p->number, message);
	t->trouble = true;
	return false;
}

/* One call, waited for. Returns whether there is an answer in t->batch. */
static bool ask(struct report *t, struct batch_part *p, enum batch_api_call call)
{
	struct buf path = {0}, url = {0};
	struct http_extra extra = {0};
	size_t key;

	if (!find_route(t, p))
		return false;
	struct target target = {.style = p->route.style, .own_base = p->route.own_base};
	const struct http_headers *headers =
	    credentials_pick(t->access->credentials, &target, clock_now(), &key);
	if (headers == NULL)
		msg_die(STATUS_USAGE, "no API key: set %s",
			credentials_names(t->access->credentials, p->route.style));
	extra.method = batch_api_path(&path, p->route.style, call, p->batch);
	batch_route_url(&url, &p->route, buf_string(&path));
	struct http_request request = {buf_string(&url), p->route.socket, headers,
				       JSON_LITERAL("")};
	t->ended = t->answered = false;
	http_send(t->http, &request, &extra, p);
	while (!t->ended) {
		int64_t left = http_deadline(t->http) - clock_now();
		struct pollfd ready = {http_descriptor(t->http), POLLIN, 0};
		int ms = left <= 0 ? 0 : left > 1000 * CLOCK_MS ? 1000 : (int)(left / CLOCK_MS) + 1;
		if (poll(&ready, 1, ms) < 0 && errno != EINTR)
			msg_die(STATUS_SYSTEM, "poll: %s", strerror(errno));
		http_run(t->http, clock_now());
	}
	buf_free(&path);
	buf_free(&url);
	return t->answered;
}

static int64_t count_dead(const struct batch_part *p)
{
	int64_t dead = 0;

	for (uint64_t i = 0; i < p->count; i++)
		dead += batch_part_is_dead(p, i);
	return dead;
}

/* What our own files say. */
static struct row row_of(const struct batch_part *p)
{
	static const char *const words[] = {
	    [BATCH_SPOOLED] = "not_sent", [BATCH_UPLOADED] = "not_sent",
	    [BATCH_CREATING] = "unknown", [BATCH_CREATED] = "unknown",
	    [BATCH_ENDED] = "ended",      [BATCH_FETCHED] = "fetched",
	    [BATCH_COLLECTED] = "done",   [BATCH_FAILED] = "failed",
	    [BATCH_DROPPED] = "not_sent",
	};
	struct row row = {words[p->phase], -1, -1};

	if (p->phase == BATCH_COLLECTED || p->phase == BATCH_FAILED) {
		row.failed = count_dead(p);
		row.completed = (int64_t)p->count - row.failed;
	}
	return row;
}

static void add_count(struct buf *out, int64_t count)
{
	if (count < 0)
		buf_addf(out, " %9s", "-");
	else
		buf_addf(out, " %9" PRId64, count);
}

static void write_table(struct report *t, const struct batch_part *p, const struct row *row)
{
	struct buf *out = &t->out.pending;

	buf_addf(out, "%5" PRIu64 "  %-12s %9" PRIu64, p->number, row->status, p->count);
	add_count(out, row->completed);
	add_count(out, row->failed);
	buf_addf(out, "  %s\n", *p->batch != '\0' ? p->batch : "-");
}

static void write_json(struct report *t, const struct batch_part *p, const struct row *row)
{
	struct buf *out = &t->out.pending;

	buf_addf(out, "{\"part\":%" PRIu64 ",\"batch\":", p->number);
	if (*p->batch != '\0')
		json_quote(out, p->batch, strlen(p->batch));
	else
		buf_adds(out, "null");
	buf_adds(out, ",\"status\":");
	json_quote(out, row->status, strlen(row->status));
	buf_addf(out, ",\"requests\":%" PRIu64, p->count);
	if (row->completed >= 0)
		buf_addf(out, ",\"completed\":%" PRId64, row->completed);
	if (row->failed >= 0)
		buf_addf(out, ",\"failed\":%" PRId64, row->failed);
	buf_adds(out, "}\n");
}

/* The line of a part. */
static void report_part(struct report *t, struct batch_part *p, enum batch_report_kind kind)
{
	bool cancel = kind == BATCH_REPORT_CANCEL;
	struct row row = row_of(p);
	struct buf status = {0};

	if (cancel && p->phase == BATCH_CREATING) {
		msg_warn("part %" PRIu64 ": it is not known whether it has a batch; run the "
			 "command again to find out",
			 p->number);
		t->trouble = true;
	}
	if (p->phase == BATCH_CREATED &&
	    ask(t, p, cancel ? BATCH_API_CANCEL : BATCH_API_RETRIEVE)) {
		json_text(&status, t->batch.status);
		row = (struct row){buf_string(&status), t->batch.completed, t->batch.failed};
	}
	if (t->json)
		write_json(t, p, &row);
	else
		write_table(t, p, &row);
	buf_free(&status);
}

int batch_report(struct batch_state *state, struct access *access, enum batch_report_kind kind,
		 bool json)
{
	struct report t = {.state = state, .access = access, .json = json};
	const char *reason;

	access->http.concurrency = 1;
	t.http = http_new(&access->http, on_done, &t, &reason);
	if (t.http == NULL)
		msg_die(STATUS_SYSTEM, "%s", reason);
	out_init(&t.out, STDOUT_FILENO);
	if (!json)
		buf_addf(&t.out.pending, "%5s  %-12s %9s %9s %9s  %s\n", "part", "status",
			 "requests", "completed", "failed", "batch");
	for (struct batch_part *p = state->parts; p != NULL; p = p->next)
		if (p->phase != BATCH_DROPPED)
			report_part(&t, p, kind);
	int status = t.trouble ? STATUS_FAILED : STATUS_OK;
	if (out_close(&t.out) < 0) {
		if (errno != EPIPE)
			msg_warn("stdout: %s", strerror(errno));
		status = STATUS_SYSTEM;
	}
	http_free(t.http);
	buf_free(&t.text);
	return status;
}
