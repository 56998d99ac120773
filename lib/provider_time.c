/* Durations and dates as HTTP headers and error bodies spell them, read by hand: strptime depends
 * on the locale and timegm is not in POSIX. */
#include "provider.h"
#include "clock.h"

#include <string.h>

/* What is left to read. */
struct text {
	const char *p;
	const char *end;
};

static bool is_digit(const struct text *t)
{
	return t->p < t->end && *t->p >= '0' && *t->p <= '9';
}

static bool take_char(struct text *t, char c)
{
	if (t->p == t->end || *t->p != c)
		return false;
	t->p++;
	return true;
}

static bool take_word(struct text *t, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(t->end - t->p) < n || memcmp(t->p, word, n) != 0)
		return false;
	t->p += n;
	return true;
}

/* A number of exactly this many digits. */
static bool take_digits(struct text *t, int digits, int *value)
{
	*value = 0;
	for (; digits > 0; digits--) {
		if (!is_digit(t))
			return false;
		*value = *value * 10 + (*t->p++ - '0');
	}
	return true;
}

/* Digits behind a decimal point, as billionths; those beyond the ninth don't count. */
static int64_t take_fraction(struct text *t)
{
	int64_t billionths = 0;
	int64_t scale = CLOCK_SEC;

	for (; is_digit(t); t->p++) {
		scale /= 10;
		billionths += (*t->p - '0') * scale;
	}
	return billionths;
}

/* What is too long for nanoseconds to tell is as long as they can: whoever waits has a limit of his
 * own. */
static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static int64_t multiply(int64_t a, int64_t b)
{
	int64_t product;
	return __builtin_mul_overflow(a, b, &product) ? INT64_MAX : product;
}

/* A decimal number without sign. Returns 0, or -1 if there is none. */
static int take_decimal(struct text *t, int64_t *whole, int64_t *billionths)
{
	const char *start = t->p;

	*whole = 0;
	*billionths = 0;
	for (; is_digit(t); t->p++)
		*whole = add(multiply(*whole, 10), *t->p - '0');
	bool any = t->p > start;
	if (take_char(t, '.')) {
		any = any || is_digit(t);
		*billionths = take_fraction(t);
	}
	return any ? 0 : -1;
}

/* The unit of Go's time.ParseDuration that stands here, in nanoseconds; 0 if there is none. */
static int64_t take_unit(struct text *t)
{
	static const struct {
		const char *name;
		int64_t nanoseconds;
	} units[] = {
	    {"ns", 1},           {"us", 1000},     {"\xc2\xb5s", 1000}, /* the micro sign */
	    {"\xce\xbcs", 1000},                                        /* the Greek letter */
	    {"ms", CLOCK_MS},    {"s", CLOCK_SEC}, {"m", 60 * CLOCK_SEC}, {"h", 3600 * CLOCK_SEC}};

	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (take_word(t, units[i].name))
			return units[i].nanoseconds;
	return 0;
}

/* "1h16m0.667s", "57.238s", or a lone number, which is seconds. */
static int parse_span(struct text t, int64_t *nanoseconds)
{
	int64_t total = 0;
	bool first = true;

	do {
		int64_t whole, billionths;
		if (take_decimal(&t, &whole, &billionths) < 0)
			return -1;
		int64_t unit = take_unit(&t);
		if (unit == 0 && first && t.p == t.end)
			unit = CLOCK_SEC;
		if (unit == 0)
			return -1;
		/* In this order neither product overflows: one factor is below 1e9, the other at
		 * most 3600 or 1e6. */
		int64_t part = unit >= CLOCK_SEC ? billionths * (unit / CLOCK_SEC)
						 : billionths * unit / CLOCK_SEC;
		total = add(total, add(multiply(whole, unit), part));
		first = false;
	} while (t.p < t.end);
	*nanoseconds = total;
	return 0;
}

/* A date and time in UTC; the month from 1 to 12. */
struct date {
	int year, month, day, hour, minute, second;
	int64_t nanosecond;
};

/* Days from 1970-01-01 in the proleptic Gregorian calendar. Counted in years that start in March,
 * so that the leap day is a year's last. */
static int64_t days_from_date(const struct date *d)
{
	int64_t year = d->month <= 2 ? d->year - 1 : d->year;
	int64_t month = (d->month + 9) % 12; /* March is 0 */
	int64_t day_of_year = (153 * month + 2) / 5 + d->day - 1;
	/* 400 years are added, a whole cycle, to keep the divisions positive for year 0. */
	int64_t y = year + 400;

	return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468 - 146097;
}

/* Seconds since 1970; -1 with *ok false if a field is out of range. A leap second is accepted. */
static int64_t date_seconds(const struct date *d, bool *ok)
{
	*ok = d->month >= 1 && d->month <= 12 && d->day >= 1 && d->day <= 31 && d->hour <= 23 &&
	      d->minute <= 59 && d->second <= 60;
	if (!*ok)
		return -1;
	return ((days_from_date(d) * 24 + d->hour) * 60 + d->minute) * 60 + d->second;
}

