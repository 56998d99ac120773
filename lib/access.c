#include "access.h"
#include "buf.h"
#include "clock.h"
#include "mem.h"
#include "msg.h"
#include "provider.h"

#include <stdlib.h>
#include <string.h>

#define STALL_TIMEOUT (120 * CLOCK_SEC)

void access_init(struct access *a)
{
	*a = (struct access){.http = {.timeout = 600 * CLOCK_SEC,
				      .connect_timeout = 10 * CLOCK_SEC,
				      .stall_timeout = STALL_TIMEOUT,
				      .max_response = (size_t)64 << 20,
				      .wants_header = provider_wants_header}};
}

static void add_header(struct access *a, const char *line)
{
	struct credentials_options *c = &a->credential_options;
	const char *mistake = credentials_check(line);

	if (mistake != NULL)
		cli_misuse("-H: %s", mistake);
	c->extra = mem_resize(c->extra, c->extra_count + 1, sizeof *c->extra);
	c->extra[c->extra_count++] = mem_copy(line, strlen(line));
}

static void add_headers(struct access *a, const char *argument)
{
	struct buf text = {0};
	char *rest, *line;

	if (argument[0] != '@') {
		add_header(a, argument);
		return;
	}
	cli_text("-H", argument, &text);
	rest = buf_string(&text);
	while ((line = strtok_r(rest, "\r\n", &rest)) != NULL)
		add_header(a, line);
	buf_free(&text);
}

static void set_auth(struct access *a, const char *kind)
{
	static const char *const kinds[] = {"bearer", "x-api-key", "api-key", "none"};
	const char *known = NULL;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kind, kinds[i]) == 0)
			known = kinds[i];
	a->credential_options.auth = known;
	if (known == NULL)
		cli_misuse("--auth wants bearer, x-api-key, api-key or none, not '%s'", kind);
}

/* A timeout. To libcurl 0 is none at all. */
static int64_t timeout_option(const char *option, const char *argument)
{
	int64_t time = cli_duration(option, argument);

	if (time < CLOCK_MS)
		cli_misuse("%s wants at least 1ms, not '%s'", option, argument);
	return time;
}

bool access_set(struct access *a, int id, char *argument)
{
	switch (id) {
	case 'u':
		a->base_url = argument;
		break;
	case 'K':
		a->credential_options.key_names = argument;
		break;
	case ACCESS_AUTH:
		set_auth(a, argument);
		break;
	case 'H':
		add_headers(a, argument);
		break;
	case ACCESS_ORIGIN:
		a->origins = mem_resize(a->origins, a->origin_count + 1, sizeof *a->origins);
		a->origins[a->origin_count++] = argument;
		break;
	case ACCESS_TIMEOUT:
		a->http.timeout = timeout_option("--timeout", argument);
		break;
	case ACCESS_CONNECT:
		a->http.connect_timeout = timeout_option("--connect-timeout", argument);
		break;
	case ACCESS_MAX_RESPONSE:
		a->http.max_response = (size_t)cli_size("--max-response", argument, 1, 256 << 20);
		break;
	default:
		return false;
	}
	return true;
}

void access_open(struct access *a)
{
	char *error = NULL;

	a->targets = target_new(a->base_url, getenv("OPENAI_BASE_URL"),
				getenv("ANTHROPIC_BASE_URL"), &error);
	if (a->targets == NULL)
		msg_die(STATUS_USAGE, "%s", error);
	for (size_t i = 0; i < a->origin_count; i++)
		if (target_allow(a->targets, a->origins[i]) < 0)
			msg_die(STATUS_USAGE, "--allow-origin wants scheme://host[:port], not '%s'",
				a->origins[i]);
	a->credentials = credentials_new(&a->credential_options, &error);
	if (a->credentials == NULL)
		msg_die(STATUS_USAGE, "%s", error);
}

void access_free(struct access *a)
{
	credentials_free(a->credentials);
	target_free(a->targets);
	for (size_t i = 0; i < a->credential_options.extra_count; i++)
		free(a->credential_options.extra[i]);
	free(a->credential_options.extra);
	free(a->origins);
}
