/* price_table: a table of prices from the inside; for price*.c only. */
#ifndef PRICE_TABLE_H
#define PRICE_TABLE_H

#include "price.h"

/* No more than this, so that nothing overflows. */
#define PRICE_RATE_MOST   INT64_C(1000000000000000) /* a million dollars for a million tokens */
#define PRICE_FACTOR_MOST (1000 * PRICE_ONE)
#define PRICE_TOKENS_MOST INT64_C(1000000000)

/* A rate that was not given. */
#define PRICE_UNSET INT64_C(-1)

/* Add a model without rates, and with factors of one. The model is the table's. */
struct price_model *price_table_add(struct price_table *t, const char *name, size_t n);

/* Have the last model added found by another name, too. */
void price_table_alias(struct price_table *t, const char *name, size_t n);

/* Fill in the rates that were not given. */
void price_table_complete(struct price_rates *rates);

/* Read litellm's format. Errors and result as for price_add. */
int price_litellm_read(struct price_table *t, struct json_span root, struct buf *problem);

/* Read our own, of which models is the member with that name. */
int price_read_models(struct price_table *t, struct json_span root, struct buf *problem);

#endif
