/* order: lets lines out in the order of their sequence numbers; what comes early is spooled. */
#ifndef ORDER_H
#define ORDER_H

#include "json.h"

#include <stdbool.h>
#include <stdint.h>

struct order;
struct out;
struct spool;

/* Lines go to out; those that wait are kept in the spool. Neither is owned. */
struct order *order_new(struct out *out, struct spool *spool);
void order_free(struct order *o);

/* This sequence number's line, or at NULL if it has none. Each number comes exactly once, from 0
 * on. Returns 0, or -1 with errno when the spool fails. What it lets out stops when out is full:
 * order_release goes on when there is room again. */
int order_put(struct order *o, uint64_t sequence, struct json_span line);
int order_release(struct order *o);

/* Does a line wait only for room in out? */
bool order_ready(const struct order *o);

/* From now on lines do not wait for their turn: those that do are ready, and new ones go out as
 * they come, whatever their number. */
void order_give_up(struct order *o);

#endif
