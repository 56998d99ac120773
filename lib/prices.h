/* prices: the price table that is in force, from files. */
#ifndef PRICES_H
#define PRICES_H

#include <stddef.h>

struct buf;
struct price_table;

/*
 * Add the table in a file. If path is NULL it is the one in force: LB_PRICES, if that is set;
 * otherwise the installed one, which is ../share/lb/prices.json from the directory that the program
 * stands in, or else in the directory that was named when it was built. Returns how many models it
 * has; or -1 after appending what is wrong to problem.
 */
int prices_load(struct price_table *t, const char *path, struct buf *problem);

/*
 * Add the table in force, and then those in so many files, the last of which goes before the
 * others. If there is none in force but others were given, or price_set_other has been called, what
 * is wrong is appended to problem all the same. Returns 0; or -1, with problem saying why.
 */
int prices_load_all(struct price_table *t, const char *const *paths, size_t count,
		    struct buf *problem);

/* Read a table, print what it is on stdout or what is wrong with it on stderr. Returns the exit
 * status. */
int prices_check(const char *path);

#endif
