#include "events.h"
#include "buf.h"
#include "phrase.h"

#include <string.h>

#define PIECE_BYTES 12

void events_begin(struct buf *out, const char *name)
{
	if (name != NULL) {
		buf_adds(out, "event: ");
		buf_adds(out, name);
		buf_addc(out, '\n');
	}
	buf_adds(out, "data: ");
}

void events_end(struct buf *out)
{
	buf_adds(out, "\n\n");
}

bool events_piece(const char **at, size_t *left, const char **piece, size_t *length)
{
	if (*left == 0)
		return false;
	*piece = *at;
	*length = phrase_cut(*at, *left, PIECE_BYTES);
	*at += *length;
	*left -= *length;
	return true;
}

size_t events_event(const char *events, size_t n)
{
	const char *end = memmem(events, n, "\n\n", 2);
	return end != NULL ? (size_t)(end - events) + 2 : n;
}
