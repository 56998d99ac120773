/*
 * lbmock: a provider of language models to rehearse against. No model, no key, no bill: HTTP on a
 * local port that speaks OpenAI's chat completions, responses, embeddings, files and batches and
 * Anthropic's messages and message batches, with their rate limits, latencies and failures. See
 * lbmock(1).
 *
 * State: none that outlives it, but the log that --log appends to.
 */
#include "calllog.h"
#include "batch_fault.h"
#include "clock.h"
#include "fault.h"
#include "latency.h"
#include "msg.h"
#include "opt.h"
#include "server.h"
#include "service.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef LB_VERSION
#define LB_VERSION "0.1.0"
#endif

/* Somewhat less than what a server takes in. */
#define BATCH_SIZE_MAX (INT64_C(900) << 20)
#define BATCH_TIME_MAX (INT64_C(3650) * 86400 * CLOCK_SEC)

struct options {
	struct server_options server;
	struct service_options service;
	int ready_fd;
	const char *log;
};

enum {
	OPT_BIND = 256,
	OPT_SOCKET,
	OPT_READY_FD,
	OPT_KEY,
	OPT_RPM,
	OPT_TPM,
	OPT_BURST,
	OPT_QUOTA,
	OPT_PROMPT_TOKENS,
	OPT_LATENCY,
	OPT_FAIL,
	OPT_RETRY_AFTER,
	OPT_SEED,
	OPT_LOG,
	OPT_PRETTY,
	OPT_BATCH_TIME,
	OPT_BATCH_WINDOW,
	OPT_BATCH_SIZE,
	OPT_BATCH_ENQUEUED,
	OPT_BATCH_FAIL
};

