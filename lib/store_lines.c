/* Answers as lines of JSON, out and in. */
#include "record.h"
#include "store_key.h"
#include "store_state.h"

#include <inttypes.h>
#include <string.h>

int store_export(struct store *s, struct buf *line)
{
	size_t n, m;

	/* All of it as of one moment: not store_enter, which moves on. */
	if (!s->exporting && (store_rest(s) < 0 || store_enter(s) < 0))
		return -1;
	s->exporting = true;
	int found = db_step(s->db, SQL_EXPORT);
	if (found <= 0) {
		s->exporting = false;
		return found < 0 ? -1 : store_rest(s);
	}
	const unsigned char *key = db_bytes(s->db, SQL_EXPORT, 0, &n);
	const char *response = db_bytes(s->db, SQL_EXPORT, 4, &m);
	if (n != STORE_KEY || store_sum(key, response, m) != db_integer(s->db, SQL_EXPORT, 3)) {
		db_reset(s->db, SQL_EXPORT);
		s->exporting = false;
		return db_damaged(s->db, "an answer is not as it was stored");
	}
	buf_adds(line, "{\"key\":");
	store_key_write(line, key);
	buf_addf(line, ",\"stored\":%" PRId64 ",\"used\":%" PRId64 ",\"response\":",
		 db_integer(s->db, SQL_EXPORT, 1), db_integer(s->db, SQL_EXPORT, 2));
	buf_add(line, response, m);
	buf_addc(line, '}');
	return 1;
}

enum store_imported store_import(struct store *s, struct json_span line)
{
	struct record answer = {.response = json_get(line, "response")};
	unsigned char key[STORE_KEY];
	int64_t stored, used;

	if (!store_key_read(json_get(line, "key"), key) ||
	    json_integer(json_get(line, "stored"), &stored) < 0 ||
	    json_integer(json_get(line, "used"), &used) < 0 || !store_is_good(&answer))
		return STORE_REFUSED;
	store_set_times(s, SQL_TIMES, key, stored, INT64_MAX - STORE_AHEAD);
	int found = db_step(s->db, SQL_TIMES);
	if (found > 0)
		db_reset(s->db, SQL_TIMES);
	if (found != 0)
		return found < 0 ? STORE_FAILED : STORE_OLDER;
	return store_write(s, key, answer.response, stored, used) < 0 ? STORE_FAILED : STORE_TAKEN;
}
