/* What is told about prices: in results, and of those that have none. */
#include "buf.h"
#include "mem.h"
#include "money.h"
#include "msg.h"
#include "pricing.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MOST (sizeof((struct pricing_gaps *)0)->names / sizeof(char *))

bool pricing_mark(struct buf *out, const struct record *r, const struct pricing *p, bool settled)
{
	struct json_edit edits[2];
	struct buf cost = {0};
	size_t count = 0;

	if (p->kind == PRICING_UNPRICED || p->kind == PRICING_UNTOLD)
		edits[count++] = (struct json_edit){"unpriced", JSON_LITERAL("true")};
	if (p->kind == PRICING_PRICED) {
		money_print(&cost, p->cost);
		edits[count++] = (struct json_edit){"cost", {cost.data, cost.length}};
	}
	if (settled)
		edits[count++] = (struct json_edit){"reserved", {NULL, 0}};
	bool marked = count > 0 && json_type(r->text) == JSON_OBJECT;
	if (marked && json_type(r->lb) != JSON_OBJECT) {
		record_set(out, r, NULL, 0, edits, count);
	} else if (marked) {
		/* As record_set would, without looking through the answer. */
		const char *rest = r->lb.at + r->lb.length;
		buf_add(out, r->text.at, (size_t)(r->lb.at - r->text.at));
		json_set(out, r->lb, edits, count);
		buf_add(out, rest, (size_t)(r->text.at + r->text.length - rest));
	}
	buf_free(&cost);
	return marked;
}

bool pricing_unmark(struct buf *out, const struct record *r)
{
	struct json_member lb[] = {JSON_MEMBER("cost"), JSON_MEMBER("cache"),
				   JSON_MEMBER("checkpoint"), JSON_MEMBER("batch"),
				   JSON_MEMBER("unpriced")};
	struct json_edit edits[sizeof lb / sizeof *lb];
	size_t count = 0;

	if (json_type(r->lb) != JSON_OBJECT)
		return false;
	json_find(r->lb, lb, sizeof lb / sizeof *lb);
	for (size_t i = 0; i < sizeof lb / sizeof *lb; i++) {
		/* A store's left half marks requests, too: "miss" is for its right half. */
		bool miss = i == 1 && json_equals(lb[i].value, "miss");
		if (lb[i].value.at != NULL && !miss)
			edits[count++] = (struct json_edit){lb[i].name, {NULL, 0}};
	}
	if (count > 0)
		record_set(out, r, NULL, 0, edits, count);
	return count > 0;
}

void pricing_note_gap(struct pricing_gaps *gaps, const struct pricing *p, const char *name)
{
	gaps->untold += p->kind == PRICING_UNTOLD;
	if (p->kind != PRICING_UNPRICED)
		return;
	gaps->results++;
	for (size_t i = 0; i < NAMES_MOST; i++) {
		if (gaps->names[i] == NULL) {
			gaps->names[i] = mem_copy(name, strlen(name));
			return;
		}
		if (strcmp(gaps->names[i], name) == 0)
			return;
	}
}

void pricing_report_gaps(const struct pricing_gaps *gaps)
{
	struct buf names = {0};

	if (gaps->untold > 0)
		msg_warn("%llu answers do not tell their usage, and what they cost is not known "
			 "(lb.unpriced): streams tell it with stream_options.include_usage",
			 (unsigned long long)gaps->untold);
	if (gaps->results == 0)
		return;
	for (size_t i = 0; i < NAMES_MOST && gaps->names[i] != NULL; i++)
		buf_addf(&names, "%s%s", i > 0 ? ", " : "", gaps->names[i]);
	msg_warn("%llu results have no price (lb.unpriced): no price is known for %s",
		 (unsigned long long)gaps->results, buf_string(&names));
	buf_free(&names);
}

void pricing_forget_gaps(struct pricing_gaps *gaps)
{
	for (size_t i = 0; i < NAMES_MOST; i++)
		free(gaps->names[i]);
}
