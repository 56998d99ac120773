/* Reports of a ledger, as tables for people, as JSON, and as a picture by gnuplot. */
#include "ledger_print.h"
#include "buf.h"
#include "ledger_state.h"
#include "money.h"
#include "msg.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

static void print_line(void *context, const struct ledger_line *l)
{
	struct printer *p = context;
	struct buf dollars = {0};
	int length = l->name.length < 28 ? (int)l->name.length : 28;

	if (p->lines++ == 0)
		buf_addf(p->out, "%-28s %10s %14s %14s %14s %14s\n", p->section->title, "requests",
			 "input tokens", "cached", "output tokens", "USD");
	add_dollars(&dollars, l->spent);
	/* A name comes from records: it is written as on stderr, without control characters. */
	struct buf name = {0};
	for (int i = 0; i < length; i++)
		buf_addc(&name, (unsigned char)l->name.at[i] < 0x20 || l->name.at[i] == 0x7f
				    ? '?'
				    : l->name.at[i]);
	if (length == 0)
		buf_addc(&name, '-');
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

static void plot_day(void *context, const struct ledger_line *l)
{
	FILE *to = context;
	struct buf dollars = {0};

	add_dollars(&dollars, l->spent);
	fprintf(to, "%.*s %s\n", (int)l->name.length, l->name.at, buf_string(&dollars));
	buf_free(&dollars);
}

/* gnuplot's stdin, and its process. The file's name goes by the environment: a script would give
 * meaning to some characters in it. */
static FILE *start_gnuplot(const char *file, pid_t *pid)
{
	int ends[2];

	if (pipe(ends) < 0)
		return NULL;
	*pid = fork();
	if (*pid == 0) {
		dup2(ends[0], STDIN_FILENO);
		close(ends[0]);
		close(ends[1]);
		setenv("LB_PLOT", file, 1);
		execlp("gnuplot", "gnuplot", (char *)NULL);
		_exit(127);
	}
	close(ends[0]);
	if (*pid < 0) {
		close(ends[1]);
		return NULL;
	}
	return fdopen(ends[1], "w");
}

static int plot_days(struct ledger *l, const char *file)
{
	pid_t pid = -1;
	int status = 0;
	FILE *to = start_gnuplot(file, &pid);

	if (to == NULL) {
		msg_warn("--plot: %s", strerror(errno));
		return -1;
	}
	fputs("set terminal svg size 800,400\nset output system('printf %s \"$LB_PLOT\"')\n"
	      "set title 'USD a day'\nset style data boxes\nset style fill solid 0.5\n"
	      "set boxwidth 43200 absolute\nset xdata time\nset timefmt '%Y-%m-%d'\n"
	      "set format x '%d %b'\nset yrange [0:*]\nset key off\n$days << EOD\n",
	      to);
	int result = ledger_report(l, LEDGER_BY_DAY, plot_day, to);
	fputs("EOD\nplot $days using 1:2\n", to);
	fclose(to);
	waitpid(pid, &status, 0);
	if (result < 0) {
		msg_warn("%s", ledger_problem(l));
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
		msg_warn("--plot: gnuplot is not installed; --report --json has the numbers");
		result = -1;
	} else if (status != 0) {
		msg_warn("--plot: gnuplot failed");
		result = -1;
	}
	return result;
}

int ledger_print(struct ledger *l, bool json, const char *plot)
{
	struct buf text = {0};
	int status = STATUS_OK;

	if ((json ? print_json(l, &text) : print_tables(l, &text)) < 0) {
		msg_warn("%s", ledger_problem(l));
		status = STATUS_SYSTEM;
	} else if (fwrite(text.data, 1, text.length, stdout) != text.length ||
		   fflush(stdout) != 0) {
		msg_warn("stdout: %s", strerror(errno));
		status = STATUS_SYSTEM;
	}
	if (plot != NULL && plot_days(l, plot) < 0)
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
