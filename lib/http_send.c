/*
 * Requests that are more than a POST of bytes in memory: other methods, files that are sent,
 * answers that go to a file.
 */
#include "http_list.h"
#include "http_state.h"
#include "mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* libcurl's buffers, bytes: a file goes in larger pieces than an answer of some hundred bytes. */
#define PIECE 262144L

struct sending {
	struct http_extra extra;
	int64_t position; /* in the upload: what libcurl has taken */
	int64_t saved;
	bool answered; /* the answer's body has begun */
	curl_mime *form;
	struct curl_slist *headers;
	bool file_failed;
	int file_errno;
	char message[96]; /* instead of libcurl's, "" for none */
};

/* libcurl gives no other reason than that memory ran out. */
static void require(bool done)
{
	if (!done)
		mem_alloc(SIZE_MAX); /* ends the program */
}

static void fail_file(struct sending *s, const char *what, int error)
{
	s->file_failed = true;
	s->file_errno = error;
	snprintf(s->message, sizeof s->message, "%s", what);
}

/* libcurl wants more of the upload. */
static size_t on_read(char *data, size_t size, size_t n, void *context)
{
	struct transfer *t = context;
	struct sending *s = t->sending;
	const struct http_upload *u = s->extra.upload;
	ssize_t got;

	n *= size;
	if ((uint64_t)(u->length - s->position) < n)
		n = (size_t)(u->length - s->position);
	if (n == 0)
		return 0;
	do
		got = pread(u->fd, data, n, (off_t)(u->offset + s->position));
	while (got < 0 && errno == EINTR);
	if (got <= 0) {
		fail_file(s,
			  got < 0 ? "cannot read the file to be sent"
				  : "the file to be sent is shorter than it was",
			  got < 0 ? errno : 0);
		return CURL_READFUNC_ABORT;
	}
	t->last_byte = clock_now();
	s->position += got;
	return (size_t)got;
}

/* libcurl begins anew. */
static int on_seek(void *context, curl_off_t offset, int origin)
{
	struct transfer *t = context;

	if (origin != SEEK_SET || offset < 0 || offset > t->sending->extra.upload->length)
		return CURL_SEEKFUNC_CANTSEEK;
	t->sending->position = offset;
	return CURL_SEEKFUNC_OK;
}

/* Write all of it to the file. Returns 0, or -1 with errno. */
static int write_all(int fd, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, data, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		data += done;
		n -= (size_t)done;
	}
	return 0;
}

/* A piece of the answer's body. */
static size_t on_body(char *data, size_t size, size_t n, void *context)
{
	struct transfer *t = context;
	struct sending *s = t->sending;
	long status = 0;

	s->answered = true;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (!s->extra.save || status / 100 != 2)
		return http_transfer_body(data, size, n, context);
	n *= size;
	t->last_byte = clock_now();
	if (n > (uint64_t)(s->extra.save_most - s->saved)) {
		t->too_large = true;
		snprintf(s->message, sizeof s->message, "the file is larger than %" PRId64 " bytes",
			 s->extra.save_most);
		return 0;
	}
	if (write_all(s->extra.save_fd, data, n) < 0) {
		fail_file(s, "cannot write the file that came", errno);
		return 0;
	}
	s->saved += (int64_t)n;
	return n;
}

/* The header lines, but those on a body that is another one or none, and on waiting for leave to
 * send it. */
static struct curl_slist *own_headers(const struct http_headers *headers, bool keep_type)
{
	static const char type[] = "Content-Type:";
	struct curl_slist *own = curl_slist_append(NULL, "Expect:");

	require(own != NULL);
	for (const struct curl_slist *line = http_headers_list(headers); line != NULL;
	     line = line->next)
		if (keep_type || strncasecmp(line->data, type, sizeof type - 1) != 0)
			require(curl_slist_append(own, line->data) != NULL);
	return own;
}

