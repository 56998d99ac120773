/*
 * lbcache: answers that are paid for once.
 *
 * Input: requests, and in pipe form results as well (lb-record(5)). Output: for a request whose
 * answer is stored its result; others go to the command, or in pipe form on, and what comes back is
 * stored. State: FILE, an SQLite database that any number of processes share.
 */
#include "buf.h"
#include "cli.h"
#include "clock.h"
#include "expr.h"
#include "json.h"
#include "line.h"
#include "msg.h"
#include "out.h"
#include "stage.h"
#include "store.h"
#include "store_flow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is imported at a time. */
#define IMPORT_GROUP 1000

struct lbcache {
	struct cli_shared shared;
	struct store_options store_options;
	struct store_flow_options flow_options;
	const char *key_text;
	bool keep_order;
	int mode; /* an option that asks for something else than to be a filter, or 0 */

	struct store *store;
};

enum {
	OPT_KEY = CLI_LONG,
	OPT_NAMESPACE,
	OPT_REFRESH,
	OPT_READ_ONLY,
	OPT_MAX_SIZE,
	OPT_STATS,
	OPT_PURGE,
	OPT_EXPORT,
	OPT_IMPORT,
};

static const struct cli_option options[] = {
    {'e', "expire", "TIME", "answers that are older do not count"},
    {OPT_KEY, "key", "EXPR", "jq expression for what makes a question, instead of the body"},
    {OPT_NAMESPACE, "namespace", "NAME", "what makes a question, instead of the base URL"},
    {OPT_REFRESH, "refresh", NULL, "ask anew, and replace what is stored"},
    {OPT_READ_ONLY, "read-only", NULL, "look up only, store nothing"},
    {OPT_MAX_SIZE, "max-size", "SIZE", "let the file be no larger; the least used goes"},
    {'k', "keep-order", NULL, "around a command: results in input order"},
    {OPT_STATS, "stats", NULL, "print what is stored, and end"},
    {OPT_PURGE, "purge", NULL, "remove all answers, or with -e those older, and end"},
    {OPT_EXPORT, "export", NULL, "print the answers, one a line, and end"},
    {OPT_IMPORT, "import", NULL, "read such lines, and end"},
};

static void set_option(void *context, int id, char *argument)
{
	struct lbcache *t = context;

	switch (id) {
	case 'e':
		t->flow_options.ttl = cli_duration("-e", argument) / CLOCK_MS;
		if (t->flow_options.ttl == 0)
			cli_misuse("-e wants a time of at least a millisecond, not '%s'", argument);
		break;
	case OPT_KEY:
		t->key_text = argument;
		break;
	case OPT_NAMESPACE:
		t->flow_options.rule.namespace = argument;
		break;
	case OPT_REFRESH:
		t->flow_options.refresh = true;
		break;
	case OPT_READ_ONLY:
		t->flow_options.read_only = t->store_options.read_only = true;
		break;
	case OPT_MAX_SIZE:
		t->store_options.max_size =
		    cli_size("--max-size", argument, STORE_SIZE_LEAST, INT64_C(1) << 50);
		break;
	case 'k':
		t->keep_order = true;
		break;
	default:
		if (t->mode != 0 && t->mode != id)
			cli_misuse("only one of --stats, --purge, --export and --import");
		t->mode = id;
		break;
	}
}

static int64_t now_ms(void)
{
	return clock_wall() / CLOCK_MS;
}

/* Close the standard output with a check. */
static int close_out(struct out *out)
{
	if (out_close(out) == 0)
		return STATUS_OK;
	if (errno != EPIPE)
		msg_warn("stdout: %s", strerror(errno));
	return STATUS_SYSTEM;
}

static int fail(const struct lbcache *t)
{
	msg_warn("%s", store_problem(t->store));
	return STATUS_SYSTEM;
}

