#include "buf.h"
#include "capture.h"
#include "clock.h"
#include "meter.h"
#include "msg.h"
#include "tap.h"

#include <string.h>

static struct json_span span(const char *text)
{
	return (struct json_span){text, text != NULL ? strlen(text) : 0};
}

static void test_counts(void)
{
	struct meter m = {.verbose = true};

	meter_start(&m, 0);
	meter_count(&m, false, span("{\"cost\":0.25,\"attempts\":1}"));
	meter_count(&m, false, span("{\"cost\":0.5,\"attempts\":4}"));
	meter_count(&m, false, span("{\"cost\":8,\"attempts\":9,\"cache\":\"hit\"}"));
	meter_count(&m, true, span("{\"attempts\":3,\"cache\":\"miss\"}"));
	meter_count(&m, false, span("{\"cost\":8,\"attempts\":9,\"checkpoint\":true}"));
	meter_count(&m, false, span("5"));
	meter_count(&m, true, span(NULL));
	tap_int((long long)m.ok, 5, "successes");
	tap_int((long long)m.failed, 2, "failures");
	tap_int((long long)m.cached, 2, "from a cache or a checkpoint");
	tap_int((long long)m.attempts, 5,
		"attempts beyond the first: 3 and 2, but what was tried before");
	tap_ok(m.spent > 0.7499 && m.spent < 0.7501, "costs add up, but what was paid before");
	tap_ok(meter_deadline(&m) == INT64_MAX, "without --progress there is nothing to draw");
}

static void quiet(void)
{
	struct meter m = {0};
	meter_start(&m, 0);
	meter_count(&m, true, span(NULL));
	meter_tick(&m, 1000 * CLOCK_SEC);
	meter_end(&m, 1000 * CLOCK_SEC);
}

static void summary(void)
{
	struct meter m = {.verbose = true};
	meter_start(&m, 0);
	meter_count(&m, false, span("{\"cost\":0.5,\"attempts\":3}"));
	meter_count(&m, false, span("{\"cache\":\"hit\"}"));
	meter_count(&m, true, span(NULL));
	meter_end(&m, CLOCK_SEC);
}

/* 25 of 100 after 10 seconds: 2.5 a second, 30 seconds to go, a quarter of the cost. */
static void progress(void)
{
	struct meter m = {.progress = true, .total = 100};
	meter_start(&m, 1000);
	for (int i = 0; i < 25; i++)
		meter_count(&m, i < 5, span("{\"cost\":0.1}"));
	meter_tick(&m, 1000 + 9 * CLOCK_SEC);
	msg_warn("not yet");
	if (meter_deadline(&m) != 1000 + 10 * CLOCK_SEC)
		msg_warn("wrong deadline");
	meter_tick(&m, 1000 + 10 * CLOCK_SEC);
	meter_tick(&m, 1000 + 11 * CLOCK_SEC);
}

static void budget(void)
{
	struct meter m = {.progress = true, .budget = 5};
	meter_start(&m, 0);
	meter_count(&m, false, span("{\"cost\":0.25}"));
	meter_count(&m, false, span("{\"cost\":0.5,\"cache\":\"hit\"}"));
	meter_end(&m, CLOCK_SEC);
}

/* Half of 4,000,000 after two hours. */
static void hours(void)
{
	struct meter m = {.progress = true, .total = 4000000, .ok = 0};
	meter_start(&m, 0);
	m.ok = 2000000;
	meter_tick(&m, 7260 * CLOCK_SEC);
}

static void beyond(void)
{
	struct meter m = {.progress = true, .total = 2};
	meter_start(&m, 0);
	m.ok = 3;
	meter_end(&m, CLOCK_SEC);
}

static void unknown_total(void)
{
	struct meter m = {.progress = true};
	meter_start(&m, 0);
	m.ok = 3;
	meter_end(&m, 2 * CLOCK_SEC);
}

/* A thousand at once from a store, then one a second, of which a line tells every ten. */
static void resumed(void)
{
	struct meter m = {.progress = true, .total = 2000, .ok = 1000, .cached = 1000};
	meter_start(&m, 0);
	for (int64_t second = 1; second <= 50; second++) {
		m.ok++;
		m.spent += 0.001;
		meter_tick(&m, second * CLOCK_SEC);
	}
}