static bool take_clock(struct text *t, struct date *d)
{
	return take_digits(t, 2, &d->hour) && take_char(t, ':') && take_digits(t, 2, &d->minute) &&
	       take_char(t, ':') && take_digits(t, 2, &d->second);
}

/* RFC 3339: "2026-11-06T08:49:37.5Z", or with an offset "+01:00", which is set in seconds. */
static bool parse_rfc3339(struct text t, struct date *d, int64_t *offset)
{
	int hours = 0, minutes = 0;

	if (!take_digits(&t, 4, &d->year) || !take_char(&t, '-') ||
	    !take_digits(&t, 2, &d->month) || !take_char(&t, '-') || !take_digits(&t, 2, &d->day))
		return false;
	if (!take_char(&t, 'T') && !take_char(&t, 't') && !take_char(&t, ' '))
		return false;
	if (!take_clock(&t, d))
		return false;
	if (take_char(&t, '.')) {
		if (!is_digit(&t))
			return false;
		d->nanosecond = take_fraction(&t);
	}
	if (take_char(&t, 'Z') || take_char(&t, 'z'))
		return t.p == t.end;
	bool west = take_char(&t, '-');
	if (!west && !take_char(&t, '+'))
		return false;
	if (!take_digits(&t, 2, &hours) || !take_char(&t, ':') || !take_digits(&t, 2, &minutes))
		return false;
	*offset = (west ? -60 : 60) * (int64_t)(hours * 60 + minutes);
	return t.p == t.end;
}

static bool take_month(struct text *t, struct date *d)
{
	static const char names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
					  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

	for (int i = 0; i < 12; i++) {
		if (take_word(t, names[i])) {
			d->month = i + 1;
			return true;
		}
	}
	return false;
}

/* RFC 9110, 5.6.7: a two-digit year more than 50 years ahead is the last one that ended so. */
static void set_short_year(struct date *d, int64_t wall)
{
	/* The year by its mean length: a day's error matters only 50 years from now. */
	int now = 1970 + (int)(wall / CLOCK_SEC / 31556952);

	d->year += now - now % 100;
	if (d->year > now + 50)
		d->year -= 100;
}

/* The three forms of RFC 9110, 5.6.7, by what stands behind the name of the day: IMF-fixdate
 * ", 06 Nov 1994 08:49:37 GMT", RFC 850 ", 06-Nov-94 08:49:37 GMT", asctime " Nov  6 08:49:37
 * 1994". */
static bool parse_http_date(struct text t, struct date *d, int64_t wall)
{
	while (t.p < t.end && ((*t.p | 0x20) >= 'a' && (*t.p | 0x20) <= 'z'))
		t.p++;
	if (!take_char(&t, ',')) {
		if (!take_char(&t, ' ') || !take_month(&t, d) || !take_char(&t, ' '))
			return false;
		if (!take_digits(&t, take_char(&t, ' ') ? 1 : 2, &d->day) || !take_char(&t, ' '))
			return false;
		return take_clock(&t, d) && take_char(&t, ' ') && take_digits(&t, 4, &d->year) &&
		       t.p == t.end;
	}
	if (!take_char(&t, ' ') || !take_digits(&t, 2, &d->day))
		return false;
	if (take_char(&t, '-')) {
		if (!take_month(&t, d) || !take_char(&t, '-') || !take_digits(&t, 2, &d->year))
			return false;
		set_short_year(d, wall);
	} else if (!take_char(&t, ' ') || !take_month(&t, d) || !take_char(&t, ' ') ||
		   !take_digits(&t, 4, &d->year)) {
		return false;
	}
	return take_char(&t, ' ') && take_clock(&t, d) && take_word(&t, " GMT") && t.p == t.end;
}

int provider_duration(const char *text, size_t length, int64_t wall, int64_t *nanoseconds)
{
	struct text t = {text, text + length};
	struct date d = {0};
	int64_t offset = 0;
	bool ok;

	while (t.p < t.end && (*t.p == ' ' || *t.p == '\t'))
		t.p++;
	while (t.p < t.end && (t.end[-1] == ' ' || t.end[-1] == '\t'))
		t.end--;
	if (parse_span(t, nanoseconds) == 0)
		return 0;
	if (!parse_rfc3339(t, &d, &offset)) {
		d = (struct date){0};
		offset = 0;
		if (!parse_http_date(t, &d, wall))
			return -1;
	}
	int64_t then = date_seconds(&d, &ok) - offset;
	/* Compared in seconds first: a year like 9999 does not fit in nanoseconds. */
	int64_t seconds = then - wall / CLOCK_SEC;
	if (!ok)
		return -1;
	if (seconds > INT64_MAX / CLOCK_SEC - 1) {
		*nanoseconds = INT64_MAX;
		return 0;
	}
	int64_t left = seconds < 0 ? 0 : seconds * CLOCK_SEC + d.nanosecond - wall % CLOCK_SEC;
	*nanoseconds = left < 0 ? 0 : left;
	return 0;
}
