/* Marks: what a line of a log says of the request that it answers. */
#include "buf.h"
#include "journal.h"
#include "tap.h"

#include <inttypes.h>

#define HASH "0123456789abcdef"

static const struct mark_case {
	const char *lb;
	const char *entry;
	bool there;
	uint64_t request;
	const char *id;
} cases[] = {
    {"{\"checkpoint\":{\"request\":\"" HASH "\"}}", "checkpoint", true, 0x123456789abcdef, "c"},
    {"{\"ms\":1,\"checkpoint\":{\"request\":\"" HASH "\"}}", "checkpoint", true, 0x123456789abcdef,
     "c"},
    {"{\"checkpoint\":{\"request\":\"" HASH "\"},\"ms\":1}", "checkpoint", true, 0x123456789abcdef,
     "c"},
    {"{\"checkpoint\":{\"id\":\"i\",\"request\":\"" HASH "\"}}", "checkpoint", true,
     0x123456789abcdef, "i"},
    {"{ \"checkpoint\" : { \"request\" : \"" HASH "\" } }", "checkpoint", true, 0x123456789abcdef,
     "c"},
    {"{\"ms\":1, \"checkpoint\":{\"request\":\"" HASH "\"}}", "checkpoint", true, 0x123456789abcdef,
     "c"},
    {"{\"checkpoint\":{\"request\":\"ffffffffffffffff\"},\"checkpoint\":{\"request\":\"" HASH
     "\"}}",
     "checkpoint", true, 0x123456789abcdef, "c"},
    {"{\"checkpoint\":{\"request\":\"0000000000000000\"}}", "checkpoint", true, 0, "c"},
    {"{\"checkpoint\":{\"request\":\"0123456789ABCDEF\"}}", "checkpoint", true, 0, "c"},
    {"{\"checkpoint\":{\"request\":\"0123456789abcde\"}}", "checkpoint", true, 0, "c"},
    {"{\"checkpoint\":{\"request\":\"0123456789abcdefa\"}}", "checkpoint", true, 0, "c"},
    {"{\"checkpoint\":{\"request\":123456789012345678}}", "checkpoint", true, 0, "c"},
    {"{\"checkpoint\":{}}", "checkpoint", true, 0, "c"},
    {"{\"checkpoint\":7}", "checkpoint", false, 0, "c"},
    {"{\"x\":{\"checkpoint\":{\"request\":\"" HASH "\"}}}", "checkpoint", false, 0, "c"},
    {"{\"x,\\\"checkpoint\":{\"request\":\"" HASH "\"}}", "checkpoint", false, 0, "c"},
    {"{\"xcheckpoint\":{\"request\":\"" HASH "\"}}", "checkpoint", false, 0, "c"},
    {"{\"asked\":{\"request\":\"" HASH "\"}}", "checkpoint", false, 0, "c"},
    {"{\"asked\":{\"request\":\"" HASH "\"}}", "asked", true, 0x123456789abcdef, "c"},
    {"{\"checkpoint\":{\"request\":\"" HASH "\"}}", "asked", false, 0, "c"},
    {"\"\\\"checkpoint\\\":{\\\"request\\\":\\\"" HASH "\\\"}}\"", "checkpoint", false, 0, "c"},
    {"{}", "checkpoint", false, 0, "c"},
    {"null", "checkpoint", false, 0, "c"},
};

int main(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct mark_case *c = &cases[i];
		struct buf text = {0}, id = {0};
		struct record r;
		uint64_t request = 1;

		buf_addf(&text, "{\"custom_id\":\"c\",\"error\":null,\"lb\":%s}", c->lb);
		struct line line = {text.data, text.length, 1, text.length};
		record_parse(&r, &line, false);
		tap_int(journal_mark(&r, c->entry, &request, &id), c->there,
			"%s in %s: there or not", c->entry, c->lb);
		tap_ok(request == c->request, "...its request (%" PRIx64 ")", request);
		tap_is(buf_string(&id), c->id, "...its id");
		buf_free(&text);
		buf_free(&id);
	}
	return tap_done();
}
