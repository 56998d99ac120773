/* What goes into which part: limits, kinds, files. */
#include "batch_files.h"
#include "batch_spool.h"
#include "tap.h"

#define REQUEST(id, model, text)                                                    \
	"{\"custom_id\":\"" id "\",\"body\":{\"model\":\"" model "\",\"messages\":" \
	"[{\"role\":\"user\",\"content\":\"" text "\"}]}}"

static struct batch_route route = {.style = TARGET_OPENAI,
				   .endpoint = (char[]){"/v1/chat/completions"},
				   .base = (char[]){"https://h/v1"}};

/* The sizes of the parts as they were closed: "2 2 1 ". */
static void on_spooled(void *context, struct batch_part *p)
{
	buf_addn(context, p->count);
	buf_addc(context, ' ');
}

static const char *const five[] = {REQUEST("a", "m", "one"), REQUEST("b", "m", "two"),
				   REQUEST("c", "m", "three"), REQUEST("d", "m", "four"),
				   REQUEST("e", "m", "five")};

/* Spool requests; the sizes of the parts go to sizes. */
static struct batch_state *spool(const char *const *lines, size_t count,
				 const struct batch_limits *limits, struct buf *sizes)
{
	struct batch_state *state = batch_state_open("S", true);
	struct batch_spool *s = batch_spool_new(state, limits, on_spooled, sizes);
	struct record r;
	int result = 0;

	buf_clear(sizes);
	for (size_t i = 0; i < count; i++) {
		parse_text(&r, lines[i]);
		result |= batch_spool_add(s, &route, &r, 0, i);
	}
	result |= batch_spool_close(s);
	batch_spool_free(s);
	tap_int(result, 0, "requests are spooled");
	return state;
}

static void test_splits(void)
{
	struct buf sizes = {0}, text = {0};
	/* All five have about the size of the first, and its number of tokens. */
	struct batch_limits counted = {.tokens = 1000};
	struct batch_state *s = spool(five, 1, &counted, &sizes);
	uint64_t one = s->parts->upload, tokens = s->parts->tokens;
	batch_state_free(s);
	remove_folder("S");
	const struct {
		const char *name;
		struct batch_limits limits;
		const char *sizes;
	} cases[] = {
	    {"no limits", {0}, "5 "},
	    {"two requests", {.requests = 2}, "2 2 1 "},
	    {"five requests", {.requests = 5}, "5 "},
	    {"one request", {.requests = 1}, "1 1 1 1 1 "},
	    {"bytes for three", {.bytes = 3 * one + 9}, "3 2 "},
	    {"bytes for less than one", {.bytes = 1}, "1 1 1 1 1 "},
	    {"tokens of two", {.tokens = 2 * tokens}, "2 2 1 "},
	    {"tokens of less than two", {.tokens = 2 * tokens - 1}, "1 1 1 1 1 "},
	    {"tokens of less than one", {.tokens = 1}, "1 1 1 1 1 "},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		s = spool(five, 5, &cases[i].limits, &sizes);
		tap_is(buf_string(&sizes), cases[i].sizes, "with %s", cases[i].name);
		uint64_t number = 1, requests = 0;
		for (const struct batch_part *p = s->parts; p != NULL; p = p->next) {
			tap_ok(p->number == number++ && p->phase == BATCH_SPOOLED,
			       "parts are numbered and spooled");
			if (cases[i].limits.bytes > one)
				tap_ok(p->upload <= cases[i].limits.bytes,
				       "what is sent is within the limit");
			requests += p->count;
		}
		tap_int((long long)requests, 5, "no request is left out");
		batch_state_free(s);
		remove_folder("S");
	}
	buf_free(&sizes);
	buf_free(&text);
}

