/*
 * batch_api: how providers' Batch APIs want each step said, and what their answers mean. Pure: it
 * writes into buffers and reads what it is given; who sends and fetches is elsewhere.
 *
 * In OpenAI's style (Azure, Groq, Together, vLLM, ...) a file of requests is uploaded, a batch is
 * made of it, and up to two files with results come back. In Anthropic's one body makes the batch,
 * and one file of results comes back.
 *
 * Sources: OpenAI API reference (files, batches), Anthropic API reference (message batches), vLLM's
 * run_batch.
 */
#ifndef BATCH_API_H
#define BATCH_API_H

#include "http.h"
#include "json.h"
#include "target.h"

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct record;
struct reply;

/* Bytes of an id at most, with its NUL. */
#define BATCH_API_ID 256

/* How requests are put together for sending, and how much of them one batch may hold. */
struct batch_api_format {
	const char *head, *separator, *tail; /* before, between and behind them */
	uint64_t requests;                   /* most in a batch */
	uint64_t bytes;                      /* most in all, with what stands around them */
	uint64_t inputs; /* most inputs for embeddings, batch_api_inputs of all; 0: any number */
};
const struct batch_api_format *batch_api_format(enum target_style style);

/*
 * Append a request for sending, without the separator, under the id (plain characters that JSON
 * does not escape; for Anthropic ^[a-zA-Z0-9_-]{1,64}$). endpoint as batch_api_endpoint has it; not
 * used for Anthropic. The body's bytes are the record's.
 */
void batch_api_request(struct buf *out, enum target_style style, const struct record *r,
		       const char *endpoint, const char *id);

/* Append the endpoint that a request goes to, as batches name it: the path that the record's url
 * is, of an absolute URL the path from its last "/v1/" on (or all of it), and without url that of
 * chat completions or, for params, of messages. For urls that target_find lets through. */
void batch_api_endpoint(struct buf *out, const struct record *r);

/* How many inputs a request to this endpoint brings: for embeddings one, or as many texts or
 * arrays of tokens as there are; for all others 0. */
uint64_t batch_api_inputs(const char *endpoint, struct json_span body);

/* Why batches do not take this body, as a message, or NULL. One such request would spoil all the
 * batch. */
const char *batch_api_refuses(enum target_style style, struct json_span body);

enum batch_api_call {
	BATCH_API_UPLOAD,      /* OpenAI; with batch_api_upload */
	BATCH_API_CREATE,      /* OpenAI: batch_api_create; Anthropic: the requests themselves */
	BATCH_API_RETRIEVE,    /* id: the batch's */
	BATCH_API_NEWEST,      /* a page with the batch that was made last */
	BATCH_API_LIST,        /* id: the cursor of the page before, NULL for the first */
	BATCH_API_CANCEL,      /* id: the batch's; no body */
	BATCH_API_CONTENT,     /* id: OpenAI: the file's; Anthropic: the batch's */
	BATCH_API_DELETE_FILE, /* OpenAI; id: the file's */
};

/* Append the path of a call, "/v1/..."; returns the method. What the id holds is escaped. */
enum http_method batch_api_path(struct buf *out, enum target_style style, enum batch_api_call call,
				const char *id);

/* Fill in how this style sends the file with the requests: all but fd, offset and length. */
void batch_api_upload(struct http_upload *upload, enum target_style style);

/* Append the body that makes a batch of an uploaded file: {"input_file_id","endpoint",
 * "completion_window":"24h","metadata":{"lb_tag"}}. */
void batch_api_create(struct buf *out, const char *file, const char *endpoint, const char *tag);

/* Can this text be an id? Not if it is empty, of BATCH_API_ID bytes and more, "." or "..", or has
 * spaces or control characters. */
bool batch_api_is_id(const char *text);

/* Read the answer to an upload, any bytes: the file's id. Returns 0, or -1 with a message in
 * *problem (see batch_api_read). */
int batch_api_file(char id[BATCH_API_ID], struct json_span text, const char **problem);

enum batch_api_state {
	BATCH_API_WAITING,   /* validating, in progress, finalizing, cancelling, or unknown */
	BATCH_API_ENDED,     /* each request has a result */
	BATCH_API_EXPIRED,   /* of OpenAI's: some may have none but this */
	BATCH_API_CANCELLED, /* the same */
	BATCH_API_FAILED     /* refused as a whole, mostly before anything was done */
};

/* A batch. Ids are plain text, "" where there is none. */
struct batch_api_batch {
	enum batch_api_state state;
	struct json_span status; /* the provider's word for it, a JSON string in the text read */
	/* It has ended, and a file with results that must be there is not yet named: ask again. As
	 * some servers miscount, not for ever. */
	bool late;
	char id[BATCH_API_ID];
	/* What to fetch; of Anthropic's output_file is the batch's own id, once it has ended. */
	char output_file[BATCH_API_ID], error_file[BATCH_API_ID];
	char input_file[BATCH_API_ID];
	char tag[BATCH_API_ID];           /* metadata.lb_tag */
	int64_t total, completed, failed; /* counts, 0 until they are known */
	int64_t created;                  /* ns since 1970, -1 if unknown */

	/* Of BATCH_API_FAILED, the first error: values in the text read, at NULL if there is none;
	 * and the line of the upload that it is about, from 1, or 0. */
	struct json_span error_code, error_message;
	int64_t error_line;
};

/* Read the answer to creating, retrieving or cancelling a batch: any bytes. Returns 0, or -1 with
 * a message in *problem (static): no JSON, or no id that can be one. */
int batch_api_read(struct batch_api_batch *b, enum target_style style, struct json_span text,
		   const char **problem);

/* A page of a list. */
struct batch_api_page {
	enum target_style style;
	struct json_iter batches;
	bool more;               /* there is another page, behind the cursor */
	char last[BATCH_API_ID]; /* the cursor */
};

/* Read a page: any bytes, which must stay. Returns 0, or -1 with a message in *problem. */
int batch_api_page(struct batch_api_page *p, enum target_style style, struct json_span text,
		   const char **problem);

/* When the batches of a page were made, of those that say so the earliest; ns since 1970, -1 if
 * none does. */
int64_t batch_api_earliest(struct batch_api_page p);

/* The next batch of it; those that cannot be read are passed over. False at the end. */
bool batch_api_next(struct batch_api_page *p, struct batch_api_batch *b);

/* A line of a file with results. */
struct batch_api_line {
	enum target_style style;
	struct json_span custom_id; /* as it was sent, a JSON string with its quotes */
	struct json_span id, response, error, result;
};

/* Read a line, any bytes, which must stay. Returns 0, or -1 with a message in *problem: no JSON, or
 * no custom_id that is a string. */
int batch_api_line(struct batch_api_line *l, enum target_style style, struct json_span text,
		   const char **problem);

enum batch_api_outcome {
	BATCH_API_GOOD,
	BATCH_API_BAD,  /* it has failed, and the error says why */
	BATCH_API_AGAIN /* it was never begun: code "batch_expired" or "batch_cancelled" */
};

/*
 * Append the result that a line makes of its request, as reply_result makes one of an HTTP answer:
 * the request's members, id, response, error, and lb.batch. An errored result of Anthropic's gets
 * the status that the HTTP API has for its type. r is memory to use again.
 */
enum batch_api_outcome batch_api_result(struct reply *r, struct buf *out,
					const struct record *request,
					const struct batch_api_line *l);

#endif
