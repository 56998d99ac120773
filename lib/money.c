#include "money.h"
#include "buf.h"

#include <stdbool.h>

/* An exponent beyond this makes any number 0 or too large: no line is so long. */
#define EXPONENT_MOST (INT64_C(1) << 40)

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The exponent behind an "e", clamped. */
static int64_t exponent(const char *text, size_t n)
{
	bool negative = n > 0 && text[0] == '-';
	int64_t value = 0;

	for (size_t i = 0; i < n; i++)
		if (is_digit(text[i]) && value < EXPONENT_MOST)
			value = value * 10 + (text[i] - '0');
	return negative ? -value : value;
}

/* Append a digit to the number. Returns false if it does not fit. */
static bool push(int64_t *value, int digit)
{
	if (*value > (INT64_MAX - digit) / 10)
		return false;
	*value = *value * 10 + digit;
	return true;
}

int money_parse(const char *text, size_t n, int64_t *nano)
{
	size_t digits_end = 0; /* where the digits and the point end */
	int64_t left = 9;      /* how many digits up to the last place that counts: 9 decimals */
	int64_t value = 0;
	bool point = false, round_up = false;

	if (n == 0 || !is_digit(text[0]))
		return -1;
	for (; digits_end < n && (is_digit(text[digits_end]) || text[digits_end] == '.');
	     digits_end++) {
		point = point || text[digits_end] == '.';
		left += !point;
	}
	if (digits_end < n)
		left += exponent(text + digits_end + 1, n - digits_end - 1);

	for (size_t i = 0; i < digits_end; i++) {
		if (text[i] == '.')
			continue;
		if (left == 0)
			round_up = text[i] >= '5';
		if (left > 0 && !push(&value, text[i] - '0'))
			return -1;
		left--;
	}
	for (; left > 0 && value > 0; left--)
		if (!push(&value, 0))
			return -1;
	if (round_up && value == INT64_MAX)
		return -1;
	*nano = value + round_up;
	return 0;
}

int64_t money_sum(int64_t a, int64_t b)
{
	return a > INT64_MAX - b ? INT64_MAX : a + b;
}

void money_print(struct buf *out, int64_t nano)
{
	buf_addn(out, (uint64_t)(nano / MONEY_DOLLAR));
	if (nano % MONEY_DOLLAR == 0)
		return;
	buf_addf(out, ".%09d", (int)(nano % MONEY_DOLLAR));
	while (out->data[out->length - 1] == '0')
		out->length--;
}
