/*
 * assemble_chat: the chunks of a streamed OpenAI chat (or legacy) completion, merged into the body
 * that it would have been without streaming: deltas become messages, choices stand in the order of
 * their index.
 */
#ifndef ASSEMBLE_CHAT_H
#define ASSEMBLE_CHAT_H

#include "json.h"

struct merge;

/* Merge one chunk, an object, into the body. Returns 0, or -1 if it makes no sense. */
int assemble_chat_add(struct merge *body, struct json_span chunk);

/* The last chunk is in. Fills in what chunks may leave out; returns whether there are choices and
 * all of them have a finish_reason. */
bool assemble_chat_end(struct merge *body);

#endif
