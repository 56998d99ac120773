/* A lane under limits: what it lets through, what it learns, and its file. The clock is a number.
 */
#include "quota.h"
#include "buf.h"
#include "clock.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define START  (INT64_C(1790000000) * CLOCK_SEC)
#define MINUTE (60 * CLOCK_SEC)
#define MS     CLOCK_MS
#define SEC    CLOCK_SEC

static struct quota *open_lane(const char *path, struct quota_limits limits)
{
	struct buf problem = {0};
	struct quota *q = quota_open(path, &limits, &problem);

	if (q == NULL)
		printf("# %s\n", buf_string(&problem));
	buf_free(&problem);
	return q;
}

#define LANE(...) open_lane(NULL, (struct quota_limits){__VA_ARGS__})

static const struct json_span model = {"\"m\"", 3};

/* Ask for a place: when it goes, in nanoseconds after START; -1 for later (in *at), -2 for never.
 */
static int64_t ask(struct quota *q, int64_t input, int64_t cap, int64_t now,
		   struct quota_ticket *ticket)
{
	struct quota_need need = {input, cap, model};
	struct quota_ticket own;
	int64_t at = 0;
	enum quota_answer answer =
	    quota_reserve(q, &need, START + now, ticket != NULL ? ticket : &own, &at);

	return answer == QUOTA_GO ? at - START : answer == QUOTA_LATER ? -1 : -2;
}

/* How many requests, each of so many tokens, go at once. */
static int64_t ask_all(struct quota *q, int64_t tokens, int64_t now)
{
	int64_t count = 0;

	while (count < 100000 && ask(q, 0, tokens, now, NULL) == now)
		count++;
	return count;
}

/* Settle with a result made of these parts: the response or null, error or null, entries of lb. */
static void settle(struct quota *q, const struct quota_ticket *ticket, int64_t now,
		   const char *response, const char *error, const char *lb)
{
	struct buf text = {0};
	struct record r;

	buf_addf(&text,
		 "{\"custom_id\":\"a\",\"body\":{\"model\":\"m\"},\"response\":%s,\"error\":%s,"
		 "\"lb\":{%s}}",
		 response, error, lb);
	struct line line = {text.data, text.length, 1, text.length};
	if (record_parse(&r, &line, false) != RECORD_RESULT)
		tap_ok(false, "a test's result is a result: %s", buf_string(&text));
	quota_settle(q, ticket, &r, START + now);
	buf_free(&text);
}

/* An answer that used so many tokens, and what lb says beside it. */
static void answer(struct quota *q, const struct quota_ticket *ticket, int64_t now, int input,
		   int output, const char *lb)
{
	char response[200];

	snprintf(response, sizeof response,
		 "{\"status_code\":200,\"body\":{\"usage\":{\"prompt_tokens\":%d,"
		 "\"completion_tokens\":%d}}}",
		 input, output);
	settle(q, ticket, now, response, "null", lb);
}

static void test_limits(void)
{
	struct quota *q = LANE(.requests = 600);

	tap_int(ask_all(q, 0, 0), 10, "600 a minute: a second's worth at once");
	tap_int(ask(q, 0, -1, 0, NULL), 200 * MS, "then one every 100 ms");
	tap_ok(quota_is_limited(q) && !quota_counts_tokens(q), "only requests are counted");
	quota_close(q);

	q = LANE(.requests = 6);
	tap_int(ask_all(q, 0, 0), 1, "6 a minute: one at once, at least");
	for (int i = 2; i <= 5; i++)
		ask(q, 0, -1, 0, NULL);
	tap_int(ask(q, 0, -1, 0, NULL), MINUTE, "a place may be booked a minute ahead");
	tap_int(ask(q, 0, -1, 0, NULL), -1, "but no further");
	struct quota_need need = {0, -1, model};
	struct quota_ticket ticket;
	int64_t at = 0;
	quota_reserve(q, &need, START, &ticket, &at);
	tap_int(at - START, 10 * SEC, "and when it may be is said");
	tap_int(ask(q, 0, -1, 10 * SEC, NULL), 70 * SEC, "which is true");
	quota_close(q);

	q = LANE(.requests = 600, .burst = 25);
	tap_int(ask_all(q, 0, 0), 25, "a burst of one's own");
	quota_close(q);

	q = LANE(.tokens = 60000);
	tap_int(ask_all(q, 100, 0), 600, "60,000 tokens a minute: a minute's worth at once");
	tap_ok(quota_counts_tokens(q), "tokens are counted");
	tap_int(quota_tokens(q), 60000, "and the limit is known");
	quota_close(q);
	q = LANE(.requests = 600, .tokens = 60000, .burst = 25);
	tap_int(ask_all(q, 100, 0), 25, "a burst of 25 requests is one of their share of tokens");
	quota_close(q);
	q = LANE(.day = 50);
	tap_int(ask_all(q, 0, 0), 50, "50 a day may all go at once");
	tap_int(ask(q, 0, -1, 0, NULL), -1, "the next is a matter of half an hour");
	tap_int(ask(q, 0, -1, 1728 * SEC, NULL), 1728 * SEC, "and then it goes");
	quota_close(q);
	q = LANE(.requests = QUOTA_MOST, .tokens = QUOTA_MOST, .day = QUOTA_MOST,
		 .burst = QUOTA_BURST_MOST);
	tap_int(ask(q, 1000000, 1000000, 0, NULL), 0, "limits of 10^10 work");
	quota_close(q);
	q = LANE(0);
	tap_ok(!quota_is_limited(q), "without any limit there is none");
	tap_int(ask_all(q, 1000, 0), 100000, "and all goes");
	quota_close(q);
}