/* A form of plain fields with the file behind them. */
static void set_form(struct transfer *t, const struct http_upload *u)
{
	struct sending *s = t->sending;
	curl_mimepart *part;

	s->form = curl_mime_init(t->easy);
	require(s->form != NULL);
	for (size_t i = 0; i < u->field_count; i++) {
		part = curl_mime_addpart(s->form);
		require(part != NULL && curl_mime_name(part, u->fields[i].name) == CURLE_OK &&
			curl_mime_data(part, u->fields[i].value, CURL_ZERO_TERMINATED) == CURLE_OK);
	}
	part = curl_mime_addpart(s->form);
	require(part != NULL && curl_mime_name(part, u->name) == CURLE_OK &&
		curl_mime_filename(part, u->filename) == CURLE_OK &&
		curl_mime_type(part, u->type) == CURLE_OK &&
		curl_mime_data_cb(part, u->length, on_read, on_seek, NULL, t) == CURLE_OK);
	curl_easy_setopt(t->easy, CURLOPT_MIMEPOST, s->form);
}

static void set_body(struct transfer *t, struct json_span body)
{
	const struct http_upload *u = t->sending->extra.upload;

	if (u == NULL) {
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, body.length > 0 ? body.at : "");
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.length);
	} else if (u->name != NULL) {
		set_form(t, u);
	} else {
		curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
		curl_easy_setopt(t->easy, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(t->easy, CURLOPT_SEEKDATA, t);
		curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)u->length);
	}
}

/* Another method than POST. That the request is served twice does no harm then. */
static void set_method(struct transfer *t, enum http_method method)
{
	curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
	if (method == HTTP_DELETE)
		curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, "DELETE");
	curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, NULL);
}

void http_send(struct http *h, const struct http_request *r, const struct http_extra *extra,
	       void *request)
{
	struct transfer *t = http_transfer_take(h, r, request);
	struct sending *s = mem_zero(1, sizeof *s);
	bool post = extra->method == HTTP_POST;
	bool form = post && extra->upload != NULL && extra->upload->name != NULL;

	t->sending = s;
	s->extra = *extra;
	s->headers = own_headers(r->headers, post && !form);
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, s->headers);
	/* The last plain POST's would be sent instead of a file. */
	curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, NULL);
	if (post)
		set_body(t, r->body);
	else
		set_method(t, extra->method);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
	if (extra->upload != NULL || extra->save) {
		/* However long it takes, while it moves: http_send_patience. */
		curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, 0L);
		curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, PIECE);
		curl_easy_setopt(t->easy, CURLOPT_UPLOAD_BUFFERSIZE, PIECE);
		t->last_byte = t->started;
	}
	http_transfer_launch(t);
}

static bool is_uploading(const struct sending *s)
{
	const struct http_upload *u = s->extra.upload;

	return u != NULL && s->position > 0 && s->position < u->length;
}

int64_t http_send_patience(const struct transfer *t)
{
	const struct http_options *o = &t->http->options;
	const struct sending *s = t->sending;

	return s == NULL || s->answered || is_uploading(s) ? o->stall_timeout : o->timeout;
}

void http_send_report(const struct transfer *t, struct http_reply *reply)
{
	const struct sending *s = t->sending;

	reply->saved = s->saved;
	if (reply->error == NULL)
		return;
	/* Servers hang up on uploads that they refuse; what matters has come. */
	if (s->extra.upload != NULL && reply->status >= 400 &&
	    strcmp(reply->error, "connection_lost") == 0) {
		reply->error = reply->message = NULL;
		return;
	}
	if (s->file_failed) {
		reply->error = "file_failed";
		reply->file_errno = s->file_errno;
	}
	if (s->message[0] != '\0')
		reply->message = s->message;
	else if (t->stalled && is_uploading(s))
		reply->message = "the upload stalled";
	else if (t->stalled && !s->answered)
		reply->message = "no answer came in time";
}

void http_send_free(struct transfer *t)
{
	curl_mime_free(t->sending->form);
	curl_slist_free_all(t->sending->headers);
	free(t->sending);
	t->sending = NULL;
}
