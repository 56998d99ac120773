/* The ledger: nothing passes the budget, whoever dies, and nothing is booked twice. */
#include "buf.h"
#include "ledger.h"
#include "tap.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* 2026-11-22 12:00:00 UTC, a Sunday in the middle of nothing. */
#define NOON INT64_C(1795348800)
#define DAY  INT64_C(86400)

static char folder[] = "/tmp/test_ledger.XXXXXX";
static char path[64];
static int files;

static void new_path(void)
{
	snprintf(path, sizeof path, "%s/%d", folder, files++);
}

static struct ledger *open_ledger(const char *file, int64_t budget, enum ledger_period period)
{
	struct ledger_options o = {.path = file, .job = "job", .budget = budget, .period = period};
	struct buf problem = {0};
	struct ledger *l = ledger_open(&o, &problem);

	if (l == NULL) {
		printf("# %s\n", buf_string(&problem));
		exit(1);
	}
	buf_free(&problem);
	return l;
}

static enum ledger_answer reserve_by_key(struct ledger *l, int64_t amount, int64_t key, int64_t now,
					 uint64_t *id)
{
	ledger_begin(l, now);
	enum ledger_answer answer = ledger_reserve(l, amount, key, id);
	ledger_commit(l);
	return answer;
}

static enum ledger_answer reserve(struct ledger *l, int64_t amount, int64_t now, uint64_t *id)
{
	return reserve_by_key(l, amount, 0, now, id);
}

static void settle(struct ledger *l, enum ledger_outcome outcome, uint64_t id, int64_t amount,
		   int64_t cost, int64_t now)
{
	struct ledger_entry e = {.outcome = outcome,
				 .reserved = amount >= 0,
				 .id = id,
				 .amount = amount,
				 .model = "model",
				 .priced = true,
				 .cost = cost,
				 .usage = {.input = 7, .output = 3}};

	ledger_begin(l, now);
	ledger_settle(l, &e);
	ledger_commit(l);
}

static void test_budget(const char *file, const char *kind)
{
	struct ledger *l = open_ledger(file, 100, LEDGER_EVER);
	uint64_t a = 0, b = 0, c = 0;

	tap_int(reserve(l, 60, NOON, &a), LEDGER_RESERVED, "%s: 60 of 100", kind);
	tap_int(reserve(l, 40, NOON, &b), LEDGER_RESERVED, "40 of 100 fit exactly");
	tap_int(reserve(l, 1, NOON, &c), LEDGER_LATER, "1 more has to wait");
	tap_int(reserve(l, 101, NOON, &c), LEDGER_NEVER, "101 never fit");
	tap_int(reserve(l, INT64_MAX, NOON, &c), LEDGER_NEVER, "nor does all there is");
	settle(l, LEDGER_SPENT, a, 60, 10, NOON);
	tap_int(ledger_spent(l), 10, "10 were spent");
	tap_int(ledger_reserved(l), 40, "40 stay reserved");
	tap_int(reserve(l, 51, NOON, &c), LEDGER_LATER, "51 have to wait");
	tap_int(reserve(l, 91, NOON, &c), LEDGER_NEVER, "91 do not fit beside what is spent");
	tap_int(reserve(l, 50, NOON, &c), LEDGER_RESERVED, "50 fit");
	settle(l, LEDGER_FREE, b, 40, 0, NOON);
	tap_int(ledger_spent(l) + ledger_reserved(l), 60, "what was not billed is given back");
	settle(l, LEDGER_DOUBTFUL, c, 50, 0, NOON);
	tap_int(reserve(l, 41, NOON, &c), LEDGER_NEVER, "what was perhaps billed counts as spent");
	tap_int(reserve(l, 40, NOON, &c), LEDGER_RESERVED, "and no more than that");
	tap_int(ledger_settled(l), 3, "three were settled");
	settle(l, LEDGER_SPENT, c, 40, 45, NOON);
	tap_int(ledger_spent(l), file != NULL ? 55 : 105, "a cost above its bound is booked");
	tap_int(reserve(l, 1, NOON, &c), LEDGER_NEVER, "and ends it");
	ledger_close(l);
}

