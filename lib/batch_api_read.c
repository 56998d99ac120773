/* What a Batch API says of files and batches. */
#include "batch_api.h"
#include "buf.h"
#include "provider.h"

#include <string.h>
#include <strings.h>

static const char no_json[] = "the answer is not JSON";
static const char no_id[] = "the answer has no id that can be one";

/* The members of a batch, of either style. */
enum {
	ID,
	STATUS,
	PROCESSING_STATUS,
	ERRORS,
	INPUT_FILE,
	OUTPUT_FILE,
	ERROR_FILE,
	COUNTS,
	METADATA,
	CREATED,
	RESULTS_URL,
	ARCHIVED,
	MEMBERS
};

static void name_members(struct json_member members[MEMBERS])
{
	static const struct json_member names[MEMBERS] = {
	    [ID] = JSON_MEMBER("id"),
	    [STATUS] = JSON_MEMBER("status"),
	    [PROCESSING_STATUS] = JSON_MEMBER("processing_status"),
	    [ERRORS] = JSON_MEMBER("errors"),
	    [INPUT_FILE] = JSON_MEMBER("input_file_id"),
	    [OUTPUT_FILE] = JSON_MEMBER("output_file_id"),
	    [ERROR_FILE] = JSON_MEMBER("error_file_id"),
	    [COUNTS] = JSON_MEMBER("request_counts"),
	    [METADATA] = JSON_MEMBER("metadata"),
	    [CREATED] = JSON_MEMBER("created_at"),
	    [RESULTS_URL] = JSON_MEMBER("results_url"),
	    [ARCHIVED] = JSON_MEMBER("archived_at"),
	};

	memcpy(members, names, sizeof names);
}

bool batch_api_is_id(const char *text)
{
	const char *c = text;

	while ((unsigned char)*c > ' ' && *c != 0x7f)
		c++;
	return *text != '\0' && *c == '\0' && c - text < BATCH_API_ID && strcmp(text, ".") != 0 &&
	       strcmp(text, "..") != 0;
}

/* The text of a string that may be an id; else "". Returns whether it is one. */
static bool take_id(char id[BATCH_API_ID], struct json_span value)
{
	struct buf text = {0};
	bool good = json_type(value) == JSON_STRING;

	if (good)
		json_unescape(&text, value);
	const char *plain = buf_string(&text);
	good = good && strlen(plain) == text.length && batch_api_is_id(plain);
	memcpy(id, good ? plain : "", good ? text.length + 1 : 1);
	buf_free(&text);
	return good;
}

int batch_api_file(char id[BATCH_API_ID], struct json_span text, const char **problem)
{
	struct json_member member = JSON_MEMBER("id");
	struct json_error error;

	if (json_check(text.at, text.length, NULL, &member, 1, &error) < 0) {
		*problem = no_json;
		return -1;
	}
	if (!take_id(id, member.value)) {
		*problem = no_id;
		return -1;
	}
	return 0;
}

/* Some servers write the words of OpenAI's in capitals. */
static enum batch_api_state state_of(struct json_span status)
{
	static const struct {
		const char *word;
		enum batch_api_state state;
	} states[] = {
	    {"completed", BATCH_API_ENDED},    {"ended", BATCH_API_ENDED},
	    {"expired", BATCH_API_EXPIRED},    {"cancelled", BATCH_API_CANCELLED},
	    {"canceled", BATCH_API_CANCELLED}, {"failed", BATCH_API_FAILED},
	};

	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		size_t n = strlen(states[i].word);
		if (json_type(status) == JSON_STRING && status.length == n + 2 &&
		    strncasecmp(status.at + 1, states[i].word, n) == 0)
			return states[i].state;
	}
	return BATCH_API_WAITING;
}

static int64_t count_of(struct json_span counts, const char *name)
{
	int64_t count;

	if (json_integer(json_get(counts, name), &count) < 0 || count < 0 || count > INT32_MAX)
		return 0;
	return count;
}

static void take_counts(struct batch_api_batch *b, enum target_style style, struct json_span counts)
{
	if (style == TARGET_OPENAI) {
		b->total = count_of(counts, "total");
		b->completed = count_of(counts, "completed");
		b->failed = count_of(counts, "failed");
		return;
	}
	b->completed = count_of(counts, "succeeded");
	b->failed = count_of(counts, "errored") + count_of(counts, "canceled") +
		    count_of(counts, "expired");
	b->total = b->completed + b->failed + count_of(counts, "processing");
}

