/*
 * fuzz_json_blocks: the quick check of blocks of bytes against the scanner, which is the reference.
 * Any bytes, at each place that they can have in a block, between two pages that cannot be read: it
 * takes for right what the scanner does, finds the same, and json_check says the same of the rest.
 */
#include "json.h"
#include "json_scan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)        \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

#define ROOM  ((size_t)1 << 20) /* whole pages; longer inputs are cut */
#define BLOCK ((size_t)64)
#define NAMES 3

/* What one of the checks finds. */
struct finding {
	bool right;
	struct json_span root;
	struct json_member members[NAMES];
	struct json_error error; /* if it is not right */
};

static const struct finding nothing = {
    .members = {JSON_MEMBER("a"), JSON_MEMBER("lb"), JSON_MEMBER("custom_id")},
};

static bool same(struct json_span a, struct json_span b)
{
	return a.at == b.at && a.length == b.length;
}

static void require_same(const struct finding *a, const struct finding *b)
{
	REQUIRE(same(a->root, b->root));
	for (size_t i = 0; i < NAMES; i++)
		REQUIRE(same(a->members[i].value, b->members[i].value));
}

/* Is there a blank before a colon? Of such texts the quick check need know nothing. */
static bool has_blank_before_colon(const char *text, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (text[i] == ':' && strchr(" \t\r\n", text[i - 1]) != NULL)
			return true;
	return false;
}

/* Is there a quick check on this machine? */
static bool is_there(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	       __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("popcnt");
#else
	return false;
#endif
}

static void compare(const char *text, size_t n)
{
	struct finding slow = nothing, quick = nothing, both = nothing;

	slow.right = json_scan_check(text, n, &slow.root, slow.members, NAMES, &slow.error) == 0;
	quick.right = json_blocks_check(text, n, &quick.root, quick.members, NAMES);
	both.right = json_check(text, n, &both.root, both.members, NAMES, &both.error) == 0;
	REQUIRE(both.right == slow.right);
	if (!slow.right) {
		REQUIRE(!quick.right);
		REQUIRE(both.error.offset == slow.error.offset);
		REQUIRE(strcmp(both.error.reason, slow.error.reason) == 0);
		return;
	}
	require_same(&both, &slow);
	if (quick.right)
		require_same(&quick, &slow);
	else
		REQUIRE(has_blank_before_colon(text, n) || !is_there());
}

/* ROOM bytes between two pages that cannot be read. */
static char *make_room(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *all = mmap(NULL, ROOM + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	REQUIRE(all != MAP_FAILED);
	REQUIRE(mprotect(all + page, ROOM, PROT_READ | PROT_WRITE) == 0);
	return all + page;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *room;
	size_t step = size / BLOCK + 1; /* all places for short ones */

	if (room == NULL)
		room = make_room();
	if (size > ROOM - BLOCK)
		size = ROOM - BLOCK;
	for (size_t before = 0; before < BLOCK; before += step) {
		char *end = room + ROOM, *start = end - size - before;
		memset(start, ' ', before);
		if (size > 0)
			memcpy(start + before, data, size);
		compare(start, size + before);
	}
	if (size > 0)
		memcpy(room, data, size);
	compare(room, size);
	return 0;
}
