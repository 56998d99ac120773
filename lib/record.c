#include "record.h"
#include "base64.h"
#include "buf.h"

#include <inttypes.h>
#include <string.h>

static void parse_object(struct record *r, const struct json_member *m)
{
	r->custom_id = m[0].value;
	r->method = m[1].value;
	r->url = m[2].value;
	r->body = m[3].value;
	r->id = m[5].value;
	r->response = m[6].value;
	r->error = m[7].value;
	r->lb = m[8].value;
	if (r->body.at == NULL && m[4].value.at != NULL) {
		r->body = m[4].value;
		r->params = true;
	}
	if (json_is_set(r->response) || json_is_set(r->error))
		r->kind = RECORD_RESULT;
	else if (json_type(r->body) == JSON_OBJECT)
		r->kind = RECORD_REQUEST;
}

enum record_kind record_parse(struct record *r, const struct line *line, bool too_long)
{
	/* In the order that results have them in, which is the quickest. */
	struct json_member members[] = {
	    JSON_MEMBER("custom_id"), JSON_MEMBER("method"), JSON_MEMBER("url"),
	    JSON_MEMBER("body"),      JSON_MEMBER("params"), JSON_MEMBER("id"),
	    JSON_MEMBER("response"),  JSON_MEMBER("error"),  JSON_MEMBER("lb"),
	};
	size_t count = sizeof members / sizeof *members;

	memset(r, 0, sizeof *r);
	r->kind = RECORD_BAD;
	r->number = line->number;
	r->line = r->text = (struct json_span){line->text, line->length};
	r->total = line->total;
	if (too_long) {
		r->problem = (struct json_error){line->length, "longer than --max-line"};
		return r->kind;
	}
	if (json_check(line->text, line->length, &r->text, members, count, &r->problem) < 0)
		return r->kind;
	r->kind = RECORD_ITEM;
	if (json_type(r->text) == JSON_OBJECT)
		parse_object(r, members);
	return r->kind;
}

void record_move(struct record *r, const char *copy)
{
	struct json_span *spans[] = {&r->custom_id, &r->method, &r->url, &r->body,
				     &r->response,  &r->error,  &r->id,  &r->lb};

	for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
		if (spans[i]->at != NULL)
			spans[i]->at = copy + (spans[i]->at - r->text.at);
	r->text.at = copy;
	r->line = r->text;
}

bool record_failed(const struct record *r)
{
	return r->kind == RECORD_BAD || json_is_set(r->error);
}

struct json_span record_lb(const struct record *r, const char *name)
{
	return json_get(r->lb, name);
}

/* The value of a member that record_parse knows, by its name; NULL if it knows no such member. */
static const struct json_span *known_member(const struct record *r, const char *name)
{
	if (strcmp(name, "response") == 0)
		return &r->response;
	if (strcmp(name, "error") == 0)
		return &r->error;
	if (strcmp(name, "id") == 0)
		return &r->id;
	if (strcmp(name, "lb") == 0)
		return &r->lb;
	return NULL;
}

/*
 * Where the members stand is known of most: their values are replaced there, by order of place, and
 * what is new goes to the end. This is what json_set does, without a look at all the bytes. Returns
 * false if it cannot be done so.
 */
static bool splice(struct buf *out, const struct record *r, const struct json_edit *edits,
		   size_t count)
{
	const struct json_edit *there[JSON_MAX_EDITS];
	const char *at[JSON_MAX_EDITS], *done = r->text.at;
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		const struct json_span *member = known_member(r, edits[i].name);
		if (member == NULL || edits[i].value.at == NULL)
			return false;
		if (member->at == NULL)
			continue;
		size_t k = n++;
		for (; k > 0 && at[k - 1] > member->at; k--) {
			at[k] = at[k - 1];
			there[k] = there[k - 1];
		}
		at[k] = member->at;
		there[k] = &edits[i];
	}
	if (n == 0 && r->body.at == NULL)
		return false; /* it may have no members at all */
	for (size_t k = 0; k < n; k++) {
		const struct json_span *member = known_member(r, there[k]->name);
		buf_add(out, done, (size_t)(at[k] - done));
		buf_add(out, there[k]->value.at, there[k]->value.length);
		done = member->at + member->length;
	}
	buf_add(out, done, (size_t)(r->text.at + r->text.length - 1 - done));
	for (size_t i = 0; i < count; i++) {
		if (known_member(r, edits[i].name)->at != NULL)
			continue;
		buf_adds(out, ",\"");
		buf_adds(out, edits[i].name);
		buf_adds(out, "\":");
		buf_add(out, edits[i].value.at, edits[i].value.length);
	}
	buf_addc(out, '}');
	return true;
}

static void set_members(struct buf *out, const struct record *r, const struct json_edit *edits,
			size_t count)
{
	if (!splice(out, r, edits, count))
		json_set(out, r->text, edits, count);
}

