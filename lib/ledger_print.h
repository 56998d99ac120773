/* ledger_print: reports of a ledger, for people and programs. */
#ifndef LEDGER_PRINT_H
#define LEDGER_PRINT_H

#include "ledger.h"

/* Print on stdout what was spent by model, day and job, and what is reserved: as tables, or as one
 * line of JSON. With plot, the name of an SVG file, also draw what was spent by day into that, with
 * gnuplot. Returns the exit status. */
int ledger_print(struct ledger *l, bool json, const char *plot);

/* Forgive, and say on stderr how much. Returns the exit status. */
int ledger_print_forgiven(struct ledger *l);

#endif