static void test_pitfalls(void)
{
	struct quota *q = LANE(.tokens = 100, .requests = 100, .burst = 100);
	int64_t passed = 0;

	/* Check, then increment: 663 tokens pass a limit of 100. */
	for (int64_t tokens = 13; ask(q, 0, tokens, 0, NULL) == 0; tokens += 10)
		passed += tokens;
	tap_ok(passed > 0 && passed <= 100, "100 tokens a minute: no more than 100 go at once");
	quota_close(q);

	q = LANE(.tokens = 1000);
	tap_int(ask(q, 400, 601, 0, NULL), -2, "one larger than the minute's limit never waits");
	tap_int(ask(q, 400, 600, 0, NULL), 0, "one as large goes, alone");
	tap_int(ask(q, 400, 600, 0, NULL), MINUTE, "the next one a minute later");
	quota_close(q);

	struct quota_ticket ticket;
	/* A thousand tokens a second, and as many at once. */
	q = LANE(.requests = 6000, .tokens = 60000, .burst = 100);
	ask(q, 100, 10000, 0, &ticket);
	tap_int(ticket.tokens, 10100, "the input and the cap are reserved");
	answer(q, &ticket, SEC, 100, 900, "");
	tap_int(ask(q, 0, 1000, SEC, NULL), SEC, "what was not used is given back");
	quota_close(q);
	q = LANE(.requests = 6000, .tokens = 60000, .burst = 100);
	ask(q, 100, 900, 0, &ticket);
	answer(q, &ticket, 0, 100, 10900, "");
	tap_int(ask(q, 0, 1000, 0, NULL), 11 * SEC, "what was used beyond is charged");
	quota_close(q);

	/* Booked ahead, and then the limit is a hundredth. */
	char path[] = "quota.XXXXXX";
	close(mkstemp(path));
	q = open_lane(path, (struct quota_limits){.requests = 6000});
	for (int i = 0; i < 6100; i++)
		ask(q, 0, -1, 0, NULL);
	tap_int(ask(q, 0, -1, 0, NULL), -1, "a minute of 6,000 is booked");
	struct quota *lower = open_lane(path, (struct quota_limits){.requests = 60});
	tap_ok(ask(q, 0, -1, 2 * SEC, NULL) <= 62 * SEC, "the limit lowered: a minute's wait");
	tap_ok(ask(lower, 0, -1, 3 * SEC, NULL) <= 63 * SEC, "and no 33 hours");
	quota_close(lower);
	quota_close(q);
	unlink(path);
}

/* What has come in again meanwhile is not there to be given back. */
static void test_refilled(void)
{
	/* A slow call with a small answer, a pause, and at the time `burst` as much as there is. */
	static const struct {
		int64_t burst, now, then; /* with one that waits, a minute's and what came in */
	} cases[] = {
	    {10 * SEC, 46, 29},
	    {20 * SEC, 56, 9},
	    {25 * SEC, 60, 0},
	    {300 * SEC, 60, 0},
	};
	struct quota_ticket ticket, waits;
	struct quota *q;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		q = LANE(.tokens = 60000);
		int64_t burst = cases[i].burst, end = burst < 26 * SEC ? 26 * SEC : burst + SEC;
		ask(q, 0, 24000, 0, &ticket);
		tap_int(ask_all(q, 1000, burst), cases[i].now, "a minute's tokens at %d s",
			(int)(burst / SEC));
		answer(q, &ticket, end, 10, 90, "");
		tap_int(ask_all(q, 1000, end), cases[i].then,
			"...and when the slow one ends, no more than came in since");
		quota_close(q);

		q = LANE(.tokens = 60000);
		ask(q, 0, 24000, 0, &ticket);
		ask_all(q, 1000, burst);
		settle(q, &ticket, end, "null", "{\"code\":\"connect_failed\"}", "");
		tap_ok(ask_all(q, 1000, end) <= cases[i].then, "...nor when it never went");
		quota_close(q);
	}

	q = LANE(.tokens = 60000);
	tap_int(ask_all(q, 1000, 0), 60, "a lane in which requests wait for tokens");
	ask(q, 0, 20000, 0, &ticket);
	for (int64_t now = 20 * SEC; now < 100 * SEC; now += SEC)
		ask(q, 0, 1000, now, NULL);
	tap_int(ask(q, 0, 1000, 100 * SEC, &waits), 102 * SEC, "...also 80 s later");
	quota_give_back(q, &waits, START + 100 * SEC);
	answer(q, &ticket, 100 * SEC, 0, 2000, "");
	tap_int(ask_all(q, 1000, 100 * SEC), 17,
		"what a slow call did not use is there all the same");
	quota_close(q);
}

