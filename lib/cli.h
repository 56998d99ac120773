/*
 * cli: what every tool's command line shares. Options are a table, from which both the parser and
 * --help are made, so that they agree. Parsing stops at the first operand, since what follows may
 * be a command.
 */
#ifndef CLI_H
#define CLI_H

#include "meter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

struct cli_option {
	int id; /* the short option's letter; from CLI_LONG on there is only the long one */
	const char *name;     /* the long one */
	const char *argument; /* what its argument is called in --help; NULL if it takes none */
	const char *help;
};

#define CLI_LONG 256

struct cli_tool {
	const char *synopsis; /* behind the tool's name in "usage: " */
	const char *purpose;  /* one line */
	const struct cli_option *options;
	size_t count;
	/* Called for each option, with its id and argument. */
	void (*set)(void *context, int id, char *argument);
};

/* The default of --max-line. */
#define CLI_MAX_LINE (INT64_C(64) << 20)

/* What the options that every tool has set. */
struct cli_shared {
	int64_t max_line; /* bytes */
	struct meter meter;
};

/*
 * Start a tool: its name, its standard descriptors (it ends with status 4 if stdin or stdout is
 * closed), its options. Answers --help and --version. Returns the index of the first operand.
 */
int cli_start(int argc, char **argv, const struct cli_tool *tool, void *context,
	      struct cli_shared *shared);

/* End with status 2: one line with the mistake, then the synopsis and where to read more. */
_Noreturn void cli_misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Was this option of the tool's table given? */
bool cli_given(int id);

/* Options that are not for all jobs of a tool. */
struct cli_place {
	int ids[8];          /* the rest 0 */
	unsigned jobs;       /* those that they are for, a bit each */
	const char *purpose; /* the same in words, behind "it is for" */
};

/* End by cli_misuse if an option was given that has no place in the job that is done. `where` names
 * the job: "with -e", "around a command". */
void cli_check_places(const struct cli_place *places, size_t count, unsigned job,
		      const char *where);

/* The value of an option, or cli_misuse with the option's name (as the user knows it: "-c"). */
int64_t cli_count(const char *option, const char *argument, int64_t least, int64_t most);
int64_t cli_size(const char *option, const char *argument, int64_t least, int64_t most);
int64_t cli_duration(const char *option, const char *argument);

/* End by cli_misuse if no file of this name is there but a program of PATH: then the operand,
 * `what` in the synopsis, was forgotten, and this is the command. For tools without a command only.
 */
void cli_check_file(const char *what, const char *name);

/* The text of an option, or of the file that "@FILE" names, appended to out; one newline at a
 * file's end is left out. Ends with status 2 if it cannot be read. */
void cli_text(const char *option, const char *argument, struct buf *out);

#endif
