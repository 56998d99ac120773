/*
 * messages: Anthropic's messages, whole and streamed. Formats: Anthropic API reference, "Messages"
 * and "Streaming Messages".
 */
#ifndef MESSAGES_H
#define MESSAGES_H

struct buf;
struct completion;

/* Append the body of a message. */
void messages_body(struct buf *out, const struct completion *c);

/* Append the event stream, message_start to message_stop, that says the same. */
void messages_stream(struct buf *out, const struct completion *c);

#endif