static void test_not_sent(void)
{
	static const struct {
		const char *name, *response, *error, *lb;
		bool given_back;
	} cases[] = {
	    {"refused connection", "null", "{\"code\":\"connect_failed\"}", "\"ms\":3", true},
	    {"unknown host", "null", "{\"code\":\"resolve_failed\"}", "\"ms\":3", true},
	    {"no key", "null", "{\"code\":\"no_api_key\"}", "", true},
	    {"over budget", "null", "{\"code\":\"budget_exceeded\"}", "", true},
	    {"cancelled before it began", "null", "{\"code\":\"cancelled\"}", "", true},
	    {"cancelled on the way", "null", "{\"code\":\"cancelled\"}", "\"ms\":3", false},
	    {"timeout", "null", "{\"code\":\"timeout\"}", "\"ms\":600000", false},
	    {"lost connection", "null", "{\"code\":\"connection_lost\"}", "\"ms\":3", false},
	    {"command died before it was sent", "null", "{\"code\":\"command_died\"}", "", true},
	    {"command died with it", "null", "{\"code\":\"command_died\"}", "\"ms\":3", false},
	    {"from the cache", "{\"status_code\":200,\"body\":{}}", "null", "\"cache\":\"hit\"",
	     true},
	    {"not from the cache", "{\"status_code\":200,\"body\":{}}", "null", "", false},
	    {"server error", "{\"status_code\":500,\"body\":{}}", "{\"code\":\"connect_failed\"}",
	     "", false},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct quota *q = LANE(.requests = 60, .tokens = 60000, .day = 1);
		struct quota_ticket ticket;
		ask(q, 100, 30000, 0, &ticket);
		settle(q, &ticket, SEC, cases[i].response, cases[i].error, cases[i].lb);
		tap_int(ask(q, 100, 30000, SEC, NULL) == SEC, cases[i].given_back,
			"%s: the place is%s free again", cases[i].name,
			cases[i].given_back ? "" : " not");
		quota_close(q);
	}
	struct quota *q = LANE(.requests = 60, .tokens = 60000, .day = 2);
	struct quota_ticket ticket;
	ask(q, 0, 1000, 0, NULL);
	ask(q, 0, 1000, 0, &ticket);
	quota_give_back(q, &ticket, START);
	tap_int(ask(q, 0, 1000, 0, NULL), SEC, "a place given back while it waits");
	quota_close(q);
}

static void test_moves(void)
{
	/* A thousand tokens a second, and as many at once. */
	struct quota *q = LANE(.requests = 6000, .tokens = 60000, .burst = 100);
	struct quota_ticket first, second, third;
	int64_t at = 0;

	ask(q, 0, 1000, 0, &first);
	tap_int(ask(q, 0, 1000, 0, &second), SEC, "a place a second ahead");
	quota_move(q, START, &second, &at);
	tap_int(at - START, SEC, "looked at again, it is the same");
	answer(q, &first, SEC / 2, 0, 100, "");
	quota_move(q, START + SEC / 2, &second, &at);
	tap_int(at - START, SEC / 2, "when the one before gives back, it comes nearer");
	tap_int(ask(q, 0, 1000, SEC / 2, &third), SEC + SEC / 2, "as if it had been booked then");
	int64_t order = third.order;
	answer(q, &second, SEC, 0, 100, "");
	tap_int(ask(q, 0, 1000, SEC, &first), SEC + 3 * SEC / 5, "somebody books behind");
	quota_move(q, START + SEC, &third, &at);
	tap_int(at - START, SEC + SEC / 2, "then it stays");
	tap_int(third.order, order, "as it was");
	settle(q, &second, SEC, "{\"status_code\":429,\"body\":{}}", "{\"code\":\"x\"}",
	       "\"ratelimit\":{\"retry_after\":20}");
	quota_move(q, START + SEC, &third, &at);
	tap_int(at - START, 21 * SEC, "but the lane is held: it moves behind the hold");
	tap_int(third.at - START, 21 * SEC, "with its ticket");
	quota_close(q);
}

static void test_estimates(void)
{
	struct quota *q = LANE(.tokens = 600000000);
	struct quota_ticket ticket;

	ask(q, 1000, -1, 0, &ticket);
	tap_int(ticket.tokens, 1256, "an answer without a cap is guessed at");
	answer(q, &ticket, 0, 1500, 700, "");
	ask(q, 1000, -1, 0, &ticket);
	tap_int(ticket.tokens, 2200, "one result corrects both input and answer");
	answer(q, &ticket, 0, 1500, 700 + 160, "");
	ask(q, 1000, -1, 0, &ticket);
	tap_int(ticket.tokens, 2210, "a mean follows by a sixteenth");
	ask(q, 1000, 50, 0, &ticket);
	tap_int(ticket.tokens, 1550, "a cap goes before the mean");
	answer(q, &ticket, 0, 1500, 5, "");
	ask(q, 1000, -1, 0, &ticket);
	tap_int(ticket.tokens, 2210, "and an answer under a cap does not move it");
	struct quota_need need = {1000, 50, {"\"other\"", 7}};
	int64_t at;
	quota_reserve(q, &need, START, &ticket, &at);
	tap_int(ticket.tokens, 1050, "another model has its own");
	for (int i = 0; i < 100; i++) {
		ask(q, 1000, 0, 0, &ticket);
		answer(q, &ticket, 0, 1000000000, 0, "");
	}
	ask(q, 1000, 0, 0, &ticket);
	tap_ok(ticket.tokens <= 8000, "nonsense corrects by eight times at most");

	char name[16];
	for (int i = 0; i < 200; i++) {
		need.model.at = name;
		need.model.length = (size_t)snprintf(name, sizeof name, "\"%d\"", i);
		quota_reserve(q, &need, START, &ticket, &at);
		answer(q, &ticket, 0, 2000, 0, "");
	}
	tap_int(ticket.tokens, 1050, "200 models: those that find no room go uncorrected");
	quota_close(q);
}

