/*
 * opt: the values that options take. All parsers want the whole string and return 0, or -1 if it
 * is not such a value or does not fit.
 */
#ifndef OPT_H
#define OPT_H

#include <stdint.h>

/* A count: digits, and k (1,000), M or G behind them: "200k". */
int opt_count(const char *s, int64_t *value);

/* A size in bytes: digits, and k (1,024), M or G behind them: "64k". */
int opt_size(const char *s, int64_t *bytes);

/* A duration: a number, decimals allowed, with ms, s, m, h or d behind it; without one it is
 * seconds: "250ms", "1.5s", "30". */
int opt_duration(const char *s, int64_t *nanoseconds);

/* A share: "2%" or "0.02", from 0 to 1. */
int opt_share(const char *s, double *share);

#endif
