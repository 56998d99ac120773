/* template and jqscan: where expressions begin and end in text, and what filling it gives. */
#include "template.h"
#include "buf.h"
#include "jqscan.h"
#include "tap.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The filled template, or "mistake: ...", or "error: ...". Freed by the caller. */
static char *fill(const char *text, size_t length, const char *input)
{
	struct buf out = {0}, message = {0};
	char *error = NULL;
	struct template *t = template_new(text, length, &error);

	if (t == NULL) {
		buf_addf(&out, "mistake: %s", error);
		free(error);
		return buf_string(&out);
	}
	buf_addc(&out, '<');
	struct json_span span = {input, strlen(input)};
	if (template_fill(t, span, &out, &message) < 0) {
		tap_int((long long)out.length, 1, "what was there stays when filling fails");
		buf_clear(&out);
		buf_addf(&out, "error: %s", buf_string(&message));
	}
	buf_free(&message);
	template_free(t);
	return buf_string(&out);
}

static void check(const char *text, const char *input, const char *want)
{
	char *got = fill(text, strlen(text), input);

	tap_is(got, want, "%s filled from %s", text, input);
	free(got);
}

static void test_fill(void)
{
	check("", "1", "<");
	check("no expression", "1", "<no expression");
	check("Classify: \\(.name)", "{\"name\":\"a \\\"b\\\"\\n\"}", "<Classify: a \"b\"\n");
	check("\\(.a)\\(.b)", "{\"a\":1,\"b\":[ 1, \"x\" ]}", "<1[1,\"x\"]");
	check("\\(.none) \\(empty)", "{}", "<null null");
	check("\\(.a|length): \\(.b) \\(.a + .b)", "{\"a\":\"ab\",\"b\":\"c\"}", "<2: c abc");
	check("\\(.n) \\(.n+0)", "{\"n\":1.50}", "<1.50 1.5");
	check("\"q\" \\ \\n \\\\ \\u0041\n\t\\", "1", "<\"q\" \\ \\n \\\\ \\u0041\n\t\\");
	check("\\\\(.)", "1", "<\\1");
	check("\\(\"\\\\(\")", "1", "<\\(");
	check("$x `y` %s {z}", "1", "<$x `y` %s {z}");
	check("\xc3\xa9\\(.)\xf0\x9f\x98\x80", "\"\xc3\xa9\"", "<\xc3\xa9\xc3\xa9\xf0\x9f\x98\x80");
	check("\\([.[] | \"\\(.a):\\(\")\" + (.b|tostring))\"] | join(\", \"))",
	      "[{\"a\":1,\"b\":2},{\"a\":3,\"b\":4}]", "<1:)2, 3:)4");
	check("\\({\"a\":[1,(2)]} | .a[1]) \\(1 # ) \"\n)", "1", "<2 1");
	check("\\( .a )", "{\"a\":\"x\"}", "<x");
}

static void test_fill_nul(void)
{
	char *got = fill("a\0\\(.)b", 7, "\"x\"");

	tap_bytes(got, 6, "<a\0xb", 6, "a NUL in literal text stays");
	free(got);
	got = fill("\\(1\0)", 5, "1");
	tap_is(got, "mistake: line 1, column 1: NUL in an expression",
	       "a NUL in an expression is one");
	free(got);
}

static void test_failures(void)
{
	check("x \\(.a.b) y", "{\"a\":1}", "error: '.a.b': Cannot index number with string \"b\"");
	check("\\(.a)\\(.a|.b)", "{\"a\":1}",
	      "error: '.a|.b': Cannot index number with string \"b\"");
	check("\\(.a | error)", "{\"a\":\"why\"}", "error: '.a | error': why");
}

static void test_mistakes(void)
{
	check("\\(.a", "1", "mistake: line 1, column 1: \\( without the ) that closes it");
	check("one\n\xc3\xa9t \\(.a \"", "1",
	      "mistake: line 2, column 4: \\( without the ) that closes it");
	check("\\(\")", "1", "mistake: line 1, column 1: \\( without the ) that closes it");
	check("\\(.a])", "1", "mistake: line 1, column 1: \\( without the ) that closes it");
	check("\\(1 # )", "1", "mistake: line 1, column 1: \\( without the ) that closes it");
	check("\\()", "1", "mistake: line 1, column 1: '': empty expression");
	check("\\(.) \\( \n)", "1", "mistake: line 1, column 6: '  ': empty expression");
	check("a\n\n \\(.a +)", "1",
	      "mistake: line 3, column 2: '.a +': syntax error, unexpected end of the expression");
	check("\\(nosuch)", "1", "mistake: line 1, column 1: 'nosuch': nosuch/0 is not defined");
	check("fine\nnot \xff\n", "1", "mistake: line 2, column 1: invalid UTF-8 in this line");
	check("\xed\xa0\x80", "1", "mistake: line 1, column 1: invalid UTF-8 in this line");
}