static void test_holds(void)
{
#define LIMITED "{\"status_code\":429,\"body\":{\"error\":{\"code\":\"rate_limit_exceeded\"}}}"
#define GEMINI                                                                                   \
	"{\"status_code\":429,\"body\":{\"error\":{\"code\":429,\"details\":[{\"@type\":\"x\"}," \
	"{\"retryDelay\":\"57s\"}]}}}"
	static const struct {
		const char *name, *response, *lb;
		int64_t until; /* 0: no hold */
	} cases[] = {
	    {"Retry-After", LIMITED, "\"retry_after\":7.5,\"reset_requests\":3", 7500 * MS},
	    {"the body's retryDelay", GEMINI, "", 57 * SEC},
	    {"the reset of what is used up", LIMITED,
	     "\"limit_requests\":60,\"remaining_requests\":3,\"reset_requests\":9,"
	     "\"limit_tokens\":100,\"remaining_tokens\":0,\"reset_tokens\":4.25",
	     4250 * MS},
	    {"nothing said: a second", LIMITED, "", SEC},
	    {"an hour at most", LIMITED, "\"retry_after\":90000", 3600 * SEC},
	    {"the account's credit is no matter of waiting",
	     "{\"status_code\":429,\"body\":{\"error\":{\"code\":\"insufficient_quota\"}}}",
	     "\"retry_after\":7", 0},
	    {"nor is a request that is too large",
	     "{\"status_code\":429,\"body\":{\"error\":{\"code\":\"rate_limit_exceeded\","
	     "\"message\":\"Request too large for m on tokens per min (TPM): Limit 5\"}}}",
	     "\"retry_after\":7", 0},
	    {"other failures hold nothing", "{\"status_code\":500,\"body\":{}}",
	     "\"retry_after\":7", 0},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct quota *q = LANE(.requests = 600);
		struct quota_ticket ticket;
		char lb[300];
		ask(q, 0, -1, 0, &ticket);
		snprintf(lb, sizeof lb, "\"ms\":3,\"ratelimit\":{%s}", cases[i].lb);
		settle(q, &ticket, 0, cases[i].response, "{\"code\":\"x\",\"message\":\"y\"}", lb);
		tap_int(quota_opens(q, START) - START, cases[i].until, "429: %s", cases[i].name);
		quota_close(q);
	}

	struct quota *q = LANE(.requests = 600);
	struct quota_ticket ticket;
	ask(q, 0, -1, 0, &ticket);
	settle(q, &ticket, 0, LIMITED, "{\"code\":\"rate_limit_exceeded\"}",
	       "\"ratelimit\":{\"retry_after\":20}");
	settle(q, &ticket, 0, LIMITED, "{\"code\":\"rate_limit_exceeded\"}",
	       "\"ratelimit\":{\"retry_after\":5}");
	tap_int(quota_opens(q, START) - START, 20 * SEC,
		"a shorter hold does not end a longer one");
	tap_int(ask(q, 0, -1, SEC, NULL), 20 * SEC, "what comes meanwhile goes at its end");
	tap_int(quota_opens(q, START + 21 * SEC) - START, 21 * SEC, "and then the lane is open");
	tap_int(quota_opens(q, START - 100000 * SEC) - START, -100000 * SEC,
		"a hold from before the clock was set back does not count");
	settle(q, &ticket, -100000 * SEC, LIMITED, "{\"code\":\"x\"}",
	       "\"ratelimit\":{\"retry_after\":5}");
	tap_int(quota_opens(q, START - 100000 * SEC) - START, -99995 * SEC,
		"and gives way to a new one");
	quota_close(q);

	q = LANE(.adaptive = true);
	ask(q, 0, -1, 0, &ticket);
	settle(q, &ticket, 0, LIMITED, "{\"code\":\"rate_limit_exceeded\"}",
	       "\"ratelimit\":{\"retry_after\":300}");
	tap_int(ask(q, 0, -1, SEC, NULL), -1, "a hold of minutes: later, with no limit known, too");
	quota_close(q);
}

/* Headers. */
#define REQUESTS(limit, remaining, reset)                                                          \
	"\"ms\":0,\"ratelimit\":{\"limit_requests\":" #limit ",\"remaining_requests\":" #remaining \
	",\"reset_requests\":" #reset "}"

static void test_learning(void)
{
	struct quota_ticket ticket;
	struct quota *q = LANE(.requests = 6000);

	ask(q, 0, -1, 0, &ticket);
	answer(q, &ticket, 0, 1, 1, REQUESTS(600, 599, 0.1));
	tap_int(ask_all(q, 0, 10 * SEC), 10, "a lower limit from a header tightens");
	ask(q, 0, -1, 20 * SEC, &ticket);
	answer(q, &ticket, 20 * SEC, 1, 1, REQUESTS(60000, 59999, 0.1));
	tap_int(ask_all(q, 0, 30 * SEC), 100, "a higher one does not loosen what was given");
	quota_close(q);

	q = LANE(.tokens = 600);
	ask(q, 0, 1, 0, &ticket);
	answer(q, &ticket, 0, 0, 1, REQUESTS(6, 5, 10));
	tap_ok(ask(q, 0, 1, SEC, NULL) == SEC && ask(q, 0, 1, SEC, NULL) == SEC,
	       "a limit of a kind that was not given does not count");
	quota_close(q);

	q = LANE(.requests = 600, .burst = 300);
	ask(q, 0, -1, 0, &ticket);
	for (int i = 0; i < 20; i++)
		ask(q, 0, -1, 0, NULL);
	answer(q, &ticket, 0, 1, 1, REQUESTS(600, 100, 50));
	tap_int(ask_all(q, 0, 0), 75,
		"what is left: 100, less 20 that went since and 5 in reserve");
	quota_close(q);

	/* 600 a minute: 10 a second. */
	q = LANE(.requests = 600, .burst = 300);
	ask(q, 0, -1, 0, &ticket);
	answer(q, &ticket, 4 * SEC, 1, 1,
	       "\"ms\":3000,\"ratelimit\":{\"limit_requests\":600,\"remaining_requests\":100}");
	tap_int(ask_all(q, 0, 4 * SEC), 125, "and 30 that came in since it was sent");
	quota_close(q);

	struct quota_ticket old;
	q = LANE(.requests = 600, .burst = 300);
	ask(q, 0, -1, 0, &old);
	ask(q, 0, -1, 0, &ticket);
	answer(q, &ticket, 0, 1, 1, REQUESTS(600, 200, 50));
	answer(q, &old, 0, 1, 1, REQUESTS(600, 20, 50));
	tap_int(ask_all(q, 0, 0), 190, "a result older than the newest one does not count");
	ticket.order += 1000;
	answer(q, &ticket, 0, 1, 1, REQUESTS(600, 20, 50));
	ask(q, 0, -1, 10 * SEC, &ticket);
	answer(q, &ticket, 10 * SEC, 1, 1, REQUESTS(600, 20, 50));
	tap_int(ask_all(q, 0, 10 * SEC), 10,
		"nor one with a ticket from the future, and it stops none");
	quota_close(q);
}

