/*
 * batch_fault: what goes wrong with files and batches (--batch-fail KIND:ARGUMENT,...).
 *
 * KIND says what is hit. Without a prefix it is a request in a batch: an error status, a fault of
 * answers as in --fail, or expire, omit, twice, stranger, broken; the argument is the share of the
 * requests. poll-STATUS hits a share of the look-ups of a batch. The others take a number:
 *
 *   file-late:N      each file is not found by its first N look-ups
 *   create-before:N  the connection is reset at the first N creates, without one being made
 *   create-after:N   the same, but the batch has been made
 *   batch-late:N     each batch is not found by its first N look-ups
 *   batch-cancel:N   the first N batches are cancelled by somebody half-way
 *   batch-expire:N   those after them expire half-way
 *   batch-vanish:N   those after them are not found any more once they have ended
 *   output-late:N    each batch that has ended is seen N times without its files
 */
#ifndef BATCH_FAULT_H
#define BATCH_FAULT_H

#include "fault.h"

#include <stdbool.h>
#include <stdint.h>

enum batch_fault {
	BATCH_FAULT_FILE_LATE,
	BATCH_FAULT_CREATE_BEFORE,
	BATCH_FAULT_CREATE_AFTER,
	BATCH_FAULT_BATCH_LATE,
	BATCH_FAULT_CANCEL,
	BATCH_FAULT_EXPIRE,
	BATCH_FAULT_VANISH,
	BATCH_FAULT_OUTPUT_LATE,
	BATCH_FAULT_COUNTS
};

/* A zeroed struct is no faults. */
struct batch_fault_plan {
	int64_t counts[BATCH_FAULT_COUNTS];
	struct fault_plan requests;
	struct fault_plan polls;
};

/* Add the faults of one --batch-fail option. Returns NULL, or what is wrong with it. */
const char *batch_fault_parse(struct batch_fault_plan *plan, const char *value);

/* The name of one that takes a number. */
const char *batch_fault_name(enum batch_fault fault);

/* Does it hit one of those that are left? If so, one fewer is. */
bool batch_fault_strikes(int64_t left[BATCH_FAULT_COUNTS], enum batch_fault fault);

#endif
