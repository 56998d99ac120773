#include "capture.h"
#include "clock.h"
#include "msg.h"
#include "silence.h"
#include "tap.h"

#include <inttypes.h>

/* When to look again, in seconds; -1 for never. */
static void say(int64_t due)
{
	msg_warn("%" PRId64, due == INT64_MAX ? -1 : due / CLOCK_SEC);
}

static void nothing_in_it(void)
{
	struct silence q = {0};

	say(silence_check(&q, 0, 1000 * CLOCK_SEC));
}

static void half_a_minute(void)
{
	struct silence q = {0};

	silence_break(&q, 100 * CLOCK_SEC);
	say(silence_check(&q, 4, 100 * CLOCK_SEC));
	say(silence_check(&q, 4, 130 * CLOCK_SEC - 1));
	silence_break(&q, 120 * CLOCK_SEC);
	say(silence_check(&q, 3, 149 * CLOCK_SEC));
	say(silence_check(&q, 3, 150 * CLOCK_SEC));
	silence_break(&q, 151 * CLOCK_SEC);
	say(silence_check(&q, 3, 500 * CLOCK_SEC));
}

int main(void)
{
	tap_int(capture(nothing_in_it), 0, "a command with nothing in it may be silent");
	tap_is(captured, "lb: -1\n", "...for ever");
	tap_int(capture(half_a_minute), 0, "a command that gives no answers");
	tap_is(captured,
	       "lb: 130\nlb: 130\nlb: 150\n"
	       "lb: no answer for 30 s, with 3 records in the command: if it answers only at the "
	       "end of its input, or drops lines, use --rounds\nlb: -1\nlb: -1\n",
	       "it is said after half a minute without one, and once");
	return tap_done();
}
