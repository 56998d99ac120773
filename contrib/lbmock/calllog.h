/*
 * calllog: a record of every call, one line of JSON each:
 *
 *   {"t":1790000000.123,"path":"/v1/chat/completions","model":"m","status":200,"fault":null,
 *    "custom":null,"prompt_tokens":12,"completion_tokens":1,"max_tokens":16,"key":"1f0e3dad",
 *    "hash":"a87ff679a2f3e71d","stream":false,"batch":null}
 *
 * batch is the id of the batch by which the request came. A call for files or batches has a line of
 * another shape; "*" stands in the path for an id:
 *
 *   {"t":1790000000.123,"method":"POST","path":"/v1/batches","status":200,"fault":null,
 *    "file":"file-abc","batch":"batch_abc","requests":2,"metadata":{"tag":"x"},"bytes":99,
 *    "key":"1f0e3dad"}
 *
 * A line is written when the call has come in whole and its fate is decided, before any of the
 * reply is sent or waited for: from then on a real provider would bill it, whether or not the
 * client lives to see the answer. It is one write(2) to a file opened with O_APPEND. Tokens are
 * those billed: 0 where the model did not run.
 */
#ifndef CALLLOG_H
#define CALLLOG_H

#include "fault.h"
#include "json.h"

#include <stdbool.h>
#include <stdint.h>

struct calllog;
struct errand;

/* Open, creating it if need be. NULL with errno. The caller closes with calllog_close. */
struct calllog *calllog_open(const char *path);

struct calllog_entry {
	int64_t wall; /* ns */
	const char *path;
	struct json_span model;  /* a JSON string, or none */
	struct json_span custom; /* likewise */
	int status;              /* 0: none was sent, written as null */
	struct fault fault;
	int64_t prompt_tokens;
	int64_t completion_tokens;
	int64_t max_tokens; /* -1: null */
	bool has_key;
	uint64_t key; /* a hash of the credential, which itself is never written */
	uint64_t hash;
	bool stream;
	const char *batch; /* its id, or NULL */
};

/* Append a line. Returns 0, or -1 with errno: then the log cannot be trusted any more. */
int calllog_write(struct calllog *log, const struct calllog_entry *entry);

/* Append a line for a call for files or batches, whose reply is decided. Times and errors as above;
 * has_key and key are those of the entry. */
int calllog_errand(struct calllog *log, const struct errand *errand, int64_t wall, bool has_key,
		   uint64_t key);

/* Close and free; NULL is fine. Returns 0, or -1 with errno. */
int calllog_close(struct calllog *log);

#endif
