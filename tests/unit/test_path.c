/* path: plain paths mean what they mean to the installed jq, and nothing else is one. */
#include "path.h"
#include "buf.h"
#include "expr.h"
#include "tap.h"

#include <stdlib.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct json_span span(const char *text)
{
	return (struct json_span){text, strlen(text)};
}

/* A JSON text as libjq prints it. To compile even this takes 20 ms, so it is done once. */
static struct expr *same;

static char *reprint(const char *text)
{
	struct buf out = {0}, message = {0};

	expr_eval(same, span(text), &out, &message);
	buf_free(&message);
	return buf_string(&out);
}

/* What jq says on each path and input: "[value]" or the error as a string, a line each. */
static FILE *ask_jq(const char *dir, const char *const *paths, const char *const *inputs)
{
	char command[256];

	if (chdir(dir) != 0)
		return NULL;
	FILE *program = fopen("program", "w");
	FILE *input = fopen("input", "w");
	if (program == NULL || input == NULL)
		return NULL;
	fputs("def answer(f): try [f] catch .; empty", program);
	for (; *paths != NULL; paths++)
		fprintf(program, ", answer(%s)", *paths);
	for (; *inputs != NULL; inputs++)
		fprintf(input, "%s\n", *inputs);
	if (fclose(program) != 0 || fclose(input) != 0)
		return NULL;
	snprintf(command, sizeof command, "jq -c -f program input");
	return popen(command, "r");
}

/* What the path module says, in the same form, printed by libjq. */
static char *answer(const char *text, const char *input)
{
	struct path *path = path_new(text, strlen(text));
	struct buf form = {0}, message = {0};
	struct json_span value;

	if (path == NULL) {
		buf_adds(&form, "\"this is no plain path\"");
	} else if (path_get(path, span(input), &value, &message) < 0) {
		json_quote(&form, message.data, message.length);
	} else {
		buf_addc(&form, '[');
		buf_add(&form, value.at, value.length);
		buf_addc(&form, ']');
	}
	path_free(path);
	char *printed = reprint(buf_string(&form));
	buf_free(&message);
	buf_free(&form);
	return printed;
}

static void test_paths_like_jq(void)
{
	static const char *const inputs[] = {
	    "{\"a\":{\"b\":[10,20,{\"c\":\"x\"}]},\"k y\":1,\"\":\"empty\",\"a\":{\"b\":[1,2,3]}}",
	    "{\"a\":null,\"if\":true,\"k "
	    "y\":false,\"\\u00e9\":2,\"a\\nb\":3,\"a\\\\b\":4,\"a\\u0000b\":5}",
	    "[[1,[2,3]],{\"a\":5},null,\"s\"]",
	    "{\"a\":{\"a\":{\"a\":[[7]]}},\"a\\b\":6,\"\\ud83d\\ude00\":8}",
	    "null",
	    "true",
	    "1",
	    "\"text\"",
	    "[]",
	    " { \"a\" : [ 1 , { \"b\" : \"q \\\" ,}\" } ] } ",
	    "{\"a\":{\"\\u0061\":1,\"b\":\"]\"},\"\\u0061\":[{},{\"b\":[]}]}",
	    NULL};
	static const char *const paths[] = {".",
					    " . ",
					    ".a",
					    ".a.b",
					    ".a.b[0]",
					    ".a.b[-1]",
					    ".a.b[-4]",
					    ".a.b[99]",
					    ".a[0]",
					    ".[0]",
					    ".[0][1][0]",
					    ".[-1]",
					    ".[-99]",
					    ".[-0]",
					    ".a.a.a[0][0]",
					    ".[\"a\"]",
					    ".[\"k y\"]",
					    ".\"k y\"",
					    ".a.\"b\"",
					    ".a[\"b\"][1]",
					    ".[\"\"]",
					    ".\"\"",
					    ".if",
					    "\t.a\n",
					    ".\"\\u00e9\"",
					    ".\"é\"",
					    ".\"a\\nb\"",
					    ".\"a\nb\"",
					    ".\"a\\\\b\"",
					    ".\"a\\u0000b\"",
					    ".\"\\ud83d\\ude00\"",
					    ".a[1].b",
					    ".missing.x[3].y",
					    ".a[999999999]",
					    ".a[-999999999]",
					    ".a_name_of_twenty_nine_bytes_x",
					    ".a_name_of_thirty_bytes_xxxxxxx",
					    ".a_name_longer_than_twenty_nine_bytes",
					    NULL};
	char dir[] = "/tmp/test_expr.XXXXXX";
	char line[4096];
	char *error = NULL;

	same = expr_new(".|.", &error);
	FILE *jq = mkdtemp(dir) != NULL ? ask_jq(dir, paths, inputs) : NULL;
	for (const char *const *input = inputs; *input != NULL; input++) {
		for (const char *const *path = paths; *path != NULL; path++) {
			if (jq == NULL || fgets(line, sizeof line, jq) == NULL)
				strcpy(line, "jq did not answer");
			line[strcspn(line, "\n")] = '\0';
			char *ours = answer(*path, *input);
			tap_is(ours, line, "path %s on %s is what jq says", *path, *input);
			free(ours);
		}
	}
	expr_free(same);
	if (jq != NULL)
		pclose(jq);
	tap_int(unlink("program") | unlink("input") | chdir("/") | rmdir(dir), 0,
		"the test cleans up");
}

static void test_not_plain(void)
{
	static const char *const texts[] = {"",
					    " ",
					    "a",
					    "..",
					    ".a?",
					    ".[]",
					    ".a[]",
					    ".[0:1]",
					    ".a.[0]",
					    ".a.",
					    ".1",
					    ".a.1",
					    ".[01]",
					    ".[1.0]",
					    ".[1e1]",
					    ".[-]",
					    ".[+1]",
					    ".[1234567890]",
					    ".[ 0 ]",
					    ".a b",
					    ".a .b",
					    ".\"\\(1)\"",
					    ".\"\\q\"",
					    ".\"\\u12\"",
					    ".\"\\ud800\"",
					    ".\"\\udc00\"",
					    ".\"\\ud800\\u0041\"",
					    ".\"a",
					    ".[\"a\"",
					    ".[0",
					    ".[",
					    ".\"\\",
					    ".-a",
					    ".a#",
					    "(.a)",
					    ".a\r",
					    ".\xc3\xa9"};

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct path *path = path_new(texts[i], strlen(texts[i]));
		tap_ok(path == NULL, "%s is not a plain path", texts[i]);
		path_free(path);
	}
	tap_ok(path_new(".a\0b", 4) == NULL, "a NUL makes a path not plain");
	path_free(NULL);
}

/* What jq does not guarantee: the bytes of the input come through. */
static void test_bytes(void)
{
	const char *input = "{\"a\":[1e400,{\"b\" : 1.0}],\"a\": [12345678901234567890 , {}]}";
	struct path *path = path_new(".a[0]", 5);
	struct buf message = {0};
	struct json_span value = {NULL, 0};

	tap_int(path_get(path, span(input), &value, &message), 0, "a path is found");
	tap_bytes(value.at, value.length, "12345678901234567890", 20, "its value has all digits");
	tap_ok(value.at > input && value.at < input + strlen(input),
	       "and is the input's own bytes");
	path_free(path);
	buf_free(&message);
}

int main(void)
{
	test_paths_like_jq();
	test_not_plain();
	test_bytes();
	return tap_done();
}
