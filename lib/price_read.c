/* Our own format of a price table; lbcost(1) describes it. What it does not know is a mistake, so
 * that a misspelt member does not go unseen. */
#include "buf.h"
#include "money.h"
#include "price_table.h"

#include <string.h>

static const char own_format[] = "lb-prices-1";

/* A mistake in a member of a model or provider. Returns -1. */
static int complain(struct buf *problem, struct json_span owner, const char *member,
		    const char *mistake)
{
	json_text(problem, owner);
	buf_addf(problem, "%s%s: %s", member != NULL ? "." : "", member != NULL ? member : "",
		 mistake);
	return -1;
}

static int read_rate(struct json_span value, int64_t *rate)
{
	return money_parse(value.at, value.length, rate) == 0 && *rate <= PRICE_RATE_MOST ? 0 : -1;
}

/* A factor has at most six decimals. */
static int read_factor(struct json_span value, int64_t *factor)
{
	int64_t nano;

	if (money_parse(value.at, value.length, &nano) < 0 || nano == 0 || nano % 1000 != 0 ||
	    nano / 1000 > PRICE_FACTOR_MOST)
		return -1;
	*factor = nano / 1000;
	return 0;
}

static int read_tokens(struct json_span value, int64_t *tokens)
{
	return json_integer(value, tokens) == 0 && *tokens >= 1 && *tokens <= PRICE_TOKENS_MOST
		   ? 0
		   : -1;
}