static void test_twice(void)
{
	uint64_t a = 0;
	new_path();
	struct ledger *l = open_ledger(path, 100, LEDGER_EVER);

	reserve(l, 60, NOON, &a);
	settle(l, LEDGER_SPENT, a, 60, 10, NOON);
	settle(l, LEDGER_SPENT, a, 60, 10, NOON);
	settle(l, LEDGER_SPENT, a ^ 1, 60, 10, NOON);
	tap_int(ledger_spent(l), 10, "a reservation is settled once, an unknown one never");
	tap_int(ledger_reserved(l), 0, "and given back once");
	settle(l, LEDGER_SPENT, 0, -1, 5, NOON);
	tap_int(ledger_spent(l), 15, "without a reservation a cost is booked all the same");
	reserve(l, 60, NOON, &a);
	struct ledger_entry e = {.reserved = true, .id = a, .amount = -1, .model = "m", .cost = 10};
	for (int i = 0; i < 2; i++) {
		ledger_begin(l, NOON);
		ledger_settle(l, &e);
		ledger_commit(l);
	}
	tap_int(ledger_reserved(l), 0, "an amount that is not told is that of the file");
	tap_int(ledger_spent(l), 25, "and booked once");
	tap_int(e.amount, 60, "and it is told");
	ledger_close(l);
}