void record_set(struct buf *out, const struct record *r, const struct json_edit *edits,
		size_t count, const struct json_edit *lb_edits, size_t lb_count)
{
	struct json_edit all[JSON_MAX_EDITS];
	struct buf lb = {0};
	struct json_span old = json_type(r->lb) == JSON_OBJECT ? r->lb : JSON_LITERAL("{}");

	if (count > 0)
		memcpy(all, edits, count * sizeof *edits);
	if (lb_count > 0) {
		json_set(&lb, old, lb_edits, lb_count);
		all[count++] = (struct json_edit){"lb", {lb.data, lb.length}};
	}
	set_members(out, r, all, count);
	buf_free(&lb);
}

void record_error(struct buf *out, const char *code, const char *message, size_t length)
{
	buf_adds(out, "{\"code\":");
	json_quote(out, code, strlen(code));
	buf_adds(out, ",\"message\":");
	json_quote(out, message, length);
	buf_addc(out, '}');
}

/* A record for what cannot carry members of its own. */
static void fail_raw(struct buf *out, const struct record *r, const char *code, const char *message)
{
	struct buf text = {0};

	buf_addf(&text, "line %" PRIu64 ": %s", r->number, message);
	buf_adds(out, "{\"custom_id\":null,\"response\":null,\"error\":{\"code\":");
	json_quote(out, code, strlen(code));
	buf_adds(out, ",\"message\":");
	json_quote(out, text.data, text.length);
	buf_addf(out, ",\"line\":%" PRIu64 ",\"raw\":", r->number);
	if (json_quote(out, r->text.at, r->text.length)) {
		buf_adds(out, ",\"raw_base64\":\"");
		base64_encode(out, r->text.at, r->text.length);
		buf_addc(out, '"');
	}
	if (r->total > r->text.length && r->kind == RECORD_BAD)
		buf_addf(out, ",\"raw_bytes\":%" PRIu64, r->total);
	buf_adds(out, "}}");
	buf_free(&text);
}

void record_fail(struct buf *out, const struct record *r, const char *code, const char *message)
{
	if (r->kind == RECORD_BAD || json_type(r->text) != JSON_OBJECT) {
		fail_raw(out, r, code, message);
		return;
	}
	struct buf error = {0};
	record_error(&error, code, message, strlen(message));
	struct json_edit edits[2] = {{"error", {error.data, error.length}},
				     {"response", JSON_LITERAL("null")}};
	bool add_response =
	    r->kind == RECORD_REQUEST || (r->kind == RECORD_RESULT && r->response.at == NULL);
	set_members(out, r, edits, add_response ? 2 : 1);
	buf_free(&error);
}

void record_reject(struct buf *out, const struct record *r, const char *hint)
{
	struct buf message = {0};

	if (r->total > r->text.length && r->problem.offset == r->text.length)
		buf_addf(&message, "%s (%" PRIu64 " bytes)", r->problem.reason, r->total);
	else
		buf_addf(&message, "not JSON: %s at byte %zu", r->problem.reason,
			 r->problem.offset + 1);
	if (hint != NULL)
		buf_addf(&message, "; %s", hint);
	fail_raw(out, r, "bad_record", buf_string(&message));
	buf_free(&message);
}

/* ASCII as UTF-16 has a NUL in each pair of bytes, the first of which may be a mark. */
static const char *hint_of_utf16(const char *p, size_t n)
{
	size_t i = 0;

	if (n >= 2 && (memcmp(p, "\xff\xfe", 2) == 0 || memcmp(p, "\xfe\xff", 2) == 0))
		return "the input looks like UTF-16: put  iconv -f UTF-16 -t UTF-8  in front";
	if (n < 4)
		return NULL;
	while (i < 4 && (p[i] == '\0') == (i % 2 == 1))
		i++;
	if (i == 4)
		return "the input looks like UTF-16: put  iconv -f UTF-16LE -t UTF-8  in front";
	for (i = 0; i < 4 && (p[i] == '\0') == (i % 2 == 0);)
		i++;
	if (i == 4)
		return "the input looks like UTF-16: put  iconv -f UTF-16BE -t UTF-8  in front";
	return NULL;
}

/* Is it UTF-8 without control characters? */
static bool is_plain_text(const char *p, size_t n)
{
	struct buf quoted = {0};
	bool plain = !json_quote(&quoted, p, n);

	for (size_t i = 0; i < n; i++)
		if (p[i] == '\x7f' || ((unsigned char)p[i] < 0x20 && p[i] != '\t'))
			plain = false;
	buf_free(&quoted);
	return plain;
}

const char *record_hint(const struct record *r)
{
	const char *p = r->text.at;
	const char *end = p + r->text.length;
	const char *utf16 = r->kind == RECORD_BAD ? hint_of_utf16(p, r->text.length) : NULL;

	if (utf16 != NULL)
		return utf16;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	if (p < end && *p == '[' && r->kind != RECORD_BAD)
		return "the input looks like one big array: put  jq -c '.[]'  in front";
	if (r->kind != RECORD_BAD || p == end || r->total > r->text.length)
		return NULL; /* a line that we cut is none that was left unfinished */
	if (*p == '[')
		return "the input looks like one big array: put  jq -c '.[]'  in front";
	if (*p == '{' && r->problem.offset >= r->text.length)
		return "the input looks like pretty-printed JSON: put  jq -c .  in front";
	if (*p != '{' && is_plain_text(p, (size_t)(end - p)))
		return "the input looks like plain text: put  jq -Rc .  in front";
	return NULL;
}
