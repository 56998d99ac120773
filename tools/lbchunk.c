/*
 * lbchunk: items to requests, results to items; and long items to pieces, and pieces to items.
 *
 * Input: items, any JSON values (packing, --split); results (-u); pieces (--join). Output: request
 * records (lb-record(5)), their items in lb.items; items with answers; pieces; items made of them.
 * In wrap form items in, items out. State: none, but a temporary file to tell repeated ids apart.
 */
#include "answer.h"
#include "cli.h"
#include "expr.h"
#include "join.h"
#include "naming.h"
#include "pack_option.h"
#include "packer.h"
#include "record.h"
#include "splitter.h"
#include "stage.h"
#include "unpacker.h"

/* Results are requests and answers in one line, so they may be longer than either. */
#define RESULT_LINE_MOST ((size_t)256 << 20)

/* What it does; a bit each. */
enum mode { PACKS = 1, WRAPS = 2, UNPACKS = 4, SPLITS = 8, JOINS = 16 };

struct lbchunk {
	struct cli_shared shared;
	struct pack pack;
	struct pack_options pack_options;
	struct split_rule split;
	const char *id_text, *answer_text, *split_text, *join_text, *into;
	bool keep_order;
	unsigned asked; /* modes that options have asked for */
	enum mode mode;

	struct stage *stage;
	struct naming *naming;
	struct expr *answer;
	struct packer *packer;
	struct unpacker *unpacker;
	struct splitter *splitter;
	struct join *join;
};

enum {
	OPT_ID = CLI_LONG,
	OPT_INTO,
	OPT_ANSWER,
	OPT_SPLIT,
	OPT_SIZE,
	OPT_OVERLAP,
	OPT_BY,
	OPT_JOIN,
};

static const struct cli_option options[] = {
    {'m', "model", "NAME", "the model to ask"},
    {'p', "prompt", "TEXT", "what to ask of an item; \\(EXPR) is replaced; @FILE reads it"},
    {'s', "system", "TEXT", "the system text, likewise"},
    {'n', "pack", "N", "items in one request (1)"},
    {PACK_OPTION_SCHEMA, "schema", "FILE", "JSON Schema of one answer"},
    {PACK_OPTION_BODY, "body", "EXPR", "jq expression from item (or array of N) to the whole body"},
    {PACK_OPTION_API, "api", "NAME", "chat, responses, messages or embeddings (chat)"},
    {OPT_ID, "id", "EXPR", "jq expression for custom_id (.custom_id, .id, or a hash)"},
    {PACK_OPTION_MAX_OUTPUT, "max-output", "N", "largest answer, in tokens"},
    {PACK_OPTION_MAX_INPUT, "max-input", "N", "largest input of a request, in estimated tokens"},
    {PACK_OPTION_CACHE_PREFIX, "cache-prefix", NULL,
     "have the provider cache what all requests share"},
    {'u', "unpack", NULL, "turn results back into items with their answers"},
    {OPT_INTO, "into", "NAME", "the member for the answer (answer), or for pieces (text)"},
    {OPT_ANSWER, "answer", "EXPR", "jq expression on the response body for the answer"},
    {'k', "keep-order", NULL, "around a command: items in input order"},
    {OPT_SPLIT, "split", "EXPR", "cut the text that the jq expression finds in each item"},
    {OPT_SIZE, "size", "N", "largest piece"},
    {OPT_OVERLAP, "overlap", "N", "what a piece has of the one before (0)"},
    {OPT_BY, "by", "UNIT", "tokens, chars, lines or paragraphs (tokens)"},
    {OPT_JOIN, "join", "EXPR", "make one item of its pieces and of this value of each"},
};

static const struct cli_place places[] = {
    {{'m', 'p', 's', 'n', PACK_OPTION_SCHEMA, PACK_OPTION_BODY, PACK_OPTION_API},
     PACKS | WRAPS,
     "packing"},
    {{PACK_OPTION_MAX_OUTPUT, PACK_OPTION_MAX_INPUT, PACK_OPTION_CACHE_PREFIX},
     PACKS | WRAPS,
     "packing"},
    {{OPT_ID}, PACKS | WRAPS | SPLITS, "packing and --split"},
    {{OPT_INTO}, WRAPS | UNPACKS | SPLITS | JOINS, "-u, --split, --join and work around a command"},
    {{OPT_ANSWER}, WRAPS | UNPACKS, "-u and work around a command"},
    {{'k'}, WRAPS, "work around a command"},
    {{OPT_SIZE, OPT_OVERLAP, OPT_BY}, SPLITS, "--split"},
};

