/*
 * files: OpenAI's files: what is uploaded for batches, and what they leave. Formats: OpenAI API
 * reference, "Files".
 */
#ifndef FILES_H
#define FILES_H

#include "serial.h"

#include <stddef.h>
#include <stdint.h>

struct blob;
struct errand;
struct files;

struct files_entry {
	char id[SERIAL_LENGTH + 8];
	char purpose[32];
	char filename[256];
	int64_t created; /* unix ns */
	int64_t expires; /* 0: never */
	struct blob *blob;
	uint64_t offset; /* in the blob */
	uint64_t length;
	int64_t unseen; /* look-ups that do not find it yet */
};

/* No files. An upload may have limit bytes, and is not found by the first unseen look-ups. The
 * series gives the ids. The caller frees with files_free. */
struct files *files_new(uint64_t limit, int64_t unseen, struct serial *serial);

void files_free(struct files *f);

/* Add a file: length bytes of a blob from an offset on, made at a time in unix ns. Names that are
 * too long are cut. Returns it; it stays until it is deleted or expires. */
struct files_entry *files_add(struct files *f, const char *purpose, const char *filename,
			      struct blob *blob, uint64_t offset, uint64_t length, int64_t time);

/* Look a file up for a call: NULL if there is none with this id, or it is not to be seen yet or any
 * more. */
const struct files_entry *files_find(struct files *f, struct errand *e, const char *id, size_t n);

/* Answer a call to one of the endpoints. */
void files_answer(struct files *f, struct errand *e);

#endif
