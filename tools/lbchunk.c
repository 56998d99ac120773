/*
 * lbchunk: items to requests, results to items.
 *
 * Input: items, any JSON values (packing); results (unpacking with -u). In wrap form items in,
 * items out. Output: request records (lb-record(5)) that carry their items in lb.items; or each
 * item with its answer. State: none. Ids that were given out are remembered in a temporary file, to
 * tell repeats apart.
 */
#include "answer.h"
#include "buf.h"
#include "cli.h"
#include "expr.h"
#include "json.h"
#include "mem.h"
#include "msg.h"
#include "naming.h"
#include "pack.h"
#include "record.h"
#include "stage.h"
#include "template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A pack closes early when its items are larger than this in all. */
#define GATHERED_MOST ((size_t)64 << 20)

/* Results are requests and answers in one line, so they may be longer than either. */
#define RESULT_LINE_MOST ((size_t)256 << 20)

/* The member for the answer, unless --into names another. */
static const char own_name[] = "answer";

/* Items that wait for their pack to be full. */
struct gathered {
	struct buf text;
	size_t *ends; /* where each one ends in text */
	uint64_t *sequences;
	size_t count;
};

struct lbchunk {
	struct cli_shared shared;
	struct pack pack;
	struct buf prompt, system, schema;
	bool has_prompt, has_system, has_schema, unpack, keep_order;
	const char *body, *id_text, *answer_text, *into;

	struct stage *stage;
	struct naming *naming;
	struct expr *answer;
	struct gathered gathered;
	struct json_span *items; /* room for one pack */
	bool wraps;
	struct buf line, message;
};

enum {
	OPT_SCHEMA = CLI_LONG,
	OPT_BODY,
	OPT_API,
	OPT_ID,
	OPT_MAX_OUTPUT,
	OPT_INTO,
	OPT_ANSWER,
};

static const struct cli_option options[] = {
    {'m', "model", "NAME", "the model to ask"},
    {'p', "prompt", "TEXT", "what to ask of an item; \\(EXPR) is replaced; @FILE reads it"},
    {'s', "system", "TEXT", "the system text, likewise"},
    {'n', "pack", "N", "items in one request (1)"},
    {OPT_SCHEMA, "schema", "FILE", "JSON Schema of one answer"},
    {OPT_BODY, "body", "EXPR", "jq expression from item (or array of N) to the whole body"},
    {OPT_API, "api", "NAME", "chat, responses, messages or embeddings (chat)"},
    {OPT_ID, "id", "EXPR", "jq expression for custom_id (.custom_id, .id, or a hash)"},
    {OPT_MAX_OUTPUT, "max-output", "N", "largest answer, in tokens"},
    {'u', "unpack", NULL, "turn results back into items with their answers"},
    {OPT_INTO, "into", "NAME", "the member for the answer (answer)"},
    {OPT_ANSWER, "answer", "EXPR", "jq expression on the response body for the answer"},
    {'k', "keep-order", NULL, "wrap form: write items in input order"},
};

static void set_option(void *context, int id, char *argument)
{
	struct lbchunk *t = context;

	switch (id) {
	case 'm':
		t->pack.model = argument;
		break;
	case 'p':
		buf_clear(&t->prompt);
		cli_text("-p", argument, &t->prompt);
		t->has_prompt = true;
		break;
	case 's':
		buf_clear(&t->system);
		cli_text("-s", argument, &t->system);
		t->has_system = true;
		break;
	case 'n':
		t->pack.size = (size_t)cli_count("-n", argument, 1, 10000);
		break;
	case OPT_SCHEMA: {
		struct buf file = {0};
		buf_addf(&file, "@%s", argument);
		buf_clear(&t->schema);
		cli_text("--schema", buf_string(&file), &t->schema);
		t->has_schema = true;
		buf_free(&file);
		break;
	}
	case OPT_BODY:
		t->body = argument;
		break;
	case OPT_API:
		if (pack_api(argument, &t->pack.api) < 0)
			cli_misuse("--api wants chat, responses, messages or embeddings, not '%s'",
				   argument);
		break;
	case OPT_ID:
		t->id_text = argument;
		break;
	case OPT_MAX_OUTPUT:
		t->pack.max_output = cli_count("--max-output", argument, 1, INT64_C(1) << 31);
		break;
	case 'u':
		t->unpack = true;
		break;
	case OPT_INTO:
		t->into = argument;
		break;
	case OPT_ANSWER:
		t->answer_text = argument;
		break;
	case 'k':
		t->keep_order = true;
		break;
	}
}

