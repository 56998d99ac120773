#include "meter.h"
#include "buf.h"
#include "clock.h"
#include "msg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LIVE_EVERY  (100 * CLOCK_MS)
#define PLAIN_EVERY (10 * CLOCK_SEC)

static struct meter *shown; /* the one whose live line stands on the terminal */

/* Wipe the live line, so that a message can take its place. */
static void clear_line(void)
{
	if (shown != NULL && shown->drawn) {
		ssize_t n = write(STDERR_FILENO, "\r\033[K", 4);
		(void)n;
		shown->drawn = false;
	}
}

void meter_start(struct meter *m, int64_t now)
{
	m->started = now;
	m->next = INT64_MAX;
	if (!m->progress)
		return;
	const char *term = getenv("TERM");
	m->terminal = isatty(STDERR_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);
	m->next = now + (m->terminal ? LIVE_EVERY : PLAIN_EVERY);
	shown = m;
	msg_set_before(clear_line);
}

void meter_count(struct meter *m, bool failed, struct json_span lb)
{
	struct json_span cost, attempts;
	int64_t n;
	double usd;

	if (failed)
		m->failed++;
	else
		m->ok++;
	if (lb.at == NULL || (!m->progress && !m->verbose))
		return;
	cost = json_get(lb, "cost");
	attempts = json_get(lb, "attempts");
	bool stored =
	    json_equals(json_get(lb, "cache"), "hit") || json_is_set(json_get(lb, "checkpoint"));
	if (stored)
		m->cached++;
	else if (json_number(cost, &usd) == 0)
		m->spent += usd;
	if (json_integer(attempts, &n) == 0 && n > 1)
		m->attempts += (uint64_t)n - 1;
}

int64_t meter_deadline(const struct meter *m)
{
	return m->next;
}

static void add_duration(struct buf *b, double seconds)
{
	uint64_t s = (uint64_t)seconds;

	if (s >= 3600)
		buf_addf(b, "%" PRIu64 "h%02" PRIu64 "m", s / 3600, s / 60 % 60);
	else if (s >= 60)
		buf_addf(b, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else
		buf_addf(b, "%" PRIu64 "s", s);
}

/* A bar of so many cells, in ASCII so that every terminal shows it. */
static void add_bar(struct buf *b, double share, int cells)
{
	int full = (int)(share * cells + 0.5);

	if (cells > 0)
		buf_addc(b, '[');
	for (int i = 0; i < cells; i++)
		buf_addc(b, i < full ? '#' : '.');
	if (cells > 0)
		buf_adds(b, "] ");
	buf_addf(b, "%3.0f%%  ", share * 100);
}

/* What was spent, of the budget, and what it will be in all. */
static void add_money(struct buf *b, const struct meter *m, double share)
{
	if (m->spent <= 0 && m->budget <= 0)
		return;
	buf_addf(b, "  $%.4f", m->spent);
	if (m->budget > 0)
		buf_addf(b, " of $%.2f", m->budget);
	if (m->spent > 0 && share > 0 && share < 1)
		buf_addf(b, ", ~$%.2f", m->spent / share);
}

static void add_status(struct buf *b, const struct meter *m, int64_t now, int cells)
{
	uint64_t done = m->ok + m->failed;
	double elapsed = (double)(now - m->started) / (double)CLOCK_SEC;
	double rate = elapsed > 0 ? (double)done / elapsed : 0;
	bool known = m->total > 0 && done > 0;
	double share = known ? (double)done / (double)m->total : 0;

	if (m->total > 0)
		add_bar(b, share > 1 ? 1 : share, cells);
	buf_addf(b, "%" PRIu64, done);
	if (m->total > 0)
		buf_addf(b, "/%" PRId64, m->total);
	buf_addf(b, " done  %.*f/s", rate < 10 ? 1 : 0, rate);
	if (m->cached > 0)
		buf_addf(b, "  %" PRIu64 " cached", m->cached);
	if (m->failed > 0)
		buf_addf(b, "  %" PRIu64 " failed", m->failed);
	if (m->attempts > 0)
		buf_addf(b, "  %" PRIu64 " retries", m->attempts);
	add_money(b, m, share);
	if (known && share < 1) {
		buf_adds(b, "  ETA ");
		add_duration(b, elapsed / share - elapsed);
	}
}

static int terminal_width(void)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return 80;
}

/* The live line: with the longest bar that leaves room for all the rest, cut off if there is none.
 */
static void draw_live(const struct meter *m, int64_t now)
{
	static const int cells[] = {20, 10, 0};
	struct buf line = {0};
	size_t room = (size_t)terminal_width() - 1;

	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
		buf_clear(&line);
		buf_addf(&line, "\r%s: ", msg_name());
		add_status(&line, m, now, cells[i]);
		if (line.length <= room + 1)
			break;
	}
	if (line.length > room + 1)
		line.length = room + 1;
	buf_adds(&line, "\033[K");
	ssize_t n = write(STDERR_FILENO, line.data, line.length);
	(void)n;
	buf_free(&line);
}

static void draw(struct meter *m, int64_t now)
{
	struct buf text = {0};

	if (m->terminal) {
		draw_live(m, now);
		m->drawn = true;
		return;
	}
	add_status(&text, m, now, 20);
	msg_warn("%.*s", (int)text.length, text.data);
	buf_free(&text);
}

void meter_tick(struct meter *m, int64_t now)
{
	if (now < m->next)
		return;
	draw(m, now);
	m->next = now + (m->terminal ? LIVE_EVERY : PLAIN_EVERY);
}

void meter_end(struct meter *m, int64_t now)
{
	struct buf text = {0};

	if (m->progress) {
		draw(m, now);
		if (m->drawn) {
			ssize_t n = write(STDERR_FILENO, "\n", 1);
			(void)n;
		}
		m->drawn = false;
		m->next = INT64_MAX;
		msg_set_before(NULL);
		shown = NULL;
	}
	if (m->verbose) {
		buf_addf(&text, "%" PRIu64 " ok, %" PRIu64 " failed", m->ok, m->failed);
		if (m->cached > 0)
			buf_addf(&text, ", %" PRIu64 " cached", m->cached);
		if (m->attempts > 0)
			buf_addf(&text, ", %" PRIu64 " retries", m->attempts);
		if (m->spent > 0)
			buf_addf(&text, ", $%.6f", m->spent);
		msg_warn("%s", buf_string(&text));
	}
	buf_free(&text);
}