static int print_stats(struct lbcache *t)
{
	struct store_stats stats;
	struct buf line = {0};
	struct out out;

	if (store_stats(t->store, &stats) < 0)
		return fail(t);
	buf_addf(&line,
		 "{\"answers\":%" PRId64 ",\"bytes\":%" PRId64 ",\"file_bytes\":%" PRId64
		 ",\"oldest\":%" PRId64 ",\"newest\":%" PRId64 ",\"claims\":%" PRId64 "}",
		 stats.answers, stats.bytes, stats.file_bytes, stats.oldest, stats.newest,
		 stats.claims);
	out_init(&out, STDOUT_FILENO);
	out_line(&out, line.data, line.length);
	buf_free(&line);
	return close_out(&out);
}

static int purge(struct lbcache *t)
{
	int64_t count = 0, now = now_ms();
	int64_t before = t->flow_options.ttl > 0 ? now - t->flow_options.ttl : INT64_MAX;

	if (store_purge(t->store, before, now, &count) < 0)
		return fail(t);
	if (t->shared.meter.verbose)
		msg_warn("%" PRId64 " answers removed", count);
	return STATUS_OK;
}

static int export_all(struct lbcache *t)
{
	struct buf line = {0};
	struct out out;
	int found;

	out_init(&out, STDOUT_FILENO);
	while ((found = store_export(t->store, &line)) > 0) {
		out_line(&out, line.data, line.length);
		buf_clear(&line);
		if (out_pending(&out) >= OUT_FULL && out_write(&out, OUT_WAIT) < 0)
			break;
	}
	buf_free(&line);
	int status = found < 0 ? fail(t) : STATUS_OK;
	int closed = close_out(&out);
	return status != STATUS_OK ? status : closed;
}

/* What has come of an import. */
struct tally {
	uint64_t taken, older, refused;
	unsigned group; /* lines since the last commit */
};

/* Import a line. Returns 0, or -1 after a failure. */
static int import_line(struct lbcache *t, const struct line *line, bool too_long, struct tally *n)
{
	struct json_span root;
	struct json_error error;
	enum store_imported result = STORE_REFUSED;

	if (n->group == 0 && store_begin(t->store) < 0)
		return -1;
	if (!too_long && json_check(line->text, line->length, &root, NULL, 0, &error) == 0)
		result = store_import(t->store, root);
	switch (result) {
	case STORE_FAILED:
		store_rollback(t->store);
		return -1;
	case STORE_TAKEN:
		n->taken++;
		break;
	case STORE_OLDER:
		n->older++;
		break;
	case STORE_REFUSED:
		if (n->refused++ < 3)
			msg_warn("line %" PRIu64 ": no good answer as --export writes it",
				 line->number);
		break;
	}
	if (++n->group < IMPORT_GROUP)
		return 0;
	n->group = 0;
	return store_commit(t->store);
}

static int import_all(struct lbcache *t)
{
	struct line_reader in;
	struct line line;
	struct tally n = {0};
	enum line_state state;
	int result = 0, error = 0;

	line_init(&in, STDIN_FILENO, (size_t)t->shared.max_line);
	while (result == 0 && (state = line_next(&in, &line)) != LINE_END) {
		if (state != LINE_NONE) {
			result = import_line(t, &line, state == LINE_TOO_LONG, &n);
		} else if (line_fill(&in, LINE_READ_BULK) < 0) {
			error = errno;
			break;
		}
	}
	if (result == 0 && n.group > 0)
		result = store_commit(t->store);
	line_free(&in);
	if (error != 0)
		msg_warn("stdin: %s", strerror(error));
	if (t->shared.meter.verbose)
		msg_warn("%" PRIu64 " taken, %" PRIu64 " older than what is stored, %" PRIu64
			 " refused",
			 n.taken, n.older, n.refused);
	if (result < 0)
		return fail(t);
	return error != 0 ? STATUS_SYSTEM : n.refused > 0 ? STATUS_FAILED : STATUS_OK;
}