static void test_files(void)
{
	struct batch_limits limits = {0};
	struct buf sizes = {0}, text = {0}, line = {0}, want = {0};
	struct batch_state *s = spool(five, 2, &limits, &sizes);
	struct batch_part *p = s->parts;

	buf_addf(&want, "%s\n%s\n", five[0], five[1]);
	tap_is(read_text("S/1.requests", &text), buf_string(&want),
	       "the requests stand in N.requests as they came");
	tap_int((long long)p->bytes, (long long)text.length, "their bytes are counted");
	buf_clear(&want);
	for (int i = 0; i < 2; i++)
		buf_addf(&want,
			 "{\"custom_id\":\"%d-%s-%s\",\"method\":\"POST\",\"url\":"
			 "\"/v1/chat/completions\",\"body\":{\"model\":\"m\",\"messages\":[{"
			 "\"role\":\"user\",\"content\":\"%s\"}]}}\n",
			 i, p->tag, i == 0 ? "a" : "b", i == 0 ? "one" : "two");
	/* A newline at the end is the format's to have or not. */
	read_text("S/1.upload", &text);
	tap_int((long long)p->upload, (long long)text.length, "what is sent is counted");
	if (text.data[text.length - 1] != '\n')
		buf_addc(&text, '\n');
	tap_is(buf_string(&text), buf_string(&want), "N.upload is what the Batch API wants");
	for (uint64_t i = 0; i < 2; i++) {
		tap_int(batch_state_line(s, p, i, &line), 0, "a request is read back");
		tap_is(buf_string(&line), five[i], "as it was");
		tap_int((long long)p->items[i].sequence, (long long)i, "with who asked for it");
	}
	batch_state_free(s);
	buf_free(&sizes);
	buf_free(&text);
	buf_free(&line);
	buf_free(&want);
	remove_folder("S");
}

static void test_kinds(void)
{
	static const char *const mixed[] = {
	    REQUEST("a", "m", "x"), REQUEST("b", "n", "x"), REQUEST("c", "m", "x"),
	    REQUEST("d", "n", "x"), REQUEST("e", "m", "x"), "{\"custom_id\":\"f\",\"body\":{}}",
	};
	struct batch_limits limits = {0};
	struct buf sizes = {0};
	struct batch_state *s = spool(mixed, 6, &limits, &sizes);

	tap_is(buf_string(&sizes), "3 2 1 ", "each model has parts of its own");
	tap_ok(strcmp(s->parts->model, "\"m\"") == 0 &&
		   strcmp(s->parts->next->model, "\"n\"") == 0 &&
		   strcmp(s->parts->next->next->model, "") == 0,
	       "in the order in which they came first");
	batch_state_free(s);
	remove_folder("S");
	buf_free(&sizes);
}

/* More models in turn than parts may be open. */
static void test_many_kinds(void)
{
	struct batch_limits limits = {0};
	struct buf sizes = {0}, line = {0};
	struct batch_state *state = batch_state_open("S", true);
	struct batch_spool *s = batch_spool_new(state, &limits, on_spooled, &sizes);
	uint64_t requests = 0;
	struct record r;

	for (unsigned i = 0; i < 100; i++) {
		buf_clear(&line);
		buf_addf(&line, "{\"custom_id\":\"%u\",\"body\":{\"model\":\"m%u\"}}", i, i % 25);
		parse_text(&r, buf_string(&line));
		batch_spool_add(s, &route, &r, 0, i);
	}
	tap_int(batch_spool_close(s), 0, "25 models in turn are spooled");
	for (const struct batch_part *p = state->parts; p != NULL; p = p->next)
		requests += p->count;
	tap_int((long long)requests, 100, "no request is left out");
	batch_spool_free(s);
	batch_state_free(state);
	remove_folder("S");
	buf_free(&sizes);
	buf_free(&line);
}

static void test_refusals(void)
{
	struct batch_state *state = batch_state_open("S", true);
	struct batch_limits small = {.bytes = 500}, none = {0};
	struct batch_spool *s = batch_spool_new(state, &small, on_spooled, NULL);
	struct buf line = {0};
	const char *message;
	struct record r;

	parse_text(&r, five[0]);
	tap_is(batch_spool_refuses(s, &route, &r, &message), NULL, "a small request is taken");
	buf_addf(&line, "{\"custom_id\":\"a\",\"body\":{\"model\":\"m\",\"x\":\"%0500d\"}}", 0);
	parse_text(&r, buf_string(&line));
	tap_is(batch_spool_refuses(s, &route, &r, &message), "request_too_large",
	       "one larger than a batch is not");
	batch_spool_free(s);
	s = batch_spool_new(state, &none, on_spooled, NULL);
	tap_is(batch_spool_refuses(s, &route, &r, &message), NULL, "...which it is elsewhere");
	parse_text(&r, "{\"custom_id\":\"a\",\"body\":{\"model\":\"m\",\"stream\":true}}");
	tap_is(batch_spool_refuses(s, &route, &r, &message), "batch_unsupported",
	       "nor one for a stream");
	batch_spool_free(s);
	batch_state_free(state);
	remove_folder("S");
	buf_free(&line);
}

int main(void)
{
	enter_folder();
	test_splits();
	test_files();
	test_kinds();
	test_many_kinds();
	test_refusals();
	leave_folder();
	return tap_done();
}
