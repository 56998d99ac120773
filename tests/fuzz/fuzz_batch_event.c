/*
 * The journal of a job of lbbatch, as its reader takes it: events, one a line. Checked besides
 * memory safety:
 * - what is taken is within the bounds that the files, the ids sent and the calls rely on;
 * - it is what its phase's event says when it is written, which is taken again as the same.
 */
#include "batch_event.h"
#include "buf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static bool is_json(const char *text)
{
	struct json_error error;

	return *text == '\0' || json_check(text, strlen(text), NULL, NULL, 0, &error) == 0;
}

static void check(const struct batch_part *p)
{
	require(p->count > 0 && p->count <= BATCH_REQUESTS_MOST && p->bytes <= BATCH_FILE_MOST);
	require(strlen(p->tag) == BATCH_TAG - 1 && p->base != NULL &&
		p->newest >= BATCH_UNINTENDED);
	require(is_json(p->url) && is_json(p->model));
	require(p->phase != BATCH_FAILED || (p->code != NULL && p->message != NULL));
	require(p->phase != BATCH_CREATED || batch_api_is_id(p->batch));
	require(p->output[0] == '\0' || batch_api_is_id(p->output));
	require(p->errors[0] == '\0' || batch_api_is_id(p->errors));
}

static void write_event(struct buf *out, const struct batch_part *p)
{
	buf_addf(out, "{\"event\":\"%s\"", batch_event_name(p->phase));
	batch_event_members(out, p, p->phase);
	buf_addc(out, '}');
}

/* Write the event that led here and let another part have it. */
static void write_and_read(const struct batch_part *p)
{
	struct batch_part *other = batch_part_new(1);
	struct buf text = {0}, again = {0};

	other->count = p->count;
	write_event(&text, p);
	if (p->phase == BATCH_SPOOLED)
		other->count = 0;
	require(batch_event_apply(other, (struct json_span){text.data, text.length}) == NULL);
	require(other->phase == p->phase);
	write_event(&again, other);
	require(again.length == text.length && memcmp(again.data, text.data, text.length) == 0);
	buf_free(&text);
	buf_free(&again);
	batch_part_free(other);
}

/* A line. Returns false when the rest of the journal is not read. */
static bool take(struct batch_part **p, struct json_span line)
{
	struct json_error error;
	struct json_span root;

	if (json_check(line.at, line.length, &root, NULL, 0, &error) < 0 ||
	    json_type(root) != JSON_OBJECT)
		return false;
	if (json_equals(json_get(root, "event"), "spooled")) {
		batch_part_free(*p);
		*p = batch_part_new(1);
	}
	if (*p == NULL || batch_event_apply(*p, root) != NULL)
		return false;
	check(*p);
	/* One that was refused has no event of its own that says so. */
	if (!json_equals(json_get(root, "event"), "refused"))
		write_and_read(*p);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *at = (const char *)data, *end = at + size;
	struct batch_part *p = NULL;
	bool more = true;

	while (more && at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		if (stop == NULL)
			stop = end;
		more = take(&p, (struct json_span){at, (size_t)(stop - at)});
		at = stop + 1;
	}
	batch_part_free(p);
	return 0;
}
