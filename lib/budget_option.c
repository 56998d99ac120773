/* How budgets are written on a command line. */
#include "budget.h"
#include "money.h"

#include <string.h>

int budget_parse(const char *text, int64_t *amount, enum ledger_period *period)
{
	const char *slash = strchr(text, '/');
	size_t n = slash != NULL ? (size_t)(slash - text) : strlen(text);
	struct json_span number;
	struct json_error error;

	if (json_check(text, n, &number, NULL, 0, &error) < 0 || number.length != n ||
	    money_parse(text, n, amount) < 0)
		return -1;
	if (slash == NULL)
		*period = LEDGER_EVER;
	else if (strcmp(slash, "/day") == 0)
		*period = LEDGER_DAY;
	else if (strcmp(slash, "/month") == 0)
		*period = LEDGER_MONTH;
	else
		return -1;
	return 0;
}

static void set_alert(struct budget_options *options, const char *argument)
{
	options->alert = budget_parse_alert(argument, &options->alert_share);
	if (options->alert == NULL)
		cli_misuse("--alert wants a share and a command, such as 80%%:COMMAND, not '%s'",
			   argument);
}

bool budget_option(struct budget_options *options, struct ledger_options *ledger, int id,
		   const char *argument)
{
	switch (id) {
	case 'b':
		if (budget_parse(argument, &ledger->budget, &ledger->period) < 0)
			cli_misuse("-b wants an amount such as 5, 0.50, 5/day or 5/month, not '%s'",
				   argument);
		return true;
	case 'l':
		ledger->path = argument;
		return true;
	case BUDGET_JOB:
		ledger->job = argument;
		return true;
	case BUDGET_MAX_WAIT:
		options->max_wait = cli_duration("--max-wait", argument);
		return true;
	case BUDGET_ALERT:
		set_alert(options, argument);
		return true;
	}
	return false;
}

void budget_check(const struct budget_options *options, const struct ledger_options *ledger,
		  bool wraps)
{
	bool limited = ledger->budget >= 0;

	if (limited && ledger->path == NULL && !wraps)
		cli_misuse("-b without a command needs -l LEDGER, here and where results pass");
	if (limited && ledger->path == NULL && ledger->period != LEDGER_EVER)
		cli_misuse("a budget for a day or a month needs -l LEDGER");
	if (!limited && options->alert != NULL)
		cli_misuse("--alert is about a share of the budget: -b is missing");
	if (!limited && cli_given(BUDGET_MAX_WAIT))
		cli_misuse("--max-wait is about waiting for room in the budget: -b is missing");
	if (ledger->path == NULL && cli_given(BUDGET_JOB))
		cli_misuse("--job is a name in the ledger: -l is missing");
}
