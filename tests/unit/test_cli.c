#include "buf.h"
#include "capture.h"
#include "cli.h"
#include "tap.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

static const struct cli_option options[] = {
    {'c', "count", "N", "a count"},
    {'k', "keep", NULL, "a switch"},
    {CLI_LONG, "long-one", "TEXT", "has no letter"},
};

static void set(void *context, int id, char *argument)
{
	struct buf *seen = context;

	if (id == CLI_LONG)
		buf_addf(seen, "long=%s ", argument);
	else
		buf_addf(seen, "%c=%s ", id, argument != NULL ? argument : "");
}

static const struct cli_tool tool = {"[options] < in > out", "Does things.", options,
				     sizeof options / sizeof *options, set};

/* What a command line, split at blanks, comes to: options, operand index, shared. */
static void parse(const char *line, struct buf *seen)
{
	static char copy[256];
	char *argv[32] = {NULL};
	int argc = 0;
	struct cli_shared shared;

	snprintf(copy, sizeof copy, "%s", line);
	for (char *word = copy, *rest; (word = strtok_r(word, " ", &rest)) != NULL; word = NULL)
		argv[argc++] = word;
	optind = 0;
	buf_clear(seen);
	int operand = cli_start(argc, argv, &tool, seen, &shared);
	buf_addf(seen, "| %d %" PRId64 " %d%d %" PRId64, operand, shared.max_line,
		 shared.meter.progress, shared.meter.verbose, shared.meter.total);
}

static void test_parse(void)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
	    {"x", "| 1 67108864 00 0"},
	    {"x -c 5 -k", "c=5 k= | 4 67108864 00 0"},
	    {"x -kc5", "k= c=5 | 2 67108864 00 0"},
	    {"x --count=5 --keep --long-one a", "c=5 k= long=a | 5 67108864 00 0"},
	    {"x --lo a", "long=a | 3 67108864 00 0"},
	    {"x -c -1", "c=-1 | 3 67108864 00 0"},
	    {"x -k operand -c 5", "k= | 2 67108864 00 0"},
	    {"x -k -- -c", "k= | 3 67108864 00 0"},
	    {"x --max-line 1k --total 2M --progress -v", "| 7 1024 11 2000000"},
	};
	struct buf seen = {0};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		parse(cases[i].line, &seen);
		tap_is(buf_string(&seen), cases[i].want, "%s", cases[i].line);
	}
	buf_free(&seen);
}

static const char *bad_line;

static void run_bad(void)
{
	struct buf seen = {0};
	parse(bad_line, &seen);
	buf_free(&seen);
}

/* With the help on stderr, which is what is captured. */
static void run_help(void)
{
	dup2(STDERR_FILENO, STDOUT_FILENO);
	bad_line = "x --help";
	run_bad();
}

static void test_misuse(void)
{
	static const struct {
		const char *line, *want;
	} cases[] = {
	    {"x -z", "x: unknown option -z\n"},
	    {"x -c", "x: -c wants an argument\n"},
	    {"x --count", "x: --count wants an argument\n"},
	    {"x --nope", "x: --nope: no such option, or not as it is used\n"},
	    {"x --keep=1", "x: --keep=1: no such option, or not as it is used\n"},
	    {"x --max-line 0", "x: --max-line wants a size"},
	    {"x --max-line 2G", "x: --max-line wants a size"},
	    {"x --total x", "x: --total wants a number, not 'x'\n"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bad_line = cases[i].line;
		tap_int(capture(run_bad), 2, "%s: status 2", bad_line);
		tap_ok(strncmp(captured, cases[i].want, strlen(cases[i].want)) == 0,
		       "%s: the first line says: %s", bad_line, cases[i].want);
		tap_ok(strstr(captured, "\nusage: x [options] < in > out\n'x --help' explains the "
					"options, 'man x' all.\n") != NULL,
		       "%s: the synopsis follows, and no more", bad_line);
	}
	tap_int(capture(run_help), 0, "--help: status 0");
	tap_ok(strstr(captured, "usage: x [options] < in > out\nDoes things.\n\n") == captured,
	       "the usage and the purpose");
	tap_ok(strstr(captured, "  -c, --count N                a count\n") != NULL, "an option");
	tap_ok(strstr(captured, "      --long-one TEXT          has no letter\n") != NULL,
	       "one without a letter");
}

enum { FIRST = 1, SECOND = 2, THIRD = 4 };

static unsigned job;

/* A command line in the job that is done. */
static void run_places(void)
{
	static const struct cli_place places[] = {
	    {{'c', CLI_LONG}, FIRST | SECOND, "the first and the second"},
	    {{'k'}, THIRD, "the third"},
	};

	run_bad();
	cli_check_places(places, sizeof places / sizeof *places, job, "here");
}

static void test_places(void)
{
	static const struct {
		const char *line;
		unsigned job;
		const char *want; /* NULL: nothing is wrong */
	} cases[] = {
	    {"x", FIRST, NULL},
	    {"x -c 1 --long-one a", FIRST, NULL},
	    {"x -c 1", SECOND, NULL},
	    {"x -k", THIRD, NULL},
	    {"x -k", FIRST, "x: here the option -k has no place: it is for the third\n"},
	    {"x -k --count 1", THIRD,
	     "x: here the option -c has no place: it is for the first and the second\n"},
	    {"x --long a", THIRD,
	     "x: here the option --long-one has no place: it is for the first and the second\n"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *want = cases[i].want != NULL ? cases[i].want : "";
		bad_line = cases[i].line;
		job = cases[i].job;
		tap_int(capture(run_places), cases[i].want != NULL ? 2 : 0, "%s in job %u",
			bad_line, job);
		tap_ok(strncmp(captured, want, strlen(want)) == 0, "it says: %s", want);
	}
}

static void no_file(void)
{
	struct buf text = {0};
	cli_text("-H", "@/no/such/file", &text);
}

static void test_text(void)
{
	char name[] = "/tmp/test_cli.XXXXXX";
	char argument[64];
	struct buf text = {0};
	int fd = mkstemp(name);

	cli_text("-H", "plain", &text);
	tap_is(buf_string(&text), "plain", "a text is itself");
	if (fd < 0 || write(fd, "a\nb\0\n\n", 6) != 6)
		abort();
	close(fd);
	snprintf(argument, sizeof argument, "@%s", name);
	cli_text("-H", argument, &text);
	tap_bytes(text.data, text.length, "plaina\nb\0\n", 10,
		  "@FILE is the file's bytes, without one newline at their end");
	unlink(name);
	buf_free(&text);
	tap_int(capture(no_file), 2, "a file that is not there: status 2");
	tap_ok(strncmp(captured, "x: -H: /no/such/file: No such file", 34) == 0,
	       "the message says which option and file");
}

static void close_stdin(void)
{
	close(STDIN_FILENO);
	bad_line = "x";
	run_bad();
}

static void close_stdout(void)
{
	close(STDOUT_FILENO);
	bad_line = "x";
	run_bad();
}

static void close_stderr(void)
{
	close(STDERR_FILENO);
	bad_line = "x";
	run_bad();
	if (open("/dev/null", O_RDONLY) == STDERR_FILENO)
		_exit(7);
}

int main(void)
{
	test_parse();
	test_misuse();
	test_places();
	test_text();
	tap_int(capture(close_stdin), 4, "stdin closed: status 4");
	tap_int(capture(close_stdout), 4, "stdout closed: status 4");
	tap_int(capture(close_stderr), 0, "stderr closed: no file takes its place");
	return tap_done();
}