static void system_failed(struct lbchunk *t, const char *what)
{
	msg_warn("%s: %s", what, strerror(errno));
	stage_fatal(t->stage, STATUS_SYSTEM);
}

/* An item that no request can be made of. In pipe form it goes on as a failed result that carries
 * it, so that unpacking finds it again. */
static void fail_item(struct lbchunk *t, struct json_span item, uint64_t sequence, const char *code,
		      const char *message)
{
	struct buf id = {0}, error = {0};

	buf_clear(&t->line);
	record_error(&error, code, message, strlen(message));
	if (t->wraps) {
		struct answer_item a = {item, {NULL, 0}, {error.data, error.length}};
		answer_line(&t->line, &a, (struct json_span){NULL, 0}, t->into);
	} else {
		if (naming_id(t->naming, &item, 1, &id) < 0)
			system_failed(t, "temporary file for ids");
		buf_addf(&t->line,
			 "{\"custom_id\":%s,\"response\":null,\"error\":", buf_string(&id));
		buf_add(&t->line, error.data, error.length);
		buf_adds(&t->line, ",\"lb\":{\"items\":[");
		buf_add(&t->line, item.at, item.length);
		buf_adds(&t->line, "]}}");
	}
	stage_emit(t->stage, sequence, (struct json_span){t->line.data, t->line.length}, true);
	buf_free(&id);
	buf_free(&error);
}

static void send_pack(struct lbchunk *t, struct json_span *items, uint64_t *sequences,
		      size_t count);

/* An expression failed on some item of the pack: fail those, and send the others. */
static void send_good_ones(struct lbchunk *t, struct json_span *items, uint64_t *sequences,
			   size_t count)
{
	struct buf message = {0};
	size_t good = 0;

	for (size_t i = 0; i < count; i++) {
		buf_clear(&t->line);
		buf_clear(&message);
		if (pack_request(&t->pack, &items[i], 1, &t->line, &message) < 0) {
			fail_item(t, items[i], sequences[i], "bad_item", buf_string(&message));
		} else {
			items[good] = items[i];
			sequences[good++] = sequences[i];
		}
	}
	if (good > 0 && good < count)
		send_pack(t, items, sequences, good);
	else if (good == count) /* each one alone is well, all together are not */
		for (size_t i = 0; i < count; i++)
			fail_item(t, items[i], sequences[i], "bad_item", buf_string(&t->message));
	buf_free(&message);
}

/* Make one request of the items and forward it. */
static void send_pack(struct lbchunk *t, struct json_span *items, uint64_t *sequences, size_t count)
{
	struct buf id = {0}, members = {0};

	buf_clear(&t->message);
	if (pack_request(&t->pack, items, count, &members, &t->message) < 0) {
		if (count > 1)
			send_good_ones(t, items, sequences, count);
		else
			fail_item(t, items[0], sequences[0], "bad_item", buf_string(&t->message));
		goto out;
	}
	if (naming_id(t->naming, items, count, &id) < 0)
		system_failed(t, "temporary file for ids");
	struct json_span custom_id = {id.data, id.length};
	buf_clear(&t->line);
	buf_adds(&t->line, "{\"custom_id\":");
	buf_add(&t->line, id.data, id.length);
	buf_addc(&t->line, ',');
	buf_add(&t->line, members.data, members.length);
	stage_forward(t->stage, sequences[0], custom_id,
		      (struct json_span){t->line.data, t->line.length}, sequences,
		      count * sizeof *sequences);
out:
	buf_free(&members);
	buf_free(&id);
}

static void send_gathered(struct lbchunk *t)
{
	struct gathered *g = &t->gathered;
	size_t start = 0;

	if (g->count == 0)
		return;
	for (size_t i = 0; i < g->count; i++) {
		t->items[i] = (struct json_span){g->text.data + start, g->ends[i] - start};
		start = g->ends[i];
	}
	send_pack(t, t->items, g->sequences, g->count);
	g->count = 0;
	buf_clear(&g->text);
}

/* The request job: gather items until a pack is full. */
static void on_item(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		    const void *note, size_t note_length)
{
	struct lbchunk *t = context;
	struct gathered *g = &t->gathered;

	(void)s;
	(void)note;
	(void)note_length;
	buf_add(&g->text, r->text.at, r->text.length);
	g->ends[g->count] = g->text.length;
	g->sequences[g->count++] = sequence;
	if (g->count == t->pack.size || g->text.length > GATHERED_MOST)
		send_gathered(t);
}