static void nothing_done(void)
{
	struct meter m = {.progress = true, .total = 5};
	meter_start(&m, 7);
	meter_end(&m, 7);
}

/* A job that began with 6,000 answers from a store, a minute ago; since then 10 a second came. */
static void test_widths(void)
{
	static const struct {
		size_t columns;
		const char *want;
	} cases[] = {
	    {199, "lb: [#############.......]  66%  6600/10000 done  10/s  6000 cached  21 failed"
		  "  7 retries  $0.1200 of $5.00, ~$0.8000  ETA 5m40s"},
	    {119, "lb: [#######...]  66%  6600/10000 done  10/s  6000 cached  21 failed"
		  "  7 retries  $0.1200 of $5.00, ~$0.8000  ETA 5m40s"},
	    {96,
	     "lb: [#######...]  66% 6600/10000 10/s $0.1200/$5.00 ~$0.8000 6000 cached 21 failed"
	     " ETA 5m40s"},
	    {91, "[#######...]  66% 6600/10000 10/s $0.1200/$5.00 ~$0.8000 6000 cached 21 failed"
		 " ETA 5m40s"},
	    {82, "[###..] 6600/10000 10/s $0.1200/$5.00 ~$0.8000 6000 cached 21 failed ETA 5m40s"},
	    {79, "[###..] 6600/10000 10/s $0.1200/$5.00 ~$0.8000 6000 cached 21 failed ETA 5m40s"},
	    {77, "6600/10000 10/s $0.1200/$5.00 ~$0.8000 6000 cached 21 failed ETA 5m40s"},
	    {20, "6600/10000 10/s $0.1"},
	};
	struct meter m = {.progress = true, .total = 10000, .budget = 5};
	struct buf line = {0};

	m.marks[0] = (struct meter_mark){.time = 15 * CLOCK_SEC, .done = 6000};
	m.cached = 6000;
	m.ok = 6579;
	m.failed = 21;
	m.attempts = 7;
	m.spent = 0.12;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_clear(&line);
		meter_line(&line, &m, 75 * CLOCK_SEC, cases[i].columns);
		tap_is(buf_string(&line), cases[i].want, "in %zu columns", cases[i].columns);
	}
	buf_free(&line);
}

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
		const char *want;
	} cases[] = {
	    {"nothing is said unless asked for", quiet, ""},
	    {"the summary", summary, "lb: 2 ok, 1 failed, 1 cached, 2 retries, $0.500000\n"},
	    {"a plain line every ten seconds where there is no terminal", progress,
	     "lb: not yet\n"
	     "lb: [#####...............]  25%  25/100 done  2.5/s  5 failed  $2.5000, ~$10.00"
	     "  ETA 30s\n"},
	    {"the budget, and what does not count as spent", budget,
	     "lb: 2 done  2.0/s  1 cached  $0.2500 of $5.00\n"},
	    {"hours", hours,
	     "lb: [##########..........]  50%  2000000/4000000 done  275/s  ETA 2h01m\n"},
	    {"more than was expected", beyond,
	     "lb: [####################] 100%  3/2 done  3.0/s\n"},
	    {"no total", unknown_total, "lb: 3 done  1.5/s\n"},
	    {"what came from a store is soon out of the rate", resumed,
	     "lb: [##########..........]  50%  1010/2000 done  101/s  1000 cached  $0.0100, "
	     "~$0.0198"
	     "  ETA 9s\n"
	     "lb: [##########..........]  51%  1020/2000 done  51/s  1000 cached  $0.0200, ~$0.0392"
	     "  ETA 19s\n"
	     "lb: [##########..........]  52%  1030/2000 done  34/s  1000 cached  $0.0300, ~$0.0583"
	     "  ETA 28s\n"
	     "lb: [##########..........]  52%  1040/2000 done  26/s  1000 cached  $0.0400, ~$0.0769"
	     "  ETA 36s\n"
	     "lb: [###########.........]  52%  1050/2000 done  1.0/s  1000 cached  $0.0500, ~$1.00"
	     "  ETA 15m50s\n"},
	    {"nothing done, no time passed", nothing_done,
	     "lb: [....................]   0%  0/5 done  0.0/s\n"},
	};

	test_counts();
	test_widths();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		tap_int(capture(cases[i].run), 0, "%s: ends well", cases[i].name);
		tap_is(captured, cases[i].want, "%s", cases[i].name);
	}
	return tap_done();
}
