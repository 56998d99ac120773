#include "silence.h"
#include "clock.h"
#include "msg.h"

#define LONGEST (30 * CLOCK_SEC)

void silence_break(struct silence *q, int64_t now)
{
	q->since = now;
}

int64_t silence_check(struct silence *q, size_t in_command, int64_t now)
{
	if (q->told || in_command == 0)
		return INT64_MAX;
	if (now < q->since + LONGEST)
		return q->since + LONGEST;
	msg_warn("no answer for %d s, with %zu records in the command: if it answers only at the "
		 "end of its input, or drops lines, use --rounds",
		 (int)(LONGEST / CLOCK_SEC), in_command);
	q->told = true;
	return INT64_MAX;
}
