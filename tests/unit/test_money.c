/* Dollars as nano-dollars: exact, in both directions. */
#include "buf.h"
#include "money.h"
#include "tap.h"

static void test_parse(void)
{
	static const struct {
		const char *text;
		int64_t want; /* -1: refused */
	} cases[] = {
	    {"0", 0},
	    {"0.0", 0},
	    {"0e5", 0},
	    {"0e999999999999999999999", 0},
	    {"0.000e-999999999999999999999", 0},
	    {"1", MONEY_DOLLAR},
	    {"1.0", MONEY_DOLLAR},
	    {"0.1", MONEY_DOLLAR / 10},
	    {"0.3", 3 * MONEY_DOLLAR / 10},
	    {"0.000123", 123000},
	    {"1.23e-4", 123000},
	    {"1.23E-4", 123000},
	    {"123e-6", 123000},
	    {"0.0000123e1", 123000},
	    {"0.0000123e+1", 123000},
	    {"12e2", 1200 * MONEY_DOLLAR},
	    {"1.5e3", 1500 * MONEY_DOLLAR},
	    {"0.000000001", 1},
	    {"0.0000000014", 1},
	    {"0.00000000149999", 1},
	    {"0.0000000015", 2},
	    {"0.0000000005", 1},
	    {"0.00000000049", 0},
	    {"0.00000000005", 0},
	    {"5e-10", 1},
	    {"4.9e-10", 0},
	    {"5e-11", 0},
	    {"9e-999999999999999999999", 0},
	    {"0.9999999999", MONEY_DOLLAR},
	    {"123456789.123456789", INT64_C(123456789123456789)},
	    {"9223372036.854775807", INT64_MAX},
	    {"9223372036.8547758074", INT64_MAX},
	    {"9223372036.8547758075", -1},
	    {"9223372036.854775808", -1},
	    {"9223372037", -1},
	    {"1e10", -1},
	    {"1e999999999999999999999", -1},
	    {"-1", -1},
	    {"-0", -1},
	    {"", -1},
	    {"null", -1},
	    {"\"1\"", -1},
	    {"true", -1},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t nano = -2;
		int result = money_parse(cases[i].text, strlen(cases[i].text), &nano);
		tap_int(result, cases[i].want < 0 ? -1 : 0, "parse %s", cases[i].text);
		if (cases[i].want >= 0)
			tap_int(nano, cases[i].want, "its value");
	}
}

static void test_print(void)
{
	static const struct {
		int64_t nano;
		const char *want;
	} cases[] = {
	    {0, "0"},
	    {1, "0.000000001"},
	    {123000, "0.000123"},
	    {MONEY_DOLLAR / 2, "0.5"},
	    {MONEY_DOLLAR, "1"},
	    {MONEY_DOLLAR + 10, "1.00000001"},
	    {1500 * MONEY_DOLLAR, "1500"},
	    {INT64_MAX, "9223372036.854775807"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = {0};
		int64_t back = -1;
		money_print(&out, cases[i].nano);
		tap_is(buf_string(&out), cases[i].want, "print %lld", (long long)cases[i].nano);
		money_parse(out.data, out.length, &back);
		tap_int(back, cases[i].nano, "what is printed is read as the same");
		buf_free(&out);
	}
}

static void test_sum(void)
{
	struct buf out = {0};
	int64_t sum = 0;

	for (int i = 0; i < 10; i++) { /* which doubles add up to 0.9999999999999999 */
		int64_t tenth;
		money_parse("0.1", 3, &tenth);
		sum = money_sum(sum, tenth);
	}
	money_print(&out, sum);
	tap_is(buf_string(&out), "1", "ten tenths are one");
	tap_int(money_sum(INT64_MAX - 1, 1), INT64_MAX, "the largest sum");
	tap_int(money_sum(INT64_MAX, 1), INT64_MAX, "a larger one stays there");
	buf_free(&out);
}

int main(void)
{
	test_parse();
	test_print();
	test_sum();
	return tap_done();
}
