/*
 * lbretry: sends what failed again, later or to another model.
 *
 * Input: requests, which go to the command (lbcall, unless another is given); what the command
 * answers is passed on or, if it may go better another time, fed to it again. Output: a result for
 * each. State: none; what waits is in memory, and in a temporary file.
 */
#include "buf.h"
#include "cli.h"
#include "clock.h"
#include "expr.h"
#include "json.h"
#include "resend.h"
#include "stage.h"

#include <stdlib.h>
#include <string.h>

struct lbretry {
	struct cli_shared shared;
	struct resend_options resend;
	const char *ok; /* the expression's text, or NULL */
	bool keep_order;
};

enum {
	OPT_MAX_WAIT = CLI_LONG,
	OPT_DEADLINE,
	OPT_OK,
	OPT_BUDGET,
	OPT_STOP_AFTER,
	OPT_ROUNDS,
};

static const struct cli_option options[] = {
    {'n', "attempts", "N", "send a record up to N times (5)"},
    {'b', "base", "TIME", "longest first wait, doubled for each further one (1s)"},
    {'m', "max-delay", "TIME", "longest wait of our own (60s)"},
    {OPT_MAX_WAIT, "max-wait", "TIME", "longest wait that a server may ask for (10m)"},
    {OPT_DEADLINE, "deadline", "TIME", "no more attempts so long after a record's first one"},
    {OPT_OK, "ok", "EXPR", "jq expression on the result: if not true, try again"},
    {'f', "fallback", "MODEL,...", "models to try when a record's own has failed"},
    {OPT_BUDGET, "retry-budget", "PERCENT", "retries for each 100 requests, besides 100 (20)"},
    {OPT_STOP_AFTER, "stop-after", "N", "stop when N attempts in a row have failed"},
    {OPT_ROUNDS, "rounds", NULL, "the command answers only at end of input"},
    {'k', "keep-order", NULL, "write results in input order"},
};

/* MODEL[,MODEL...] */
static void set_models(struct lbretry *t, char *argument)
{
	while (t->resend.policy.models > 0)
		free(t->resend.models[--t->resend.policy.models]);
	for (char *name; (name = strsep(&argument, ",")) != NULL;) {
		struct buf quoted = {0};
		if (*name == '\0' || json_quote(&quoted, name, strlen(name)))
			cli_misuse("-f wants names of models with commas between them");
		if (t->resend.policy.models == RESEND_MODELS)
			cli_misuse("-f takes up to %d models", RESEND_MODELS);
		t->resend.models[t->resend.policy.models++] = buf_string(&quoted);
	}
}

static void set_option(void *context, int id, char *argument)
{
	struct lbretry *t = context;

	switch (id) {
	case 'n':
		t->resend.policy.attempts = (unsigned)cli_count("-n", argument, 1, 1000000);
		break;
	case 'b':
		t->resend.policy.base = cli_duration("-b", argument);
		break;
	case 'm':
		t->resend.policy.cap = cli_duration("-m", argument);
		break;
	case OPT_MAX_WAIT:
		t->resend.policy.max_wait = cli_duration("--max-wait", argument);
		break;
	case OPT_DEADLINE:
		t->resend.policy.deadline = cli_duration("--deadline", argument);
		break;
	case OPT_OK:
		t->ok = argument;
		break;
	case 'f':
		set_models(t, argument);
		break;
	case OPT_BUDGET:
		if (*argument != '\0' && argument[strlen(argument) - 1] == '%')
			argument[strlen(argument) - 1] = '\0';
		t->resend.budget =
		    (uint64_t)cli_count("--retry-budget", argument, 0, INT64_C(1000000));
		break;
	case OPT_STOP_AFTER:
		t->resend.stop_after = cli_count("--stop-after", argument, 1, INT64_MAX);
		break;
	case OPT_ROUNDS:
		t->resend.rounds = true;
		break;
	case 'k':
		t->keep_order = true;
		break;
	}
}

int main(int argc, char **argv)
{
	static const struct cli_tool tool = {
	    .synopsis = "[options] [command [argument ...]]",
	    .purpose = "Send LLM requests through a command (lbcall), and what fails again.",
	    .options = options,
	    .count = sizeof options / sizeof *options,
	    .set = set_option,
	};
	static char *const lbcall[] = {"lbcall", NULL};
	struct lbretry t = {
	    .resend = {.policy = {.attempts = 5,
				  .base = CLOCK_SEC,
				  .cap = 60 * CLOCK_SEC,
				  .max_wait = 600 * CLOCK_SEC},
		       .budget = 20},
	};
	char *error = NULL;

	int operand = cli_start(argc, argv, &tool, &t, &t.shared);
	if (t.ok != NULL && (t.resend.ok = expr_new(t.ok, &error)) == NULL)
		cli_misuse("--ok: %s", error);
	struct stage_options stage_options = {
	    .command = operand < argc ? argv + operand : lbcall,
	    .max_line = (size_t)t.shared.max_line,
	    .keep_order = t.keep_order,
	    .meter = &t.shared.meter,
	};
	int status = resend_run(&t.resend, &stage_options);
	expr_free(t.resend.ok);
	for (size_t i = 0; i < t.resend.policy.models; i++)
		free(t.resend.models[i]);
	return status;
}
