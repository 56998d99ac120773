#include "credentials.h"
#include "buf.h"
#include "http.h"
#include "keys.h"
#include "mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { STYLES = 2 };

static const char *const own_names[STYLES] = {"OPENAI_API_KEY", "ANTHROPIC_API_KEY"};
static const char *const own_auth[STYLES] = {"bearer", "x-api-key"};

struct credentials {
	struct credentials_options options;
	struct keys *shared;       /* with -K */
	struct keys *keys[STYLES]; /* without: each style's own */
	/* One list for each key, and behind them one without a key. */
	struct http_headers **lists[STYLES];
};

const char *credentials_check(const char *line)
{
	const char *colon = strchr(line, ':');

	if (colon == NULL || colon == line)
		return "a header is written 'Name: value'";
	for (const char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p == 0x7f)
			return "a header may not hold control characters";
	for (const char *p = line; p < colon; p++)
		if (*p == ' ' || (unsigned char)*p >= 0x80 ||
		    strchr("()<>@,;\\\"/[]?={}", *p) != NULL)
			return "that is no header name";
	return NULL;
}

static struct keys *keys_of(const struct credentials *c, enum target_style style)
{
	return c->shared != NULL ? c->shared : c->keys[style];
}

static const char *auth_of(const struct credentials *c, enum target_style style)
{
	return c->options.auth != NULL ? c->options.auth : own_auth[style];
}

/* Does the user give this header with -H? name ends in its colon. */
static bool is_given(const struct credentials *c, const char *name)
{
	for (size_t i = 0; i < c->options.extra_count; i++)
		if (strncasecmp(c->options.extra[i], name, strlen(name)) == 0)
			return true;
	return false;
}

static struct http_headers *add(const struct credentials *c, struct http_headers *list,
				const char *name, const char *value)
{
	struct buf line = {0};

	if (is_given(c, name))
		return list;
	buf_addf(&line, "%s %s", name, value);
	list = http_headers_add(list, buf_string(&line));
	buf_free(&line);
	return list;
}

/* The name of the header that carries the key, with its colon; NULL if none does. */
static const char *key_header(const struct credentials *c, enum target_style style)
{
	const char *auth = auth_of(c, style);

	if (strcmp(auth, "none") == 0)
		return NULL;
	const char *name = strcmp(auth, "bearer") == 0      ? "Authorization:"
			   : strcmp(auth, "x-api-key") == 0 ? "x-api-key:"
							    : "api-key:";
	return is_given(c, name) ? NULL : name;
}

static struct http_headers *make_list(const struct credentials *c, enum target_style style,
				      const char *key)
{
	struct http_headers *list = add(c, NULL, "Content-Type:", "application/json");
	const char *name = key_header(c, style);

	list = add(c, list, "User-Agent:", "lb");
	if (http_encoding() != NULL)
		list = add(c, list, "Accept-Encoding:", http_encoding());
	list = http_headers_add(list, "Expect:"); /* no waiting for "100 Continue" */
	if (style == TARGET_ANTHROPIC)
		list = add(c, list, "anthropic-version:", "2023-06-01");
	if (name != NULL && key != NULL) {
		struct buf value = {0};
		buf_addf(&value, "%s%s", strcmp(name, "Authorization:") == 0 ? "Bearer " : "", key);
		list = add(c, list, name, buf_string(&value));
		buf_free(&value);
	}
	for (size_t i = 0; i < c->options.extra_count; i++)
		list = http_headers_add(list, c->options.extra[i]);
	return list;
}

struct credentials *credentials_new(const struct credentials_options *options, char **error)
{
	struct credentials *c = mem_zero(1, sizeof *c);

