/* journal: what is appended is found again, whatever became of the end of the file; nobody else
 * writes meanwhile; damage is reported, and nothing is done to it. */
#include "capture.h"
#include "journal_files.h"
#include "tap.h"

/* Three lines as the journal writes them. The sums are those that xxhsum -H3 prints. */
#define LINE_A                                                                                \
	"{\"custom_id\":\"a\",\"error\":null,\"x\":\"\",\"lb\":{\"checkpoint\":{\"request\":" \
	"\"0000000000000001\",\"sum\":\"fb452401e8d3677d\"}}}\n"
#define LINE_B                                                                                \
	"{\"custom_id\":\"b\",\"error\":{\"code\":\"e\"},\"x\":\"\",\"lb\":{\"checkpoint\":{" \
	"\"request\":\"0000000000000002\"}}}\n"
#define LINE_C                                                                                \
	"{\"custom_id\":\"c\",\"error\":null,\"x\":\"\",\"lb\":{\"checkpoint\":{\"request\":" \
	"\"0000000000000003\",\"sum\":\"fff3ebe9e6f7d01b\"}}}\n"

static void test_append_and_find(void)
{
	struct stat st;

	unlink(log_path);
	struct journal *j = open_loaded(false);
	tap_ok(j != NULL && stat(log_path, &st) == 0 && (st.st_mode & 0777) == 0600 &&
		   st.st_size == 0,
	       "a log that is not there is made, empty and for its owner only");
	tap_int(look_up(j, "a", 1), 'n', "an empty log knows nothing");
	append(j, "a", 1, false, "");
	append(j, "b", 2, true, "");
	append(j, "c", 3, false, "");
	tap_ok(file_is(log_path, LINE_A LINE_B LINE_C), "what is appended stands in the file");
	tap_int(look_up(j, "a", 1), 'd', "a success is found in the same run");
	tap_int(look_up(j, "b", 2), 'n', "a failure is to be tried again");
	tap_int(look_up(j, "a", 2), 's', "another request of the same id shares it");
	tap_int(look_up(j, "b", 1), 'n', "...if the id has succeeded before");
	tap_int(journal_sync(j), 0, "it can be synchronised");
	journal_free(j);

	j = open_loaded(false);
	tap_int(look_up(j, "a", 1), 'd', "a success is found in the next run");
	tap_int(look_up(j, "b", 2), 'n', "so is a failure");
	tap_int(look_up(j, "a", 2), 'c', "there another request of the same id has changed");
	append(j, "b", 2, false, "second");
	append(j, "c", 4, true, "");
	tap_int(look_up(j, "b", 2), 'd', "a success after a failure counts");
	tap_int(look_up(j, "c", 4), 'n', "a failure of a changed request is tried again");
	tap_int(look_up(j, "c", 3), 'd', "...and what was asked first is still answered");
	journal_free(j);

	j = open_loaded(true);
	tap_int(look_up(j, "a", 99), 'd', "where ids are trusted any request will do");
	tap_int(look_up(j, "b", 99), 'd', "...and the last line counts: a success");
	tap_int(look_up(j, "c", 99), 'n', "...or a failure");
	journal_free(j);
}

static void test_line_read_back(void)
{
	struct buf long_text = {0}, id = {0};
	struct journal_result r;
	int wrong = 0;

	unlink(log_path);
	for (int i = 0; i < 300000; i++)
		buf_addc(&long_text, (char)('a' + i % 26));
	struct journal *j = open_loaded(false);
	/* Lines from none of the window to several of it; read back forwards and backwards. */
	for (unsigned i = 0; i < 60; i++) {
		size_t n = (size_t)i * i * 80;
		char name[16];
		snprintf(name, sizeof name, "id%u", i);
		char kept = buf_string(&long_text)[n];
		long_text.data[n] = '\0';
		append(j, name, i + 1, false, long_text.data);
		long_text.data[n] = kept;
	}
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < 60; i++) {
			unsigned which = pass == 0 ? i : 59 - i;
			buf_clear(&id);
			buf_addf(&id, "id%u", which);
			wrong += journal_find(j, &id, which + 1, &r) != JOURNAL_DONE ||
				 json_get(r.text, "x").length != (size_t)which * which * 80 + 2;
		}
	}
	tap_int(wrong, 0, "lines of all lengths are read back whole, in any order");
	journal_free(j);
	buf_free(&long_text);
	buf_free(&id);
}

/* The log cut at every byte: what was whole is done, the rest is not, and what is appended next is
 * a line of its own; twice in a row. */
