#include "batch_fault.h"
#include "opt.h"

#include <string.h>

static const char *const names[BATCH_FAULT_COUNTS] = {
    [BATCH_FAULT_FILE_LATE] = "file-late",       [BATCH_FAULT_CREATE_BEFORE] = "create-before",
    [BATCH_FAULT_CREATE_AFTER] = "create-after", [BATCH_FAULT_BATCH_LATE] = "batch-late",
    [BATCH_FAULT_CANCEL] = "batch-cancel",       [BATCH_FAULT_EXPIRE] = "batch-expire",
    [BATCH_FAULT_VANISH] = "batch-vanish",       [BATCH_FAULT_OUTPUT_LATE] = "output-late",
};

const char *batch_fault_name(enum batch_fault fault)
{
	return names[fault];
}

static const char *add_entry(void *context, const char *kind, const char *argument)
{
	static const char poll[] = "poll-";
	struct batch_fault_plan *plan = context;
	size_t prefix = strlen(poll);

	for (int i = 0; i < BATCH_FAULT_COUNTS; i++)
		if (strcmp(kind, names[i]) == 0)
			return opt_count(argument, &plan->counts[i]) < 0 ? "expected a number"
									 : NULL;
	if (strncmp(kind, poll, prefix) == 0) {
		struct fault fault = fault_find(kind + prefix);
		if (fault.kind != FAULT_STATUS)
			return "polls fail with a status from 400 to 599, as in poll-429:5%";
		return fault_add(&plan->polls, fault, argument);
	}
	struct fault fault = fault_find(kind);
	if (fault.kind == FAULT_NONE)
		return "unknown kind of fault";
	if (fault.kind != FAULT_STATUS && fault_is_of_call(fault.kind))
		return "a request in a batch has no connection of its own: see --fail";
	return fault_add(&plan->requests, fault, argument);
}

const char *batch_fault_parse(struct batch_fault_plan *plan, const char *value)
{
	return fault_each(value, add_entry, plan);
}

bool batch_fault_strikes(int64_t left[BATCH_FAULT_COUNTS], enum batch_fault fault)
{
	return left[fault] > 0 && left[fault]-- > 0;
}
