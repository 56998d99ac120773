/*
 * record: a line as spans: what kind of record it is, where its members are, and the edits that
 * tools make. lb-record(5) is the reference for the format.
 */
#ifndef RECORD_H
#define RECORD_H

#include "json.h"
#include "line.h"

struct buf;

enum record_kind {
	RECORD_BAD,     /* not a record: no JSON, too long; problem says why */
	RECORD_ITEM,    /* any JSON value that is neither of the others */
	RECORD_REQUEST, /* an object whose body or params is an object, without response or error */
	RECORD_RESULT   /* an object with a response or an error that is not null */
};

struct record {
	enum record_kind kind;
	uint64_t number;       /* of its line in the input, from 1 */
	struct json_span line; /* all of it, with the white space around the value */
	struct json_span text; /* the JSON value; the whole line for RECORD_BAD */
	uint64_t total;        /* the length of the whole line */
	struct json_error problem;

	/* Values of members, at NULL where there is none. */
	struct json_span custom_id, method, url, body, response, error, id, lb;
	bool params; /* body came under the name "params" (Anthropic) */
};

/*
 * Parse a line into spans of its text, which must stay. too_long: the line reader said
 * LINE_TOO_LONG. Returns the kind.
 */
enum record_kind record_parse(struct record *r, const struct line *line, bool too_long);

/* Make the spans point into a copy of the record's text at `copy`, which becomes its line. */
void record_move(struct record *r, const char *copy);

/* Has it failed, that is, is error there and not null, or is it no record at all? */
bool record_failed(const struct record *r);

/* An entry of lb, at NULL if there is none. */
struct json_span record_lb(const struct record *r, const char *name);

/*
 * Append the record with edits to its members and to the entries of its lb member. The record must
 * be an object. Either list may be empty.
 */
void record_set(struct buf *out, const struct record *r, const struct json_edit *edits,
		size_t count, const struct json_edit *lb_edits, size_t lb_count);

/* Append {"code":...,"message":...}. The message may hold any bytes. */
void record_error(struct buf *out, const char *code, const char *message, size_t length);

/*
 * Append the record as a failed result: a request or result gets error (and response null, unless
 * it has one), an item that is an object gets error, and any other value or bad line becomes the
 * value of error.raw in a record of its own,
 * {"custom_id":null,"error":{"code","message","line","raw"}}.
 */
void record_fail(struct buf *out, const struct record *r, const char *code, const char *message);

/* Append the failed result for a RECORD_BAD, code bad_record. hint, unless NULL, ends the message.
 */
void record_reject(struct buf *out, const struct record *r, const char *hint);

/* What the text, the start of an input that cannot be read as records, looks like and what to do
 * about it: a hint to end a message with, or NULL. */
const char *record_hint(const struct record *r);

#endif
