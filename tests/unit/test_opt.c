/* What options accept: the whole string or nothing. */
#include "opt.h"
#include "tap.h"

#define MS  INT64_C(1000000)
#define SEC INT64_C(1000000000)

struct integer_case {
	const char *text;
	int64_t value; /* -1: refused */
};

static void test_integers(const char *what, int (*parse)(const char *, int64_t *),
			  const struct integer_case *cases)
{
	for (; cases->text != NULL; cases++) {
		int64_t value = -1;
		int result = parse(cases->text, &value);
		tap_int(result, cases->value < 0 ? -1 : 0, "%s \"%s\"", what, cases->text);
		if (cases->value >= 0)
			tap_int(value, cases->value, "its value");
	}
}

static void test_shares(void)
{
	static const struct {
		const char *text;
		double share; /* negative: refused */
	} cases[] = {{"0", 0},      {"1", 1},        {"0.02", 0.02}, {".5", 0.5},  {"2%", 0.02},
		     {"100%", 1},   {"0.1%", 0.001}, {"101%", -1},   {"1.01", -1}, {"2", -1},
		     {"", -1},      {"%", -1},       {"-1%", -1},    {"+1%", -1},  {"1 %", -1},
		     {"1%%", -1},   {"x", -1},       {"nan", -1},    {"inf", -1},  {"1e-1", -1},
		     {"0x0.1", -1}, {" 1%", -1},     {".", -1},      {"1.2.3", -1}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		double share = -2;
		int result = opt_share(cases[i].text, &share);
		tap_int(result, cases[i].share < 0 ? -1 : 0, "share \"%s\"", cases[i].text);
		if (cases[i].share >= 0)
			tap_ok(share > cases[i].share - 1e-12 && share < cases[i].share + 1e-12,
			       "its value");
	}
}

int main(void)
{
	static const struct integer_case counts[] = {
	    {"0", 0},
	    {"1", 1},
	    {"007", 7},
	    {"200k", 200000},
	    {"200K", 200000},
	    {"3M", 3000000},
	    {"2G", 2000000000},
	    {"9223372036854775807", INT64_MAX},
	    {"9223372036854775808", -1},
	    {"9223372036854775k", INT64_C(9223372036854775000)},
	    {"9223372036854776k", -1},
	    {"99999999999999999999999", -1},
	    {"", -1},
	    {"k", -1},
	    {"-1", -1},
	    {"+1", -1},
	    {" 1", -1},
	    {"1 ", -1},
	    {"1kk", -1},
	    {"1 k", -1},
	    {"1k5", -1},
	    {"1.5k", -1},
	    {"1e3", -1},
	    {"0x10", -1},
	    {"1T", -1},
	    {"ten", -1},
	    {NULL, 0},
	};
	static const struct integer_case sizes[] = {
	    {"0", 0},
	    {"1023", 1023},
	    {"64k", 65536},
	    {"64K", 65536},
	    {"10M", 10485760},
	    {"2G", INT64_C(2147483648)},
	    {"8589934591G", INT64_C(9223372035781033984)},
	    {"8589934592G", -1},
	    {"64kb", -1},
	    {"64KiB", -1},
	    {"-64k", -1},
	    {"", -1},
	    {NULL, 0},
	};
	static const struct integer_case durations[] = {
	    {"0", 0},
	    {"250ms", 250 * MS},
	    {"0.5ms", MS / 2},
	    {"30", 30 * SEC},
	    {"30s", 30 * SEC},
	    {"1.5s", 1500 * MS},
	    {".5", 500 * MS},
	    {"5.", 5 * SEC},
	    {"5m", 300 * SEC},
	    {"24h", 86400 * SEC},
	    {"2d", 172800 * SEC},
	    {"0.1", 100 * MS},
	    {"100000d", 8640000000 * SEC},
	    {"1000000d", -1},
	    {"99999999999999999999999999", -1},
	    {"1111111111111111111111111111111111111111111111111111111111111111111111s", -1},
	    {"", -1},
	    {"s", -1},
	    {"ms", -1},
	    {".", -1},
	    {"..", -1},
	    {"1.2.3", -1},
	    {"-1s", -1},
	    {"+1s", -1},
	    {" 1s", -1},
	    {"1 s", -1},
	    {"1s ", -1},
	    {"1S", -1},
	    {"1us", -1},
	    {"1m30s", -1},
	    {"1e3", -1},
	    {"inf", -1},
	    {"nan", -1},
	    {"0x10", -1},
	    {NULL, 0},
	};

	test_integers("count", opt_count, counts);
	test_integers("size", opt_size, sizes);
	test_integers("duration", opt_duration, durations);
	test_shares();
	return tap_done();
}
