/* clock: the two clocks, in nanoseconds. Code that can be pure takes the time as an argument. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

#define CLOCK_MS  INT64_C(1000000)
#define CLOCK_SEC INT64_C(1000000000)

/* Time since some fixed point, never set back: for durations and deadlines. */
int64_t clock_now(void);

/* Time since 1970-01-01 UTC: for dates that leave the process. */
int64_t clock_wall(void);

#endif
