/* Claims: who asks a question, and until when others wait for that. */
#include "store.h"
#include "buf.h"
#include "store_file.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static int claim(struct store *s, int n, int64_t now)
{
	if (store_begin(s) < 0)
		return -1;
	int result = store_claim(s, key_of(n), now);
	return store_commit(s) < 0 ? -1 : result;
}

/* A child process that claims a question, and says when it has. */
static pid_t start_child(const struct store_options *o, int n, int64_t now, int *gate)
{
	int ready[2], end[2];
	char byte = 0;

	if (pipe(ready) < 0 || pipe(end) < 0)
		abort();
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		close(end[1]);
		struct store *s = open_store(o, now);
		if ((n > 0 && claim(s, n, now) != 1) || write(ready[1], &byte, 1) != 1)
			_exit(1);
		if (read(end[0], &byte, 1) == 0) /* until the gate is closed */
			store_close(s);
		execlp("true", "true", (char *)NULL); /* what the parent has open is no leak */
		_exit(1);
	}
	close(end[0]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		abort();
	close(ready[0]);
	*gate = end[1];
	return child;
}

static void end_child(pid_t child, int gate)
{
	int status;

	close(gate);
	waitpid(child, &status, 0);
}

static void test_claims(void)
{
	int gate, status;

	remove_all();
	struct store *s = open_store(&usual, 1000);
	tap_int(claim(s, 1, 1000), 1, "a question is claimed");
	tap_int(claim(s, 1, 1000 + 1000 * HOUR), 0, "...once, as long as the process lives");
	tap_int(claim(s, 2, 1000), 1, "another one as well");
	tap_int(store_is_settled(s, key_of(1), 0, 1000), 0, "who waits for it goes on waiting");
	put(s, 1, "{}", 2000);
	tap_int(store_is_settled(s, key_of(1), 0, 2000), 1, "...until the answer is there");
	tap_int(store_is_settled(s, key_of(1), 2001, 3000), 1, "...or nobody asks");
	tap_int(store_is_claimed(s, key_of(1)), 0, "an answer ends the claim");
	tap_int(store_is_claimed(s, key_of(2)), 1, "...its own");
	tap_int(store_begin(s) | store_release(s, key_of(2)) | store_commit(s), 0,
		"a claim is taken back");
	tap_int(claim(s, 2, 3000), 1, "...and made again");
	store_close(s);

	pid_t child = start_child(&usual, 5, 4000, &gate);
	s = open_store(&usual, 4000);
	tap_int(claim(s, 5, 4000), 0, "another process's claim holds");
	tap_int(store_is_settled(s, key_of(5), 0, 4000), 0, "...for who waits as well");
	kill(child, SIGKILL);
	siginfo_t info;
	waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
	tap_int(store_is_settled(s, key_of(5), 0, 5000), 1,
		"it ends with the process, also if nobody has waited for that");
	tap_int(claim(s, 5, 5000), 1, "...and is made by another");
	waitpid(child, &status, 0);
	close(gate);
	store_close(s);

	child = start_child(&usual, 6, 6000, &gate);
	kill(child, SIGKILL);
	end_child(child, gate);
	s = open_store(&usual, 7000);
	struct store_stats stats = {0};
	store_stats(s, &stats);
	tap_int(stats.claims, 2, "opening forgets the claims of the dead, and of nobody else");
	store_close(s);
}

/* In a pipeline one half claims and the other one stores. */
static void test_halves(void)
{
	struct store_options half = {.path = FILE_NAME, .half = true};
	int left_gate, right_gate;

	remove_all();
	struct store *s = open_store(&half, 0);
	int64_t now = 100000;
	tap_int(claim(s, 1, now), 1, "a half claims a question");
	tap_int(claim(s, 1, now + STORE_CLAIM_GRACE - 1), 0,
		"the other half may be about to start");
	tap_int(claim(s, 1, now + STORE_CLAIM_GRACE), 1, "...but if it does not, the claim ends");
	pid_t right = start_child(&half, 0, now, &right_gate);
	now += HOUR;
	tap_int(claim(s, 2, now), 1, "a half claims, with the other one there");
	tap_int(claim(s, 2, now + STORE_CLAIM_TIME - 1), 0, "that holds");
	tap_int(claim(s, 2, now + STORE_CLAIM_TIME), 1, "...for ten minutes");
	pid_t left = start_child(&half, 3, now, &left_gate);
	end_child(left, left_gate);
	tap_int(claim(s, 3, now + HOUR / 10), 0, "it holds when the half that made it has ended");
	kill(right, SIGKILL);
	end_child(right, right_gate);
	tap_int(claim(s, 3, now + HOUR / 10 + 1000), 1, "...and ends with the other half");
	store_close(s);
	s = open_store(&usual, now);
	tap_int(claim(s, 3, now + HOUR / 10 + 1000 + STORE_CLAIM_GRACE), 1, "...for others, too");
	store_close(s);
}

/* Claims from before the clock was set back by a day: who waits shall not wait for a day. */
static void test_clock_set_back(void)
{
	struct store_options half = {.path = FILE_NAME, .half = true};
	const int64_t now = 100 * HOUR, ahead = now + 24 * HOUR;
	struct store_stats stats = {0};
	int gate;

	remove_all();
	struct store *s = open_store(&usual, now);
	tap_int(claim(s, 1, ahead), 1, "a claim from before the clock was set back");
	tap_int(claim(s, 1, now), 0, "...holds as long as the process lives");
	store_close(s);

	remove_all();
	s = open_store(&half, now);
	claim(s, 2, ahead);
	tap_int(store_is_settled(s, key_of(2), 0, now), 1, "a half's, with no other half: no more");
	tap_int(claim(s, 2, now), 1, "...and is made again");
	claim(s, 3, now + STORE_CLAIM_GRACE - 1);
	tap_int(claim(s, 3, now), 0, "a step back of a second does not end it");
	claim(s, 4, ahead);
	store_stats(s, &stats);
	tap_int(stats.claims, 3, "three claims");
	store_close(open_store(&usual, now));
	store_stats(s, &stats);
	tap_int(stats.claims, 2, "...of which opening forgets the one from ahead");

	pid_t right = start_child(&half, 0, now, &gate);
	const int64_t later = now + 1000; /* what was seen of the halves is no longer believed */
	claim(s, 5, later + STORE_CLAIM_TIME - 1);
	tap_int(claim(s, 5, later), 0, "with the other half there, it holds for ten minutes");
	claim(s, 6, ahead);
	tap_int(claim(s, 6, later), 1, "...and not for a day");
	kill(right, SIGKILL);
	end_child(right, gate);
	store_close(s);
}

int main(void)
{
	const char *parent = getenv("TMPDIR");
	struct buf path = {0};

	buf_addf(&path, "%s/test_store_claim.XXXXXX", parent != NULL ? parent : "/tmp");
	if (mkdtemp(buf_string(&path)) == NULL || chdir(path.data) < 0)
		abort();
	test_claims();
	test_halves();
	test_clock_set_back();
	remove_all();
	if (chdir("/") < 0 || rmdir(path.data) < 0)
		tap_ok(false, "nothing is left behind: %s", strerror(errno));
	buf_free(&path);
	return tap_done();
}
