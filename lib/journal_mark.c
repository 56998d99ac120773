/* Ids, requests, and the entries of lb. */
#include "buf.h"
#include "hash.h"
#include "journal_state.h"

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
	uint64_t request;

	if (value.length != 18 || *value.at != '"' || !journal_parse_digits(value.at + 1, &request))
		return 0;
	return request;
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

bool journal_mark(const struct record *r, const char *entry, uint64_t *request, struct buf *id)
{
	struct json_member members[] = {JSON_MEMBER("id"), JSON_MEMBER("request")};

	buf_clear(id);
	struct json_span mark = record_lb(r, entry);
	json_find(mark, members, 2);
	*request = parse_request(members[1].value);
	add_id(id, members[0].value);
	if (id->length == 0)
		add_id(id, r->custom_id);
	return json_type(mark) == JSON_OBJECT;
}

/* Append the record with a mark, which says for a log what is seen of a line there. */
static void add_marked(struct buf *out, const struct record *r, const char *entry,
		       struct json_span id, uint64_t request, bool sealed)
{
	bool logs = strcmp(entry, JOURNAL_LOGGED) == 0;
	struct buf mark = {0};

	buf_addc(&mark, '{');
	if (id.length > 0) {
		buf_adds(&mark, "\"id\":");
		json_quote(&mark, id.at, id.length);
		buf_addc(&mark, ',');
	}
	buf_adds(&mark, "\"request\":\"");
	journal_write_digits(buf_reserve(&mark, 16), request);
	mark.length += 16;
	buf_adds(&mark, sealed ? "\",\"sum\":\"0000000000000000\"}" : "\"}");
	struct json_edit edits[] = {
	    {entry, {mark.data, mark.length}},
	    {logs ? JOURNAL_ASKED : JOURNAL_LOGGED, {NULL, 0}},
	};
	record_set(out, r, edits, 0, edits, 2);
	buf_free(&mark);
}

void journal_set_mark(struct buf *out, const struct record *r, const char *entry,
		      const struct buf *id, uint64_t request)
{
	bool logs = strcmp(entry, JOURNAL_LOGGED) == 0;
	size_t start = out->length;
	struct buf own = {0};
	struct json_span other = {id->data, id->length};
	struct journal_sealed none;

	if (logs && journal_may_seal(r, id)) {
		add_marked(out, r, entry, (struct json_span){NULL, 0}, request, true);
		if (journal_seal(out->data + start, out->length - start, r))
			return;
		out->length = start;
	}
	add_id(&own, r->custom_id);
	if (own.length > 0 && own.length == id->length &&
	    memcmp(own.data, id->data, id->length) == 0)
		other.length = 0;
	add_marked(out, r, entry, other, request, false);
	buf_free(&own);
	/* That is no seal of ours: the record was made to bear one. */
	if (logs &&
	    journal_unseal((struct json_span){out->data + start, out->length - start}, &none)) {
		out->data[out->length - 1] = ' ';
		buf_addc(out, '}');
	}
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
