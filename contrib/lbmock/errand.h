/*
 * errand: a call for files or batches on its way through: what came, what is to be sent, and what
 * the log is to tell of it.
 */
#ifndef ERRAND_H
#define ERRAND_H

#include "buf.h"
#include "json.h"

#include <stdint.h>

struct api_error;
struct incoming;
struct outcome;

struct errand {
	const struct incoming *call;
	struct outcome *reply;
	int64_t time; /* the provider's clock: unix ns, ahead by what it was advanced */

	/* For the log. A string may be empty; requests is -1 where none are meant. */
	char file[64];
	char batch[64];
	int64_t requests;
	struct json_span metadata;
	char fault[24];
};

/* A fault was met: its name, or its status behind a prefix. */
void errand_fault(struct errand *e, const char *name);
void errand_status(struct errand *e, const char *prefix, int status);

/* Answer with an error. */
void errand_refuse(struct errand *e, const struct api_error *error);

/* Answer with a status and a message; param, if not NULL, is what it is about. */
void errand_complain(struct errand *e, int status, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Append ,"name":SECONDS or ,"name":null where the time, in ns, is 0. */
void errand_time(struct buf *out, const char *name, int64_t time);

/* Append ,"name":"value" or ,"name":null where the value is empty. */
void errand_string(struct buf *out, const char *name, const char *value);

#endif
