/*
 * money: US dollars as whole numbers of nano-dollars, so that adding them up is exact. Pure.
 */
#ifndef MONEY_H
#define MONEY_H

#include <stddef.h>
#include <stdint.h>

struct buf;

#define MONEY_DOLLAR INT64_C(1000000000)

/*
 * The value of a JSON number, text of n bytes that json_check has accepted, in dollars: "0.000123"
 * is 123,000. Decimals and exponents are taken exactly; what is beyond nine decimals is rounded,
 * half up. Returns 0; or -1 if it is no number, negative, or more than fits (9.2 thousand
 * million dollars).
 */
int money_parse(const char *text, size_t n, int64_t *nano);

/* The sum of two amounts that are not negative, INT64_MAX if it does not fit. */
int64_t money_sum(int64_t a, int64_t b);

/* Append an amount that is not negative as a JSON number, without zeros at its end: "0.000123". */
void money_print(struct buf *out, int64_t nano);

#endif
