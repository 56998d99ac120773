/*
 * hostile: requests that a program which reprints JSON would change, and a check that nothing of
 * them was changed. Knows nothing of the library under test.
 *
 *   hostile make SEED COUNT RECORDS SEGMENTS BODIES
 *   hostile check SEGMENTS RESULTS
 *
 * A record is made of bytes that no tool owns, around the values of id, response, error and lb
 * (null or an old one), which tools may replace. SEGMENTS has a line for each record with the
 * former, 0x1e between them: a result must begin with the first, end with the last (behind new
 * members), and have all of them in order.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK 0x1e

static uint64_t state;

/* A linear congruential generator (Knuth's MMIX constants): the same on every machine. */
static unsigned pick(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

struct text {
	char data[1 << 16];
	size_t n;
};

static void add(struct text *t, const char *s)
{
	size_t n = strlen(s);
	if (t->n + n < sizeof t->data) {
		memcpy(t->data + t->n, s, n);
		t->n += n;
	}
}

static void add_space(struct text *t)
{
	static const char *const spaces[] = {"", "", "", "", " ", "  ", "\t", " \t "};
	add(t, spaces[pick(8)]);
}

static void add_string(struct text *t)
{
	static const char *const parts[] = {
	    "a",
	    "custom_id",
	    "\\\"",
	    "\\\\",
	    "\\u0000",
	    "\\ud800",
	    "\\ud83d\\ude00",
	    "\\/",
	    "\xc3\xa9",
	    "\xf0\x9f\x98\x80",
	    "\\u0041",
	    "{",
	    "}",
	    ",",
	    "\\n",
	    "\x7f",
	    "\xe2\x80\xa8",
	    "[",
	    "lb",
	    "error",
	    "\\\\u0022",
	};
	add(t, "\"");
	for (unsigned n = pick(5); n > 0; n--)
		add(t, parts[pick(sizeof parts / sizeof *parts)]);
	add(t, "\"");
}

static void add_value(struct text *t, unsigned depth)
{
	static const char *const plain[] = {
	    "null",  "true",    "false",
	    "0",     "-0",      "1.0",
	    "1e400", "-1E-400", "12345678901234567890",
	    "0.10",  "1e2",     "100000000000000000000000000000000000001",
	    "\"\"",  "[]",      "{}",
	    "[ ]",   "{ }",
	};
	unsigned kind = depth > 4 ? pick(2) : pick(4);

	if (kind == 0) {
		add_string(t);
		return;
	}
	if (kind == 1) {
		add(t, plain[pick(sizeof plain / sizeof *plain)]);
		return;
	}
	add(t, kind == 2 ? "[" : "{");
	for (unsigned n = pick(4); n > 0; n--) {
		add_space(t);
		if (kind == 3) {
			add_string(t);
			add_space(t);
			add(t, ":");
			add_space(t);
		}
		add_value(t, depth + 1);
		add_space(t);
		if (n > 1)
			add(t, ",");
	}
	add(t, kind == 2 ? "]" : "}");
}

static void add_body(struct text *t, struct text *body)
{
	body->n = 0;
	add(body, "{\"b\":");
	add_value(body, 0);
	add_space(body);
	add(body, "}");
	body->data[body->n] = '\0';
	add(t, body->data);
}

/* One member; name is NULL for one of any name. Owned ones have their value marked. */
static void add_member(struct text *t, struct text *segments, const char *name, const char *value,
		       struct text *body)
{
	struct text *both[2] = {t, segments};
	static struct text part;

	part.n = 0;
	add_space(&part);
	if (name != NULL) {
		add(&part, name);
	} else {
		add(&part, "\"x"); /* never the name of a member that means something */
		part.data[part.n++] = (char)('a' + pick(3));
		add(&part, "\"");
	}
	add_space(&part);
	add(&part, ":");
	add_space(&part);
	if (body != NULL)
		add_body(&part, body);
	else if (value == NULL)
		add_value(&part, 0);
	part.data[part.n] = '\0';
	for (int i = 0; i < 2; i++)
		add(both[i], part.data);
	if (value != NULL) {
		static const char mark[] = {MARK, 0};
		add(t, value);
		add(segments, mark);
	}
	part.n = 0;
	add_space(&part);
	part.data[part.n] = '\0';
	for (int i = 0; i < 2; i++)
		add(both[i], part.data);
}

static void make_record(unsigned long number, FILE *records, FILE *segments_file, FILE *bodies)
{
	static struct text t, segments, body;
	static const char *const owned[][2] = {{"\"error\"", "null"},
					       {"\"err\\u006fr\"", "null"},
					       {"\"lb\"", "{\"ms\":1}"},
					       {"\"lb\"", "null"},
					       {"\"response\"", "null"}};
	unsigned body_at = pick(4), owned_at = pick(6), count = 4 + pick(3);
	char id[64];

	t.n = segments.n = 0;
	add(&t, "{");
	add(&segments, "{");
	snprintf(id, sizeof id, pick(2) ? "\"custom_id\":\"r%lu\"" : " \"custom_id\": %lu.0 ",
		 number);
	for (unsigned i = 0; i < count; i++) {
		if (i > 0) {
			add(&t, ",");
			add(&segments, ",");
		}
		if (i == 3) {
			add(&t, id);
			add(&segments, id);
		} else if (i == (body_at == 3 ? 2 : body_at)) {
			add_member(&t, &segments, pick(2) ? "\"body\"" : "\"b\\u006fdy\"", NULL,
				   &body);
		} else if (i == owned_at) {
			const char *const *o = owned[pick(5)];
			add_member(&t, &segments, o[0], o[1], NULL);
		} else {
			add_member(&t, &segments, NULL, NULL, NULL);
		}
	}
	fprintf(records, "%.*s}\n", (int)t.n, t.data);
	fprintf(segments_file, "%.*s%c}\n", (int)segments.n, segments.data, MARK);
	fprintf(bodies, "%.*s\n", (int)body.n, body.data);
}

static FILE *open_file(const char *name, const char *mode)
{
	FILE *file = fopen(name, mode);
	if (file == NULL) {
		perror(name);
		exit(2);
	}
	return file;
}

/* Does the result hold the segments, the first at its start, the last at its end? Both without
 * newline. */
static int matches(const char *segments, size_t n, const char *result, size_t m)
{
	size_t at = 0;
	const char *end = segments + n;

	for (int first = 1;; first = 0) {
		const char *mark = memchr(segments, MARK, (size_t)(end - segments));
		size_t length = (size_t)((mark != NULL ? mark : end) - segments);
		if (mark == NULL)
			return m - at >= length &&
			       memcmp(result + m - length, segments, length) == 0;
		const char *found =
		    length == 0 ? result + at : memmem(result + at, m - at, segments, length);
		if (found == NULL || (first && found != result))
			return 0;
		at = (size_t)(found - result) + length;
		segments = mark + 1;
	}
}

static int check(FILE *segments, FILE *results)
{
	char *want = NULL, *got = NULL;
	size_t want_size = 0, got_size = 0;
	unsigned long count = 0, wrong = 0;

	for (;;) {
		ssize_t n = getline(&want, &want_size, segments);
		ssize_t m = getline(&got, &got_size, results);
		if (n < 0 && m < 0)
			break;
		count++;
		if (n > 0 && m > 0 && got[m - 1] == '\n' &&
		    matches(want, (size_t)n - 1, got, (size_t)m - 1))
			continue;
		wrong++;
		printf("line %lu:\n%s%s", count, n > 0 ? want : "(none)\n",
		       m > 0 ? got : "(none)\n");
	}
	printf("%lu records, %lu wrong\n", count, wrong);
	free(want);
	free(got);
	return count == 0 || wrong > 0;
}

int main(int argc, char **argv)
{
	if (argc == 7 && strcmp(argv[1], "make") == 0) {
		FILE *records = open_file(argv[4], "we"), *segments = open_file(argv[5], "we");
		FILE *bodies = open_file(argv[6], "we");
		state = strtoull(argv[2], NULL, 10);
		for (unsigned long i = 0, n = strtoul(argv[3], NULL, 10); i < n; i++)
			make_record(i, records, segments, bodies);
		return fclose(records) | fclose(segments) | fclose(bodies);
	}
	if (argc == 4 && strcmp(argv[1], "check") == 0)
		return check(open_file(argv[2], "re"), open_file(argv[3], "re"));
	fprintf(stderr, "usage: hostile make SEED COUNT RECORDS SEGMENTS BODIES\n"
			"       hostile check SEGMENTS RESULTS\n");
	return 2;
}
