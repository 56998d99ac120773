#include "fault.h"
#include "mem.h"
#include "opt.h"
#include "rng.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[FAULT_KINDS] = {
    [FAULT_STATUS] = "status",       [FAULT_HANG] = "hang",         [FAULT_CUT] = "cut",
    [FAULT_RESET] = "reset",         [FAULT_GARBAGE] = "garbage",   [FAULT_ERROR200] = "error200",
    [FAULT_REFUSE] = "refuse",       [FAULT_TRUNCATE] = "truncate", [FAULT_MISSING] = "missing",
    [FAULT_REPEAT] = "repeat",       [FAULT_SURPLUS] = "surplus",   [FAULT_RENUMBER] = "renumber",
    [FAULT_MALFORMED] = "malformed",
};

const char *fault_name(enum fault_kind kind)
{
	return names[kind];
}

static struct fault find_kind(const char *name)
{
	int64_t status;
	if (opt_count(name, &status) == 0 && status >= 400 && status <= 599)
		return (struct fault){FAULT_STATUS, (int)status};
	for (int kind = FAULT_STATUS + 1; kind < FAULT_KINDS; kind++)
		if (strcmp(name, names[kind]) == 0)
			return (struct fault){(enum fault_kind)kind, 0};
	return (struct fault){FAULT_NONE, 0};
}

static const char *add_entry(struct fault_plan *plan, char *entry)
{
	char *colon = strchr(entry, ':');
	double share;

	if (colon == NULL)
		return "expected KIND:SHARE";
	*colon = '\0';
	struct fault fault = find_kind(entry);
	if (fault.kind == FAULT_NONE)
		return "unknown kind of fault";
	if (opt_share(colon + 1, &share) < 0)
		return "a share is like 2% or 0.02";
	if (plan->count == FAULT_MAX)
		return "too many faults";
	plan->entries[plan->count].fault = fault;
	plan->entries[plan->count].share = share;
	plan->count++;
	return NULL;
}

const char *fault_parse(struct fault_plan *plan, const char *value)
{
	char *copy = mem_copy(value, strlen(value));
	const char *wrong = NULL;
	double sum = 0;

	for (char *entry = copy; entry != NULL && wrong == NULL;) {
		char *comma = strchr(entry, ',');
		if (comma != NULL)
			*comma++ = '\0';
		wrong = add_entry(plan, entry);
		entry = comma;
	}
	free(copy);
	for (size_t i = 0; i < plan->count; i++)
		sum += plan->entries[i].share;
	/* Ten times 10% is a hair more than 1 in binary. */
	if (wrong == NULL && sum > 1 + 1e-9)
		wrong = "the shares sum to more than 100%";
	return wrong;
}

struct fault fault_draw(const struct fault_plan *plan, struct rng *r)
{
	if (plan->count > 0) {
		double at = rng_unit(r);
		for (size_t i = 0; i < plan->count; i++) {
			if (at < plan->entries[i].share)
				return plan->entries[i].fault;
			at -= plan->entries[i].share;
		}
	}
	return (struct fault){FAULT_NONE, 0};
}