static void test_cut_everywhere(void)
{
	static const char whole[] = LINE_A LINE_B LINE_C;
	size_t ends[] = {sizeof LINE_A - 1, sizeof LINE_A LINE_B - 2, sizeof whole - 1};
	int wrong = 0;

	ends[1] = sizeof LINE_A - 1 + sizeof LINE_B - 1;
	for (size_t n = 0; n < sizeof whole; n++) {
		struct buf want = {0}, got = {0};
		size_t kept = 0;
		write_file(log_path, whole, n);
		/* A line is whole without its newline, too. */
		for (size_t i = 0; i < 3; i++)
			if (n + 1 >= ends[i])
				kept = ends[i];
		buf_add(&want, whole, kept);
		for (int resume = 0; resume < 2; resume++) {
			struct journal *j = open_loaded(false);
			wrong += look_up(j, "a", 1) != (kept >= ends[0] ? 'd' : 'n');
			wrong += look_up(j, "c", 3) != (kept >= ends[2] ? 'd' : 'n');
			wrong += look_up(j, "z", 9) != (resume == 0 ? 'n' : 'd');
			wrong += append(j, resume == 0 ? "z" : "y", 9, false, "") != 0;
			wrong += look_up(j, resume == 0 ? "z" : "y", 9) != 'd';
			journal_free(j);
		}
		buf_adds(&want,
			 "{\"custom_id\":\"z\",\"error\":null,\"x\":\"\",\"lb\":{\"checkpoint\":"
			 "{\"request\":\"0000000000000009\",\"sum\":\"e72699ae8b058334\"}}}\n"
			 "{\"custom_id\":\"y\",\"error\":null,\"x\":\"\",\"lb\":{\"checkpoint\":"
			 "{\"request\":\"0000000000000009\",\"sum\":\"0b4cbe42eb3165c6\"}}}\n");
		read_file(log_path, &got);
		if (got.length != want.length || memcmp(got.data, want.data, want.length) != 0) {
			tap_bytes(got.data, got.length, want.data, want.length, "cut at %zu", n);
			wrong++;
		}
		buf_free(&want);
		buf_free(&got);
	}
	tap_int(wrong, 0,
		"a log cut at any byte is resumed twice, and no line is glued to a torn one");
}

static void test_torn_tails(void)
{
	/* Tails that are longer than what is read at once, and other things that a crash leaves. */
	static const struct {
		const char *name;
		size_t length;
		char fill;
	} cases[] = {
	    {"a hole of NULs", 10, '\0'},
	    {"a large hole of NULs", 300000, '\0'},
	    {"a torn line of 5,000 bytes", 5000, 'x'},
	    {"one of a million", 1000000, '{'},
	    {"blanks", 7, ' '},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf text = {0};
		buf_adds(&text, LINE_A);
		memset(buf_reserve(&text, cases[i].length), cases[i].fill, cases[i].length);
		text.length += cases[i].length;
		write_file(log_path, text.data, text.length);
		struct journal *j = journal_open(log_path, JOURNAL_READ);
		bool read = journal_load(j, false) == 0 && look_up(j, "a", 1) == 'd';
		struct buf after = {0};
		read_file(log_path, &after);
		tap_ok(read && after.length == text.length, "%s at the end is read over",
		       cases[i].name);
		journal_free(j);
		j = open_loaded(false);
		append(j, "c", 3, false, "");
		tap_ok(file_is(log_path, LINE_A LINE_C), "%s is cut off before the first append",
		       cases[i].name);
		journal_free(j);
		buf_free(&text);
		buf_free(&after);
	}
	write_text(log_path, "{\"torn in the first line");
	struct journal *j = open_loaded(false);
	append(j, "a", 1, false, "");
	tap_ok(file_is(log_path, LINE_A), "a log of nothing but a torn line is emptied");
	journal_free(j);
}

static void load_damaged(void)
{
	struct journal *j = open_loaded(false);
	int status = j == NULL ? 4 : 0;

	journal_free(j);
	_exit(status);
}

static void append_damaged(void)
{
	struct journal *j = journal_open(log_path, JOURNAL_CREATE);

	int status = j != NULL && journal_lock(j) == 0 && append(j, "z", 9, false, "") == 0 ? 0 : 4;
	journal_free(j);
	_exit(status);
}

