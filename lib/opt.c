#include "opt.h"
#include "clock.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static int parse_scaled(const char *s, int64_t kilo, int64_t *value)
{
	int64_t n = 0;
	int64_t scale = 1;

	if (*s < '0' || *s > '9')
		return -1;
	for (; *s >= '0' && *s <= '9'; s++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *s - '0', &n))
			return -1;
	if (*s == 'k' || *s == 'K')
		scale = kilo;
	else if (*s == 'M')
		scale = kilo * kilo;
	else if (*s == 'G')
		scale = kilo * kilo * kilo;
	if (scale > 1)
		s++;
	if (*s != '\0' || __builtin_mul_overflow(n, scale, value))
		return -1;
	return 0;
}

int opt_count(const char *s, int64_t *value)
{
	return parse_scaled(s, 1000, value);
}

int opt_size(const char *s, int64_t *bytes)
{
	return parse_scaled(s, 1024, bytes);
}

/* A plain decimal number without sign, exponent, hexadecimal or "inf"; *end is what follows it. */
static int parse_decimal(const char *s, double *value, char **end)
{
	size_t digits = strspn(s, "0123456789.");
	char copy[64];
	char *stop;

	if (digits == 0 || digits >= sizeof copy)
		return -1;
	memcpy(copy, s, digits);
	copy[digits] = '\0';
	*value = strtod(copy, &stop);
	if (*stop != '\0')
		return -1;
	*end = (char *)(uintptr_t)(s + digits);
	return 0;
}

int opt_duration(const char *s, int64_t *nanoseconds)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = {{"ms", 1e-3}, {"s", 1}, {"", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
	double number;
	char *unit;

	if (parse_decimal(s, &number, &unit) < 0)
		return -1;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (strcmp(unit, units[i].name) != 0)
			continue;
		double ns = number * units[i].seconds * (double)CLOCK_SEC;
		if (ns > 9e18)
			return -1;
		*nanoseconds = (int64_t)(ns + 0.5);
		return 0;
	}
	return -1;
}

int opt_share(const char *s, double *share)
{
	char *end;
	if (parse_decimal(s, share, &end) < 0)
		return -1;
	if (strcmp(end, "%") == 0)
		*share /= 100;
	else if (*end != '\0')
		return -1;
	return *share <= 1 ? 0 : -1;
}
