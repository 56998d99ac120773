/* batch_report: what has become of a job's batches, and the end of them, without stdin. */
#ifndef BATCH_REPORT_H
#define BATCH_REPORT_H

#include "access.h"
#include "batch_state.h"

enum batch_report_kind { BATCH_REPORT_STATUS, BATCH_REPORT_CANCEL };

/* Ask the provider about each batch that has not come back, or to cancel it, and write one line for
 * each part to stdout: a table, or objects of JSON. Returns the exit status: 1 if there was a batch
 * that it gave no answer about. */
int batch_report(struct batch_state *state, struct access *access, enum batch_report_kind kind,
		 bool json);

#endif
