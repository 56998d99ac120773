/* What was spent over time, as a picture by gnuplot. */
#include "buf.h"
#include "ledger_print.h"
#include "money.h"
#include "msg.h"
#include "tempfile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char settings[] =
    "set terminal svg size 900,540 dynamic font 'sans-serif,13' background 'white'\n"
    "set xdata time\nset timefmt '%s'\nset grid\nset border 3\nset tics nomirror out\n"
    "set yrange [0:*]\nset key off\nset lmargin 12\nset style fill solid 0.6 noborder\n";

/* Two pictures, one over the other. The columns of $pace are a time in seconds, the dollars spent
 * up to it, and the requests a minute from it on. */
static const char pictures[] =
    "set multiplot layout 2,1\n"
    "set title what\nset ylabel 'USD spent'\nset format y '%g'\nset format x ''\n"
    "plot $pace using 1:2 with lines linewidth 2 linecolor rgb '#1f6f8b'\n"
    "set title\nset ylabel 'requests a minute'\nset xlabel 'time, UTC'\n"
    "set format x times\n"
    "plot $pace using 1:3 with fillsteps linecolor rgb '#e0a458'\n"
    "unset multiplot\n";

struct plotter {
	struct buf points;
	int64_t step, first, end; /* seconds */
	int64_t spent, requests;
};

static void add_point(struct plotter *p, int64_t at, int64_t requests)
{
	buf_addf(&p->points, "%" PRId64 " ", at);
	money_print(&p->points, p->spent);
	buf_addf(&p->points, " %.3f\n", (double)requests * 60 / (double)p->step);
}

/* What was spent grows from the beginning of the time to its end; before it nothing happened. */
static void plot_point(void *context, const struct ledger_point *point)
{
	struct plotter *p = context;

	if (p->end == 0)
		p->first = point->at;
	else if (p->end < point->at)
		add_point(p, p->end, 0);
	add_point(p, point->at, point->requests);
	p->spent = money_sum(p->spent, point->spent);
	p->requests += point->requests;
	p->end = point->at + p->step;
}

static void write_script(struct buf *script, struct plotter *p)
{
	add_point(p, p->end, 0);
	buf_adds(script, settings);
	buf_addf(script, "set xrange [\"%" PRId64 "\":\"%" PRId64 "\"]\n", p->first, p->end);
	const char *times = "%d %b\\n%Y";
	if (p->end - p->first <= 600)
		times = "%H:%M:%S";
	else if (p->end - p->first < 2 * 86400)
		times = "%H:%M";
	buf_addf(script, "times = \"%s\"\n", times);
	buf_adds(script, "what = '$");
	money_print(script, p->spent / 10000 * 10000);
	buf_addf(script, ", %" PRId64 " requests, from '.strftime('%%Y-%%m-%%d %%H:%%M', %" PRId64,
		 p->requests, p->first);
	buf_addf(script, ").' to '.strftime('%%Y-%%m-%%d %%H:%%M UTC', %" PRId64 ")\n", p->end);
	buf_adds(script, "$pace << EOD\n");
	buf_add(script, p->points.data, p->points.length);
	buf_adds(script, "EOD\n");
	buf_adds(script, pictures);
}

/* gnuplot itself; does not return. */
static _Noreturn void become_gnuplot(int input, const int ends[2])
{
	dup2(input, STDIN_FILENO);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[0]);
	close(ends[1]);
	execlp("gnuplot", "gnuplot", (char *)NULL);
	_exit(127);
}

/* Read what it draws, to the end. */
static int collect(int fd, struct buf *picture)
{
	enum { PIECE = 65536 };
	ssize_t n;

	while ((n = read(fd, buf_reserve(picture, PIECE), PIECE)) > 0 || (n < 0 && errno == EINTR))
		picture->length += n > 0 ? (size_t)n : 0;
	return n < 0 ? -1 : 0;
}

/* Have the picture of a script drawn. The file is written here, and not by gnuplot: it does not see
 * that a disk is full, and gives meaning to some characters of a name. Returns the status that it
 * ended with, as waitpid has it; or -1 with errno. */
static int run_gnuplot(int input, struct buf *picture)
{
	int ends[2], status = -1;

	if (pipe(ends) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0)
		become_gnuplot(input, ends);
	close(ends[1]);
	int result = pid > 0 ? collect(ends[0], picture) : -1;
	int error = errno;
	close(ends[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	errno = error;
	return result < 0 ? -1 : status;
}

static int draw(const struct buf *script, struct buf *picture)
{
	int status = -1;
	int input = tempfile_open();

	if (input >= 0 && tempfile_write(input, script->data, script->length, 0) == 0)
		status = run_gnuplot(input, picture);
	if (status == -1)
		msg_warn("--plot: %s", strerror(errno));
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		msg_warn("--plot: gnuplot is not installed; --report --json has the numbers");
	else if (status != 0 || picture->length == 0)
		msg_warn("--plot: gnuplot failed");
	if (input >= 0)
		close(input);
	return status == 0 && picture->length > 0 ? 0 : -1;
}

static int save(const struct buf *picture, const char *file)
{
	FILE *to = fopen(file, "we");
	bool saved = to != NULL && fwrite(picture->data, 1, picture->length, to) == picture->length;

	saved = to != NULL && fclose(to) == 0 && saved;
	if (!saved)
		msg_warn("--plot: %s: %s", file, strerror(errno));
	return saved ? 0 : -1;
}

int ledger_plot(struct ledger *l, const char *file)
{
	struct plotter p = {0};
	struct buf script = {0}, picture = {0};
	int result = ledger_pace(l, &p.step, plot_point, &p);

	if (result < 0) {
		msg_warn("%s", ledger_problem(l));
	} else if (p.end == 0) {
		msg_warn("--plot: nothing was spent yet");
		result = -1;
	} else {
		write_script(&script, &p);
		result = draw(&script, &picture);
		if (result == 0)
			result = save(&picture, file);
		buf_free(&picture);
	}
	buf_free(&script);
	buf_free(&p.points);
	return result;
}
