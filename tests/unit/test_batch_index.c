/* Requests of an earlier run are found again, each once. */
#include "batch_files.h"
#include "batch_index.h"
#include "batch_spool.h"
#include "tap.h"

static struct batch_route route = {.style = TARGET_OPENAI,
				   .endpoint = (char[]){"/v1/chat/completions"},
				   .base = (char[]){"https://h/v1"}};

static void on_spooled(void *context, struct batch_part *p)
{
	(void)context;
	(void)p;
}

static const char *const lines[] = {
    "{\"custom_id\":\"a\",\"body\":{\"model\":\"m\",\"n\":1}}",
    "{\"custom_id\":\"b\",\"body\":{\"model\":\"m\",\"n\":1}}",
    "{\"custom_id\":\"twice\",\"body\":{\"model\":\"m\"}}",
    "{\"custom_id\":\"twice\",\"body\":{\"model\":\"m\"}}",
    "{\"custom_id\":\"d\",\"body\":{\"model\":\"m\"}}",
    "{\"custom_id\":\"e\",\"body\":{\"model\":\"m\"}}",
};
enum { LINES = sizeof lines / sizeof *lines };

/* A job with two parts of three, brought to a phase. */
static void make_job(enum batch_phase phase)
{
	struct batch_state *state = batch_state_open("S", true);
	struct batch_limits limits = {.requests = 3};
	struct batch_spool *s = batch_spool_new(state, &limits, on_spooled, NULL);
	struct record r;

	for (size_t i = 0; i < LINES; i++) {
		parse_text(&r, lines[i]);
		batch_spool_add(s, &route, &r, 0, i);
	}
	batch_spool_close(s);
	for (struct batch_part *p = state->parts; p != NULL; p = p->next) {
		memcpy(p->file, "file-1", sizeof "file-1");
		memcpy(p->batch, "batch_1", sizeof "batch_1");
		if (phase == BATCH_COLLECTED)
			batch_part_kill(p, 1);
		if (phase == BATCH_FAILED)
			p->code = p->message = NULL;
		if (phase != BATCH_SPOOLED)
			batch_state_move(state, p, phase);
	}
	batch_spool_free(s);
	batch_state_free(state);
}

/* Ask for a line: "1.0" for part 1, index 0; "-" if it is new. */
static void claim(struct batch_index *x, const char *text, uint64_t sequence, const char *want)
{
	struct batch_part *p = NULL;
	struct buf got = {0};
	struct record r;

	parse_text(&r, text);
	enum batch_found found = batch_index_claim(x, &r, sequence, &p);
	buf_addc(&got, found == BATCH_NEW ? '-' : '?');
	for (uint64_t i = 0; found == BATCH_FOUND && i < p->count; i++) {
		if (p->items[i].sequence != sequence)
			continue;
		buf_clear(&got);
		buf_addn(&got, p->number);
		buf_addc(&got, '.');
		buf_addn(&got, i);
	}
	tap_is(buf_string(&got), want, "%s", text);
	buf_free(&got);
}

static void test_claims(void)
{
	make_job(BATCH_CREATING);
	struct batch_state *state = batch_state_open("S", true);
	struct batch_index *x = batch_index_new(state);
	struct buf line = {0};

	tap_ok(x != NULL, "the requests of a job are read");
	claim(x, lines[0], 0, "1.0");
	claim(x, lines[0], 1, "-");
	claim(x, lines[2], 2, "1.2");
	claim(x, lines[3], 3, "2.0");
	claim(x, lines[3], 4, "-");
	claim(x, "{\"custom_id\":\"x\",\"body\":{\"model\":\"m\",\"n\":1}}", 5, "-");
	claim(x, "{\"custom_id\":\"b\",\"body\":{\"model\":\"m\",\"n\":2}}", 6, "-");
	claim(x, "{\"custom_id\":\"b\",\"params\":{\"model\":\"m\",\"n\":1}}", 7, "-");
	claim(x, "{\"custom_id\":\"b\",\"url\":\"/v1/x\",\"body\":{\"model\":\"m\",\"n\":1}}", 8,
	      "-");
	const char *richer =
	    "{\"custom_id\":\"b\",\"lb\":{\"items\":[1]},\"body\":{\"model\":\"m\",\"n\":1}}";
	claim(x, richer, 9, "1.1");
	tap_int(batch_state_line(state, state->parts, 1, &line), 0, "its line is read");
	tap_is(buf_string(&line), richer, "the line that asks now is the one that is answered");
	batch_state_line(state, state->parts, 0, &line);
	tap_is(buf_string(&line), lines[0], "the one beside it is not touched");
	tap_int((long long)state->parts->claimed, 3, "three of the first part are asked for");
	uint64_t parts;
	tap_int((long long)batch_state_unclaimed(state, &parts), 2, "two of the other are not");
	batch_index_free(x);
	batch_state_free(state);
	buf_free(&line);
	remove_folder("S");
}

static void test_phases(void)
{
	static const struct {
		enum batch_phase phase;
		const char *first, *second;
	} cases[] = {
	    {BATCH_SPOOLED, "-", "-"},     {BATCH_UPLOADED, "-", "-"},
	    {BATCH_CREATED, "1.0", "1.1"}, {BATCH_ENDED, "1.0", "1.1"},
	    {BATCH_FETCHED, "1.0", "1.1"}, {BATCH_COLLECTED, "1.0", "-"},
	    {BATCH_DROPPED, "-", "-"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		make_job(cases[i].phase);
		struct batch_state *state = batch_state_open("S", true);
		struct batch_index *x = batch_index_new(state);
		claim(x, lines[0], 0, cases[i].first);
		claim(x, lines[1], 1, cases[i].second);
		batch_index_free(x);
		batch_state_free(state);
		remove_folder("S");
	}
}

static void test_changed_file(void)
{
	static const char *const changes[] = {"", "{\"custom_id\":\"a\",\"body\":{}}\n", "x\n"};

	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		make_job(BATCH_CREATED);
		write_text("S/1.requests", changes[i]);
		struct batch_state *state = batch_state_open("S", true);
		tap_ok(batch_index_new(state) == NULL, "a file that was changed is an error");
		batch_state_free(state);
		remove_folder("S");
	}
}

static void test_drop(void)
{
	make_job(BATCH_SPOOLED);
	write_text("S/9.upload", "x");
	write_text("S/notes", "x");
	struct batch_state *state = batch_state_open("S", true);
	tap_int((long long)state->next, 10, "numbers of files that are there are not used again");
	tap_int(batch_state_drop(state), 0, "what was never sent is dropped");
	tap_ok(access("S/1.requests", F_OK) < 0 && access("S/1.upload", F_OK) < 0 &&
		   access("S/9.upload", F_OK) < 0,
	       "with its files");
	tap_ok(access("S/notes", F_OK) == 0, "other files are left");
	batch_state_free(state);
	state = batch_state_open("S", true);
	tap_int(state->parts->phase, BATCH_DROPPED, "the journal has it");
	batch_state_free(state);
	remove_folder("S");
}

int main(void)
{
	enter_folder();
	test_claims();
	test_phases();
	test_changed_file();
	test_drop();
	leave_folder();
	return tap_done();
}
