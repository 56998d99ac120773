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
	if (json_number(cost, &usd) == 0)
		m->spent += usd;
	if (json_integer(attempts, &n) == 0 && n > 1)
		m->attempts += (uint64_t)n - 1;
	if (json_equals(json_get(lb, "cache"), "hit") || json_is_set(json_get(lb, "checkpoint")))
		m->cached++;
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

/* Twenty cells of a bar, in ASCII so that every terminal shows it. */
static void add_bar(struct buf *b, double share)
{
	int full = (int)(share * 20 + 0.5);

	buf_addc(b, '[');
	for (int i = 0; i < 20; i++)
		buf_addc(b, i < full ? '#' : '.');
	buf_addf(b, "] %3.0f%%  ", share * 100);
}

static void add_status(struct buf *b, const struct meter *m, int64_t now)
{
	uint64_t done = m->ok + m->failed;
	double elapsed = (double)(now - m->started) / (double)CLOCK_SEC;
	double rate = elapsed > 0 ? (double)done / elapsed : 0;
	bool known = m->total > 0 && done > 0;
	double share = known ? (double)done / (double)m->total : 0;

	if (m->total > 0)
		add_bar(b, share > 1 ? 1 : share);
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
	if (m->spent > 0) {
		buf_addf(b, "  $%.4f", m->spent);
		if (known && share < 1)
			buf_addf(b, " of about $%.2f", m->spent / share);
	}
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

static void draw(struct meter *m, int64_t now)
{
	struct buf text = {0};

	add_status(&text, m, now);
	if (!m->terminal) {
		msg_warn("%.*s", (int)text.length, text.data);
	} else {
		struct buf line = {0};
		size_t room = (size_t)terminal_width() - 1;
		buf_addf(&line, "\r%s: ", msg_name());
		buf_add(&line, text.data, text.length);
		if (line.length > room + 1)
			line.length = room + 1;
		buf_adds(&line, "\033[K");
		ssize_t n = write(STDERR_FILENO, line.data, line.length);
		(void)n;
		m->drawn = true;
		buf_free(&line);
	}
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