static const struct option long_options[] = {
    {"port", required_argument, NULL, 'p'},
    {"bind", required_argument, NULL, OPT_BIND},
    {"socket", required_argument, NULL, OPT_SOCKET},
    {"ready-fd", required_argument, NULL, OPT_READY_FD},
    {"key", required_argument, NULL, OPT_KEY},
    {"rpm", required_argument, NULL, OPT_RPM},
    {"tpm", required_argument, NULL, OPT_TPM},
    {"burst", required_argument, NULL, OPT_BURST},
    {"quota", required_argument, NULL, OPT_QUOTA},
    {"prompt-tokens", required_argument, NULL, OPT_PROMPT_TOKENS},
    {"latency", required_argument, NULL, OPT_LATENCY},
    {"fail", required_argument, NULL, OPT_FAIL},
    {"retry-after", required_argument, NULL, OPT_RETRY_AFTER},
    {"seed", required_argument, NULL, OPT_SEED},
    {"log", required_argument, NULL, OPT_LOG},
    {"pretty", no_argument, NULL, OPT_PRETTY},
    {"batch-time", required_argument, NULL, OPT_BATCH_TIME},
    {"batch-window", required_argument, NULL, OPT_BATCH_WINDOW},
    {"batch-size", required_argument, NULL, OPT_BATCH_SIZE},
    {"batch-enqueued", required_argument, NULL, OPT_BATCH_ENQUEUED},
    {"batch-fail", required_argument, NULL, OPT_BATCH_FAIL},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static void synopsis(FILE *to)
{
	fputs(
	    "usage: lbmock [-p PORT] [--bind ADDR] [--socket PATH] [--ready-fd N] [--key KEY]\n"
	    "              [--rpm N] [--tpm N] [--burst N] [--quota N]\n"
	    "              [--prompt-tokens PERCENT] [--latency MEAN[±SPREAD]]\n"
	    "              [--fail KIND:SHARE[,...]] [--retry-after DURATION] [--seed N]\n"
	    "              [--batch-time DURATION] [--batch-window DURATION] [--batch-size SIZE]\n"
	    "              [--batch-enqueued TOKENS] [--batch-fail KIND:ARGUMENT[,...]]\n"
	    "              [--log FILE] [--pretty]\n",
	    to);
}

static void help(void)
{
	synopsis(stdout);
	fputs("\n"
	      "  -p, --port PORT         listen on this port; 0: any that is free (8080)\n"
	      "      --bind ADDR         listen on this address (127.0.0.1)\n"
	      "      --socket PATH       listen on a Unix socket as well\n"
	      "      --ready-fd N        write the port to this descriptor once listening\n"
	      "      --key KEY           answer 401 to whoever sends another key\n"
	      "      --rpm N             requests a minute, for each key\n"
	      "      --tpm N             tokens a minute, for each key\n"
	      "      --burst N           requests at once, when none came for long (as --rpm)\n"
	      "      --quota N           serve N calls, then the credit is spent\n"
	      "      --prompt-tokens PERCENT\n"
	      "                          what prompts count, of their estimate (100)\n"
	      "      --latency MEAN[±SPREAD]\n"
	      "                          time to an answer: 200ms, or log-normal: 800ms±300ms\n"
	      "      --fail KIND:SHARE[,...]\n"
	      "                          a share of calls fails: 429:2%,500:1%,hang:0.1%; kinds: a "
	      "status\n"
	      "                          from 400 to 599, hang, cut, reset, garbage, error200, "
	      "refuse,\n"
	      "                          truncate, missing, repeat, surplus, renumber, malformed\n"
	      "      --retry-after DURATION\n"
	      "                          what --fail 429 tells clients to wait (1s)\n"
	      "      --seed N            make the same faults and delays again (the time)\n"
	      "      --batch-time DURATION\n"
	      "                          how long a batch takes (0: as fast as can be)\n"
	      "      --batch-window DURATION\n"
	      "                          when a batch expires (24h)\n"
	      "      --batch-size SIZE   the largest file (200M) and message batch (256M)\n"
	      "      --batch-enqueued TOKENS\n"
	      "                          prompts of a model that may wait in batches (any number)\n"
	      "      --batch-fail KIND:ARGUMENT[,...]\n"
	      "                          a share of requests in batches fails: 500:2%,expire:1%; "
	      "kinds: "
	      "a\n"
	      "                          status, expire, omit, twice, stranger, broken, those of "
	      "answers "
	      "as\n"
	      "                          in --fail; poll-STATUS:SHARE; and with a number: "
	      "file-late,\n"
	      "                          create-before, create-after, batch-late, batch-cancel,\n"
	      "                          batch-expire, batch-vanish, output-late\n"
	      "      --log FILE          append a line for each call\n"
	      "      --pretty            print JSON over several lines\n"
	      "  -h, --help              this text\n"
	      "  -V, --version           the version\n",
	      stdout);
}

_Noreturn static void misuse(const char *option, const char *value, const char *wrong)
{
	if (value != NULL)
		msg_warn("--%s %s: %s", option, value, wrong);
	else
		msg_warn("%s%s", option, wrong);
	synopsis(stderr);
	fputs("'lbmock --help' explains the options, 'man lbmock' all.\n", stderr);
	exit(STATUS_USAGE);
}

/* The count that an option takes, between low and high. */
static int64_t count_of(const char *option, const char *value, int64_t low, int64_t high)
{
	int64_t n;
	char wrong[96];

	if (opt_count(value, &n) == 0 && n >= low && n <= high)
		return n;
	snprintf(wrong, sizeof wrong, "expected a number from %" PRId64 " to %" PRId64, low, high);
	misuse(option, value, wrong);
}

/* Options about the connection. Returns 0, or -1 if it is none of those. */
static int take_server_option(struct options *o, int option, const char *name, const char *value)
{
	switch (option) {
	case 'p':
		o->server.port = (uint16_t)count_of(name, value, 0, 65535);
		return 0;
	case OPT_BIND:
		o->server.bind = value;
		return 0;
	case OPT_SOCKET:
		o->server.socket = value;
		return 0;
	case OPT_READY_FD:
		o->ready_fd = (int)count_of(name, value, 0, 65535);
		return 0;
	case OPT_LOG:
		o->log = value;
		return 0;
	}
	return -1;
}

/* Options about limits. */
static int take_limit_option(struct options *o, int option, const char *name, const char *value)
{
	static const int64_t most = INT64_C(1000000000000);

	switch (option) {
	case OPT_KEY:
		o->service.key = value;
		return 0;
	case OPT_RPM:
		o->service.rpm = count_of(name, value, 1, most);
		return 0;
	case OPT_TPM:
		o->service.tpm = count_of(name, value, 1, most);
		return 0;
	case OPT_BURST:
		o->service.burst = count_of(name, value, 1, most);
		return 0;
	case OPT_QUOTA:
		o->service.quota = count_of(name, value, 0, most);
		return 0;
	case OPT_PROMPT_TOKENS:
		o->service.prompt_share = count_of(name, value, 1, 1000);
		return 0;
	}
	return -1;
}

/* Options about files and batches. */
static int take_batch_option(struct options *o, int option, const char *name, const char *value)
{
	struct batch_options *b = &o->service.batch;
	const char *wrong = NULL;

	switch (option) {
	case OPT_BATCH_TIME:
		if (opt_duration(value, &b->duration) < 0 || b->duration > BATCH_TIME_MAX)
			wrong = "expected a duration like 200ms, of 10 years at most";
		break;
	case OPT_BATCH_WINDOW:
		if (opt_duration(value, &b->window) < 0 || b->window > BATCH_TIME_MAX)
			wrong = "expected a duration like 24h, of 10 years at most";
		break;
	case OPT_BATCH_SIZE:
		if (opt_size(value, &b->size) < 0 || b->size < 1 || b->size > BATCH_SIZE_MAX)
			wrong = "expected a size from 1 to 900M";
		break;
	case OPT_BATCH_ENQUEUED:
		b->enqueued = count_of(name, value, 1, INT64_C(1000000000000));
		break;
	case OPT_BATCH_FAIL:
		wrong = batch_fault_parse(&b->faults, value);
		break;
	default:
		return -1;
	}
	if (wrong != NULL)
		misuse(name, value, wrong);
	return 0;
}

/* Options about how calls go. */
static void take_service_option(struct options *o, int option, const char *name, const char *value)
{
	const char *wrong = NULL;

	switch (option) {
	case OPT_LATENCY:
		if (latency_parse(&o->service.latency, value) < 0)
			wrong = "expected a duration like 200ms or 800ms±300ms";
		break;
	case OPT_FAIL:
		wrong = fault_parse(&o->service.faults, value);
		break;
	case OPT_RETRY_AFTER:
		if (opt_duration(value, &o->service.retry_after) < 0)
			wrong = "expected a duration like 250ms";
		break;
	case OPT_SEED:
		o->service.seed = (uint64_t)count_of(name, value, 0, INT64_MAX);
		break;
	case OPT_PRETTY:
		o->service.pretty = true;
		break;
	}
	if (wrong != NULL)
		misuse(name, value, wrong);
}

static const char *long_name(int option)
{
	const struct option *o = long_options;
	while (o->name != NULL && o->val != option)
		o++;
	return o->name;
}

/* getopt found something wrong: it leaves a letter in optopt, or the value of a long option, or 0.
 */
_Noreturn static void bad_option(int option, char **argv)
{
	char letter[3] = {'-', (char)optopt, '\0'};
	const char *known = optopt != 0 ? long_name(optopt) : NULL;

	if (option == ':')
		misuse(argv[optind - 1], NULL, ": needs a value");
	if (known != NULL)
		misuse(argv[optind - 1], NULL, ": takes no value");
	misuse(optopt != 0 ? letter : argv[optind - 1], NULL, ": no such option");
}

static void parse_options(struct options *o, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "+:p:hV", long_options, NULL)) != -1) {
		const char *name = long_name(option);
		if (option == 'h') {
			help();
			exit(fflush(stdout) == 0 ? STATUS_OK : STATUS_SYSTEM);
		}
		if (option == 'V') {
			puts("lbmock " LB_VERSION);
			exit(fflush(stdout) == 0 ? STATUS_OK : STATUS_SYSTEM);
		}
		if (name == NULL)
			bad_option(option, argv);
		if (take_server_option(o, option, name, optarg) < 0 &&
		    take_limit_option(o, option, name, optarg) < 0 &&
		    take_batch_option(o, option, name, optarg) < 0)
			take_service_option(o, option, name, optarg);
	}
	if (optind < argc)
		misuse(argv[optind], NULL, ": takes no operands");
	o->server.credentials =
	    o->service.key != NULL || o->service.rpm > 0 || o->service.tpm > 0 || o->log != NULL;
}

