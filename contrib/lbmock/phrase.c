#include "phrase.h"
#include "buf.h"
#include "label.h"

#include <stdbool.h>

#define ECHO_WORDS 8
#define ECHO_BYTES 80

size_t phrase_cut(const char *text, size_t length, size_t limit)
{
	if (length <= limit)
		return length;
	while (limit > 0 && ((unsigned char)text[limit] & 0xc0) == 0x80)
		limit--;
	return limit;
}

static bool is_blank(char c)
{
	return (unsigned char)c <= ' ';
}

void phrase_write(struct buf *out, const struct phrase_subject *subject)
{
	if (subject->labels != NULL && subject->labels->count > 0) {
		size_t i = label_pick(subject->labels, subject->text, subject->length);
		buf_add(out, subject->labels->labels[i].at, subject->labels->labels[i].length);
		return;
	}
	buf_adds(out, "Answer to:");
	size_t n = phrase_cut(subject->text, subject->length, ECHO_BYTES);
	size_t at = 0;
	for (unsigned words = 0; words < ECHO_WORDS; words++) {
		while (at < n && is_blank(subject->text[at]))
			at++;
		if (at == n)
			break;
		buf_addc(out, ' ');
		for (; at < n && !is_blank(subject->text[at]); at++)
			buf_addc(out, subject->text[at]);
	}
}
