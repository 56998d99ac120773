#include "model.h"
#include "label.h"
#include "mem.h"
#include "phrase.h"
#include "request.h"
#include "schema.h"

#include <stdlib.h>
#include <string.h>

/* What all parts of an answer have in common. */
struct prompt {
	const struct request *request;
	struct label_list shared; /* labels for all items */
	struct json_span schema;  /* of one answer; none: a string */
};

static void add_item(struct model *m, int64_t number, const char *at)
{
	if (m->count == m->capacity) {
		m->capacity = m->capacity > 0 ? m->capacity * 2 : 16;
		m->items = mem_resize(m->items, m->capacity, sizeof *m->items);
	}
	m->items[m->count].number = number;
	m->items[m->count].at = at;
	m->items[m->count].length = 0;
	m->count++;
}

/* Is this line "### N"? Then *text is what stands behind the number. */
static bool is_heading(const char *line, const char *end, int64_t *number, const char **text)
{
	if (end - line < 5 || memcmp(line, "### ", 4) != 0)
		return false;
	const char *p = line + 4;
	*number = 0;
	while (p < end && *p >= '0' && *p <= '9' && p - line < 20)
		*number = *number * 10 + (*p++ - '0');
	if (p == line + 4 || (p < end && strchr(" \t\r\n:.", *p) == NULL))
		return false;
	*text = p;
	return true;
}

/* Find the items of the user's message. Returns where the first begins, or its end. */
static const char *find_items(struct model *m, const char *text, size_t length)
{
	const char *end = text + length;
	const char *first = end;
	const char *content;
	int64_t number;

	m->count = 0;
	for (const char *line = text; line != NULL && line < end;) {
		if (*line == '#' && is_heading(line, end, &number, &content)) {
			if (m->count > 0)
				m->items[m->count - 1].length =
				    (size_t)(line - m->items[m->count - 1].at);
			else
				first = line;
			add_item(m, number, content);
		}
		line = memchr(line, '\n', (size_t)(end - line));
		if (line != NULL)
			line++;
	}
	if (m->count > 0)
		m->items[m->count - 1].length = (size_t)(end - m->items[m->count - 1].at);
	return first;
}

/* Write one answer as JSON, or as plain text. A list of labels in the text itself goes before one
 * in the instructions that is no more trusted. */
static void write_one(struct buf *out, const struct prompt *p, const char *text, size_t length,
		      bool quoted)
{
	struct label_list own;
	struct phrase_subject subject = {text, length, &own};

	label_find(&own, text, length);
	if (own.strength < p->shared.strength)
		subject.labels = &p->shared;
	if (p->schema.at != NULL) {
		schema_write(out, p->schema, p->request->schema, &subject);
		return;
	}
	if (!quoted) {
		phrase_write(out, &subject);
		return;
	}
	struct buf phrase = {0};
	phrase_write(&phrase, &subject);
	json_quote(out, phrase.data, phrase.length);
	buf_free(&phrase);
}

static void write_member(struct model *m, const struct prompt *p, int64_t number,
			 const struct model_item *item)
{
	buf_addf(&m->text,
		 "%s{\"n\":%lld,\"answer\":", m->text.data[m->text.length - 1] == '[' ? "" : ",",
		 (long long)number);
	write_one(&m->text, p, item->at, item->length, true);
	buf_addc(&m->text, '}');
}

/* Write the packed form. There is at least one item. */
static bool write_packed(struct model *m, const struct prompt *p, enum fault_kind fault,
			 uint64_t choice)
{
	const struct model_item *last = &m->items[m->count - 1];
	size_t missing = fault == FAULT_MISSING ? (size_t)(choice % m->count) : m->count;
	int64_t shift = fault == FAULT_RENUMBER ? 1 : 0;

	buf_adds(&m->text, "{\"answers\":[");
	for (size_t i = 0; i < m->count; i++)
		if (i != missing)
			write_member(m, p, m->items[i].number - shift, &m->items[i]);
	if (fault == FAULT_REPEAT)
		write_member(m, p, m->items[0].number, last);
	if (fault == FAULT_SURPLUS)
		write_member(m, p, last->number + 1, last);
	buf_adds(&m->text, "]}");
	return fault == FAULT_MISSING || fault == FAULT_RENUMBER || fault == FAULT_REPEAT ||
	       fault == FAULT_SURPLUS;
}

static bool is_packed(const struct model *m, const struct request *r)
{
	static const char word[] = "\"answers\"";
	struct json_span answers = json_path(r->schema, "properties", "answers", "items", NULL);

	if (m->count == 0)
		return false;
	return answers.at != NULL ||
	       memmem(r->text.data, r->text.length, word, strlen(word)) != NULL;
}

bool model_answer(struct model *m, const struct request *r, enum fault_kind fault, uint64_t choice)
{
	struct prompt p = {.request = r, .schema = r->schema};
	const char *text = r->user_length > 0 ? r->text.data + r->user_at : r->text.data;
	size_t length = r->user_length > 0 ? r->user_length : r->text.length;
	const char *first = length > 0 ? find_items(m, text, length) : text;
	bool packed = length > 0 && is_packed(m, r);
	bool malformed =
	    fault == FAULT_MALFORMED && (packed || r->schema.at != NULL || r->json_mode);
	bool applied = malformed;

	m->text.length = 0;
	if (malformed)
		buf_adds(&m->text, "Sure! Here you go:\n\n");
	/* What stands before the items, or before the user's message, is common to all. */
	if (packed)
		label_find(&p.shared, r->text.data, (size_t)(first - r->text.data));
	else if (r->user_length > 0 && r->user_at > 0)
		label_find(&p.shared, r->text.data, r->user_at);
	if (packed) {
		p.schema = json_path(r->schema, "properties", "answers", "items", "properties",
				     "answer", NULL);
		applied |= write_packed(m, &p, fault, choice);
	} else if (r->json_mode && r->schema.at == NULL) {
		buf_adds(&m->text, "{\"answer\":");
		write_one(&m->text, &p, text, length, true);
		buf_addc(&m->text, '}');
	} else {
		write_one(&m->text, &p, text, length, false);
	}
	if (malformed) /* prose before it, and its end is missing */
		m->text.length -= m->text.length > 24 ? 2 : 0;
	return applied;
}

void model_free(struct model *m)
{
	buf_free(&m->text);
	free(m->items);
	*m = (struct model){0};
}
