/* Reports of a ledger, as tables for people and as JSON. */
#include "ledger_print.h"
#include "buf.h"
#include "clock.h"
#include "money.h"
#include "msg.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct section {
	enum ledger_by by;
	const char *name, *title;
} sections[] = {
    {LEDGER_BY_MODEL, "models", "model"},
    {LEDGER_BY_DAY, "days", "day"},
    {LEDGER_BY_JOB, "jobs", "job"},
    {LEDGER_TOTAL, "total", "all"},
};

struct printer {
	struct buf *out;
	const struct section *section;
	size_t lines;
};

static void add_dollars(struct buf *out, int64_t nano)
{
	buf_addf(out, "%" PRId64 ".%06d", nano / MONEY_DOLLAR, (int)(nano % MONEY_DOLLAR / 1000));
}

/* A name comes from records: control characters of theirs, also those of two bytes (C1), are not
 * for a terminal. */
static void add_name(struct buf *out, struct json_span name)
{
	for (size_t i = 0; i < name.length; i++) {
		unsigned char c = (unsigned char)name.at[i];
		bool c1 = c == 0xc2 && i + 1 < name.length && (unsigned char)name.at[i + 1] < 0xa0;
		bool control = c < 0x20 || c == 0x7f || c1;
		i += c1;
		buf_addc(out, control ? '?' : (char)c);
	}
	if (name.length == 0)
		buf_addc(out, '-');
}

static void print_line(void *context, const struct ledger_line *l)
{
	struct printer *p = context;
	struct buf dollars = {0}, name = {0};

	if (p->lines++ == 0)
		buf_addf(p->out, "%-28s %10s %14s %14s %14s %14s\n", p->section->title, "requests",
			 "input tokens", "cached", "output tokens", "USD");
	add_dollars(&dollars, l->spent);
	add_name(&name, l->name);
	buf_addf(p->out, "%-28s %10" PRId64 " %14" PRId64 " %14" PRId64 " %14" PRId64 " %14s\n",
		 buf_string(&name), l->requests, l->input, l->cached, l->output,
		 buf_string(&dollars));
	if (l->unpriced > 0)
		buf_addf(p->out, "%-28s %10" PRId64 " of them without a price\n", "", l->unpriced);
	buf_free(&name);
	buf_free(&dollars);
}

static void print_object(void *context, const struct ledger_line *l)
{
	struct printer *p = context;

	if (p->lines++ > 0)
		buf_addc(p->out, ',');
	buf_addc(p->out, '{');
	if (p->section->by != LEDGER_TOTAL) {
		buf_addf(p->out, "\"%s\":", p->section->title);
		json_quote(p->out, l->name.at, l->name.length);
		buf_addc(p->out, ',');
	}
	buf_addf(p->out,
		 "\"requests\":%" PRId64 ",\"unpriced\":%" PRId64 ",\"input_tokens\":%" PRId64
		 ",\"cached_tokens\":%" PRId64 ",\"cache_write_tokens\":%" PRId64
		 ",\"output_tokens\":%" PRId64 ",\"usd\":",
		 l->requests, l->unpriced, l->input, l->cached, l->cache_write, l->output);
	money_print(p->out, l->spent);
	buf_addc(p->out, '}');
}

static int print_tables(struct ledger *l, struct buf *out)
{
	struct ledger_open_items items;
	struct buf dollars = {0};

	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		struct printer p = {out, &sections[i], 0};
		if (ledger_report(l, sections[i].by, print_line, &p) < 0)
			return -1;
		if (p.lines > 0)
			buf_addc(out, '\n');
	}
	if (ledger_reservations(l, &items) < 0)
		return -1;
	add_dollars(&dollars, items.pending_amount);
	buf_addf(out, "on their way: %" PRId64 " requests of at most %s USD\n", items.pending,
		 buf_string(&dollars));
	buf_clear(&dollars);
	add_dollars(&dollars, items.orphaned_amount);
	buf_addf(out, "not settled:  %" PRId64 " requests of at most %s USD (--forgive)\n",
		 items.orphaned, buf_string(&dollars));
	buf_free(&dollars);
	return 0;
}

static int print_json(struct ledger *l, struct buf *out)
{
	struct ledger_open_items items;

	buf_addc(out, '{');
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		struct printer p = {out, &sections[i], 0};
		buf_addf(out, "\"%s\":[", sections[i].name);
		if (ledger_report(l, sections[i].by, print_object, &p) < 0)
			return -1;
		buf_adds(out, "],");
	}
	if (ledger_reservations(l, &items) < 0)
		return -1;
	buf_addf(out, "\"pending\":{\"requests\":%" PRId64 ",\"usd_at_most\":", items.pending);
	money_print(out, items.pending_amount);
	buf_addf(out, "},\"unsettled\":{\"requests\":%" PRId64 ",\"usd_at_most\":", items.orphaned);
	money_print(out, items.orphaned_amount);
	buf_adds(out, "}}\n");
	return 0;
}

int ledger_print(struct ledger *l, bool json, const char *plot)
{
	struct buf text = {0};
	int status = STATUS_OK;
	/* In a group, so that all of it is of one moment. */
	int result = ledger_begin(l, clock_wall() / CLOCK_SEC);

	if (result == 0) {
		result = json ? print_json(l, &text) : print_tables(l, &text);
		ledger_rollback(l);
	}
	if (result < 0) {
		msg_warn("%s", ledger_problem(l));
		status = STATUS_SYSTEM;
	} else if (fwrite(text.data, 1, text.length, stdout) != text.length ||
		   fflush(stdout) != 0) {
		msg_warn("stdout: %s", strerror(errno));
		status = STATUS_SYSTEM;
	}
	if (plot != NULL && ledger_plot(l, plot) < 0)
		status = STATUS_SYSTEM;
	buf_free(&text);
	return status;
}

int ledger_print_forgiven(struct ledger *l)
{
	int64_t count, amount;
	struct buf text = {0};

	if (ledger_forgive(l, &count, &amount) < 0) {
		msg_warn("%s", ledger_problem(l));
		return STATUS_SYSTEM;
	}
	money_print(&text, amount);
	msg_warn("%" PRId64 " reservations forgiven, $%s", count, buf_string(&text));
	buf_free(&text);
	return STATUS_OK;
}

int ledger_print_file(const char *path, bool forgive, bool json, const char *plot)
{
	const struct ledger_options options = {
	    .path = path, .job = "", .budget = -1, .must_exist = true};
	struct buf problem = {0};
	struct ledger *l = ledger_open(&options, &problem);
	int status = STATUS_SYSTEM;

	if (l == NULL)
		msg_warn("%s", buf_string(&problem));
	else
		status = forgive ? ledger_print_forgiven(l) : ledger_print(l, json, plot);
	ledger_close(l);
	buf_free(&problem);
	return status;
}