/* A process that has reserved 60 of 100, and waits to be killed. */
static pid_t start_owner(bool passes)
{
	int ready[2];
	char byte;

	if (pipe(ready) < 0)
		exit(1);
	pid_t pid = fork();
	if (pid == 0) {
		struct ledger_options o = {
		    .path = path, .job = "", .budget = 100, .passes = passes};
		struct buf problem = {0};
		uint64_t id;
		static struct ledger *volatile l; /* never closed */
		if (passes)
			setpgid(0, 0);
		l = ledger_open(&o, &problem);
		if (l == NULL || reserve(l, 60, NOON, &id) != LEDGER_RESERVED)
			_exit(1);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		printf("# the owner did not reserve\n");
	close(ready[0]);
	return pid;
}

static void test_owners(bool passes)
{
	const char *kind = passes ? "a pipeline" : "a process";
	uint64_t id;
	int64_t count, amount;
	int status;

	new_path();
	struct ledger *l = open_ledger(path, 100, LEDGER_EVER);
	pid_t pid = start_owner(passes);
	tap_int(reserve(l, 50, NOON, &id), LEDGER_LATER, "%s that lives is waited for", kind);
	ledger_forgive(l, &count, &amount);
	tap_int(count, 0, "its reservation is not forgiven");
	kill(pid, SIGKILL);
	siginfo_t info;
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	if (!passes)
		tap_int(reserve(l, 50, NOON, &id), LEDGER_NEVER,
			"%s that was killed is not, nor while nobody has waited for it", kind);
	waitpid(pid, &status, 0);
	tap_int(reserve(l, 50, NOON, &id), LEDGER_NEVER, "%s that is gone is not waited for", kind);
	tap_int(reserve(l, 40, NOON, &id), LEDGER_RESERVED, "what it reserved counts as spent");
	struct ledger_open_items items;
	ledger_reservations(l, &items);
	tap_int(items.orphaned_amount, 60, "60 have nobody to settle them");
	tap_int(items.pending_amount, 40, "40 do");
	tap_int(ledger_forgive(l, &count, &amount), 0, "--forgive");
	tap_int(count, 1, "lets go of one");
	tap_int(amount, 60, "of 60");
	tap_int(reserve(l, 60, NOON, &id), LEDGER_RESERVED, "which can be spent now");
	ledger_close(l);
	l = open_ledger(path, 100, LEDGER_EVER);
	tap_int(reserve(l, 1, NOON, &id), LEDGER_LATER,
		"a closed ledger's reservations are its process's still");
	ledger_close(l);
}

static void test_killed(void)
{
	uint64_t id;

	new_path();
	pid_t pid = start_owner(false);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	struct ledger *l = open_ledger(path, 100, LEDGER_EVER);
	tap_int(reserve(l, 41, NOON, &id), LEDGER_NEVER,
		"a reservation is in the file when it is answered, kill -9 or not");
	ledger_close(l);
}

static void test_periods(void)
{
	uint64_t id, old;

	new_path();
	struct ledger *l = open_ledger(path, 100, LEDGER_DAY);
	settle(l, LEDGER_SPENT, 0, -1, 90, NOON);
	tap_int(reserve(l, 20, NOON, &id), LEDGER_NEVER, "90 of 100 are spent today");
	tap_int(reserve(l, 20, NOON + DAY / 2, &id), LEDGER_RESERVED, "tomorrow is another day");
	settle(l, LEDGER_SPENT, id, 20, 15, NOON + DAY / 2);
	tap_int(ledger_spent(l), 15, "of which 15 are spent");
	tap_int(reserve(l, 80, NOON + DAY, &old), LEDGER_RESERVED, "80 more");
	settle(l, LEDGER_DOUBTFUL, old, 80, 0, NOON + DAY);
	tap_int(reserve(l, 10, NOON + DAY, &id), LEDGER_NEVER, "perhaps billed, on that day");
	tap_int(reserve(l, 90, NOON + 2 * DAY, &id), LEDGER_RESERVED, "not on the next");
	ledger_close(l);

	l = open_ledger(path, 200, LEDGER_MONTH);
	tap_int(reserve(l, 1, NOON + 2 * DAY, &id), LEDGER_LATER,
		"the month has all of it: 90 + 15 + 80 + 90 reserved");
	settle(l, LEDGER_FREE, id, 90, 0, NOON + 2 * DAY);
	tap_int(reserve(l, 200, NOON + 9 * DAY, &id), LEDGER_RESERVED, "in December all is there");
	tap_int(ledger_spent(l), 0, "nothing is spent yet");
	ledger_close(l);
}

/* Leave a reservation without an outcome, to be found by the key. */
static void defer(struct ledger *l, uint64_t id, int64_t amount, int64_t key, int64_t now)
{
	struct ledger_entry e = {.outcome = LEDGER_DOUBTFUL,
				 .reserved = true,
				 .id = id,
				 .amount = amount,
				 .key = key,
				 .model = "model"};

	ledger_begin(l, now);
	ledger_settle(l, &e);
	ledger_commit(l);
}

static void test_deferred(void)
{
	int64_t count, amount;
	uint64_t a = 0, b = 0, c = 0;

	new_path();
	struct ledger *l = open_ledger(path, 100, LEDGER_EVER);
	reserve(l, 60, NOON, &a);
	defer(l, a, 60, 7, NOON);
	ledger_close(l);
	l = open_ledger(path, 100, LEDGER_EVER);
	tap_int(reserve_by_key(l, 60, 8, NOON, &b), LEDGER_NEVER, "60 of 100 are deferred");
	tap_ok(ledger_has_deferred(l), "which the ledger tells");
	tap_int(reserve(l, 60, NOON, &b), LEDGER_NEVER, "without a key nothing is found");
	tap_int(reserve_by_key(l, 59, 7, NOON, &b), LEDGER_NEVER, "nor what is of another amount");
	tap_int(reserve_by_key(l, 60, 7, NOON + DAY, &b), LEDGER_RESERVED, "the same again is");
	tap_ok(b == a, "it has the reservation that there was");
	tap_int(ledger_reserved(l), 60, "and no more is reserved");
	tap_int(reserve_by_key(l, 60, 7, NOON, &c), LEDGER_LATER, "it is found once");
	tap_ok(!ledger_has_deferred(l), "and is not deferred any more");
	settle(l, LEDGER_SPENT, b, 60, 30, NOON);
	tap_int(ledger_spent(l), 30, "the result settles it");
	tap_int(ledger_reserved(l), 0, "and nothing stays");
	for (int64_t key = 1; key <= 3; key++) {
		reserve(l, 10, NOON, &a);
		defer(l, a, 10, key, NOON);
	}
	ledger_forgive(l, &count, &amount);
	tap_int(count, 3, "what is deferred can be forgiven");
	tap_int(amount, 30, "all of it");
	ledger_close(l);

	new_path();
	l = open_ledger(path, 100, LEDGER_DAY);
	reserve(l, 60, NOON, &a);
	defer(l, a, 60, 7, NOON);
	tap_int(reserve_by_key(l, 60, 7, NOON + DAY, &b), LEDGER_RESERVED,
		"on the next day it has a place of its own in the budget");
	tap_int(reserve_by_key(l, 60, 7, NOON + DAY, &c), LEDGER_LATER, "of which there is one");
	ledger_close(l);
}

static void test_alert(void)
{
	new_path();
	struct ledger *l = open_ledger(path, 100, LEDGER_EVER);
	settle(l, LEDGER_SPENT, 0, -1, 79, NOON);
	ledger_begin(l, NOON);
	tap_int(ledger_alert(l, 800000), 0, "79 of 100 are not 80%%");
	ledger_commit(l);
	settle(l, LEDGER_SPENT, 0, -1, 1, NOON);
	ledger_begin(l, NOON);
	tap_int(ledger_alert(l, 800000), 1, "80 are");
	ledger_commit(l);
	ledger_begin(l, NOON);
	tap_int(ledger_alert(l, 800000), 0, "which is said once");
	ledger_commit(l);
	ledger_close(l);
	l = open_ledger(path, 100, LEDGER_EVER);
	ledger_begin(l, NOON);
	tap_int(ledger_alert(l, 800000), 0, "whoever asks");
	ledger_commit(l);
	ledger_close(l);
	l = open_ledger(path, 100, LEDGER_EVER);
	ledger_begin(l, NOON);
	tap_int(ledger_alert(l, 500000), 1, "another share is another alert");
	ledger_commit(l);
	ledger_close(l);
}

struct report {
	struct buf text;
};

static void add_line(void *context, const struct ledger_line *line)
{
	struct report *r = context;

	buf_addf(&r->text, "%.*s:%lld,%lld,%lld,%lld;", (int)line->name.length, line->name.at,
		 (long long)line->requests, (long long)line->input, (long long)line->output,
		 (long long)line->spent);
}

static void test_report(void)
{
	struct report r = {{0}};
	struct ledger_entry e = {.outcome = LEDGER_SPENT, .priced = true, .cost = 5};

	new_path();
	struct ledger *l = open_ledger(path, -1, LEDGER_EVER);
	settle(l, LEDGER_SPENT, 0, -1, 10, NOON);
	settle(l, LEDGER_SPENT, 0, -1, 10, NOON);
	settle(l, LEDGER_SPENT, 0, -1, 10, NOON + DAY);
	e.model = "another";
	e.usage.input = 1;
	ledger_begin(l, NOON);
	ledger_settle(l, &e);
	ledger_commit(l);
	ledger_report(l, LEDGER_BY_MODEL, add_line, &r);
	tap_is(buf_string(&r.text), "another:1,1,0,5;model:3,21,9,30;", "by model");
	buf_clear(&r.text);
	ledger_report(l, LEDGER_BY_DAY, add_line, &r);
	tap_is(buf_string(&r.text), "2026-11-22:3,15,6,25;2026-11-23:1,7,3,10;", "by day");
	buf_clear(&r.text);
	ledger_report(l, LEDGER_BY_JOB, add_line, &r);
	tap_is(buf_string(&r.text), "job:4,22,9,35;", "by job");
	buf_clear(&r.text);
	ledger_report(l, LEDGER_TOTAL, add_line, &r);
	tap_is(buf_string(&r.text), ":4,22,9,35;", "in all");
	buf_free(&r.text);
	ledger_close(l);
}

static void add_point(void *context, const struct ledger_point *point)
{
	struct report *r = context;

	buf_addf(&r->text, "%lld:%lld,%lld;", (long long)(point->at - NOON),
		 (long long)point->requests, (long long)point->spent);
}

static void test_pace(void)
{
	struct report r = {{0}};
	int64_t step;

	new_path();
	struct ledger *l = open_ledger(path, -1, LEDGER_EVER);
	tap_int(ledger_pace(l, &step, add_point, &r), 0, "nothing spent");
	tap_int((long long)r.text.length, 0, "has no pace");
	settle(l, LEDGER_SPENT, 0, -1, 10, NOON + 59);
	settle(l, LEDGER_SPENT, 0, -1, 10, NOON + 1);
	settle(l, LEDGER_FREE, 0, -1, 0, NOON + 62);
	settle(l, LEDGER_SPENT, 0, -1, 5, NOON + 399 * 60);
	ledger_pace(l, &step, add_point, &r);
	tap_is(buf_string(&r.text), "0:2,20;23940:1,5;", "minutes in which something was spent");
	tap_int(step, 60, "in steps of a minute for 400 of them");
	buf_clear(&r.text);
	settle(l, LEDGER_SPENT, 0, -1, 5, NOON + 400 * 60);
	ledger_pace(l, &step, add_point, &r);
	tap_int(step, 600, "and of ten when there are more");
	tap_is(buf_string(&r.text), "0:2,20;23400:1,5;24000:1,5;", "put together");
	settle(l, LEDGER_SPENT, 0, -1, 5, NOON + 1000 * DAY);
	ledger_pace(l, &step, add_point, &r);
	tap_int(step, DAY, "of a day at most");
	buf_free(&r.text);
	ledger_close(l);
}

/* Numbers that make no sense cannot be summed up to an overflow. */
static void test_absurd(void)
{
	struct ledger_entry e = {.outcome = LEDGER_SPENT,
				 .priced = true,
				 .cost = INT64_MAX,
				 .model = "m",
				 .usage = {.input = INT64_MAX / 8, .output = INT64_MAX / 8}};

	new_path();
	struct ledger *l = open_ledger(path, -1, LEDGER_EVER);
	ledger_begin(l, NOON);
	for (int i = 0; i < 1000; i++)
		ledger_settle(l, &e);
	tap_int(ledger_commit(l), 0, "a thousand times all the money there is");
	tap_int(ledger_begin(l, NOON), 0, "is a sum");
	tap_int(ledger_spent(l), INT64_C(1000000000000000000), "of a million dollars each");
	ledger_commit(l);
	ledger_close(l);
}

static void test_files(void)
{
	struct ledger_options o = {.path = path, .job = "", .budget = -1, .must_exist = true};
	struct buf problem = {0};
	struct stat info;

	new_path();
	tap_ok(ledger_open(&o, &problem) == NULL, "no ledger is made for a report");
	ledger_close(open_ledger(path, 5, LEDGER_EVER));
	tap_ok(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600, "its mode is 0600");
	FILE *f = fopen(path, "w");
	fputs("this is no database, and it is long enough to see that it is none", f);
	fclose(f);
	tap_ok(ledger_open(&o, &problem) == NULL, "a file that is no ledger is refused");
	buf_free(&problem);
	ledger_close(NULL);
}

int main(void)
{
	if (mkdtemp(folder) == NULL)
		return 1;
	test_budget(NULL, "in memory");
	new_path();
	test_budget(path, "in a file");
	test_twice();
	test_owners(false);
	test_owners(true);
	test_killed();
	test_periods();
	test_deferred();
	test_alert();
	test_report();
	test_pace();
	test_absurd();
	test_files();
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", folder);
	tap_int(system(command), 0, "cleaned up");
	return tap_done();
}
