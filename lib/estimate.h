/* estimate: what requests will cost and how long they will take, without sending any. */
#ifndef ESTIMATE_H
#define ESTIMATE_H

#include "cli.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct price_table;

struct estimate_options {
	int64_t concurrency;
	int64_t requests, tokens; /* a minute; 0 for any number */
	int64_t latency;          /* of a request, ns */
	int64_t output;           /* tokens of an answer, -1 if that is not known */
	size_t max_line;
	bool json;
};

/* The options that have no letter. */
enum { ESTIMATE_LATENCY = CLI_LONG + 64, ESTIMATE_OUTPUT };

/* Set what -c, -r, -t, --latency or --expect-output says, or end by cli_misuse. */
void estimate_option(struct estimate_options *options, int id, const char *argument);

/*
 * Read requests from stdin to its end and print a table on stdout, if there are any, or one object
 * of JSON.
 *
 * The input is estimated by tokens_request. The output is as given, but no more than the request
 * allows; if it is not given, it is what the request allows, or the model's most. Time is that of
 * the requests, so many at once, and no less than the limits allow: these count the input and what
 * the request allows of output. A batch takes up to a day.
 *
 * Returns the exit status, which is that of failed records if a line is no request; what cannot be
 * read or priced is reported on stderr.
 */
int estimate_run(const struct price_table *prices, const struct estimate_options *options);

#endif
