#include "cli.h"
#include "buf.h"
#include "mem.h"
#include "msg.h"
#include "opt.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef LB_VERSION
#define LB_VERSION "0.0.0"
#endif

enum { OPT_MAX_LINE = CLI_LONG + 1000, OPT_PROGRESS, OPT_TOTAL };

static const struct cli_option shared_options[] = {
    {OPT_PROGRESS, "progress", NULL, "show a live line on stderr"},
    {OPT_TOTAL, "total", "N", "how many records to expect, for --progress"},
    {OPT_MAX_LINE, "max-line", "SIZE", "longest line to accept (64M)"},
    {'v', "verbose", NULL, "a one-line summary on stderr at the end"},
    {'h', "help", NULL, "this text"},
    {'V', "version", NULL, "the version"},
};

#define SHARED (sizeof shared_options / sizeof *shared_options)

static const struct cli_tool *current;
static uint64_t given; /* options of the tool's own, a bit for each by its place in the table */

static void print_option(FILE *to, const struct cli_option *o)
{
	char left[64];
	int n = 0;

	if (o->id < CLI_LONG)
		n = snprintf(left, sizeof left, "-%c, ", o->id);
	else
		n = snprintf(left, sizeof left, "    ");
	snprintf(left + n, sizeof left - (size_t)n, "--%s%s%s", o->name, o->argument ? " " : "",
		 o->argument ? o->argument : "");
	if (strlen(left) > 28)
		fprintf(to, "  %s\n  %28s %s\n", left, "", o->help);
	else
		fprintf(to, "  %-28s %s\n", left, o->help);
}

static void print_synopsis(FILE *to)
{
	fprintf(to, "usage: %s %s\n", msg_name(), current->synopsis);
}

static void print_help(FILE *to)
{
	print_synopsis(to);
	fprintf(to, "%s\n\n", current->purpose);
	for (size_t i = 0; i < current->count; i++)
		print_option(to, &current->options[i]);
	for (size_t i = 0; i < SHARED; i++)
		print_option(to, &shared_options[i]);
}

void cli_misuse(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	msg_warn("%s", text);
	print_synopsis(stderr);
	fprintf(stderr, "'%s --help' explains the options, 'man %s' all.\n", msg_name(),
		msg_name());
	exit(STATUS_USAGE);
}

/* A descriptor that is closed would be taken by the first file that is opened. */
static void check_descriptors(void)
{
	if (fcntl(STDERR_FILENO, F_GETFD) < 0 && open("/dev/null", O_WRONLY) < 0)
		exit(STATUS_SYSTEM);
	if (fcntl(STDIN_FILENO, F_GETFD) < 0)
		msg_die(STATUS_SYSTEM, "stdin is closed");
	if (fcntl(STDOUT_FILENO, F_GETFD) < 0)
		msg_die(STATUS_SYSTEM, "stdout is closed");
}

static void set_shared(struct cli_shared *shared, int id, char *argument)
{
	switch (id) {
	case OPT_MAX_LINE:
		shared->max_line = cli_size("--max-line", argument, 1, INT64_C(256) << 20);
		break;
	case OPT_PROGRESS:
		shared->meter.progress = true;
		break;
	case OPT_TOTAL:
		shared->meter.total = cli_count("--total", argument, 0, INT64_MAX);
		break;
	case 'v':
		shared->meter.verbose = true;
		break;
	}
}

/* --help and --version: the text on stdout, and a write that fails is a failure. */
static _Noreturn void answer(int id)
{
	if (id == 'h')
		print_help(stdout);
	else
		printf("%s %s\n", msg_name(), LB_VERSION);
	if (fclose(stdout) != 0)
		msg_die(STATUS_SYSTEM, "stdout: %s", strerror(errno));
	exit(STATUS_OK);
}

/* Fill the tables of getopt_long from ours. */
static void make_tables(struct option *longs, char *shorts)
{
	size_t n = 0;

	*shorts++ = '+'; /* stop at the first operand */
	*shorts++ = ':';
	for (size_t i = 0; i < current->count + SHARED; i++) {
		const struct cli_option *o =
		    i < current->count ? &current->options[i] : &shared_options[i - current->count];
		longs[n++] = (struct option){o->name, o->argument ? required_argument : no_argument,
					     NULL, o->id};
		if (o->id < CLI_LONG)
			*shorts++ = (char)o->id;
		if (o->id < CLI_LONG && o->argument != NULL)
			*shorts++ = ':';
	}
	longs[n] = (struct option){NULL, 0, NULL, 0};
	*shorts = '\0';
}

