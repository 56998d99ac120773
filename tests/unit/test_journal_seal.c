/* Seals: which lines bear one, and that no other line is taken for one that does. */
#include "checksum.h"
#include "journal_files.h"
#include "journal_state.h"
#include "tap.h"

#include <inttypes.h>

#define REQUEST UINT64_C(0x0123456789abcdef)
#define DIGITS  "0123456789abcdef"

/* Append the record's line of a log. */
static void mark_line(struct buf *line, const char *record, const char *id)
{
	struct line input = {record, strlen(record), 1, strlen(record)};
	struct buf name = {0};
	struct record r;

	buf_adds(&name, id);
	record_parse(&r, &input, false);
	journal_set_mark(line, &r, JOURNAL_LOGGED, &name, REQUEST);
	buf_free(&name);
}

static bool is_sealed(const struct buf *line, struct journal_sealed *sealed)
{
	return journal_unseal((struct json_span){line->data, line->length}, sealed);
}

static const struct seal_case {
	const char *record, *id;
	bool sealed;
} cases[] = {
    {"{\"custom_id\":\"a\",\"response\":{},\"error\":null}", "a", true},
    {"{\"custom_id\":\"a b\",\"response\":{},\"lb\":{\"ms\":5}}", "a b", true},
    {"{\"custom_id\":\"\303\251\",\"response\":{},\"lb\":{}}", "\303\251", true},
    {"{\"custom_id\":\"a\",\"response\":{},\"lb\":{\"asked\":{\"request\":\"x\"}}}", "a", true},
    {"{\"custom_id\":\"a\",\"response\":{},\"lb\":{\"checkpoint\":{\"request\":\"x\"}}}", "a",
     true},
    {"{\"custom_id\":\"a\",\"name\":\"an item\"}", "a", true},
    {"{\"custom_id\":\"a\",\"response\":null,\"error\":{\"code\":\"e\"}}", "a", false},
    {"{\"custom_id\":\"a\",\"response\":{}}", "b", false},
    {"{\"custom_id\":\"\",\"response\":{}}", "", false},
    {"{\"custom_id\":\"\\u0061\",\"response\":{}}", "a", false},
    {"{\"custom_id\":\"a\\\"b\",\"response\":{}}", "a\"b", false},
    {"{\"custom_id\":7,\"response\":{}}", "7", false},
    {"{\"custom_id\": \"a\",\"response\":{}}", "a", true},
    {"{ \"custom_id\":\"a\",\"response\":{}}", "a", false},
    {"{\"response\":{},\"custom_id\":\"a\"}", "a", false},
    {"{\"custom_id\":\"a\",\"response\":{},\"custom_id\":\"b\"}", "b", false},
    {"{\"custom_id\":\"a\",\"lb\":{},\"response\":{}}", "a", true},
    {"{\"custom_id\":\"a\",\"response\":{},\"lb\":{\"checkpoint\":{},\"ms\":5}}", "a", false},
    {"{\"custom_id\":\"a\",\"response\":{},\"lb\":{\"ms\":5}, \"x\":1}", "a", true},
    /* An id that is the custom_id as it is written, and not its value. */
    {"{\"custom_id\":\"a\\\\b\",\"response\":{}}", "a\\\\b", false},
    {"{\"custom_id\":\"a\\\"b\",\"response\":{}}", "a\\\"b", false},
    /* Somebody else's mark, behind ours and before, and what has the form of one. */
    {"{\"custom_id\":\"a\",\"lb\":{},\"x\":{\"checkpoint\":{\"request\":\"" DIGITS
     "\",\"sum\":\"" DIGITS "\"}}}",
     "a", false},
    {"{\"custom_id\":\"a\",\"x\":{\"checkpoint\":{\"request\":\"" DIGITS "\",\"sum\":\"" DIGITS
     "\"}},\"lb\":{}}",
     "a", true},
    {"{\"custom_id\":\"a\",\"lb\":{\"checkpoint\":{},\"x\":{\"checkpoint\":{\"request\":"
     "\"1\"},\"k\":\"aaaaaaa\",\"sum\":\"" DIGITS "\"}}}",
     "a", false},
};

/* Whether bytes of the text stand in the line, unchanged. */
static bool has(struct buf *line, const char *text)
{
	return strstr(buf_string(line), text) != NULL;
}

static void test_which(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct seal_case *c = &cases[i];
		struct buf line = {0}, id = {0};
		struct journal_sealed sealed;
		struct record r;
		uint64_t request;

		mark_line(&line, c->record, c->id);
		tap_int(is_sealed(&line, &sealed), c->sealed, "%s: sealed or not", c->record);
		if (c->sealed)
			tap_ok(sealed.request == REQUEST && sealed.id.length == strlen(c->id) &&
				   memcmp(sealed.id.at, c->id, sealed.id.length) == 0,
			       "...it says the id and the request");
		struct line input = {line.data, line.length, 1, line.length};
		tap_ok(record_parse(&r, &input, false) != RECORD_BAD &&
			   journal_mark(&r, JOURNAL_LOGGED, &request, &id) && request == REQUEST &&
			   strcmp(buf_string(&id), c->id) == 0,
		       "...who reads the line finds the same");
		tap_ok(strstr(c->record, DIGITS "\"}}") == NULL || has(&line, DIGITS "\"}}"),
		       "...and all that is the record's own");
		buf_free(&line);
		buf_free(&id);
	}
}

