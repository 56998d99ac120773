/* What a ledger holds, for reports. */
#include "ledger.h"
#include "ledger_state.h"

int ledger_report(struct ledger *l, enum ledger_by by,
		  void (*line)(void *context, const struct ledger_line *line), void *context)
{
	const size_t statement = LEDGER_SQL_BY_MODEL + (size_t)by;
	int result;

	while ((result = db_step(l->db, statement)) > 0) {
		struct ledger_line values;
		int64_t *numbers[] = {&values.requests, &values.unpriced,    &values.input,
				      &values.cached,   &values.cache_write, &values.output,
				      &values.spent};
		values.name.at = db_bytes(l->db, statement, 0, &values.name.length);
		for (int i = 0; i < 7; i++)
			*numbers[i] = db_integer(l->db, statement, i + 1);
		line(context, &values);
	}
	return result;
}

int ledger_pace(struct ledger *l, int64_t *step,
		void (*point)(void *context, const struct ledger_point *point), void *context)
{
	static const int64_t steps[] = {60, 600, 3600, 21600, 86400};
	enum { POINTS_MOST = 400 };
	int result = db_step(l->db, LEDGER_SQL_SPAN);

	if (result < 0)
		return -1;
	int64_t span = db_integer(l->db, LEDGER_SQL_SPAN, 0);
	db_reset(l->db, LEDGER_SQL_SPAN);
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		*step = steps[i];
		if (span / *step < POINTS_MOST)
			break;
	}
	db_set_integer(l->db, LEDGER_SQL_PACE, 1, *step);
	while ((result = db_step(l->db, LEDGER_SQL_PACE)) > 0) {
		const struct ledger_point p = {db_integer(l->db, LEDGER_SQL_PACE, 0),
					       db_integer(l->db, LEDGER_SQL_PACE, 1),
					       db_integer(l->db, LEDGER_SQL_PACE, 2)};
		point(context, &p);
	}
	return result;
}