/* A provider that counts what was asked for, and results that come in any order. */
static void test_given_back_in_vain(void)
{
	struct quota *q = LANE(.tokens = 300000);
	struct quota_ticket tickets[50];

	for (int i = 0; i < 50; i++)
		ask(q, 0, 3000, 0, &tickets[i]);
	answer(q, &tickets[39], 0, 0, 10,
	       "\"ms\":0,\"ratelimit\":{\"limit_tokens\":300000,\"remaining_tokens\":180000}");
	for (int i = 0; i < 39; i++)
		answer(q, &tickets[i], 0, 0, 10,
		       "\"ms\":0,\"ratelimit\":{\"limit_tokens\":300000,"
		       "\"remaining_tokens\":290000}");
	/* 180,000 less 10 that went after it and 5 % in reserve. */
	tap_int(ask_all(q, 1000, 0), 141, "what is given back does not go beyond what is left");
	quota_close(q);

	q = LANE(.tokens = 60000);
	ask(q, 0, 1000, 0, &tickets[0]);
	answer(q, &tickets[0], 0, 0, 1000,
	       "\"ms\":0,\"ratelimit\":{\"limit_tokens\":60000,\"remaining_tokens\":0}");
	for (int i = 0; i < 3; i++) {
		tap_int(ask(q, 0, 59000, 61 * SEC, &tickets[0]), 61 * SEC,
			"but what was left a minute ago no longer counts");
		answer(q, &tickets[0], 61 * SEC, 0, 0, "");
	}
	quota_close(q);
}

static void test_nonsense(void)
{
	static const char *const cases[] = {
	    REQUESTS(600, 601, 0.1),
	    REQUESTS(0, 0, 0),
	    REQUESTS(-1, -1, -1),
	    REQUESTS("600", "x", []),
	    REQUESTS(600, -9223372036854775808, -1e300),
	    REQUESTS(9223372036854775807, 9223372036854775807, 1e300),
	    REQUESTS(1.5, 2.5, null),
	    "\"ratelimit\":7",
	    "\"ratelimit\":{}",
	    "\"ms\":-5,\"ratelimit\":{\"limit_requests\":600,\"remaining_requests\":600}",
	    "\"ms\":9223372036854775807,\"ratelimit\":{\"limit_requests\":600,\"remaining_"
	    "requests\":600}",
	    "\"ratelimit\":{\"remaining_requests\":0}",
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct quota *q = LANE(.requests = 600);
		struct quota_ticket ticket;
		ask(q, 0, -1, 0, &ticket);
		answer(q, &ticket, 0, 1, 1, cases[i]);
		tap_int(ask_all(q, 0, 10 * SEC), 10, "ignored: %s", cases[i]);
		quota_close(q);
	}
	struct quota *q = LANE(.requests = 600, .burst = 300);
	struct quota_ticket ticket;
	ask(q, 0, -1, 0, &ticket);
	answer(q, &ticket, 0, 1, 1, REQUESTS(600, 601, 1));
	ask(q, 0, -1, 0, &ticket);
	answer(q, &ticket, 0, 1, 1, REQUESTS(600, 100, 50));
	tap_int(ask_all(q, 0, 0), 95, "more left than there is does not count for the reserve");
	quota_close(q);
}