/* Each byte changed, to each of some others; one left out; one more. */
static void test_changed(void)
{
	static const char others[] = "0a\"\\{}, \377";
	struct buf line = {0};
	struct journal_sealed sealed;
	int believed = 0;

	mark_line(&line, "{\"custom_id\":\"a\",\"response\":{\"n\":1},\"error\":null}", "a");
	for (size_t i = 0; i < line.length; i++) {
		char kept = line.data[i];
		for (size_t k = 0; k < sizeof others; k++) {
			line.data[i] = others[k];
			believed += others[k] != kept && is_sealed(&line, &sealed);
		}
		line.data[i] = kept;
	}
	tap_int(believed, 0, "a line with any of its bytes changed is sealed no more");
	for (size_t n = 0; n < line.length; n++) {
		struct json_span front = {line.data, n},
				 back = {line.data + n + 1, line.length - n - 1};
		believed += journal_unseal(front, &sealed) + journal_unseal(back, &sealed);
	}
	buf_addc(&line, ' ');
	believed += is_sealed(&line, &sealed);
	tap_int(believed, 0, "...nor a part of it, nor more than it");
	buf_free(&line);
}

/* A failure that was made to bear a seal, with the sum that its line will have. */
static void test_forged(void)
{
	char record[] = "{\"custom_id\":\"b\",\"x\":{\"checkpoint\":{\"request\":\"" DIGITS
			"\",\"sum\":\"" DIGITS "\"}},\"error\":{\"code\":\"e\"}}";
	struct buf line = {0}, id = {0};
	struct journal_sealed sealed;
	char sum[17];

	mark_line(&line, record, "a");
	char *digits = strstr(buf_string(&line), "sum\":\"") + strlen("sum\":\"");
	size_t before = (size_t)(digits - line.data), behind = line.length - before - 16;
	snprintf(sum, sizeof sum, "%016" PRIx64,
		 checksum_bytes(digits + 16, behind, checksum_bytes(line.data, before, 0)));
	memcpy(digits, sum, 16);
	tap_ok(is_sealed(&line, &sealed), "a stranger can reckon the sum of a line");
	memcpy(strstr(record, "sum\":\"") + strlen("sum\":\""), sum, 16);
	buf_clear(&line);
	mark_line(&line, record, "a");
	tap_ok(!is_sealed(&line, &sealed) && has(&line, sum),
	       "...but no line of his is logged that bears it as a seal");
	struct line input = {line.data, line.length, 1, line.length};
	struct record r;
	uint64_t request;
	tap_ok(record_parse(&r, &input, false) == RECORD_RESULT && record_failed(&r) &&
		   journal_mark(&r, JOURNAL_LOGGED, &request, &id) && request == REQUEST &&
		   strcmp(buf_string(&id), "a") == 0,
	       "...and what is logged is the failure of its own id");
	buf_free(&line);
	buf_free(&id);
}

/* A log whose lines are sealed, one of them broken since. */
static void test_load(void)
{
	struct buf log = {0};

	for (int i = 0; i < 3; i++) {
		char record[64], id[16];
		snprintf(id, sizeof id, "id%d", i);
		snprintf(record, sizeof record, "{\"custom_id\":\"%s\",\"response\":{}}", id);
		mark_line(&log, record, id);
		buf_addc(&log, '\n');
	}
	write_file(log_path, log.data, log.length);
	struct journal *j = journal_open(log_path, JOURNAL_READ);
	struct journal_count count;
	tap_ok(journal_status(j, &count) == 0 && count.lines == 3 && count.done == 3,
	       "a log of sealed lines is read");
	tap_int(look_up(j, "id1", REQUEST), 'd', "...and a line of it found");
	tap_int(look_up(j, "id1", 1), 'c', "...for its own request only");
	journal_free(j);
	char *middle = strstr(buf_string(&log), "id1");
	middle[0] = 'I';
	write_file(log_path, log.data, log.length);
	j = journal_open(log_path, JOURNAL_READ);
	tap_ok(journal_load(j, false) == 0 && look_up(j, "Id1", REQUEST) == 'd' &&
		   look_up(j, "id1", REQUEST) == 'n',
	       "a line that was edited by hand is read as it stands");
	journal_free(j);
	middle[3] = '\n';
	write_file(log_path, log.data, log.length);
	j = journal_open(log_path, JOURNAL_READ);
	tap_int(journal_load(j, false), -1, "one that was broken is damage");
	journal_free(j);
	buf_free(&log);
}

int main(void)
{
	enter_folder();
	test_which();
	test_changed();
	test_forged();
	test_load();
	leave_folder();
	return tap_done();
}
