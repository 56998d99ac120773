/*
 * assemble_messages: the events of a streamed Anthropic message, merged into the message that it
 * would have been without streaming.
 */
#ifndef ASSEMBLE_MESSAGES_H
#define ASSEMBLE_MESSAGES_H

#include "json.h"

struct merge;

/* Merge one event, an object of this type, into the message. Returns 0; or 1 at the end of the
 * message; or -1 if the event makes no sense where it stands. */
int assemble_messages_add(struct merge *body, struct json_span type, struct json_span event);

/* The message has ended: parse the inputs of its tools. Returns 0, or -1 if one is no JSON. */
int assemble_messages_end(struct merge *body);

#endif