/* Of one line without a newline, none of which is the start of a log's. */
static void test_no_log(void)
{
	static const char *const texts[] = {
	    "a password", "\x1f\x8b\x08", "[1,2", "12", "{\"name\":\"of a setting\"}", "\"{"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		write_text(log_path, texts[i]);
		tap_int(capture(load_damaged), 4, "a file of %s is no torn log", texts[i]);
		tap_ok(strstr(captured, "is this the right file?") != NULL, "...as it says");
		tap_int(capture(append_damaged), 4, "...nor is it appended to without being read");
		tap_ok(file_is(log_path, texts[i]), "...and nothing is done to it");
	}
}

static void test_damage(void)
{
	static const struct {
		const char *middle, *says;
	} cases[] = {
	    {"{\"custom_id\":\"b\",\"err\n", "line 2 cannot be read: not JSON"},
	    {"{\"custom_id\":\"b\"}{\"custom_id\":\"c\"}\n", "line 2 cannot be read"},
	    {"\xff\n", "line 2 cannot be read"},
	    {"12\n", "line 2 is no result; is this the right file? (--repair"},
	    {"\n\n{\"custom_id\":\"b\",\"body\":{}}\n", "line 4 is no result"},
	    {"{\"id\":1,\"name\":\"an item\"}\n", "line 2 is no result; is this the right file?"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf text = {0}, after = {0};
		buf_addf(&text, "%s%s%s%s", LINE_A, cases[i].middle, LINE_C, "{\"torn");
		write_file(log_path, text.data, text.length);
		tap_int(capture(load_damaged), 4, "case %zu: damage in the middle is an error", i);
		tap_ok(strstr(captured, cases[i].says) != NULL, "it says: %s", cases[i].says);
		read_file(log_path, &after);
		tap_bytes(after.data, after.length, text.data, text.length,
			  "and nothing is done to the file");
		buf_free(&text);
		buf_free(&after);
	}
	test_no_log();
	write_text(log_path, "\n" LINE_A "  \r\n" LINE_C);
	struct journal *j = open_loaded(false);
	tap_int(look_up(j, "c", 3), 'd', "empty lines are no damage");
	journal_free(j);
	/* A hole in the middle has newlines around it somewhere. */
	struct buf text = {0};
	buf_adds(&text, LINE_A);
	memset(buf_reserve(&text, 4096), 0, 4096);
	text.length += 4096;
	buf_adds(&text, LINE_C);
	write_file(log_path, text.data, text.length);
	tap_int(capture(load_damaged), 4, "a hole of NULs in the middle is damage");
	buf_free(&text);
}

static void test_foreign_lines(void)
{
	/* What lbcall wrote, without a log in mind: a request's hash is made when it is asked for.
	 */
	static const char result[] =
	    "{\"custom_id\":\"a\",\"body\":{\"n\":1},\"response\":{\"status_code\":200},"
	    "\"error\":null}\n";
	static const char same[] = "{\"custom_id\":\"a\",\"body\":{\"n\":1}}";
	static const char other[] = "{\"custom_id\":\"a\",\"body\":{\"n\":2}}";
	struct line lines[] = {{same, sizeof same - 1, 1, 0}, {other, sizeof other - 1, 2, 0}};
	struct record r;

	write_text(log_path, result);
	struct journal *j = open_loaded(false);
	record_parse(&r, &lines[0], false);
	tap_int(look_up(j, "a", journal_request(&r)), 'd',
		"a result that was not logged here answers its request");
	record_parse(&r, &lines[1], false);
	tap_int(look_up(j, "a", journal_request(&r)), 'c', "...and no other");
	journal_free(j);
	write_text(log_path, "{\"custom_id\":\"a\",\"response\":{},\"error\":null}\n"
			     "{\"custom_id\":null,\"response\":{},\"error\":null}\n");
	j = open_loaded(false);
	tap_int(look_up(j, "a", 12345), 'd', "one that does not say what was asked answers all");
	tap_int(look_up(j, "", 12345), 'n', "one without an id answers none");
	journal_free(j);
}

static void test_collisions(void)
{
	unlink(log_path);
	journal_id_mask = 0;
	struct journal *j = open_loaded(false);
	append(j, "a", 1, false, "");
	append(j, "b", 2, false, "");
	tap_int(look_up(j, "a", 1), 'd', "with all ids colliding one is found by its request");
	tap_int(look_up(j, "c", 1), 'n',
		"an id that only collides is not answered by another's line");
	append(j, "d", 1, false, "");
	tap_int(look_up(j, "d", 1), 'd', "it can be logged");
	tap_int(look_up(j, "a", 1), 'n',
		"one that is hidden by it is asked again, not answered wrongly");
	journal_free(j);
	j = open_loaded(true);
	tap_int(look_up(j, "a", 1), 'n', "the same where ids are trusted");
	journal_free(j);
	journal_id_mask = UINT64_MAX;
}

static void lock_again(void)
{
	struct journal *j = journal_open(log_path, JOURNAL_WRITE);
	int status = j != NULL && journal_lock(j) < 0 ? 4 : 0;

	journal_free(j);
	_exit(status);
}

static void read_beside(void)
{
	struct journal *j = journal_open(log_path, JOURNAL_READ);
	struct journal_count count;
	bool seen = journal_status(j, &count) == 0 && count.running && count.done == 1;

	journal_free(j);
	_exit(seen ? 7 : 0);
}

static void test_one_writer(void)
{
	unlink(log_path);
	struct journal *j = open_loaded(false);
	append(j, "a", 1, false, "");
	tap_int(capture(lock_again), 4, "a second process cannot lock it");
	tap_ok(strstr(captured, "log: another process is writing to it") != NULL, "and says why");
	tap_int(capture(read_beside), 7, "but it can read it, and sees that it is in use");
	journal_unlock(j);
	tap_int(capture(lock_again), 0, "it can when the first one lets go");
	tap_int(journal_lock(j), 0, "the lock ends with the process that had it");
	/* Put in another's place, as by a compaction, while it waited to be locked. */
	struct journal *late = journal_open(log_path, JOURNAL_WRITE);
	journal_free(j);
	write_text("elsewhere", LINE_C);
	rename("elsewhere", log_path);
	tap_int(journal_lock(late), 0, "a log that another took the place of is opened anew");
	append(late, "a", 1, false, "");
	tap_ok(file_is(log_path, LINE_C LINE_A), "and the new one is what is appended to");
	journal_free(late);
}

static void open_log(void)
{
	struct journal *j = journal_open(log_path, JOURNAL_CREATE);
	int status = j == NULL ? 4 : 0;

	journal_free(j);
	_exit(status);
}

static void test_refused_files(void)
{
	unlink(log_path);
	write_text("elsewhere", LINE_A);
	if (symlink("elsewhere", log_path) < 0)
		abort();
	tap_int(capture(open_log), 4, "a symbolic link is refused");
	tap_ok(strstr(captured, "symbolic link") != NULL, "and it says so");
	unlink(log_path);
	if (mkfifo(log_path, 0600) < 0)
		abort();
	tap_int(capture(open_log), 4, "so is a FIFO, without waiting");
	tap_ok(strstr(captured, "no regular file") != NULL, "and it says so");
	unlink(log_path);
	write_text(log_path, "");
	if (geteuid() == 0 && chown(log_path, 12345, 0) == 0) {
		tap_int(capture(open_log), 4, "so is another user's file");
		tap_ok(strstr(captured, "another user") != NULL, "and it says so");
	}
	unlink(log_path);
	tap_ok(journal_open("/nonexistent/log", JOURNAL_CREATE) == NULL,
	       "so is one that cannot be made");
	tap_ok(journal_open(log_path, JOURNAL_READ) == NULL,
	       "one that is to be read must be there");
	journal_free(NULL);
}

static void test_trace(void)
{
	struct journal_count count;

	unlink(log_path);
	struct journal *j = open_loaded(false);
	journal_trace(j, 1, false);
	journal_trace(j, 20, false);
	tap_int(journal_status(j, &count), 0, "the log can be counted while it is written");
	tap_ok(count.in_flight >= 20, "at least those in flight are noted");
	journal_trace(j, 17, true);
	tap_ok(file_is("log.inflight", "17                  \n"),
	       "and exactly so many when asked to be exact");
	journal_free(j);
	j = journal_open(log_path, JOURNAL_READ);
	journal_status(j, &count);
	tap_int((long long)count.in_flight, 17, "the next process sees them");
	journal_untrace(j);
	tap_int(access("log.inflight", F_OK), 0, "one that does not write leaves the note");
	journal_free(j);
	j = open_loaded(false);
	journal_untrace(j);
	tap_int(access("log.inflight", F_OK), -1, "one that does takes it away");
	journal_free(j);
}

int main(void)
{
	enter_folder();
	test_append_and_find();
	test_line_read_back();
	test_cut_everywhere();
	test_torn_tails();
	test_damage();
	test_foreign_lines();
	test_collisions();
	test_one_writer();
	test_refused_files();
	test_trace();
	leave_folder();
	return tap_done();
}
