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
#include "packer.h"
#include "record.h"
#include "stage.h"
#include "template.h"

#include <stdlib.h>
#include <string.h>

/* Results are requests and answers in one line, so they may be longer than either. */
#define RESULT_LINE_MOST ((size_t)256 << 20)

/* The member for the answer, unless --into names another. */
static const char own_name[] = "answer";

struct lbchunk {
	struct cli_shared shared;
	struct pack pack;
	struct buf prompt, system, schema;
	bool has_prompt, has_system, has_schema, unpack, keep_order;
	const char *body, *id_text, *answer_text, *into;

	struct stage *stage;
	struct naming *naming;
	struct expr *answer;
	struct packer *packer;
	bool wraps;
	struct buf line;
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

/* The request job: an item goes into a pack. */
static void on_item(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		    const void *note, size_t note_length)
{
	struct lbchunk *t = context;

	(void)s;
	(void)note;
	(void)note_length;
	packer_add(t->packer, r->text, sequence);
}

static void on_finish(struct stage *s, void *context, bool stopped)
{
	struct lbchunk *t = context;

	(void)s;
	if (stopped)
		packer_cancel(t->packer);
	else
		packer_flush(t->packer);
}

/* An item that the stage gives up. */
static void on_fail(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		    const char *code, const char *message)
{
	struct lbchunk *t = context;

	(void)s;
	packer_fail(t->packer, r->text, sequence, code, message);
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
		packer_ask_again(t->packer, &set, sequences);
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
}

static void close_all(struct lbchunk *t)
{
	stage_free(t->stage);
	expr_free(t->answer);
	expr_free(t->pack.body);
	template_free(t->pack.prompt);
	template_free(t->pack.system);
	naming_free(t->naming);
	packer_free(t->packer);
	buf_free(&t->prompt);
	buf_free(&t->system);
	buf_free(&t->schema);
	buf_free(&t->line);
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
	if (!t.unpack)
		t.packer = packer_new(t.stage, &t.pack, t.naming, t.wraps ? t.into : NULL);
	int status = stage_run(t.stage);
	close_all(&t);
	return status;
}