/* Days from 1970-01-01 on (Gregorian, after H. Hinnant's days_from_civil). */
static int64_t days_to(int year, int month, int day)
{
	int y = month <= 2 ? year - 1 : year;
	int era = y / 400, of_era = y - era * 400;
	int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return (int64_t)era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* Digits as a number, -1 if there are others in it. */
static int digits(const char *text, size_t n)
{
	int value = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

/* "2027-01-01" as seconds since 1970. */
static int read_date(struct json_span value, int64_t *seconds)
{
	if (json_type(value) != JSON_STRING || value.length != 12)
		return -1;
	const char *text = value.at + 1;
	if (text[4] != '-' || text[7] != '-')
		return -1;
	int year = digits(text, 4), month = digits(text + 5, 2), day = digits(text + 8, 2);
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31)
		return -1;
	*seconds = days_to(year, month, day) * 86400;
	return 0;
}

/* "06:30" as minutes from midnight. */
static int read_clock(struct json_span value, int *minutes)
{
	if (json_type(value) != JSON_STRING || value.length != 7)
		return -1;
	const char *text = value.at + 1;
	if (text[2] != ':')
		return -1;
	int hour = digits(text, 2), minute = digits(text + 3, 2);
	if (hour < 0 || hour > 24 || minute < 0 || minute > 59 || hour * 60 + minute > 1440)
		return -1;
	*minutes = hour * 60 + minute;
	return 0;
}

/* Is it one of the rates? Then read it. Returns 1, 0 if it is none, -1 if it is no price. */
static int take_rate(struct price_rates *rates, struct json_span key, struct json_span value)
{
	const struct {
		const char *name;
		int64_t *rate;
	} members[] = {
	    {"input", &rates->input},
	    {"cached_input", &rates->cached},
	    {"cache_write", &rates->cache_write},
	    {"cache_write_1h", &rates->cache_write_1h},
	    {"output", &rates->output},
	};

	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (json_equals(key, members[i].name))
			return read_rate(value, members[i].rate) == 0 ? 1 : -1;
	return 0;
}

static int take_factor(int64_t *factors, struct json_span key, struct json_span value)
{
	static const char *const names[PRICE_FACTORS] = {
	    [PRICE_BATCH] = "batch", [PRICE_FLEX] = "flex",     [PRICE_PRIORITY] = "priority",
	    [PRICE_FAST] = "fast",   [PRICE_GEO_US] = "geo_us",
	};

	for (size_t i = 0; i < PRICE_FACTORS; i++)
		if (json_equals(key, names[i]))
			return read_factor(value, &factors[i]) == 0 ? 1 : -1;
	return 0;
}

static int read_long(struct price_model *m, struct json_span value)
{
	return json_count(value) == 3 &&
		       read_tokens(json_get(value, "above"), &m->long_above) == 0 &&
		       read_factor(json_get(value, "input"), &m->long_input) == 0 &&
		       read_factor(json_get(value, "output"), &m->long_output) == 0
		   ? 0
		   : -1;
}

static int read_hours(struct price_model *m, struct json_span value)
{
	struct json_iter it = json_iter(value);
	struct json_span element;

	if (json_type(value) != JSON_ARRAY || json_count(value) > PRICE_HOURS_MOST)
		return -1;
	while (json_next(&it, NULL, &element)) {
		struct price_hours *h = &m->hours[m->hours_count++];
		if (json_count(element) != 3 ||
		    read_clock(json_get(element, "from"), &h->from) < 0 ||
		    read_clock(json_get(element, "to"), &h->to) < 0 ||
		    read_factor(json_get(element, "factor"), &h->factor) < 0)
			return -1;
	}
	return 0;
}

/* The prices of one date. */
static int read_later_one(struct price_later *later, struct json_span value)
{
	struct json_iter it = json_iter(value);
	struct json_span key, member;

	later->rates =
	    (struct price_rates){PRICE_UNSET, PRICE_UNSET, PRICE_UNSET, PRICE_UNSET, PRICE_UNSET};
	if (read_date(json_get(value, "date"), &later->from) < 0)
		return -1;
	while (json_next(&it, &key, &member))
		if (!json_equals(key, "date") && take_rate(&later->rates, key, member) != 1)
			return -1;
	if (later->rates.input == PRICE_UNSET || later->rates.output == PRICE_UNSET)
		return -1;
	price_table_complete(&later->rates);
	return 0;
}

static int read_later(struct price_model *m, struct json_span value)
{
	struct json_iter it = json_iter(value);
	struct json_span element;

	if (json_type(value) != JSON_ARRAY || json_count(value) > PRICE_LATER_MOST)
		return -1;
	while (json_next(&it, NULL, &element)) {
		struct price_later *later = &m->later[m->later_count++];
		if (read_later_one(later, element) < 0)
			return -1;
		if (m->later_count > 1 && later[-1].from >= later->from)
			return -1;
	}
	return 0;
}

static int read_aliases(struct price_table *t, struct json_span value)
{
	struct json_iter it = json_iter(value);
	struct json_span element;
	struct buf name = {0};
	int result = json_type(value) == JSON_ARRAY ? 0 : -1;

	while (result == 0 && json_next(&it, NULL, &element)) {
		buf_clear(&name);
		json_text(&name, element);
		if (json_type(element) != JSON_STRING || name.length == 0)
			result = -1;
		else
			price_table_alias(t, name.data, name.length);
	}
	buf_free(&name);
	return result;
}

/* A member of a model. Returns what is wrong with it, or NULL. */
static const char *read_member(struct price_table *t, struct price_model *m, struct json_span key,
			       struct json_span value)
{
	int rate = take_rate(&m->rates, key, value);
	int factor = rate == 0 ? take_factor(m->factors, key, value) : 0;

	if (rate != 0)
		return rate > 0 ? NULL : "no price";
	if (factor != 0)
		return factor > 0 ? NULL : "no factor";
	if (json_equals(key, "context"))
		return read_tokens(value, &m->context) == 0 ? NULL : "no number of tokens";
	if (json_equals(key, "max_output"))
		return read_tokens(value, &m->max_output) == 0 ? NULL : "no number of tokens";
	if (json_equals(key, "image_tokens"))
		return read_tokens(value, &m->image_tokens) == 0 ? NULL : "no number of tokens";
	if (json_equals(key, "long_context"))
		return read_long(m, value) == 0 ? NULL : "wants above, input and output";
	if (json_equals(key, "hours"))
		return read_hours(m, value) == 0 ? NULL : "wants from, to and factor, up to 4";
	if (json_equals(key, "from"))
		return read_later(m, value) == 0 ? NULL : "wants date, input and output, in order";
	if (json_equals(key, "aliases"))
		return read_aliases(t, value) == 0 ? NULL : "no names";
	if (json_equals(key, "provider") || json_equals(key, "sources") || json_equals(key, "note"))
		return NULL;
	return "no such member";
}

static int read_model(struct price_table *t, struct json_span name, struct json_span value,
		      struct json_span providers, struct buf *problem)
{
	struct json_iter it = json_iter(value);
	struct json_span key, member, provider = json_get(value, "provider");
	struct buf text = {0};

	json_text(&text, name);
	struct price_model *m = price_table_add(t, text.data, text.length);
	buf_clear(&text);
	if (json_type(provider) == JSON_STRING) {
		json_text(&text, provider);
		struct json_iter factors = json_iter(json_get(providers, buf_string(&text)));
		while (json_next(&factors, &key, &member))
			take_factor(m->factors, key, member);
	}
	buf_free(&text);
	if (json_type(value) != JSON_OBJECT)
		return complain(problem, name, NULL, "no object");
	while (json_next(&it, &key, &member)) {
		const char *mistake = read_member(t, m, key, member);
		if (mistake == NULL)
			continue;
		json_text(&text, key);
		complain(problem, name, buf_string(&text), mistake);
		buf_free(&text);
		return -1;
	}
	if (m->rates.input == PRICE_UNSET || m->rates.output == PRICE_UNSET)
		return complain(problem, name, NULL, "wants input and output");
	price_table_complete(&m->rates);
	return 0;
}

static int check_providers(struct json_span providers, struct buf *problem)
{
	struct json_iter it = json_iter(providers), inner;
	struct json_span name, provider, key, value;
	int64_t factors[PRICE_FACTORS];

	while (json_next(&it, &name, &provider)) {
		inner = json_iter(provider);
		while (json_next(&inner, &key, &value))
			if (take_factor(factors, key, value) != 1)
				return complain(problem, name, NULL, "wants factors by name");
	}
	return 0;
}

int price_read_models(struct price_table *t, struct json_span root, struct buf *problem)
{
	struct json_span providers = json_get(root, "providers");
	struct json_iter it = json_iter(json_get(root, "models"));
	struct json_span name, value;

	if (!json_equals(json_get(root, "format"), own_format)) {
		buf_addf(problem, "its format is not \"%s\"", own_format);
		return -1;
	}
	if (check_providers(providers, problem) < 0)
		return -1;
	while (json_next(&it, &name, &value))
		if (read_model(t, name, value, providers, problem) < 0)
			return -1;
	return 0;
}
