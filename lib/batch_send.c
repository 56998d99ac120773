/* The calls of the Batch APIs. */
#include "batch_flow_state.h"
#include "clock.h"
#include "msg.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const struct http_headers *batch_send_headers(struct batch_flow *f, struct batch_part *p)
{
	struct access *a = f->options.access;
	enum target_style style = p->route.style;
	struct target target = {.style = style, .own_base = p->route.own_base};
	size_t key;

	/* A batch belongs to the account of the key, so that one key serves for all calls. */
	if (f->headers[style] == NULL)
		f->headers[style] = credentials_pick(a->credentials, &target, clock_now(), &key);
	if (f->headers[style] != NULL)
		return f->headers[style];
	if (!f->key_missing)
		msg_warn("no API key: set %s, or have another server's URL with -u",
			 credentials_names(a->credentials, style));
	f->key_missing = true;
	stage_raise(f->stage, STATUS_USAGE);
	batch_flow_give_up(p, 0, "no_api_key", "the variable for the API key is not set");
	return NULL;
}

/* Start a call; without a key the part has none in flight, and has failed. */
static void send_call(struct batch_flow *f, struct batch_part *p, enum batch_call kind,
		      enum batch_api_call call, const char *id, struct http_extra *extra)
{
	struct batch_work *w = p->work;
	struct buf path = {0};
	const struct http_headers *headers = batch_send_headers(f, p);

	if (headers == NULL)
		return;
	w->call = kind;
	extra->method = batch_api_path(&path, p->route.style, call, id);
	buf_clear(&w->url);
	batch_route_url(&w->url, &p->route, buf_string(&path));
	buf_free(&path);
	struct http_request request = {
	    buf_string(&w->url), p->route.socket, headers, {w->body.data, w->body.length}};
	http_send(f->http, &request, extra, p);
}

/* Open N.upload as what is sent. Returns whether it could be. */
static bool open_upload(struct batch_flow *f, struct batch_part *p)
{
	struct batch_work *w = p->work;

	w->fd = batch_part_open(p, f->options.state->journal, "upload", O_RDONLY);
	if (w->fd < 0) {
		batch_flow_broken(f);
		return false;
	}
	w->upload = (struct http_upload){.fd = w->fd, .length = (int64_t)p->upload};
	batch_api_upload(&w->upload, p->route.style);
	return true;
}

void batch_send_upload(struct batch_flow *f, struct batch_part *p)
{
	struct batch_work *w = p->work;
	struct http_extra extra = {.upload = &w->upload};

	if (batch_send_headers(f, p) == NULL || !open_upload(f, p))
		return;
	buf_clear(&w->body);
	send_call(f, p, BATCH_UPLOAD, BATCH_API_UPLOAD, NULL, &extra);
}

void batch_send_create(struct batch_flow *f, struct batch_part *p)
{
	struct batch_work *w = p->work;
	struct http_extra extra = {0};

	if (batch_send_headers(f, p) == NULL)
		return;
	buf_clear(&w->body);
	if (p->route.style == TARGET_ANTHROPIC) {
		if (!open_upload(f, p))
			return;
		extra.upload = &w->upload;
	} else {
		batch_api_create(&w->body, p->file, p->route.endpoint, p->tag);
	}
	/* From here on there may be a batch. */
	if (!batch_flow_move(f, p, BATCH_CREATING))
		return;
	send_call(f, p, BATCH_CREATE, BATCH_API_CREATE, NULL, &extra);
}

void batch_send_poll(struct batch_flow *f, struct batch_part *p)
{
	struct http_extra extra = {0};

	buf_clear(&p->work->body);
	send_call(f, p, BATCH_POLL, BATCH_API_RETRIEVE, p->batch, &extra);
}

void batch_send_newest(struct batch_flow *f, struct batch_part *p)
{
	struct http_extra extra = {0};

	buf_clear(&p->work->body);
	send_call(f, p, BATCH_MARK, BATCH_API_NEWEST, NULL, &extra);
}

void batch_send_list(struct batch_flow *f, struct batch_part *p)
{
	struct http_extra extra = {0};

	buf_clear(&p->work->body);
	send_call(f, p, BATCH_LOOK, BATCH_API_LIST, p->work->cursor, &extra);
}

void batch_send_fetch(struct batch_flow *f, struct batch_part *p, const char *suffix,
		      const char *id, enum batch_call call)
{
	struct batch_work *w = p->work;
	struct http_extra extra = {.save = true, .save_most = INT64_C(1) << 40};

	if (batch_send_headers(f, p) == NULL)
		return;
	w->fd = batch_part_open(p, f->options.state->journal, suffix, O_RDWR | O_CREAT | O_TRUNC);
	if (w->fd < 0) {
		batch_flow_broken(f);
		return;
	}
	extra.save_fd = w->fd;
	w->file = suffix;
	buf_clear(&w->body);
	send_call(f, p, call, BATCH_API_CONTENT, id, &extra);
}