static void on_finish(struct stage *s, void *context, bool stopped)
{
	struct lbchunk *t = context;
	struct gathered *g = &t->gathered;
	size_t start = 0;

	(void)s;
	if (!stopped) {
		send_gathered(t);
		return;
	}
	for (size_t i = 0; i < g->count; i++) {
		struct json_span item = {g->text.data + start, g->ends[i] - start};
		start = g->ends[i];
		fail_item(t, item, g->sequences[i], "cancelled", "interrupted before it was sent");
	}
	g->count = 0;
}

/* An item that the stage gives up. */
static void on_fail(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		    const char *code, const char *message)
{
	(void)s;
	fail_item(context, r->text, sequence, code, message);
}

/* With -u a request passes. */
static void on_request(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		       const void *note, size_t note_length)
{
	(void)context;
	(void)note;
	(void)note_length;
	stage_emit_record(s, sequence, r);
}

static void emit_item(struct lbchunk *t, const struct answer_item *a, struct json_span custom_id,
		      uint64_t sequence)
{
	buf_clear(&t->line);
	answer_line(&t->line, a, custom_id, t->into);
	stage_emit(t->stage, sequence, (struct json_span){t->line.data, t->line.length},
		   a->error.at != NULL);
}

/* Wrap form: the items that a packed answer left out go into packs of half the size. */
static void ask_again(struct lbchunk *t, const struct answer_set *set, const uint64_t *sequences)
{
	size_t half = set->count / 2 > 1 ? set->count / 2 : 1;
	struct json_span *items = mem_zero(half, sizeof *items);
	uint64_t *numbers = mem_zero(half, sizeof *numbers);
	size_t n = 0;

	for (size_t i = 0; i < set->count; i++) {
		if (set->items[i].error.at != NULL) {
			items[n] = set->items[i].item;
			numbers[n++] = sequences[i];
		}
		if (n == half || (n > 0 && i + 1 == set->count)) {
			send_pack(t, items, numbers, n);
			n = 0;
		}
	}
	free(items);
	free(numbers);
}

/* The result job: each item with its answer. */
static void on_result(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		      const struct stage_flight *flight)
{
	struct lbchunk *t = context;
	struct record own = *r;
	struct answer_set set;
	uint64_t *sequences = NULL;

	if (flight != NULL) {
		/* The command may have dropped lb: the items are those that were sent. */
		struct json_span lb = json_get(flight->request, "lb");
		own.lb = lb;
		if (own.body.at == NULL)
			own.body = json_get(flight->request, "body");
		sequences = mem_alloc(flight->note_length);
		memcpy(sequences, flight->note, flight->note_length);
	}
	answer_take(&set, &own, t->answer);
	bool again = flight != NULL && set.again && !flight->lost && !stage_stopping(s);
	for (size_t i = 0; i < set.count; i++)
		if (!again || set.items[i].error.at == NULL)
			emit_item(t, &set.items[i], own.custom_id,
				  sequences != NULL ? sequences[i] : sequence);
	if (again)
		ask_again(t, &set, sequences);
	answer_free(&set);
	free(sequences);
}

static struct expr *compile(const char *option, const char *text)
{
	char *error = NULL;
	struct expr *e = expr_new(text, &error);
	if (e == NULL)
		cli_misuse("%s: %s", option, error);
	return e;
}

static struct template *compile_template(const char *option, const struct buf *text)
{
	char *error = NULL;
	struct template *template = template_new(text->data, text->length, &error);
	if (template == NULL)
		cli_misuse("%s: %s", option, error);
	return template;
}

/* The member for the answer: a name that needs no escapes, and that means nothing else. */
static void check_name(const char *name)
{
	struct buf quoted = {0};
	bool replaced = json_quote(&quoted, name, strlen(name));
	bool plain = !replaced && quoted.length == strlen(name) + 2 && *name != '\0';

	buf_free(&quoted);
	if (!plain || strcmp(name, "error") == 0 || strcmp(name, "item") == 0)
		cli_misuse("--into wants a plain member name, and not error or item: '%s'", name);
}

