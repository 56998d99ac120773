/* ids: counts how often each id was used, in memory and in a file. */
#include "ids.h"
#include "tap.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t use(struct ids *s, const char *id)
{
	uint64_t uses = 0;
	return ids_use(s, id, strlen(id), &uses) < 0 ? 0 : uses;
}

int main(void)
{
	enum { COUNT = 200000 };
	struct ids *s = ids_new();
	char id[32];
	int wrong = 0;

	tap_int((long long)use(s, "a"), 1, "the first use");
	tap_int((long long)use(s, "b"), 1, "another id has a count of its own");
	tap_int((long long)use(s, "a"), 2, "the second use");
	tap_int((long long)use(s, ""), 1, "an empty id is one");
	/* Over 12,288 it moves to a file, and there it grows twice. */
	for (int i = 0; i < COUNT; i++) {
		snprintf(id, sizeof id, "id%d", i);
		wrong += use(s, id) != 1;
	}
	tap_int(wrong, 0, "200,000 ids are all new");
	for (int i = 0; i < COUNT; i += 7) {
		snprintf(id, sizeof id, "id%d", i);
		wrong += use(s, id) != 2;
	}
	tap_int(wrong, 0, "each of them is known the second time");
	tap_int((long long)use(s, "a"), 3, "the first ones are known as well");
	ids_free(s);
	ids_free(NULL);

	setenv("TMPDIR", "/nonexistent", 1);
	s = ids_new();
	int most = 0;
	errno = 0;
	for (; most < COUNT; most++) {
		snprintf(id, sizeof id, "id%d", most);
		if (use(s, id) == 0)
			break;
	}
	tap_int(most, 12288, "three quarters of 16,384 fit into memory");
	tap_int(errno, ENOENT, "without a file for more, -1 with errno");
	ids_free(s);
	return tap_done();
}
