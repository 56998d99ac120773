/* How budgets are written on a command line. */
#include "budget.h"
#include "mem.h"
#include "money.h"
#include "opt.h"

#include <stdlib.h>
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

const char *budget_parse_alert(const char *text, int64_t *millionths)
{
	const char *colon = strchr(text, ':');
	double share;

	if (colon == NULL || colon[1] == '\0')
		return NULL;
	char *number = mem_copy(text, (size_t)(colon - text));
	int result = opt_share(number, &share);
	free(number);
	if (result < 0)
		return NULL;
	*millionths = (int64_t)(share * (double)PRICE_ONE + 0.5);
	return colon + 1;
}
