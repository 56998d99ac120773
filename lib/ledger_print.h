/* ledger_print: reports of a ledger, for people and programs. */
#ifndef LEDGER_PRINT_H
#define LEDGER_PRINT_H

#include "ledger.h"

/* Open the ledger of that name, which must exist, and do one of the next two with it. Returns the
 * exit status. */
int ledger_print_file(const char *path, bool forgive, bool json, const char *plot);

/* Print on stdout what was spent by model, day and job, and what is reserved: as tables, or as one
 * line of JSON. With plot, the name of an SVG file, also draw it. Returns the exit status. */
int ledger_print(struct ledger *l, bool json, const char *plot);

/* Draw into an SVG file, with gnuplot, what was spent and how many requests were answered over
 * time. Returns 0, or -1 after a message. */
int ledger_plot(struct ledger *l, const char *file);

/* Forgive, and say on stderr how much. Returns the exit status. */
int ledger_print_forgiven(struct ledger *l);

#endif
