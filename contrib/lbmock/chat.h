/*
 * chat: OpenAI's chat completions, whole and streamed. Formats: OpenAI API reference, "Chat
 * Completions" and "Streaming".
 */
#ifndef CHAT_H
#define CHAT_H

struct buf;
struct completion;

/* Append the body of a chat.completion. */
void chat_body(struct buf *out, const struct completion *c);

/* Append the event stream of chat.completion.chunk that says the same. */
void chat_stream(struct buf *out, const struct completion *c);

#endif
