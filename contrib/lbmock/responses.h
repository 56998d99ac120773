/*
 * responses: OpenAI's Responses API, whole and streamed. Formats: OpenAI API reference, "Responses"
 * and its "Streaming events".
 */
#ifndef RESPONSES_H
#define RESPONSES_H

struct buf;
struct completion;

/* Append the body of a response. */
void responses_body(struct buf *out, const struct completion *c);

/* Append the event stream, response.created to response.completed or .incomplete, that says the
 * same; the last event carries the whole response. */
void responses_stream(struct buf *out, const struct completion *c);

#endif
