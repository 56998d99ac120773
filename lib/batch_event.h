/*
 * batch_event: the events of the journal, written and read. Each takes a part to a phase:
 *
 *   spooled   tag, url and model (absent if there are none), params, base, count, bytes, upload,
 *             tokens, round
 *   uploaded  file              refused  (the batch failed for want of room: back to uploaded)
 *   creating                    created  batch
 *   ended     outcome, output, errors
 *   fetched                     collected  again (the indexes to be asked anew, "0-5,9")
 *   failed    code, message     dropped
 */
#ifndef BATCH_EVENT_H
#define BATCH_EVENT_H

#include "batch_part.h"

/* The name of the event that leads to a phase. */
const char *batch_event_name(enum batch_phase phase);

/* Append the event's members, as batch_journal_add wants them. */
void batch_event_members(struct buf *out, const struct batch_part *p, enum batch_phase phase);

/* Let an event have its effect on its part: p, or for "spooled" a new one without anything but its
 * number. Returns NULL, or what is wrong. */
const char *batch_event_apply(struct batch_part *p, struct json_span event);

/* The batch that the part has was not begun. */
void batch_event_refuse(struct batch_part *p);

#endif