static void check_options(struct lbchunk *t)
{
	bool embeddings = t->pack.api == PACK_EMBEDDINGS;

	if (t->unpack && t->wraps)
		cli_misuse("-u is for the pipe form; around a command both jobs are done");
	if (t->unpack && (t->pack.model != NULL || t->has_prompt || t->has_system ||
			  t->body != NULL || t->has_schema || t->id_text != NULL ||
			  t->pack.max_output > 0 || t->pack.size > 1 || t->pack.api != PACK_CHAT))
		cli_misuse("-u unpacks results: the options for making requests have no place "
			   "beside it");
	if (!t->unpack && !t->wraps && (t->into != own_name || t->answer_text != NULL))
		cli_misuse("--into and --answer are for unpacking: give them to lbchunk -u");
	if (t->keep_order && !t->wraps)
		cli_misuse("-k is for the wrap form, around a command");
	check_name(t->into);
	if (t->unpack)
		return;
	if (t->body != NULL) {
		if (t->pack.model != NULL || t->has_prompt || t->has_system || t->has_schema ||
		    t->pack.max_output > 0)
			cli_misuse("--body makes the whole body: -m, -p, -s, --schema and "
				   "--max-output have no place beside it");
		return;
	}
	if (t->pack.model == NULL)
		cli_misuse("-m MODEL is missing (or -u to unpack)");
	if (!t->has_prompt && !embeddings)
		cli_misuse("-p PROMPT is missing");
	if (embeddings && (t->has_system || t->has_schema || t->pack.max_output > 0))
		cli_misuse("--api embeddings takes neither -s, --schema nor --max-output");
}

static void load_schema(struct lbchunk *t)
{
	struct json_error problem;
	struct json_span *schema = &t->pack.schema;

	if (!t->has_schema)
		return;
	if (json_check(t->schema.data, t->schema.length, schema, NULL, 0, &problem) < 0)
		cli_misuse("--schema: not JSON: %s at byte %zu", problem.reason,
			   problem.offset + 1);
	struct buf compact = {0};
	json_compact(&compact, *schema);
	buf_free(&t->schema);
	t->schema = compact;
	*schema = (struct json_span){compact.data, compact.length};
	const char *mistake = pack_check_schema(&t->pack);
	if (mistake != NULL)
		cli_misuse("--schema: %s", mistake);
}

static void open_all(struct lbchunk *t)
{
	struct gathered *g = &t->gathered;
	char *error = NULL;

	check_options(t);
	if (t->answer_text != NULL)
		t->answer = compile("--answer", t->answer_text);
	if (t->unpack)
		return;
	load_schema(t);
	if (!t->has_prompt)
		buf_adds(&t->prompt, "\\(.)");
	if (t->body != NULL)
		t->pack.body = compile("--body", t->body);
	else
		t->pack.prompt = compile_template("-p", &t->prompt);
	if (t->has_system)
		t->pack.system = compile_template("-s", &t->system);
	t->naming = naming_new(t->id_text, &error);
	if (t->naming == NULL)
		cli_misuse("--id: %s", error);
	g->ends = mem_zero(t->pack.size, sizeof *g->ends);
	g->sequences = mem_zero(t->pack.size, sizeof *g->sequences);
	t->items = mem_zero(t->pack.size, sizeof *t->items);
}

static void close_all(struct lbchunk *t)
{
	stage_free(t->stage);
	expr_free(t->answer);
	expr_free(t->pack.body);
	template_free(t->pack.prompt);
	template_free(t->pack.system);
	naming_free(t->naming);
	free(t->items);
	free(t->gathered.ends);
	free(t->gathered.sequences);
	buf_free(&t->gathered.text);
	buf_free(&t->prompt);
	buf_free(&t->system);
	buf_free(&t->schema);
	buf_free(&t->line);
	buf_free(&t->message);
}

int main(int argc, char **argv)
{
	static const struct cli_tool tool = {
	    .synopsis = "-m MODEL -p PROMPT [options] [command [argument ...]]\n"
			"       lbchunk -u [options]",
	    .purpose = "Make LLM requests of items, and items with answers of results.",
	    .options = options,
	    .count = sizeof options / sizeof *options,
	    .set = set_option,
	};
	struct lbchunk t = {.pack = {.size = 1}, .into = own_name};

	int operand = cli_start(argc, argv, &tool, &t, &t.shared);
	t.wraps = operand < argc;
	open_all(&t);
	struct stage_jobs jobs = {
	    .request = t.unpack ? on_request : on_item,
	    .result = t.unpack || t.wraps ? on_result : NULL,
	    .finish = t.unpack ? NULL : on_finish,
	    .fail = t.unpack ? NULL : on_fail,
	};
	struct stage_options stage_options = {
	    .command = t.wraps ? argv + operand : NULL,
	    .max_line = t.unpack && t.shared.max_line == CLI_MAX_LINE ? RESULT_LINE_MOST
								      : (size_t)t.shared.max_line,
	    .keep_order = t.keep_order,
	    .items = !t.unpack,
	    .rounds = true,
	    .meter = &t.shared.meter,
	};
	t.stage = stage_new(&stage_options, &jobs, &t);
	int status = stage_run(t.stage);
	close_all(&t);
	return status;
}
