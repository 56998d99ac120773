/* store_file: a cache file in this folder, for the tests of store. */
#ifndef STORE_FILE_H
#define STORE_FILE_H

#include "buf.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "test.db"
#define HOUR      (INT64_C(3600) * 1000)

static const struct store_options usual = {.path = FILE_NAME};

static inline void remove_all(void)
{
	unlink(FILE_NAME);
	unlink(FILE_NAME "-wal");
	unlink(FILE_NAME "-shm");
}

/* Open it, as of a time in ms; ends the program if that cannot be. */
static inline struct store *open_store(const struct store_options *o, int64_t now)
{
	struct buf problem = {0};
	struct store *s = store_open(o, now, &problem);

	if (s == NULL) {
		printf("# %s\n", buf_string(&problem));
		exit(1);
	}
	buf_free(&problem);
	return s;
}

/* A key that stands for a number. */
static inline const unsigned char *key_of(int n)
{
	static unsigned char key[STORE_KEY];

	hash_bytes(&n, sizeof n, key);
	return key;
}

/* Store an answer in a transaction of its own. Returns 0 or -1. */
static inline int put(struct store *s, int n, const char *response, int64_t now)
{
	struct json_span text = {response, strlen(response)};
	if (store_begin(s) < 0 || store_put(s, key_of(n), text, now) < 0)
		return -1;
	return store_commit(s);
}

#endif
