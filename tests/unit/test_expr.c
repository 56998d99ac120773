/* expr: values, failures and mistakes, and that an expression sees nothing but its record. */
#include "expr.h"
#include "buf.h"
#include "tap.h"

#include <stdlib.h>
#include <unistd.h>

static struct json_span span(const char *text)
{
	return (struct json_span){text, strlen(text)};
}

/* What an expression yields, as one string: the JSON, "error: ...", or "nothing". Freed by caller.
 */
static char *eval(const char *text, const char *input)
{
	struct buf out = {0}, message = {0};
	char *error = NULL;
	struct expr *e = expr_new(text, &error);

	if (e == NULL) {
		buf_addf(&out, "mistake: %s", error);
		free(error);
		return buf_string(&out);
	}
	int found = expr_eval(e, span(input), &out, &message);
	if (found < 0)
		buf_addf(&out, "error: %s", buf_string(&message));
	else if (found == 0)
		buf_adds(&out, "nothing");
	buf_free(&message);
	expr_free(e);
	return buf_string(&out);
}

static void check(const char *text, const char *input, const char *want)
{
	char *got = eval(text, input);

	tap_is(got, want, "%s on %.60s", text, input);
	free(got);
}

/* It does not compile, and the one-line message names it; the words are libjq's. */
static void check_mistake(const char *text)
{
	struct buf start = {0};
	char *got = eval(text, "1");

	buf_addf(&start, "mistake: '%s': ", text);
	tap_ok(strncmp(got, buf_string(&start), start.length) == 0 && strchr(got, '\n') == NULL,
	       "%s is a mistake: %s", text, got);
	buf_free(&start);
	free(got);
}

static void test_values(void)
{
	check(".n", "{\"n\":12345678901234567890}", "12345678901234567890");
	check(".n", "{\"n\": { \"x\" : 1.0 , \"y\":\"\\u0041\" } }",
	      "{\"x\":1.0,\"y\":\"\\u0041\"}");
	check(".a+1", "{\"a\":2}", "3");
	check(".a, .b", "{\"a\":2}", "2");
	check("empty", "{}", "nothing");
	check(".[] | select(. > 5)", "[1,2]", "nothing");
	check("{s: .s, n: (.s | length)}", "{\"s\":\"a\\u0000\\u00e9\"}",
	      "{\"s\":\"a\\u0000\xc3\xa9\",\"n\":3}");
	check(". # a comment", "1", "1");
	check(".a | . # a comment\\", "{\"a\":1}", "1");
	check("def f: . + 1; f | f", "1", "3");
	check(".a\n+\n.b", "{\"a\":1,\"b\":2}", "3");
	check("\"a)b\\(\"(\" + \")\")c\"", "1", "\"a)b()c\"");
	check("$__loc__.line", "1", "1");
	check("[limit(2; .[])]", "[1,2,3]", "[1,2]");
	check("label $out | 1, break $out", "null", "1");
	check("try error(\"x\") catch .", "null", "\"x\"");
	check(".[0]|type", "\"\\udead \\ud83d x\"", "error: Cannot index string with number");
	check("length", "\"a\\ud83d\\n\\udead\\\\ud83d\\ud83d\\ude00\"", "11");
	check("test(\"^a+$\")", "\"aaa\"", "true");
	check(".|.", "{\"a\":1,\"a\":2}", "{\"a\":2}");
}

static void test_failures(void)
{
	check(".a", "[1]", "error: Cannot index array with string \"a\"");
	check(".a|.b", "{\"a\":1}", "error: Cannot index number with string \"b\"");
	check("error(\"two\\nlines\")", "null", "error: two\nlines");
	check("error({a:1})", "null", "error: {\"a\":1} (not a string)");
	check("input", "1", "error: there is no input but the record itself");
	check("[inputs]", "1", "error: there is no input but the record itself");
	check("halt", "1", "error: halt cannot be used here");
	check("halt_error", "{}", "error: halt_error cannot be used here");
	check("{} | halt_error(3)", "1", "error: halt_error cannot be used here");
	check("\"m\" | modulemeta", "1", "error: modules cannot be used here");
	check("debug | stderr | .+1", "1", "2");
	char *got = eval("input_filename", "1");
	tap_ok(strcmp(got, "null") == 0 || strcmp(got, "error: Unknown input filename") == 0,
	       "there is no input_filename");
	free(got);
	got = eval("error(null)", "1");
	tap_ok(strcmp(got, "nothing") == 0 || strncmp(got, "error: null", 11) == 0,
	       "error(null) is nothing or an error, as libjq has it");
	free(got);
}

static void test_mistakes(void)
{
	check("", "1", "mistake: '': empty expression");
	check(" \n", "1", "mistake: '  ': empty expression");
	check("# only a comment", "1",
	      "mistake: '# only a comment': syntax error, unexpected end of the expression");
	check(".a +", "1", "mistake: '.a +': syntax error, unexpected end of the expression");
	check("(1+)", "1", "mistake: '(1+)': syntax error, unexpected ')'");
	check("1\n+ nosuch", "1", "mistake: '1 + nosuch': nosuch/0 is not defined in line 2");
	check("nosuch(1)", "1", "mistake: 'nosuch(1)': nosuch/1 is not defined");
	check("$x", "1", "mistake: '$x': $x is not defined");
	check(".a) | (.b", "1", "mistake: '.a) | (.b': unmatched ')'");
	check(".a]", "1", "mistake: '.a]': unmatched ']'");
	check("[1)", "1", "mistake: '[1)': unmatched ')'");
	check(".[\"a\"", "1", "mistake: '.[\"a\"': unmatched '['");
	check("{a: 1", "1", "mistake: '{a: 1': unmatched '{'");
	check("\"abc", "1", "mistake: '\"abc': unterminated string");
	check("\"\\(1", "1", "mistake: '\"\\(1': unmatched '('");
	check("\xff", "1", "mistake: '\xff': invalid UTF-8");
	check_mistake("import \"m\" as m; 1");
	check_mistake("include \"m\"; 1");
	check_mistake("1; import \"m\" as m; 1");
	check_mistake("module {}; 1");
	check_mistake("def f: 1;");
	check_mistake("break $out");
	check_mistake("\"\\q\"");
	check("nosuch + \"1111111111111111111111111111111111111111111111111\xc3\xa9\xc3\xa9\"", "1",
	      "mistake: 'nosuch + \"1111111111111111111111111111111111111111111111111...': "
	      "nosuch/0 is not defined");
}