static void test_tokens_and_days(void)
{
	struct quota_ticket ticket;
	struct quota *q = LANE(.adaptive = true);

	ask(q, 10, 90, 0, &ticket);
	answer(
	    q, &ticket, 0, 10, 0,
	    "\"ratelimit\":{\"limit_requests\":50,\"remaining_requests\":49,\"reset_requests\":1,"
	    "\"limit_input_tokens\":60000,\"remaining_input_tokens\":60000,"
	    "\"limit_output_tokens\":8000,\"remaining_output_tokens\":8000}");
	tap_int(quota_tokens(q), 60000,
		"Anthropic's limit of input tokens counts as that of tokens");
	ask(q, 10, 90, 5 * SEC, &ticket);
	answer(q, &ticket, 5 * SEC, 10, 0,
	       "\"ratelimit\":{\"limit_tokens\":80000,\"remaining_tokens\":8,"
	       "\"limit_input_tokens\":60000,\"remaining_input_tokens\":60000}");
	tap_int(quota_tokens(q), 80000, "unless there is one of tokens");
	/* 8 less the reserve of 60000/20 = 3000; 80000 a minute is 0.75 ms a token */
	tap_int(ask(q, 0, 1, 5 * SEC, NULL), 5 * SEC + (2992 + 1) * 3 * MS / 4,
		"what is left of tokens tightens");
	quota_close(q);

	/* Groq: 14,400 requests a day, 6 s each; 1,000 a day, 86.4 s each. */
	q = LANE(.requests = 600, .day = 100000);
	ask(q, 0, -1, 0, &ticket);
	answer(q, &ticket, 0, 1, 1, REQUESTS(1000, 999, 86.4));
	tap_int(ask_all(q, 0, 10 * SEC), 10, "a limit of requests a day is not one a minute");
	ask(q, 0, -1, 20 * SEC, &ticket);
	answer(q, &ticket, 20 * SEC, 1, 1, REQUESTS(1000, 3, 86140.8));
	tap_int(ask_all(q, 0, 30 * SEC), 3, "but the day's");
	quota_close(q);
	q = LANE(.adaptive = true);
	ask(q, 0, -1, 0, &ticket);
	answer(q, &ticket, 0, 1, 1, REQUESTS(1000, 998, 172.8));
	ask(q, 0, -1, 3600 * SEC, &ticket);
	answer(q, &ticket, 3600 * SEC, 1, 1, REQUESTS(1000, 1000, 0.5));
	tap_ok(ask_all(q, 0, 3600 * SEC) > 900, "a day's limit is known again when little is used");
	quota_close(q);
	q = LANE(.adaptive = true);
	ask(q, 0, -1, 0, &ticket);
	answer(q, &ticket, 0, 1, 1, REQUESTS(20, 19, 59.5));
	tap_int(ask_all(q, 0, 0), 1, "a window of a minute, just begun, is no day");
	tap_int(ask(q, 0, -1, 3 * SEC, NULL), 6 * SEC, "20 a minute is one every 3 s");
	quota_close(q);
	q = LANE(.adaptive = true);
	ask(q, 0, -1, 0, &ticket);
	answer(q, &ticket, 0, 1, 1, REQUESTS(14400, 14399, 6));
	ask(q, 0, -1, 10 * SEC, &ticket);
	answer(q, &ticket, 10 * SEC, 1, 1, REQUESTS(14400, 14380, 120));
	tap_ok(ask_all(q, 0, 20 * SEC) > 14000, "what passed for a minute's limit is found out");
	quota_close(q);
}

static void test_adaptive(void)
{
	struct quota_ticket ticket, second;
	struct quota *q = LANE(.adaptive = true);

	tap_ok(quota_is_limited(q) && quota_counts_tokens(q), "adaptive is a limit to be found");
	tap_int(ask(q, 0, -1, 0, &ticket), 0, "nothing known: one goes");
	tap_int(ask(q, 0, -1, 0, NULL), -1, "the next one waits for its result");
	tap_int(ask(q, 0, -1, 59 * SEC, NULL), -1, "as long as it may take");
	tap_int(ask(q, 0, -1, 60 * SEC, &second), 60 * SEC, "a minute");
	answer(q, &second, 61 * SEC, 1, 1, REQUESTS(600, 599, 0.1));
	tap_int(ask_all(q, 0, 61 * SEC), 10, "then the limits of its headers hold");
	quota_close(q);

	q = LANE(.adaptive = true);
	for (int i = 0; i < 3; i++) {
		tap_int(ask(q, 0, -1, i, &ticket), i, "no limits in the headers: one more goes");
		tap_int(ask(q, 0, -1, i, NULL), -1, "alone");
		settle(q, &ticket, i, "{\"status_code\":500,\"body\":{}}",
		       "{\"code\":\"http_500\"}", "");
		ask(q, 0, -1, i, &ticket);
		answer(q, &ticket, i, 1, 1, "");
	}
	tap_int(ask_all(q, 100000, SEC), 100000, "after three good answers without, all go");
	ask(q, 0, -1, 2 * SEC, &ticket);
	answer(q, &ticket, 2 * SEC, 1, 1, REQUESTS(600, 599, 0.1));
	tap_int(ask_all(q, 0, 10 * SEC), 10, "until one shows a limit");
	quota_close(q);

	/* Somebody else takes 5 a second of the 10 that there are; we are told what is left. */
	q = LANE(.adaptive = true);
	double level = 600;
	int64_t most = 0, passed = 0;
	for (int64_t now = 0; now < 300 * SEC; now += 100 * MS) {
		char lb[200];
		level = level + 1 - 0.5 > 600 ? 600 : level + 1 - 0.5;
		struct quota_ticket got[20];
		int n = 0;
		while (n < 20 && (most = ask(q, 0, -1, now, &got[n])) == now)
			n++;
		if (most > now)
			quota_give_back(q, &got[n], START + now);
		for (int i = 0; i < n; i++) {
			level -= 1;
			snprintf(lb, sizeof lb,
				 "\"ms\":0,\"ratelimit\":{\"limit_requests\":600,"
				 "\"remaining_requests\":%d}",
				 level > 0 ? (int)level : 0);
			answer(q, &got[i], now, 1, 1, lb);
			passed++;
		}
		if (level < 0)
			break;
	}
	tap_ok(level >= 20, "a quota shared with a stranger is not used up (%.0f left)", level);
	tap_ok(passed > 5 * 290 + 400, "and what he leaves is used (%d of 2070)", (int)passed);
	quota_close(q);
}

