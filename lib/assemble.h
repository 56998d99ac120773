/*
 * assemble: puts a streamed answer together into the body that the same request would have had
 * without "stream": true. Knows OpenAI chat chunks (and legacy completions), OpenAI Responses
 * events and Anthropic messages events, and tells them apart by what arrives.
 *
 * Sources: OpenAI API reference (chat streaming, Responses streaming events), Anthropic API
 * reference (streaming messages), and how the vendors' SDKs accumulate.
 */
#ifndef ASSEMBLE_H
#define ASSEMBLE_H

#include <stddef.h>

struct buf;
struct assemble;

struct assemble *assemble_new(void);
void assemble_free(struct assemble *a);

/* Feed bytes of the event stream as they arrive. Never fails: mistakes show in assemble_finish. */
void assemble_feed(struct assemble *a, const char *bytes, size_t n);

/*
 * The stream has ended; to be called once. Append the whole body, compact JSON of one line. Returns
 * 0; or -1 with *reason (static text) if the stream ended before its end ("stream ended early"),
 * carried something that is no JSON or makes no sense where it stood ("bad event in stream"), or
 * was of no known kind ("unknown kind of stream"). When the stream carried an error event, the body
 * of that error, an object with an error member, is appended and the return value is 1.
 *
 * A chat stream is whole when every choice has a finish_reason and "[DONE]" has come; or, for
 * servers that leave that out, when the last chunk brought the usage. A Responses stream is whole
 * with its response.completed, .incomplete or .failed, whose response is the body (of a failed one,
 * with its error); an Anthropic one with its message_stop.
 */
int assemble_finish(struct assemble *a, struct buf *body, const char **reason);

#endif
