#include "errand.h"
#include "api.h"
#include "clock.h"
#include "incoming.h"
#include "outcome.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void errand_fault(struct errand *e, const char *name)
{
	snprintf(e->fault, sizeof e->fault, "%s", name);
}

void errand_status(struct errand *e, const char *prefix, int status)
{
	snprintf(e->fault, sizeof e->fault, "%s%d", prefix, status);
}

void errand_refuse(struct errand *e, const struct api_error *error)
{
	outcome_error(e->reply, e->call->route.api, error);
}

void errand_complain(struct errand *e, int status, const char *param, const char *format, ...)
{
	char message[512];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	errand_refuse(e, &(struct api_error){.status = status,
					     .type = "invalid_request_error",
					     .param = param,
					     .message = message});
}

void errand_time(struct buf *out, const char *name, int64_t time)
{
	if (time != 0)
		buf_addf(out, ",\"%s\":%" PRId64, name, time / CLOCK_SEC);
	else
		buf_addf(out, ",\"%s\":null", name);
}

void errand_string(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, ",\"%s\":", name);
	if (value[0] != '\0')
		json_quote(out, value, strlen(value));
	else
		buf_adds(out, "null");
}