/* Seconds since 1970, or a date in a string. */
static int64_t time_of(struct json_span value)
{
	enum json_type type = json_type(value);
	int64_t time;

	if (type != JSON_STRING && type != JSON_NUMBER)
		return -1;
	if (type == JSON_STRING)
		value = (struct json_span){value.at + 1, value.length - 2};
	return provider_duration(value.at, value.length, 0, &time) == 0 ? time : -1;
}

/* The first error of a batch that was refused. */
static void take_error(struct batch_api_batch *b, struct json_span errors)
{
	struct json_span first = json_element(json_get(errors, "data"), 0);

	b->error_code = json_get(first, "code");
	b->error_message = json_get(first, "message");
	if (json_integer(json_get(first, "line"), &b->error_line) < 0 || b->error_line < 0)
		b->error_line = 0;
}

/* Is a file missing? One of results must be there if any request was answered, and of a batch that
 * was not broken off, one of either kind. */
static bool is_late(const struct batch_api_batch *b)
{
	if (b->state == BATCH_API_WAITING || b->output_file[0] != '\0')
		return false;
	return b->completed > 0 || (b->state == BATCH_API_ENDED && b->error_file[0] == '\0');
}

static int take_batch(struct batch_api_batch *b, enum target_style style,
		      const struct json_member *m)
{
	memset(b, 0, sizeof *b);
	if (!take_id(b->id, m[ID].value))
		return -1;
	b->status = m[style == TARGET_OPENAI ? STATUS : PROCESSING_STATUS].value;
	b->state = state_of(b->status);
	b->created = time_of(m[CREATED].value);
	take_counts(b, style, m[COUNTS].value);
	if (style == TARGET_ANTHROPIC) {
		/* Of an archived one there are no results any more: fetching tells. */
		if (b->state == BATCH_API_ENDED &&
		    (json_is_set(m[RESULTS_URL].value) || json_is_set(m[ARCHIVED].value)))
			memcpy(b->output_file, b->id, sizeof b->id);
		b->late = is_late(b);
		return 0;
	}
	take_id(b->input_file, m[INPUT_FILE].value);
	take_id(b->output_file, m[OUTPUT_FILE].value);
	take_id(b->error_file, m[ERROR_FILE].value);
	take_id(b->tag, json_get(m[METADATA].value, "lb_tag"));
	if (b->state == BATCH_API_FAILED)
		take_error(b, m[ERRORS].value);
	b->late = is_late(b);
	return 0;
}

int batch_api_read(struct batch_api_batch *b, enum target_style style, struct json_span text,
		   const char **problem)
{
	struct json_member members[MEMBERS];
	struct json_error error;

	name_members(members);
	if (json_check(text.at, text.length, NULL, members, MEMBERS, &error) < 0) {
		*problem = no_json;
		return -1;
	}
	if (take_batch(b, style, members) < 0) {
		*problem = no_id;
		return -1;
	}
	return 0;
}

int batch_api_page(struct batch_api_page *p, enum target_style style, struct json_span text,
		   const char **problem)
{
	struct json_member m[] = {JSON_MEMBER("data"), JSON_MEMBER("has_more"),
				  JSON_MEMBER("last_id")};
	struct json_span data, more;
	struct json_error error;

	if (json_check(text.at, text.length, NULL, m, sizeof m / sizeof *m, &error) < 0) {
		*problem = no_json;
		return -1;
	}
	data = m[0].value;
	more = m[1].value;
	if (json_type(data) != JSON_ARRAY) {
		*problem = "the answer has no list of batches";
		return -1;
	}
	p->style = style;
	p->batches = json_iter(data);
	if (!take_id(p->last, m[2].value))
		take_id(p->last, json_get(json_element(data, -1), "id"));
	/* A page that leads nowhere is the last. */
	p->more = json_type(more) == JSON_BOOL && more.at[0] == 't' && p->last[0] != '\0' &&
		  json_count(data) > 0;
	return 0;
}

bool batch_api_next(struct batch_api_page *p, struct batch_api_batch *b)
{
	struct json_member members[MEMBERS];
	struct json_span value;

	while (json_next(&p->batches, NULL, &value)) {
		name_members(members);
		json_find(value, members, MEMBERS);
		if (take_batch(b, p->style, members) == 0)
			return true;
	}
	return false;
}

int64_t batch_api_earliest(struct batch_api_page p)
{
	struct batch_api_batch b;
	int64_t earliest = -1;

	while (batch_api_next(&p, &b))
		if (b.created >= 0 && (earliest < 0 || b.created < earliest))
			earliest = b.created;
	return earliest;
}