	c->options = *options;
	if (options->key_names != NULL) {
		c->shared = keys_new(options->key_names, error);
		for (int style = 0; style < STYLES; style++)
			keys_wipe(own_names[style]);
		if (c->shared == NULL)
			goto failed;
		if (keys_count(c->shared) == 0) {
			struct buf text = {0};
			buf_adds(&text, "-K: none of the variables that it names is set");
			/* Unless it is a key that was given for a name. */
			if (strspn(options->key_names, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_,") ==
			    strlen(options->key_names))
				buf_addf(&text, ": %s", options->key_names);
			*error = buf_string(&text);
			goto failed;
		}
	}
	for (int style = 0; style < STYLES && c->shared == NULL; style++) {
		c->keys[style] = keys_new(own_names[style], error);
		if (c->keys[style] == NULL)
			goto failed;
	}
	for (int style = 0; style < STYLES; style++) {
		const struct keys *k = keys_of(c, (enum target_style)style);
		size_t count = keys_count(k);
		c->lists[style] = mem_zero(count + 1, sizeof *c->lists[style]);
		for (size_t i = 0; i <= count; i++)
			c->lists[style][i] = make_list(c, (enum target_style)style,
						       i < count ? keys_value(k, i) : NULL);
	}
	return c;
failed:
	credentials_free(c);
	return NULL;
}

void credentials_free(struct credentials *c)
{
	if (c == NULL)
		return;
	for (int style = 0; style < STYLES; style++) {
		const struct keys *k = keys_of(c, (enum target_style)style);
		for (size_t i = 0; c->lists[style] != NULL && i <= keys_count(k); i++)
			http_headers_free(c->lists[style][i]);
		free(c->lists[style]);
	}
	keys_free(c->shared);
	for (int style = 0; style < STYLES; style++)
		keys_free(c->keys[style]);
	free(c);
}

const struct http_headers *credentials_pick(struct credentials *c, const struct target *target,
					    int64_t now, size_t *key)
{
	struct keys *k = keys_of(c, target->style);

	*key = keys_count(k);
	if (keys_count(k) > 0)
		*key = keys_pick(k, now);
	else if (!target->own_base && key_header(c, target->style) != NULL)
		return NULL;
	return c->lists[target->style][*key];
}

void credentials_rest(struct credentials *c, enum target_style style, size_t key, int64_t until)
{
	struct keys *k = keys_of(c, style);
	if (key < keys_count(k))
		keys_rest(k, key, until);
}

const char *credentials_set_aside(struct credentials *c, enum target_style style, size_t key)
{
	struct keys *k = keys_of(c, style);

	if (key >= keys_count(k) || key_header(c, style) == NULL)
		return NULL;
	return keys_set_aside(k, key);
}

const char *credentials_names(const struct credentials *c, enum target_style style)
{
	return c->options.key_names != NULL ? c->options.key_names : own_names[style];
}

void credentials_describe(struct credentials *c, const struct target *target, struct buf *out)
{
	const char *name = key_header(c, target->style);

	if (!is_given(c, "Content-Type:"))
		buf_adds(out, "Content-Type: application/json\n");
	if (!is_given(c, "User-Agent:"))
		buf_adds(out, "User-Agent: lb\n");
	if (http_encoding() != NULL && !is_given(c, "Accept-Encoding:"))
		buf_addf(out, "Accept-Encoding: %s\n", http_encoding());
	if (target->style == TARGET_ANTHROPIC && !is_given(c, "anthropic-version:"))
		buf_adds(out, "anthropic-version: 2023-06-01\n");
	if (name != NULL && keys_count(keys_of(c, target->style)) > 0)
		buf_addf(out, "%s %s***\n", name,
			 strcmp(name, "Authorization:") == 0 ? "Bearer " : "");
	for (size_t i = 0; i < c->options.extra_count; i++) {
		const char *line = c->options.extra[i];
		/* A header of the user's may be a key as well. */
		size_t n = (size_t)(strchr(line, ':') - line);
		bool open = strncasecmp(line, "anthropic-", 10) == 0 ||
			    strncasecmp(line, "content-", 8) == 0;
		if (open)
			buf_addf(out, "%s\n", line);
		else
			buf_addf(out, "%.*s: ***\n", (int)n, line);
	}
}