static void test_scan(void)
{
	/* A bar stands where the expression ends. */
	static const char *const texts[] = {
	    "|)",
	    ".a|)",
	    "(1)|)",
	    "[)",
	    "{a:[(1)]}|)",
	    "\")\"|)",
	    "\"\\\")\"|)",
	    "\"\\(\")\")\"|)",
	    "\"\\((1))\"|)",
	    "\"\\\\\"|)",
	    "1 # )\n|)",
	    "\"#\"|)",
	    ".a|]",
	    ".a|}",
	    "([|)",
	    "\"",
	    "\"\\",
	    "#",
	};

	for (size_t i = 0; i < COUNT(texts); i++) {
		struct buf text = {0};
		const char *bar = strchr(texts[i], '|');
		size_t want = bar != NULL ? (size_t)(bar - texts[i]) : strlen(texts[i]);
		buf_adds(&text, texts[i]);
		if (bar != NULL)
			memmove(text.data + want, bar + 1, --text.length - want);
		else if (strcmp(texts[i], "[)") == 0)
			want = 1;
		tap_int((long long)jqscan_end(text.data, text.length), (long long)want,
			"where %s ends", texts[i]);
		buf_free(&text);
	}
}

static void test_head(void)
{
	static const struct {
		const char *text, *head;
		bool whole;
	} cases[] = {
	    {"", "", true},
	    {"all of it", "all of it", true},
	    {"to \\(.x) and on", "to ", false},
	    {"\\(.x) on", "", false},
	    {"\\n \\", "\\n \\", true},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *error = NULL;
		bool whole;
		struct template *t = template_new(cases[i].text, strlen(cases[i].text), &error);
		struct json_span head = template_head(t, &whole);
		tap_bytes(head.at, head.length, cases[i].head, strlen(cases[i].head),
			  "%s: the text before the first expression", cases[i].text);
		tap_ok(whole == cases[i].whole, "which is %sall", whole ? "" : "not ");
		template_free(t);
	}
}

static void test_nulls(void)
{
	static const struct {
		const char *text, *inputs[3], *want;
	} cases[] = {
	    {"\\(.a) \\(.b)", {"{\"b\":1}", "{}", "{\"b\":null}"}, "'.a'"},
	    {"\\(.a) \\(.b)", {"{}", "{}", "{\"b\":null}"}, "'.a', '.b'"},
	    {"\\(.a)\\(.b|empty)", {"{}", "{}", "{\"a\":false}"}, "'.b|empty'"},
	    {"\\(.a.b)\\(.c)", {"{\"a\":1}", "{}", "{\"a\":2}"}, "'.a.b', '.c'"},
	    {"\\(.a) null", {"{\"a\":\"\"}", "{}", "{}"}, ""},
	    {"x\\(.a)", {"{\"a\":\"nulls\"}", "{}", "{}"}, ""},
	    {"null", {"{}", "{}", "{}"}, ""},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf out = {0}, message = {0}, nulls = {0};
		char *error = NULL;
		struct template *t = template_new(cases[i].text, strlen(cases[i].text), &error);
		for (size_t j = 0; j < COUNT(cases[i].inputs); j++) {
			const char *input = cases[i].inputs[j];
			template_fill(t, (struct json_span){input, strlen(input)}, &out, &message);
		}
		tap_ok(template_nulls(t, &nulls) == (cases[i].want[0] != '\0'), "%s: nulls or none",
		       cases[i].text);
		tap_is(buf_string(&nulls), cases[i].want, "%s: which", cases[i].text);
		template_free(t);
		buf_free(&out);
		buf_free(&message);
		buf_free(&nulls);
	}
}

int main(void)
{
	test_fill();
	test_nulls();
	test_head();
	test_fill_nul();
	test_failures();
	test_mistakes();
	test_scan();
	return tap_done();
}