static void set_option(void *context, int id, char *argument)
{
	struct lbchunk *t = context;

	if (pack_option(&t->pack_options, &t->pack, id, argument))
		return;
	switch (id) {
	case OPT_ID:
		t->id_text = argument;
		break;
	case 'u':
		t->asked |= UNPACKS;
		break;
	case OPT_SPLIT:
		t->asked |= SPLITS;
		t->split_text = argument;
		break;
	case OPT_SIZE:
		t->split.size = cli_count("--size", argument, 1, INT64_C(1) << 40);
		break;
	case OPT_OVERLAP:
		t->split.overlap = cli_count("--overlap", argument, 0, INT64_C(1) << 40);
		break;
	case OPT_BY:
		if (split_unit(argument, &t->split.by) < 0)
			cli_misuse("--by wants tokens, chars, lines or paragraphs, not '%s'",
				   argument);
		break;
	case OPT_JOIN:
		t->asked |= JOINS;
		t->join_text = argument;
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

/* The result job: each item with its answer. */
static void on_result(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		      const struct stage_flight *flight)
{
	struct lbchunk *t = context;

	(void)s;
	unpacker_take(t->unpacker, r, sequence, flight);
}

/* The request job: an item goes into a pack, or is cut. */
static void on_item(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		    const void *note, size_t note_length)
{
	struct lbchunk *t = context;

	(void)s;
	(void)note;
	(void)note_length;
	if (unpacker_pass(t->unpacker, r, sequence))
		return;
	if (t->mode == SPLITS)
		splitter_add(t->splitter, r->text, sequence);
	else
		packer_add(t->packer, r->text, sequence);
}

static void on_finish(struct stage *s, void *context, bool stopped)
{
	struct lbchunk *t = context;

	(void)s;
	if (t->mode == JOINS)
		join_finish(t->join);
	else if (t->mode == UNPACKS)
		unpacker_finish(t->unpacker);
	else
		packer_finish(t->packer, stopped);
}

/* An item that the stage gives up. */
static void on_fail(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		    const char *code, const char *message)
{
	struct lbchunk *t = context;

	(void)s;
	if (unpacker_pass(t->unpacker, r, sequence))
		return;
	if (t->mode == SPLITS)
		splitter_fail(t->splitter, r->text, sequence, code, message);
	else
		packer_fail(t->packer, r->text, sequence, code, message);
}

/* With -u and --join what is none of theirs passes. */
static void on_request(struct stage *s, void *context, const struct record *r, uint64_t sequence,
		       const void *note, size_t note_length)
{
	struct lbchunk *t = context;
	(void)note;
	(void)note_length;

	if (t->mode == UNPACKS)
		unpacker_pass_request(t->unpacker, r, sequence);
	else if (!join_add(t->join, r, sequence))
		stage_emit_record(s, sequence, r);
}

/* With --join items and results may be pieces. */
static void on_piece(struct stage *s, void *context, const struct record *r, uint64_t sequence)
{
	on_request(s, context, r, sequence, NULL, 0);
}

static void on_failed_piece(struct stage *s, void *context, const struct record *r,
			    uint64_t sequence, const struct stage_flight *flight)
{
	(void)flight;
	on_request(s, context, r, sequence, NULL, 0);
}

static const char *mode_name(enum mode mode)
{
	return mode == UNPACKS  ? "with -u"
	       : mode == SPLITS ? "with --split"
	       : mode == JOINS  ? "with --join"
	       : mode == WRAPS  ? "around a command"
				: "packing without a command,";
}

/* Find out what to do, and that the options are of it. */
static void choose_mode(struct lbchunk *t, bool wraps)
{
	if ((t->asked & (t->asked - 1)) != 0)
		cli_misuse("-u, --split and --join are jobs of their own: one at a time");
	t->mode = t->asked != 0 ? (enum mode)t->asked : wraps ? WRAPS : PACKS;
	if (t->asked != 0 && wraps)
		cli_misuse("%s there is no command, and no file: standard input is read",
			   mode_name(t->mode));
	cli_check_places(places, sizeof places / sizeof *places, t->mode, mode_name(t->mode));
	if (t->into != NULL && !answer_is_name(t->into))
		cli_misuse("--into wants a plain member name, and not error, item or chunk: '%s'",
			   t->into);
	if (t->into == NULL && (t->mode & (JOINS | SPLITS)) == 0)
		t->into = "answer";
}

/* What the request job needs. */
static void open_requests(struct lbchunk *t)
{
	char *error = NULL;

	t->naming = naming_new(t->id_text, &error);
	if (t->naming == NULL)
		cli_misuse("--id: %s", error);
	if (t->mode == SPLITS) {
		t->splitter =
		    splitter_new(t->stage, t->naming, t->split_text, &t->split, t->into, &error);
		if (t->splitter == NULL)
			cli_misuse("--split: %s", error);
		return;
	}
	pack_open(&t->pack_options, &t->pack);
	t->packer = packer_new(t->stage, &t->pack, t->naming, t->mode == WRAPS ? t->into : NULL);
}

static void open_all(struct lbchunk *t)
{
	char *error = NULL;

	if (t->answer_text != NULL && (t->answer = expr_new(t->answer_text, &error)) == NULL)
		cli_misuse("--answer: %s", error);
	if (t->mode == JOINS) {
		t->join = join_new(t->stage, t->join_text, t->into, &error);
		if (t->join == NULL)
			cli_misuse("--join: %s", error);
		return;
	}
	if (t->mode != UNPACKS)
		open_requests(t);
	t->unpacker =
	    unpacker_new(t->stage, t->answer, t->into, t->mode == WRAPS ? t->packer : NULL);
}

static void close_all(struct lbchunk *t)
{
	stage_free(t->stage);
	expr_free(t->answer);
	pack_close(&t->pack_options, &t->pack);
	naming_free(t->naming);
	packer_free(t->packer);
	unpacker_free(t->unpacker);
	splitter_free(t->splitter);
	join_free(t->join);
}

static struct stage_jobs jobs_of(enum mode mode)
{
	if (mode == UNPACKS)
		return (struct stage_jobs){
		    .request = on_request, .result = on_result, .finish = on_finish};
	if (mode == JOINS)
		return (struct stage_jobs){.request = on_request,
					   .result = on_failed_piece,
					   .other = on_piece,
					   .finish = on_finish};
	return (struct stage_jobs){
	    .request = on_item,
	    .result = mode == WRAPS ? on_result : NULL,
	    .finish = mode == SPLITS ? NULL : on_finish,
	    .fail = on_fail,
	};
}

int main(int argc, char **argv)
{
	static const struct cli_tool tool = {
	    .synopsis = "-m MODEL -p PROMPT [options] [command [argument ...]]\n"
			"       lbchunk -u [options]\n"
			"       lbchunk --split EXPR --size N [options]\n"
			"       lbchunk --join EXPR [options]",
	    .purpose = "Make LLM requests of items, and items with answers of results.",
	    .options = options,
	    .count = sizeof options / sizeof *options,
	    .set = set_option,
	};
	struct lbchunk t = {.pack = {.size = 1}};

	int operand = cli_start(argc, argv, &tool, &t, &t.shared);
	choose_mode(&t, operand < argc);
	struct stage_jobs jobs = jobs_of(t.mode);
	bool longer = t.mode == UNPACKS && t.shared.max_line == CLI_MAX_LINE;
	struct stage_options stage_options = {
	    .command = t.mode == WRAPS ? argv + operand : NULL,
	    .max_line = longer ? RESULT_LINE_MOST : (size_t)t.shared.max_line,
	    .keep_order = t.keep_order,
	    .items = (t.mode & (PACKS | WRAPS | SPLITS)) != 0,
	    .rounds = true,
	    .meter = &t.shared.meter,
	};
	t.stage = stage_new(&stage_options, &jobs, &t);
	open_all(&t);
	int status = stage_run(t.stage);
	close_all(&t);
	return status;
}
