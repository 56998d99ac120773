/* The command that is run when a share of a budget is spent. */
#include "budget.h"
#include "mem.h"
#include "msg.h"
#include "opt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

pid_t budget_run_alert(const char *command)
{
	pid_t pid = fork();

	if (pid < 0)
		msg_warn("--alert: cannot run the command");
	if (pid == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		if (freopen("/dev/null", "r", stdin) != NULL)
			execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	return pid;
}
