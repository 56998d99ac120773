/* Numbers as ECMAScript writes them, with all of their digits. */
#include "buf.h"
#include "canonical_state.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>

/* Digits of an exponent beyond which a number is left as it is. */
#define EXPONENT_DIGITS 17

/* ECMAScript writes integers of up to so many digits without an exponent. */
#define PLAIN_DIGITS 21

/* Append zeros. */
static void add_zeros(struct buf *out, int64_t count)
{
	while (count-- > 0)
		buf_addc(out, '0');
}

/* Append the number 0.DIGITS times ten to the point; no zeros stand at either end of the digits.
 * ECMA-262, Number::toString. */
static void add_decimal(struct buf *out, const char *digits, size_t count, int64_t point)
{
	int64_t n = (int64_t)count;

	if (point >= n && point <= PLAIN_DIGITS) {
		buf_add(out, digits, count);
		add_zeros(out, point - n);
	} else if (point > 0 && point <= PLAIN_DIGITS) {
		buf_add(out, digits, (size_t)point);
		buf_addc(out, '.');
		buf_add(out, digits + point, count - (size_t)point);
	} else if (point > -6 && point <= 0) {
		buf_adds(out, "0.");
		add_zeros(out, -point);
		buf_add(out, digits, count);
	} else {
		buf_addc(out, *digits);
		if (count > 1) {
			buf_addc(out, '.');
			buf_add(out, digits + 1, count - 1);
		}
		buf_addf(out, "e%+" PRId64, point - 1);
	}
}

/* Read an exponent's digits. Returns 0, or -1 if there are too many. */
static int read_exponent(const char *p, const char *end, int64_t *value)
{
	bool negative = *p == '-';

	*value = 0;
	if (*p == '-' || *p == '+')
		p++;
	while (p < end && *p == '0')
		p++;
	if (end - p > EXPONENT_DIGITS)
		return -1;
	for (; p < end; p++)
		*value = *value * 10 + (*p - '0');
	if (negative)
		*value = -*value;
	return 0;
}

/* Append a number that is not just a few digits. */
static void add_odd_number(struct buf *out, struct buf *digits, const char *p, const char *end)
{
	const char *start = p;
	size_t leading = 0;
	int64_t exponent = 0, point;

	buf_clear(digits);
	if (*p == '-')
		p++;
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		buf_addc(digits, *p);
	point = (int64_t)digits->length;
	if (p < end && *p == '.')
		for (p++; p < end && *p >= '0' && *p <= '9'; p++)
			buf_addc(digits, *p);
	while (digits->length > 0 && digits->data[digits->length - 1] == '0')
		digits->length--;
	if (digits->length == 0) {
		buf_addc(out, '0');
		return;
	}
	if (p < end && read_exponent(p + 1, end, &exponent) < 0) {
		buf_add(out, start, (size_t)(end - start));
		return;
	}
	while (digits->data[leading] == '0')
		leading++;
	if (*start == '-')
		buf_addc(out, '-');
	add_decimal(out, digits->data + leading, digits->length - leading,
		    point - (int64_t)leading + exponent);
}

static bool ends_value(char c)
{
	return c == ',' || c == '}' || c == ']' || (unsigned char)c <= ' ';
}

const char *canonical_add_word(struct buf *out, struct buf *spare, const char *p, const char *end)
{
	const char *start = p;
	bool digits = true;

	for (; p < end && !ends_value(*p); p++)
		digits = digits && *p >= '0' && *p <= '9';
	if (*start >= 'a' || (digits && p - start <= PLAIN_DIGITS))
		buf_add(out, start, (size_t)(p - start));
	else
		add_odd_number(out, spare, start, p);
	return p;
}
