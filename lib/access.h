/*
 * access: the options by which the tools that call providers are told where these are, with which
 * keys and headers, and how long to wait; and what is opened by them.
 */
#ifndef ACCESS_H
#define ACCESS_H

#include "cli.h"
#include "credentials.h"
#include "http.h"
#include "target.h"

#include <stdbool.h>

/* The ids of long options; a tool's own begin at ACCESS_NEXT. */
enum {
	ACCESS_AUTH = CLI_LONG,
	ACCESS_ORIGIN,
	ACCESS_TIMEOUT,
	ACCESS_CONNECT,
	ACCESS_MAX_RESPONSE,
	ACCESS_NEXT
};

/* Their lines of a tool's table. */
#define ACCESS_OPTIONS                                                                        \
	{'u', "base-url", "URL", "where paths go: http(s)://HOST[/PATH] or unix:/PATH"},      \
	    {'K', "key-env", "NAME[,NAME...]", "variables that hold API keys, used in turn"}, \
	    {ACCESS_AUTH, "auth", "KIND", "bearer, x-api-key, api-key or none"},              \
	    {'H', "header", "LINE", "add 'Name: value', or the lines of @FILE"},              \
	    {ACCESS_ORIGIN, "allow-origin", "URL",                                            \
	     "allow records to name this scheme://host:port"},                                \
	    {ACCESS_TIMEOUT, "timeout", "TIME", "for a whole request (600s)"},                \
	    {ACCESS_CONNECT, "connect-timeout", "TIME", "for connecting (10s)"},              \
	{                                                                                     \
		ACCESS_MAX_RESPONSE, "max-response", "SIZE",                                  \
		    "largest response body, decoded (64M)"                                    \
	}

struct access {
	struct http_options http; /* concurrency is the tool's */
	struct credentials_options credential_options;
	const char *base_url;
	char **origins;
	size_t origin_count;

	struct target_table *targets;
	struct credentials *credentials;
};

/* The defaults. */
void access_init(struct access *a);

/* An option of the table above; ends with status 2 if its argument is wrong. False for others. */
bool access_set(struct access *a, int id, char *argument);

/* Make the targets and the credentials, with the environment; ends with status 2 if that cannot be.
 * Wipes the keys from the environment. */
void access_open(struct access *a);
void access_free(struct access *a);

#endif
