#include "latency.h"
#include "mem.h"
#include "opt.h"
#include "rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int latency_parse(struct latency *l, const char *value)
{
	int64_t mean;
	int64_t spread = 0;
	const char *sign = strstr(value, "\302\261"); /* U+00B1 plus-minus; two bytes, as "+-" is */

	*l = (struct latency){0};
	if (sign == NULL)
		sign = strstr(value, "+-");
	char *head = mem_copy(value, sign != NULL ? (size_t)(sign - value) : strlen(value));
	int bad = opt_duration(head, &mean) < 0;
	free(head);
	if (sign != NULL)
		bad |= opt_duration(sign + 2, &spread) < 0;
	if (bad)
		return -1;
	l->constant = mean;
	if (mean > 0 && spread > 0) {
		/* The log-normal distribution with this mean m and standard deviation s has
		 * sigma^2 = ln(1 + s^2/m^2) and mu = ln m - sigma^2/2. */
		double ratio = (double)spread / (double)mean;
		double variance = log1p(ratio * ratio);
		l->sigma = sqrt(variance);
		l->mu = log((double)mean) - variance / 2;
	}
	return 0;
}

int64_t latency_draw(const struct latency *l, struct rng *r)
{
	if (l->sigma <= 0)
		return l->constant;
	double ns = exp(l->mu + l->sigma * rng_normal(r));
	return ns < 9e17 ? (int64_t)ns : INT64_C(900000000000000000);
}
