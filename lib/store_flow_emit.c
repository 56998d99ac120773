/* How records leave a cache. */
#include "msg.h"
#include "store_flow_state.h"

#include <errno.h>
#include <string.h>

/* Make the entries of lb: what the cache did, as a JSON string, and the key. */
static void make_marks(struct store_flow *f, struct json_edit marks[2], const char *cache,
		       const unsigned char *key)
{
	buf_clear(&f->hex);
	store_key_write(&f->hex, key);
	marks[0] = (struct json_edit){"cache", {cache, strlen(cache)}};
	marks[1] = (struct json_edit){"key", {f->hex.data, f->hex.length}};
}

/* Make the record's line with these marks. */
static struct json_span mark(struct store_flow *f, const struct record *r, const char *cache,
			     const unsigned char *key)
{
	struct json_edit marks[2];

	make_marks(f, marks, cache, key);
	buf_clear(&f->line);
	record_set(&f->line, r, NULL, 0, marks, 2);
	return (struct json_span){f->line.data, f->line.length};
}

void store_flow_emit(struct store_flow *f, uint64_t sequence, const struct record *r,
		     const char *cache, const unsigned char *key)
{
	/* One that a cache inside had stays marked as that. */
	if (json_equals(record_lb(r, "cache"), "hit"))
		stage_emit_record(f->stage, sequence, r);
	else
		stage_emit(f->stage, sequence, mark(f, r, cache, key), record_failed(r));
}

void store_flow_answer(struct store_flow *f, uint64_t sequence, const struct record *r,
		       const unsigned char *key, struct json_span response)
{
	char id[] = "\"cache_0123456789abcdef\"";
	struct json_edit marks[2];

	make_marks(f, marks, "\"hit\"", key);
	memcpy(id + 7, f->hex.data + 1, 16);
	const struct json_edit edits[] = {
	    {"id", {id, sizeof id - 1}},
	    {"response", response},
	    {"error", JSON_LITERAL("null")},
	};
	buf_clear(&f->line);
	record_set(&f->line, r, edits, 3, marks, 2);
	stage_emit(f->stage, sequence, (struct json_span){f->line.data, f->line.length}, false);
}

void store_flow_forward(struct store_flow *f, uint64_t sequence, const struct record *r,
			const unsigned char *key)
{
	if (f->options.wraps)
		stage_forward(f->stage, sequence, r->custom_id, r->text, key, STORE_KEY);
	else
		stage_forward(f->stage, sequence, r->custom_id, mark(f, r, "\"miss\"", key), NULL,
			      0);
}

void store_flow_cancel(struct store_flow *f, uint64_t sequence, const struct record *r,
		       const char *why)
{
	buf_clear(&f->line);
	record_fail(&f->line, r, "cancelled", why);
	stage_emit(f->stage, sequence, (struct json_span){f->line.data, f->line.length}, true);
}

void store_flow_break(struct store_flow *f, const char *why)
{
	if (f->broken)
		return;
	f->broken = true;
	msg_warn("%s", why);
	stage_raise(f->stage, STATUS_SYSTEM);
	stage_stop(f->stage);
}

void store_flow_break_waiting(struct store_flow *f)
{
	struct buf why = {0};

	buf_addf(&why, "temporary file for records that wait: %s", strerror(errno));
	store_flow_break(f, buf_string(&why));
	buf_free(&why);
}
