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
    [FAULT_MALFORMED] = "malformed", [FAULT_EXPIRE] = "expire",     [FAULT_OMIT] = "omit",
    [FAULT_TWICE] = "twice",         [FAULT_STRANGER] = "stranger", [FAULT_BROKEN] = "broken",
};

const char *fault_name(enum fault_kind kind)
{
	return names[kind];
}

bool fault_is_of_call(enum fault_kind kind)
{
	return kind >= FAULT_STATUS && kind <= FAULT_ERROR200;
}

bool fault_is_of_answer(enum fault_kind kind)
{
	return kind >= FAULT_REFUSE && kind <= FAULT_MALFORMED;
}

struct fault fault_find(const char *name)
{
	int64_t status;
	if (opt_count(name, &status) == 0 && status >= 400 && status <= 599)
		return (struct fault){FAULT_STATUS, (int)status};
	for (int kind = FAULT_STATUS + 1; kind < FAULT_KINDS; kind++)
		if (strcmp(name, names[kind]) == 0)
			return (struct fault){(enum fault_kind)kind, 0};
	return (struct fault){FAULT_NONE, 0};
}

const char *fault_add(struct fault_plan *plan, struct fault fault, const char *text)
{
	double share;
	double sum = 0;

	if (opt_share(text, &share) < 0)
		return "a share is like 2% or 0.02";
	if (plan->count == FAULT_MAX)
		return "too many faults";
	plan->entries[plan->count].fault = fault;
	plan->entries[plan->count].share = share;
	plan->count++;
	for (size_t i = 0; i < plan->count; i++)
		sum += plan->entries[i].share;
	/* Ten times 10% is a hair more than 1 in binary. */
	return sum > 1 + 1e-9 ? "the shares sum to more than 100%" : NULL;
}

const char *fault_each(const char *value,
		       const char *(*add)(void *context, const char *kind, const char *argument),
		       void *context)
{
	char *copy = mem_copy(value, strlen(value));
	const char *wrong = NULL;

	for (char *entry = copy; entry != NULL && wrong == NULL;) {
		char *comma = strchr(entry, ',');
		if (comma != NULL)
			*comma++ = '\0';
		char *colon = strchr(entry, ':');
		if (colon != NULL)
			*colon++ = '\0';
		wrong = colon != NULL ? add(context, entry, colon)
				      : "expected KIND:SHARE, or a list of such";
		entry = comma;
	}
	free(copy);
	return wrong;
}

static const char *add_entry(void *plan, const char *kind, const char *share)
{
	struct fault fault = fault_find(kind);

	if (!fault_is_of_call(fault.kind) && !fault_is_of_answer(fault.kind))
		return "unknown kind of fault";
	return fault_add(plan, fault, share);
}

const char *fault_parse(struct fault_plan *plan, const char *value)
{
	return fault_each(value, add_entry, plan);
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
