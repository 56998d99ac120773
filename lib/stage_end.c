/* The end of a command: what was in it, what it means, and how it is brought about. */
#include "clock.h"
#include "interrupt.h"
#include "msg.h"
#include "stage_state.h"

#include <poll.h>
#include <sys/wait.h>

/* After this many deaths in a row without one answer it is not started again. */
#define BARREN_MOST 3

/* A command that is given up has so many ms to end... */
#define LAST_MOST 2000

/* ...and one that has left its stdout to another process, which keeps it open, so many ns. */
#define LAST_OTHERS CLOCK_SEC

/* No answer can come any more: all that is in the command is lost. What it did not read of its
 * input it cannot have sent. */
static void lose_all(struct stage *s)
{
	child_close_out(&s->child);
	line_free(&s->from);
	s->written -= child_take_back(&s->child);
}

void stage_child_lose(struct stage *s)
{
	while (!s->fatal && stage_child_is_losing(s) && !stage_is_full(s))
		stage_child_settle(s, flight_any(s->flights), NULL);
}

/* The command is gone. Say how it ended, and what that means for our own exit status. */
static void judge_end(struct stage *s)
{
	const char *name = s->options.command[0];
	int code = WIFEXITED(s->end) ? WEXITSTATUS(s->end) : -1;
	bool replaced = s->replacing;
	bool expected = s->child_halted || replaced || interrupt_count() > 0;
	bool wanted = !s->clean || replaced;

	s->replacing = false;
	if (!s->clean && !expected) {
		if (code < 0)
			msg_warn("%s was killed by signal %d, with %zu records in it", name,
				 WTERMSIG(s->end), s->left);
		else
			msg_warn("%s ended with status %d, with %zu records in it", name, code,
				 s->left);
	}
	/* What ends because it cannot be used at all will not be usable another time. */
	if (wanted && (code == STATUS_USAGE || s->stopping || s->child_halted))
		s->dead = true;
	if (wanted && !s->dead)
		return; /* it is started again */
	if (replaced && code == STATUS_STOPPED)
		code = STATUS_SYSTEM; /* it was asked to stop, since it was of no use */
	/* When stopping, one signal may have been for both of us. */
	if (code == STATUS_USAGE || code == STATUS_STOPPED || code == STATUS_SYSTEM)
		stage_raise(s, code);
	else if (!s->clean && s->dead && !s->child_halted && !s->stopping)
		stage_raise(s, STATUS_SYSTEM);
}

void stage_child_end(struct stage *s)
{
	s->left = flight_count(s->flights);
	s->clean = s->child.in < 0 && s->feed.error == 0 && s->left == 0;
	stage_child_close(s);
	lose_all(s);
	bool wanted = !s->clean || s->replacing;
	s->barren = s->answers > 0 || !wanted ? 0 : s->barren + 1;
	if (wanted && (!s->options.restart || s->barren >= BARREN_MOST))
		s->dead = true;
	if (s->giving_up)
		child_stop(&s->child);
	if (child_wait(&s->child, &s->end))
		judge_end(s);
}

void stage_child_reap(struct stage *s)
{
	if (s->child.pid > 0 && child_wait(&s->child, &s->end) && s->child.out < 0)
		judge_end(s);
}

void stage_child_end_outlived(struct stage *s)
{
	struct pollfd ready = {s->child.out, POLLIN, 0};

	if (s->child.pid > 0 || s->child.out < 0 || poll(&ready, 1, 0) != 0)
		return;
	if (s->child.in < 0 && flight_count(s->flights) == 0) {
		stage_child_end(s);
	} else if (!s->left_others && flight_count(s->flights) > 0) {
		s->left_others = true;
		msg_warn("%s has ended, but what it has started keeps its stdout open: %zu records "
			 "may still be answered (a second signal gives them up)",
			 s->options.command[0], flight_count(s->flights));
	}
}

/* Make it end, and take the answers that it still has. */
static void take_last_answers(struct stage *s)
{
	int64_t others_end = clock_now() + LAST_OTHERS;
	int status;

	s->dead = true;
	while (s->child.pid > 0 && !s->fatal && child_press(&s->child, LAST_MOST)) {
		struct pollfd ready = {s->child.out, POLLIN, 0};
		if (poll(&ready, 1, 10) > 0)
			stage_child_read(s);
		else if (clock_now() >= others_end)
			child_wait(&s->child, &status);
	}
}

void stage_child_give_up(struct stage *s)
{
	if (s->child.out < 0) /* it has no answers */
		child_stop(&s->child);
	stage_child_close(s);
	if (s->child.pid > 0)
		take_last_answers(s);
	child_stop(&s->child);
	line_free(&s->from);
	s->dead = true;
	lose_all(s);
}