/* Tell the world that we listen. */
static int announce(const struct options *o, uint16_t port)
{
	bool v6 = strchr(o->server.bind, ':') != NULL;

	printf("lbmock: listening on http://%s%s%s:%u\n", v6 ? "[" : "", o->server.bind,
	       v6 ? "]" : "", port);
	if (fflush(stdout) != 0) {
		msg_warn("cannot write: %s", strerror(errno));
		return -1;
	}
	if (o->ready_fd < 0)
		return 0;
	if (dprintf(o->ready_fd, "%u\n", port) < 0) {
		msg_warn("--ready-fd %d: %s", o->ready_fd, strerror(errno));
		return -1;
	}
	close(o->ready_fd);
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = {
	    .server = {.bind = "127.0.0.1", .port = 8080},
	    .service = {.quota = -1,
			.prompt_share = 100,
			.retry_after = CLOCK_SEC,
			.seed = (uint64_t)clock_wall(),
			.batch = {.window = INT64_C(86400) * CLOCK_SEC}},
	    .ready_fd = -1,
	};
	struct service *service = NULL;
	struct server *server = NULL;
	int status = STATUS_SYSTEM;
	sigset_t stops;

	msg_init(argv[0]);
	parse_options(&o, argc, argv);
	/* Blocked before the port is told to anybody, so that a stop is never lost. */
	sigemptyset(&stops);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGINT);
	sigprocmask(SIG_BLOCK, &stops, NULL);
	if (o.log != NULL && (o.service.log = calllog_open(o.log)) == NULL) {
		msg_warn("cannot open %s: %s", o.log, strerror(errno));
		return STATUS_SYSTEM;
	}
	service = service_new(&o.service);
	server = server_new(&o.server, service);
	if (server != NULL && announce(&o, server_port(server)) == 0 && server_run(server) == 0)
		status = STATUS_OK;
	server_free(server);
	service_free(service);
	if (calllog_close(o.service.log) < 0) {
		msg_warn("cannot write %s: %s", o.log, strerror(errno));
		status = STATUS_SYSTEM;
	}
	return status;
}