/* The place of an option in the tool's table, or count. */
static size_t index_of(int id)
{
	size_t i = 0;

	while (i < current->count && current->options[i].id != id)
		i++;
	return i;
}

bool cli_given(int id)
{
	return (given >> index_of(id) & 1) != 0;
}

void cli_check_places(const struct cli_place *places, size_t count, unsigned job, const char *where)
{
	for (size_t i = 0; i < count; i++) {
		for (const int *id = places[i].ids; *id != 0; id++) {
			const char letter[] = {(char)*id, '\0'};
			bool is_long = *id >= CLI_LONG;
			if ((places[i].jobs & job) == 0 && cli_given(*id))
				cli_misuse("%s the option %s%s has no place: it is for %s", where,
					   is_long ? "--" : "-",
					   is_long ? current->options[index_of(*id)].name : letter,
					   places[i].purpose);
		}
	}
}

int cli_start(int argc, char **argv, const struct cli_tool *tool, void *context,
	      struct cli_shared *shared)
{
	struct option *longs = mem_zero(tool->count + SHARED + 1, sizeof *longs);
	char *shorts = mem_zero(2 * (tool->count + SHARED) + 3, 1);
	int id;

	msg_init(argv[0]);
	current = tool;
	given = 0;
	*shared = (struct cli_shared){.max_line = CLI_MAX_LINE};
	make_tables(longs, shorts);
	opterr = 0;
	while ((id = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (id == 'h' || id == 'V') {
			free(longs);
			free(shorts);
			answer(id);
		} else if (id == ':') {
			cli_misuse("%s wants an argument", argv[optind - 1]);
		} else if (id == '?' && optopt > 0 && optopt < CLI_LONG &&
			   strchr(shorts, optopt) == NULL) {
			cli_misuse("unknown option -%c", optopt);
		} else if (id == '?') {
			cli_misuse("%s: no such option, or not as it is used", argv[optind - 1]);
		} else if (id >= OPT_MAX_LINE || id == 'v') {
			set_shared(shared, id, optarg);
		} else {
			given |= UINT64_C(1) << index_of(id);
			tool->set(context, id, optarg);
		}
	}
	free(longs);
	free(shorts);
	check_descriptors();
	return optind;
}

int64_t cli_count(const char *option, const char *argument, int64_t least, int64_t most)
{
	int64_t n;
	if (opt_count(argument, &n) < 0 || n < least || n > most) {
		if (most == INT64_MAX)
			cli_misuse("%s wants a number, not '%s'", option, argument);
		cli_misuse("%s wants a number from %" PRId64 " to %" PRId64 ", not '%s'", option,
			   least, most, argument);
	}
	return n;
}

int64_t cli_size(const char *option, const char *argument, int64_t least, int64_t most)
{
	int64_t n;
	if (opt_size(argument, &n) < 0 || n < least || n > most)
		cli_misuse("%s wants a size of at most %" PRId64
			   " bytes, such as 64k or 10M, not '%s'",
			   option, most, argument);
	return n;
}

int64_t cli_duration(const char *option, const char *argument)
{
	int64_t n;
	if (opt_duration(argument, &n) < 0)
		cli_misuse("%s wants a duration, such as 250ms, 30s or 5m, not '%s'", option,
			   argument);
	return n;
}

void cli_text(const char *option, const char *argument, struct buf *out)
{
	if (argument[0] != '@') {
		buf_adds(out, argument);
		return;
	}
	FILE *file = fopen(argument + 1, "re");
	if (file == NULL)
		cli_misuse("%s: %s: %s", option, argument + 1, strerror(errno));
	size_t start = out->length;
	size_t n;
	do {
		char *room = buf_reserve(out, 65536);
		n = fread(room, 1, 65536, file);
		out->length += n;
	} while (n > 0);
	if (ferror(file))
		cli_misuse("%s: %s: %s", option, argument + 1, strerror(errno));
	fclose(file);
	if (out->length > start && out->data[out->length - 1] == '\n')
		out->length--;
}