/* Nothing of a home or a current directory is read. */
static void test_no_files(void)
{
	char dir[] = "/tmp/test_expr.XXXXXX";
	const char *home = getenv("HOME");
	char *kept = home != NULL ? strdup(home) : NULL;

	if (mkdtemp(dir) == NULL || chdir(dir) != 0)
		abort();
	FILE *file = fopen(".jq", "w");
	if (file == NULL || fputs("def from_home: 1;", file) < 0 || fclose(file) != 0)
		abort();
	setenv("HOME", dir, 1);
	check("from_home", "1", "mistake: 'from_home': from_home/0 is not defined");
	tap_is(getenv("HOME"), dir, "HOME is as it was after compiling");
	char want[64];
	snprintf(want, sizeof want, "\"%s\"", dir);
	check("$ENV.HOME", "1", want);
	check("env.HOME", "1", want);
	unsetenv("HOME");
	check("1+1", "1", "2");
	tap_ok(getenv("HOME") == NULL, "HOME stays unset where it was");
	if (kept != NULL)
		setenv("HOME", kept, 1);
	free(kept);
	tap_int(unlink(".jq") | chdir("/") | rmdir(dir), 0, "the test cleans up");
}

/* Nested arrays, with a letter inside so that the result tells that it was reached. */
static char *nest(size_t depth)
{
	struct buf text = {0};

	for (size_t i = 0; i < depth; i++)
		buf_addc(&text, '[');
	for (size_t i = 0; i < depth; i++)
		buf_addc(&text, ']');
	return buf_string(&text);
}

static void test_deep(void)
{
	char *input = nest(JSON_MAX_DEPTH);
	char *got = eval("length", input);
	char *path = eval(".[0][0]|.", "[[5]]");

	tap_ok(strcmp(got, "1") == 0 ||
		   strncmp(got, "error: libjq cannot read the record: ", 37) == 0,
	       "a record nested %d deep is read or an error", JSON_MAX_DEPTH);
	free(got);
	got = eval(".", input);
	tap_is(got, input, "a path reads it, however deep");
	free(got);
	tap_is(path, "5", "libjq works after that");
	free(path);
	free(input);
}

static void check_test(const char *text, const char *input, int returns, bool value)
{
	struct buf message = {0};
	char *error = NULL;
	struct expr *e = expr_new(text, &error);
	bool got = !value;
	int returned = expr_test(e, span(input), &got, &message);

	tap_ok(returned == returns && got == (returns > 0 ? value : !value), "is %s true of %s?",
	       text, input);
	tap_int(message.length > 0, returns < 0, "a message only where it fails");
	buf_free(&message);
	expr_free(e);
}

static void test_truth(void)
{
	check_test(".a", "{\"a\":0}", 1, true);
	check_test(".a", "{\"a\":false}", 1, false);
	check_test(".a", "{}", 1, false);
	check_test(".a", "[]", -1, false);
	check_test(".a == \"\"", "{\"a\":\"\"}", 1, true);
	check_test(".a > 1", "{\"a\":1}", 1, false);
	check_test("null", "1", 1, false);
	check_test("empty", "1", 0, false);
	check_test(".a.b.c | .d", "{\"a\":1}", -1, false);
}

static void test_is_path(void)
{
	char *error = NULL;
	struct expr *plain = expr_new(" .a[0].\"b\" ", &error);
	struct expr *other = expr_new(".a[0].\"b\"?", &error);

	tap_ok(expr_is_path(plain), "fields, names and indices are a plain path");
	tap_ok(!expr_is_path(other), "a question mark makes it another expression");
	expr_free(plain);
	expr_free(other);
	expr_free(NULL);
}

static void test_view(void)
{
	char *error = NULL;
	struct expr *path = expr_new(".s", &error);
	struct expr *other = expr_new(".s + \"!\"", &error);
	struct expr_view *view = expr_view_new();
	struct buf out = {0}, message = {0};

	expr_view_set(view, span("{\"s\":\"a\\u00e9\"}"));
	expr_text(path, view, &out, &message);
	expr_text(other, view, &out, &message);
	expr_text(other, view, &out, &message);
	expr_view_set(view, span("{\"s\":\"b\"}"));
	expr_text(other, view, &out, &message);
	tap_is(buf_string(&out),
	       "a\xc3\xa9"
	       "a\xc3\xa9!a\xc3\xa9!b!",
	       "a view serves several expressions, and then the next record");
	expr_view_free(view);
	expr_view_free(NULL);
	buf_free(&out);
	buf_free(&message);
	expr_free(other);
	expr_free(path);
}

int main(void)
{
	test_values();
	test_failures();
	test_mistakes();
	test_no_files();
	test_deep();
	test_truth();
	test_is_path();
	test_view();
	return tap_done();
}
