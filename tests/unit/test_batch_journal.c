/* The journal of a job: written, read again, cut, damaged, locked. */
#include "batch_files.h"
#include "batch_journal.h"
#include "capture.h"
#include "tap.h"

#include <sys/stat.h>

#define HEAD "{\"lbbatch\":1}\n"

/* Gathers the events that are read, one a line. */
static const char *gather(void *context, struct json_span event)
{
	buf_add(context, event.at, event.length);
	buf_addc(context, '\n');
	return json_get(event, "bad").at != NULL ? "it is bad" : NULL;
}

static void test_new_one(void)
{
	struct buf seen = {0}, text = {0};
	struct stat st;
	struct batch_journal *j = batch_journal_open("S", true);

	tap_ok(j != NULL && stat("S", &st) == 0 && (st.st_mode & 0777) == 0700,
	       "a folder is made for its owner only");
	tap_int(batch_journal_read(j, gather, &seen), 0, "a new journal is read");
	tap_int((long long)seen.length, 0, "it has no events");
	tap_ok(stat("S/journal", &st) == 0 && (st.st_mode & 0777) == 0600,
	       "the journal is for its owner only");
	batch_journal_add(j, "created", 3, INT64_C(1766000000999999999),
			  JSON_LITERAL(",\"batch\":\"b_1\""));
	tap_is(read_text("S/journal", &text),
	       HEAD "{\"event\":\"created\",\"part\":3,\"at\":1766000000,\"batch\":\"b_1\"}\n",
	       "an event is a line with its time in seconds");
	batch_journal_free(j);

	j = batch_journal_open("S", false);
	tap_int(batch_journal_read(j, gather, &seen), 0, "it is read again");
	tap_is(buf_string(&seen),
	       "{\"event\":\"created\",\"part\":3,\"at\":1766000000,\"batch\":\"b_1\"}\n",
	       "what was added is there, without the first line");
	batch_journal_free(j);
	buf_free(&seen);
	buf_free(&text);
	remove_folder("S");
}

/* Each cut of a journal that ends in an event leaves the events before it. */
static void test_cuts(void)
{
	static const char whole[] = HEAD "{\"event\":\"a\"}\n{\"event\":\"b\"}\n";
	static const size_t ends[] = {sizeof HEAD - 1, sizeof HEAD - 1 + 14, sizeof whole - 1};
	struct buf seen = {0}, text = {0};
	char cut[sizeof whole];
	int wrong = 0;

	for (size_t n = 0; n < sizeof whole; n++) {
		size_t events = n >= ends[2] ? 2 : n >= ends[1];
		size_t left = events == 2 ? ends[2] : events == 1 ? ends[1] : ends[0];
		memcpy(cut, whole, n);
		cut[n] = '\0';
		mkdir("S", 0700);
		write_text("S/journal", cut);
		buf_clear(&seen);
		struct batch_journal *j = batch_journal_open("S", true);
		int result = j != NULL ? batch_journal_read(j, gather, &seen) : -1;
		batch_journal_free(j);
		read_text("S/journal", &text);
		if (result < 0 || seen.length != 14 * events || text.length != left ||
		    memcmp(text.data, whole, left) != 0)
			wrong++;
		remove_folder("S");
	}
	tap_int(wrong, 0, "cut at any byte it has the whole lines, and no torn one stays");
	buf_free(&seen);
	buf_free(&text);
}

static void read_damaged(void)
{
	struct buf seen = {0};
	struct batch_journal *j = batch_journal_open("S", true);

	int result = j == NULL ? 9 : batch_journal_read(j, gather, &seen) < 0;
	batch_journal_free(j);
	buf_free(&seen);
	exit(result);
}

static void test_damage(void)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
	    {HEAD "{\"event\":\"a\"}\nnothing\n{\"event\":\"b\"}\n", "line 3"},
	    {HEAD "{\"event\":\"a\",\"bad\":1}\n", "line 2 cannot be read: it is bad"},
	    {HEAD "\n{\"event\":\"a\"}\n", "line 2"},
	    {HEAD "[]\n", "line 2 cannot be read: it is no event"},
	    {"{\"event\":\"a\"}\n", "line 1 cannot be read: this is no journal of lbbatch"},
	    {"{\"lbbatch\":2}\n", "line 1 cannot be read: it was made by another version"},
	    {"\n", "line 1"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf text = {0};
		mkdir("S", 0700);
		write_text("S/journal", cases[i].text);
		tap_int(capture(read_damaged), 1, "damage is an error");
		tap_ok(strstr(captured, cases[i].message) != NULL, "it says: %s", cases[i].message);
		tap_is(read_text("S/journal", &text), cases[i].text, "the file stays as it was");
		buf_free(&text);
		remove_folder("S");
	}
}

static void open_it(void)
{
	struct batch_journal *j = batch_journal_open("S", true);

	batch_journal_free(j);
	exit(j != NULL);
}

static void test_refusals(void)
{
	struct batch_journal *j = batch_journal_open("S", true);

	tap_int(capture(open_it), 0, "a job is locked against another process");
	tap_ok(strstr(captured, "another process") != NULL, "...which says so");
	struct batch_journal *reader = batch_journal_open("S", false);
	tap_ok(reader != NULL, "it may be read meanwhile");
	batch_journal_free(reader);
	batch_journal_free(j);
	tap_int(capture(open_it), 1, "the lock ends with its holder");
	remove_folder("S");

	mkdir("S", 0700);
	write_text("S/letters.txt", "dear");
	tap_int(capture(open_it), 0, "a folder with other things in it is refused");
	tap_ok(access("S/journal", F_OK) < 0, "...and nothing is put there");
	remove_folder("S");

	mkdir("real", 0700);
	tap_int(symlink("real", "S"), 0, "(a link)");
	tap_int(capture(open_it), 0, "a symbolic link is refused");
	tap_ok(strstr(captured, "symbolic link") != NULL, "...by that name");
	unlink("S");
	rmdir("real");

	write_text("S", "");
	tap_int(capture(open_it), 0, "a file is refused");
	unlink("S");
}

int main(void)
{
	enter_folder();
	test_new_one();
	test_cuts();
	test_damage();
	test_refusals();
	leave_folder();
	return tap_done();
}