static void test_tickets(void)
{
	struct quota_ticket ticket = {START, 1, 2, 3, 4, 1, INT64_C(1) << 52, START + MINUTE}, back;
	struct buf text = {0};

	quota_write_ticket(&text, &ticket);
	struct json_span span = {text.data, text.length};
	tap_int(quota_read_ticket(span, START, &back), 0, "a ticket can be written and read");
	tap_ok(memcmp(&ticket, &back, sizeof back) == 0, "and stays the same");
	span = JSON_LITERAL("{\"at\":1,\"order\":1,\"before\":2,\"tokens\":3,\"input\":4,"
			    "\"capped\":1,\"model\":1}");
	tap_int(quota_read_ticket(span, START, &back), 0,
		"one of another version, without full_at");
	tap_ok(back.full_at == INT64_MAX, "...is one of which that is not known");
	static const char *const bad[] = {
	    "null",
	    "{}",
	    "{\"at\":1,\"order\":1,\"before\":2,\"tokens\":3,\"input\":4,\"capped\":1}",
	    "{\"at\":1,\"order\":1,\"before\":2,\"tokens\":-3,\"input\":4,\"capped\":1,\"model\":"
	    "1}",
	    "{\"at\":1,\"order\":1,\"before\":2,\"tokens\":9e9,\"input\":4,\"capped\":1,\"model\":"
	    "1}",
	    "{\"at\":1,\"order\":1,\"before\":2,\"tokens\":4611686018427387903,\"input\":4,"
	    "\"capped\":1,\"model\":1}",
	    "{\"at\":9000000000000000,\"order\":1,\"before\":2,\"tokens\":3,\"input\":4,"
	    "\"capped\":1,\"model\":1}",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		span = (struct json_span){bad[i], strlen(bad[i])};
		tap_int(quota_read_ticket(span, START, &back), -1, "no ticket: %s", bad[i]);
	}
	buf_free(&text);
}

static bool refused(const char *path, const char *why)
{
	struct quota_limits limits = {.requests = 60};
	struct buf problem = {0};
	struct quota *q = quota_open(path, &limits, &problem);
	bool good = q == NULL && strstr(buf_string(&problem), why) != NULL;

	if (!good)
		printf("# got: %s\n", q != NULL ? "opened" : buf_string(&problem));
	quota_close(q);
	buf_free(&problem);
	return good;
}

static void write_file(const char *path, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, data, n) != (ssize_t)n || close(fd) < 0)
		tap_ok(false, "a test's file can be written");
}

static void test_file(void)
{
	struct stat info;
	struct quota_ticket ticket;
	umask(022);
	struct quota *a = open_lane("state", (struct quota_limits){.requests = 60});

	tap_ok(a != NULL && stat("state", &info) == 0, "a state file is made");
	tap_int(info.st_mode & 07777, 0600, "for its owner alone");
	tap_int(info.st_size, 4096, "one page");
	struct quota *b = open_lane("state", (struct quota_limits){0});
	tap_ok(quota_is_limited(b), "who opens it without limits has those of the other");
	tap_int(ask(a, 0, -1, 0, &ticket), 0, "two handles share the lane");
	tap_int(ask(b, 0, -1, 0, NULL), SEC, "so the second one waits");
	quota_give_back(b, &ticket, START);
	tap_int(ask(a, 0, -1, 0, NULL), SEC, "and settles for the first");
	quota_close(b);
	b = open_lane("state", (struct quota_limits){.requests = 600});
	tap_int(ask(a, 0, -1, 10 * SEC, NULL), 10 * SEC, "an option of the one");
	tap_int(ask(a, 0, -1, 10 * SEC, NULL), 10 * SEC, "goes for both");
	ask(a, 0, -1, 10 * SEC, &ticket);
	answer(b, &ticket, 10 * SEC, 1, 1, REQUESTS(6, 5, 10));
	quota_close(a);
	quota_close(b);
	a = open_lane("state", (struct quota_limits){0});
	tap_int(ask(a, 0, -1, 1000 * SEC, NULL), 1000 * SEC, "opened again, after a reboot or not");
	tap_int(ask(a, 0, -1, 1000 * SEC, NULL), 1010 * SEC, "it knows its limits");
	quota_close(a);

	/* A maker killed at any point leaves a file that counts as new. */
	static const char zeros[4096];
	write_file("empty", zeros, 0);
	a = open_lane("empty", (struct quota_limits){0});
	tap_ok(a != NULL, "an empty file is a new one");
	quota_close(a);
	write_file("zeros", zeros, sizeof zeros);
	a = open_lane("zeros", (struct quota_limits){0});
	tap_ok(a != NULL, "a page of zeros is a new one");
	quota_close(a);
}

/* Is the file still as it was? */
static bool is_same(const char *path, const char *want, size_t n)
{
	char got[8192];
	int fd = open(path, O_RDONLY);
	ssize_t length = read(fd, got, sizeof got);

	close(fd);
	return length == (ssize_t)n && memcmp(got, want, n) == 0;
}

/* Cut short while it is mapped, which would kill us. */
static void test_file_cut(void)
{
	struct quota_ticket ticket;
	struct quota *q = LANE(.requests = 60);

	tap_ok(!quota_is_lost(q), "a lane without a file cannot be lost");
	quota_close(q);
	q = open_lane("cut", (struct quota_limits){.requests = 60, .tokens = 6000});
	ask(q, 100, 100, 0, &ticket);
	tap_ok(!quota_is_lost(q), "nor is one whose file is whole");
	tap_int(truncate("cut", 0), 0, "the file is cut short");
	ask(q, 100, 100, 0, NULL);
	answer(q, &ticket, SEC, 100, 100, "");
	quota_give_back(q, &ticket, START);
	tap_ok(quota_is_lost(q), "then it is");
	quota_close(q);
	q = open_lane("cut", (struct quota_limits){.requests = 60});
	tap_ok(q != NULL && !quota_is_lost(q), "and it can be opened, as a new one");
	quota_close(q);
}

