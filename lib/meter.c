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
#define MARK_EVERY  (15 * CLOCK_SEC)

/* The environment of a command tells it that its terminal has a live line. */
#define DRAWN "LB_METER"

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

bool meter_has_room(void)
{
	return isatty(STDERR_FILENO) != 0 && getenv(DRAWN) == NULL;
}

void meter_start(struct meter *m, int64_t now)
{
	m->started = now;
	m->next = INT64_MAX;
	m->marks[0] = m->marks[1] = (struct meter_mark){.time = now};
	if (!m->progress)
		return;
	const char *term = getenv("TERM");
	m->terminal = isatty(STDERR_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);
	m->next = now + (m->terminal ? LIVE_EVERY : PLAIN_EVERY);
	if (m->terminal && setenv(DRAWN, "1", 1) < 0)
		msg_die(STATUS_SYSTEM, "out of memory");
	shown = m;
	msg_set_before(clear_line);
}

void meter_count(struct meter *m, bool failed, struct json_span lb)
{
	int64_t n;
	double usd;

	if (failed)
		m->failed++;
	else
		m->ok++;
	if (lb.at == NULL || (!m->progress && !m->verbose))
		return;
	if (json_equals(json_get(lb, "cache"), "hit") || json_is_set(json_get(lb, "checkpoint"))) {
		m->cached++; /* what it cost and how often it was tried is history */
		return;
	}
	if (json_number(json_get(lb, "cost"), &usd) == 0)
		m->spent += usd;
	if (json_integer(json_get(lb, "attempts"), &n) == 0 && n > 1)
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

/* How much of the line there is room for. */
struct form {
	bool name, terse;
	int cells; /* of the bar, 0 for none */
	bool percent;
};

/* A bar in ASCII, so that every terminal shows it. */
static void add_bar(struct buf *b, double share, const struct form *f)
{
	int full = (int)(share * f->cells + 0.5);

	if (f->cells > 0)
		buf_addc(b, '[');
	for (int i = 0; i < f->cells; i++)
		buf_addc(b, i < full ? '#' : '.');
	if (f->cells > 0)
		buf_adds(b, "] ");
	if (f->percent)
		buf_addf(b, "%3.0f%%%s", share * 100, f->terse ? " " : "  ");
}

/* The rate of what was done of late, a second, and what each of it cost. */
static double recent_rate(const struct meter *m, int64_t now, double *each)
{
	struct meter_mark start = {.time = m->started};
	const struct meter_mark *from = &m->marks[0];
	uint64_t done = m->ok + m->failed;

	if (from->done == done)
		from = &start;
	double elapsed = (double)(now - from->time) / (double)CLOCK_SEC;
	double count = (double)(done - from->done);
	*each = count > 0 ? (m->spent - from->spent) / count : 0;
	return elapsed > 0 ? count / elapsed : 0;
}

/* What was spent, of the budget, and what it will be in all. */
static void add_money(struct buf *b, const struct meter *m, double left, double each, bool terse)
{
	double all = m->spent + left * each;

	if (m->spent <= 0 && m->budget <= 0)
		return;
	buf_addf(b, "%s$%.*f", terse ? " " : "  ", terse && m->spent >= 1 ? 2 : 4, m->spent);
	if (m->budget > 0)
		buf_addf(b, "%s$%.2f", terse ? "/" : " of ", m->budget);
	if (left > 0 && each > 0)
		buf_addf(b, "%s~$%.*f", terse ? " " : ", ", all < 1 ? 4 : 2, all);
}

static void add_count(struct buf *b, uint64_t count, const char *what, bool terse)
{
	if (count > 0)
		buf_addf(b, "%s%" PRIu64 " %s", terse ? " " : "  ", count, what);
}

static void add_status(struct buf *b, const struct meter *m, int64_t now, const struct form *f)
{
	uint64_t done = m->ok + m->failed;
	double each, rate = recent_rate(m, now, &each);
	double share = m->total > 0 ? (double)done / (double)m->total : 0;
	double left = share < 1 ? (double)m->total - (double)done : 0;

	if (m->total > 0)
		add_bar(b, share > 1 ? 1 : share, f);
	buf_addn(b, done);
	if (m->total > 0)
		buf_addf(b, "/%" PRId64, m->total);
	buf_addf(b, "%s%.*f/s", f->terse ? " " : " done  ", rate < 10 ? 1 : 0, rate);
	if (f->terse)
		add_money(b, m, left, each, true);
	add_count(b, m->cached, "cached", f->terse);
	add_count(b, m->failed, "failed", f->terse);
	if (!f->terse) {
		add_count(b, m->attempts, "retries", false);
		add_money(b, m, left, each, false);
	}
	if (left > 0 && rate > 0) {
		buf_adds(b, f->terse ? " ETA " : "  ETA ");
		add_duration(b, left / rate);
	}
}

void meter_line(struct buf *out, const struct meter *m, int64_t now, size_t columns)
{
	static const struct form forms[] = {
	    {true, false, 20, true}, {true, false, 10, true}, {true, true, 10, true},
	    {false, true, 10, true}, {false, true, 5, false}, {false, true, 0, false},
	};
	size_t start = out->length;

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		out->length = start;
		if (forms[i].name)
			buf_addf(out, "%s: ", msg_name());
		add_status(out, m, now, &forms[i]);
		if (out->length - start <= columns)
			return;
	}
	out->length = start + columns;
}

static int terminal_width(void)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return 80;
}

static void draw_live(const struct meter *m, int64_t now)
{
	struct buf line = {0};

	/* The last column stays free: in it some terminals would begin a new line. */
	buf_addc(&line, '\r');
	meter_line(&line, m, now, (size_t)terminal_width() - 1);
	buf_adds(&line, "\033[K");
	ssize_t n = write(STDERR_FILENO, line.data, line.length);
	(void)n;
	buf_free(&line);
}

static void draw(struct meter *m, int64_t now)
{
	static const struct form plain = {false, false, 20, true};
	struct buf text = {0};

	if (m->terminal) {
		draw_live(m, now);
		m->drawn = true;
		return;
	}
	add_status(&text, m, now, &plain);
	msg_warn("%.*s", (int)text.length, text.data);
	buf_free(&text);
}

void meter_tick(struct meter *m, int64_t now)
{
	if (now < m->next)
		return;
	draw(m, now);
	if (now - m->marks[1].time >= MARK_EVERY) {
		m->marks[0] = m->marks[1];
		m->marks[1] = (struct meter_mark){now, m->ok + m->failed, m->spent};
	}
	m->next = now + (m->terminal ? LIVE_EVERY : PLAIN_EVERY);
}

void meter_end(struct meter *m, int64_t now)
{
	struct buf text = {0};

	if (m->progress) {
		m->marks[0] = (struct meter_mark){.time = m->started}; /* of all of it */
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
