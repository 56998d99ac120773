/* Ids, requests, and the entries of lb. */
#include "buf.h"
#include "hash.h"
#include "journal.h"

#include <inttypes.h>
#include <string.h>

uint64_t journal_id_mask = UINT64_MAX;

/* The finisher of MurmurHash3 (Appleby), for each eight bytes: enough for ids, which are compared
 * themselves when a hash is found. */
static uint64_t mix(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

uint64_t journal_id(const void *id, size_t length)
{
	const char *p = id;
	uint64_t hash = mix(length + 1);

	for (; length > 0;) {
		uint64_t word = 0;
		size_t n = length < sizeof word ? length : sizeof word;
		memcpy(&word, p, n);
		hash = mix(hash ^ word) + word;
		p += n;
		length -= n;
	}
	return hash & journal_id_mask;
}

static uint64_t number_of(const char *text, size_t n)
{
	unsigned char digest[HASH_SIZE];

	hash_bytes(text, n, digest);
	uint64_t hash = hash_number(digest);
	return hash != 0 ? hash : 1;
}

uint64_t journal_request(const struct record *r)
{
	struct buf text = {0};

	if (!json_is_set(r->custom_id) || json_type(r->body) != JSON_OBJECT)
		return number_of(r->text.at, r->text.length);
	buf_reserve(&text, r->method.length + r->url.length + r->body.length + 2);
	buf_add(&text, r->method.at, r->method.length);
	buf_addc(&text, '\0');
	buf_add(&text, r->url.at, r->url.length);
	buf_addc(&text, '\0');
	buf_add(&text, r->body.at, r->body.length);
	uint64_t hash = number_of(text.data, text.length);
	buf_free(&text);
	return hash;
}

/* The number that 16 hexadecimal digits in a string are; 0 for anything else. */
static uint64_t parse_request(struct json_span value)
{
	/* No branch for each: what a digit is cannot be foreseen. */
	static const unsigned char digits[256] = {
	    ['0'] = 16, ['1'] = 17, ['2'] = 18, ['3'] = 19, ['4'] = 20, ['5'] = 21,
	    ['6'] = 22, ['7'] = 23, ['8'] = 24, ['9'] = 25, ['a'] = 26, ['b'] = 27,
	    ['c'] = 28, ['d'] = 29, ['e'] = 30, ['f'] = 31,
	};
	uint64_t hash = 0;
	unsigned all = 16;

	if (value.length != 18 || *value.at != '"')
		return 0;
	for (size_t i = 1; i <= 16; i++) {
		unsigned digit = digits[(unsigned char)value.at[i]];
		all &= digit;
		hash = hash << 4 | (digit & 15);
	}
	return all != 0 ? hash : 0;
}

/* Append what names a record, if it can. */
static void add_id(struct buf *id, struct json_span value)
{
	enum json_type type = json_type(value);

	if (type == JSON_STRING && memchr(value.at, '\\', value.length) == NULL)
		buf_add(id, value.at + 1, value.length - 2); /* the usual case, and quick */
	else if (type == JSON_STRING || type == JSON_NUMBER)
		json_text(id, value);
}

/* Most marks stand at the end of lb, as journal_set_mark writes them, and name no id. To look there
 * first saves about a tenth of the work of reading a log. Returns the request, or 0. */
static uint64_t read_usual(const struct record *r)
{
	static const char head[] = "\"" JOURNAL_LOGGED "\":{\"request\":";
	const size_t before = sizeof head - 1, length = before + 18 + 2;

	if (r->lb.at == NULL || r->lb.length <= length)
		return 0;
	const char *at = r->lb.at + r->lb.length - length;
	/* That the quote is no escaped one, within a name, is seen by what stands before it. */
	if ((at[-1] != '{' && at[-1] != ',') || memcmp(at, head, before) != 0 ||
	    memcmp(at + before + 17, "\"}}", 3) != 0)
		return 0;
	return parse_request((struct json_span){at + before, 18});
}

bool journal_mark(const struct record *r, const char *entry, uint64_t *request, struct buf *id)
{
	struct json_member members[] = {JSON_MEMBER("id"), JSON_MEMBER("request")};

	buf_clear(id);
	if (strcmp(entry, JOURNAL_LOGGED) == 0 && (*request = read_usual(r)) != 0) {
		add_id(id, r->custom_id);
		return true;
	}
	struct json_span mark = record_lb(r, entry);
	json_find(mark, members, 2);
	*request = parse_request(members[1].value);
	add_id(id, members[0].value);
	if (id->length == 0)
		add_id(id, r->custom_id);
	return json_type(mark) == JSON_OBJECT;
}

void journal_set_mark(struct buf *out, const struct record *r, const char *entry,
		      const struct buf *id, uint64_t request)
{
	bool logs = strcmp(entry, JOURNAL_LOGGED) == 0;
	struct buf mark = {0}, own = {0};

	add_id(&own, r->custom_id);
	buf_addc(&mark, '{');
	if (id->length > 0 &&
	    (own.length != id->length || memcmp(own.data, id->data, id->length) != 0)) {
		buf_adds(&mark, "\"id\":");
		json_quote(&mark, id->data, id->length);
		buf_addc(&mark, ',');
	}
	buf_addf(&mark, "\"request\":\"%016" PRIx64 "\"}", request);
	struct json_edit edits[] = {
	    {entry, {mark.data, mark.length}},
	    {logs ? JOURNAL_ASKED : JOURNAL_LOGGED, {NULL, 0}},
	};
	record_set(out, r, edits, 0, edits, 2);
	buf_free(&own);
	buf_free(&mark);
}

bool journal_unmark(struct buf *out, const struct record *r)
{
	static const struct json_edit both[] = {{JOURNAL_LOGGED, {NULL, 0}},
						{JOURNAL_ASKED, {NULL, 0}}};
	struct buf rest = {0};

	if (record_lb(r, JOURNAL_LOGGED).at == NULL && record_lb(r, JOURNAL_ASKED).at == NULL)
		return false;
	json_set(&rest, r->lb, both, 2);
	struct json_span lb = {rest.data, rest.length};
	struct json_edit edit = {"lb", json_count(lb) > 0 ? lb : (struct json_span){NULL, 0}};
	json_set(out, r->text, &edit, 1);
	buf_free(&rest);
	return true;
}