static void test_file_refused(void)
{
	char page[8192] = {0};

	write_file("short", "hello\n", 6);
	tap_ok(refused("short", "damaged"), "a file of another length is refused");
	tap_ok(is_same("short", "hello\n", 6), "and not touched");
	memset(page, 'x', sizeof page);
	write_file("other", page, 4096);
	tap_ok(refused("other", "damaged"), "a file of that length, but of another kind");
	tap_ok(is_same("other", page, 4096), "and not touched");
	memset(page, 0, sizeof page);
	page[2000] = 1;
	write_file("torn", page, 4096);
	tap_ok(refused("torn", "damaged"), "a page whose start is lost");
	memcpy(page, "lbrate\2\0", 8);
	write_file("newer", page, 4096);
	tap_ok(refused("newer", "another version"), "one of another version");
	tap_ok(is_same("newer", page, 4096), "and not touched");
	write_file("longer", page, 8192);
	tap_ok(refused("longer", "damaged"), "one that is too long");

	tap_int(symlink("state", "link"), 0, "a symbolic link");
	tap_ok(refused("link", "symbolic link"), "is refused, to a good one too");
	tap_int(symlink("nowhere", "dangling"), 0, "a dangling one");
	tap_ok(refused("dangling", "symbolic link"), "is refused");
	tap_ok(access("nowhere", F_OK) < 0, "and not followed");
	tap_int(mkfifo("fifo", 0600), 0, "a FIFO");
	tap_ok(refused("fifo", "no regular file"), "is refused at once");
	tap_ok(refused(".", "directory"), "a directory is refused");
	tap_ok(refused("no/where", "No such file"), "a path that leads nowhere is refused");
	if (geteuid() == 0) {
		write_file("foreign", "", 0);
		tap_int(chown("foreign", 12345, 12345), 0, "another user's file");
		tap_ok(refused("foreign", "another user"), "is refused");
	}
}

/* A page of any bytes behind a good magic does no harm. */
static void test_damaged(void)
{
	uint64_t seed = 1;
	char page[4096];
	bool fine = true;

	for (int i = 0; i < 500; i++) {
		for (size_t n = 8; n < sizeof page; n++) {
			seed = seed * UINT64_C(6364136223846793005) + 1;
			page[n] = i % 2 != 0 || n % 8 < 5 ? (char)(seed >> 56) : 0;
		}
		memcpy(page, "lbrate\1\0", 8);
		write_file("damaged", page, sizeof page);
		struct quota *q =
		    open_lane("damaged", (struct quota_limits){.adaptive = i % 3 == 0});
		struct quota_ticket ticket = {0};
		for (int n = 0; n < 5; n++) {
			fine &= ask(q, 1000, -1, n, &ticket) <= MINUTE + n;
			answer(q, &ticket, n, 500, 500, REQUESTS(600, 300, 5));
			settle(q, &ticket, n, LIMITED, "{\"code\":\"x\"}", "");
			quota_give_back(q, &ticket, START + n);
		}
		quota_close(q);
	}
	tap_ok(fine, "500 pages of random bytes: answers are still answers");
}

/* Processes that make the same file at the same moment. */
static void test_race(void)
{
	int failures = 0, status;

	fflush(stdout);
	for (int round = 0; round < 20; round++) {
		unlink("race");
		for (int i = 0; i < 8; i++) {
			if (fork() == 0) {
				struct quota_limits limits = {.requests = 600};
				struct buf problem = {0};
				struct quota *q = quota_open("race", &limits, &problem);
				bool good = q != NULL && ask(q, 0, -1, 0, NULL) >= 0;
				quota_close(q);
				buf_free(&problem);
				_exit(good ? 0 : 1);
			}
		}
		while (wait(&status) > 0)
			failures += status != 0;
		struct quota *q = open_lane("race", (struct quota_limits){0});
		failures += ask_all(q, 0, 0) != 10 - 8;
		quota_close(q);
	}
	tap_int(failures, 0, "8 processes make one file at the same moment: no place is lost");
}

int main(void)
{
	char folder[] = "/tmp/test_quota.XXXXXX";
	const char *tmp = getenv("TMPDIR");

	if ((tmp != NULL ? chdir(tmp) : 0) < 0 || mkdtemp(folder) == NULL || chdir(folder) < 0)
		return 1;
	test_limits();
	test_pitfalls();
	test_refilled();
	test_not_sent();
	test_moves();
	test_estimates();
	test_holds();
	test_learning();
	test_given_back_in_vain();
	test_nonsense();
	test_tokens_and_days();
	test_adaptive();
	test_tickets();
	test_file();
	test_file_cut();
	test_file_refused();
	test_damaged();
	test_race();
	static const char *const files[] = {"state", "empty",   "zeros",   "short", "other",
					    "torn",  "newer",   "longer",  "link",  "dangling",
					    "fifo",  "foreign", "damaged", "race",  "cut"};
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		unlink(files[i]);
	if (chdir("/") < 0 || rmdir(folder) < 0)
		printf("# %s is left behind\n", folder);
	return tap_done();
}