static int filter(struct lbcache *t, char **command)
{
	struct store_flow *flow = store_flow_new(&t->flow_options);
	struct stage_options stage_options = {
	    .command = command,
	    .max_line = (size_t)t->shared.max_line,
	    .keep_order = t->keep_order,
	    .rounds = true,
	    .meter = &t->shared.meter,
	};
	struct stage *stage = stage_new(&stage_options, &store_flow_jobs, flow);
	int status = stage_run(stage);
	if (store_flow_save(flow) < 0)
		status = STATUS_SYSTEM;
	stage_free(stage);
	store_flow_free(flow);
	return status;
}

static void check_options(const struct lbcache *t, bool wraps)
{
	const struct store_flow_options *flow = &t->flow_options;

	if (t->mode != 0 && (wraps || t->keep_order || t->key_text != NULL || flow->refresh ||
			     flow->rule.namespace != NULL || t->store_options.max_size > 0))
		cli_misuse(
		    "--stats, --purge, --export and --import take FILE alone, and --purge -e");
	if (t->mode != 0 && t->mode != OPT_PURGE && flow->ttl > 0)
		cli_misuse("-e has a place beside --purge only, of these");
	if (t->mode != 0 && flow->read_only)
		cli_misuse("--read-only is for looking answers up");
	if (flow->read_only && (flow->refresh || t->store_options.max_size > 0))
		cli_misuse("--read-only stores nothing: --refresh and --max-size have no place "
			   "beside it");
	if (t->keep_order && !wraps)
		cli_misuse("-k is for the wrap form, around a command");
}

static void open_store(struct lbcache *t)
{
	struct buf problem = {0};

	/* Nothing is stored and nothing is to be: then nothing is to be done. */
	if (t->store_options.read_only && access(t->store_options.path, F_OK) < 0 &&
	    errno == ENOENT)
		return;
	t->store = store_open(&t->store_options, now_ms(), &problem);
	if (t->store == NULL)
		msg_die(STATUS_SYSTEM, "%s", buf_string(&problem));
}

static int run(struct lbcache *t, char **command)
{
	switch (t->mode) {
	case OPT_STATS:
		return print_stats(t);
	case OPT_PURGE:
		return purge(t);
	case OPT_EXPORT:
		return export_all(t);
	case OPT_IMPORT:
		return import_all(t);
	default:
		return filter(t, command);
	}
}

int main(int argc, char **argv)
{
	static const struct cli_tool tool = {
	    .synopsis = "[-e TIME] [--key EXPR] [options] FILE [command [argument ...]]\n"
			"       lbcache --stats | --purge [-e TIME] | --export | --import FILE",
	    .purpose = "Answer requests from what was answered before.",
	    .options = options,
	    .count = sizeof options / sizeof *options,
	    .set = set_option,
	};
	struct lbcache t = {0};
	char *error = NULL;

	int operand = cli_start(argc, argv, &tool, &t, &t.shared);
	if (operand == argc)
		cli_misuse("FILE is missing");
	bool wraps = operand + 1 < argc;
	if (!wraps)
		cli_check_file("FILE", argv[operand]);
	check_options(&t, wraps);
	struct store_key_rule *rule = &t.flow_options.rule;
	rule->openai_base = getenv("OPENAI_BASE_URL");
	rule->anthropic_base = getenv("ANTHROPIC_BASE_URL");
	if (t.key_text != NULL && (rule->expression = expr_new(t.key_text, &error)) == NULL)
		cli_misuse("--key: %s", error);
	t.store_options.path = argv[operand];
	t.store_options.must_exist = t.mode != 0 && t.mode != OPT_IMPORT;
	t.store_options.half = !wraps && t.mode == 0;
	open_store(&t);
	t.flow_options.store = t.store;
	t.flow_options.wraps = wraps;
	int status = run(&t, wraps ? argv + operand + 1 : NULL);
	store_close(t.store);
	expr_free(rule->expression);
	return status;
}
