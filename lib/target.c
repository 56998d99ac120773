#include "target.h"
#include "buf.h"
#include "http.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CACHED   16
#define URL_MOST 8192 /* bytes */

struct base {
	char *origin; /* "scheme://host:port" */
	char *path;   /* "" or "/prefix" */
	char *socket; /* or NULL */
	bool given;   /* by the user, rather than the provider's own */
};

struct cached {
	char *key;
	struct target target;
};

struct target_table {
	struct base bases[2]; /* by style */
	char **allowed;
	size_t allowed_count;
	struct cached cache[CACHED];
	size_t next;
};

/* unix:/path/to/socket[:/prefix] */
static int parse_socket(struct base *b, const char *text)
{
	const char *prefix = strstr(text, ":/");
	size_t n = prefix != NULL ? (size_t)(prefix - text) : strlen(text);

	if (*text != '/' || n < 2)
		return -1;
	b->socket = mem_copy(text, n);
	b->origin = mem_copy("http://localhost:80", 19);
	const char *path = prefix != NULL ? prefix + 1 : "";
	size_t length = strlen(path);
	while (length > 0 && path[length - 1] == '/')
		length--;
	b->path = mem_copy(path, length);
	return 0;
}

/* source is what the user knows the value by; the value itself may hold a password. */
static int parse_base(struct base *b, const char *given, const char *fallback, const char *source,
		      char **error)
{
	const char *text = given != NULL && *given != '\0' ? given : fallback;

	b->given = text != fallback;
	if (strncmp(text, "unix:", 5) == 0) {
		if (parse_socket(b, text + 5) == 0)
			return 0;
	} else if (strchr(text, '?') == NULL && http_url_parts(text, &b->origin, &b->path) == 0) {
		return 0;
	}
	struct buf message = {0};
	buf_addf(&message, "%s: not a base URL", source);
	if (strchr(text, '@') == NULL) /* what stands before it may be a password */
		buf_addf(&message, ": '%s'", text);
	buf_adds(&message, "; write http://HOST[:PORT][/PATH], https://... or unix:/PATH");
	*error = buf_string(&message);
	return -1;
}

struct target_table *target_new(const char *base, const char *openai_base,
				const char *anthropic_base, char **error)
{
	struct target_table *t = mem_zero(1, sizeof *t);
	const char *openai = base != NULL ? base : openai_base;
	const char *anthropic = base != NULL ? base : anthropic_base;

	if (parse_base(&t->bases[TARGET_OPENAI], openai, "https://api.openai.com/v1",
		       base != NULL ? "-u" : "OPENAI_BASE_URL", error) < 0 ||
	    parse_base(&t->bases[TARGET_ANTHROPIC], anthropic, "https://api.anthropic.com",
		       base != NULL ? "-u" : "ANTHROPIC_BASE_URL", error) < 0) {
		target_free(t);
		return NULL;
	}
	return t;
}

static void forget(struct cached *c)
{
	free(c->key);
	free(c->target.url);
	free(c->target.socket);
	*c = (struct cached){0};
}

void target_free(struct target_table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < 2; i++) {
		free(t->bases[i].origin);
		free(t->bases[i].path);
		free(t->bases[i].socket);
	}
	for (size_t i = 0; i < CACHED; i++)
		forget(&t->cache[i]);
	for (size_t i = 0; i < t->allowed_count; i++)
		free(t->allowed[i]);
	free(t->allowed);
	free(t);
}

int target_allow(struct target_table *t, const char *text)
{
	char *origin, *path;

	if (http_url_parts(text, &origin, &path) < 0)
		return -1;
	bool bare = *path == '\0' && strchr(text, '?') == NULL;
	free(path);
	if (!bare) {
		free(origin);
		return -1;
	}
	t->allowed = mem_resize(t->allowed, t->allowed_count + 1, sizeof *t->allowed);
	t->allowed[t->allowed_count++] = origin;
	return 0;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);
	return n >= m && strcmp(text + n - m, end) == 0;
}

/* Where the path of a URL ends: at its query. */
static size_t path_length(const char *path)
{
	return strcspn(path, "?#");
}

static enum target_style style_of(const char *path)
{
	static const char messages[] = "/v1/messages";
	size_t n = path_length(path), m = sizeof messages - 1;

	if (n == 9 && strncmp(path, "/messages", 9) == 0)
		return TARGET_ANTHROPIC;
	return n >= m && strncmp(path + n - m, messages, m) == 0 ? TARGET_ANTHROPIC : TARGET_OPENAI;
}

/* Does the path hold a segment "." or "..", however spelt? libcurl would resolve it, and so leave
 * the base URL's path. */
static bool has_dot_segment(const char *path)
{
	const char *end = path + path_length(path);

	while (path < end) {
		const char *p = path;
		int dots = 0;
		for (;; dots++) {
			if (*p == '.')
				p++;
			else if (strncasecmp(p, "%2e", 3) == 0)
				p += 3;
			else
				break;
		}
		bool whole = p == end || *p == '/' || *p == '\\';
		if (whole && (dots == 1 || dots == 2))
			return true;
		path = p + strcspn(p, "/\\?#");
		path += path < end;
	}
	return false;
}

static bool is_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f)
			return false;
	return true;
}

static void refuse(struct target *target, const char *code, const char *message)
{
	target->error = code;
	target->message = message;
}

/* A path goes under the base of its style. */
static void join(const struct target_table *t, struct target *target, const char *path)
{
	const struct base *b = &t->bases[target->style];
	bool versioned = strncmp(path, "/v1/", 4) == 0;
	struct buf url = {0};

	/* OpenAI's base URLs stand for all up to the version; Anthropic's may end in one. */
	if (versioned && *b->path != '\0' &&
	    (target->style == TARGET_OPENAI || ends_with(b->path, "/v1")))
		path += 3;
	buf_addf(&url, "%s%s%s", b->origin, b->path, path);
	target->url = buf_string(&url);
	target->own_base = b->given;
	if (b->socket != NULL)
		target->socket = mem_copy(b->socket, strlen(b->socket));
}

/* An absolute URL must be of a base's origin or an allowed one. */
static void check_absolute(const struct target_table *t, struct target *target, const char *url)
{
	char *origin, *path;

	if (http_url_parts(url, &origin, &path) < 0) {
		refuse(target, "url_refused",
		       "the record's url is neither a path nor a plain http(s) URL");
		return;
	}
	target->style = style_of(path);
	const struct base *b = &t->bases[target->style];
	bool allowed = b->socket == NULL && strcmp(origin, b->origin) == 0;
	target->own_base = b->given;
	for (size_t i = 0; i < t->allowed_count && !allowed; i++)
		allowed = target->own_base = strcmp(origin, t->allowed[i]) == 0;
	free(origin);
	free(path);
	if (allowed)
		target->url = mem_copy(url, strlen(url));
	else
		refuse(target, "url_refused",
		       "the record's url is absolute and not of the base URL's origin; see "
		       "--allow-origin");
}

static void resolve(const struct target_table *t, struct target *target, const char *url)
{
	if (!is_plain(url))
		refuse(target, "url_refused", "the record's url holds characters that no URL may");
	else if (has_dot_segment(url))
		refuse(target, "url_refused", "the record's url has a segment . or ..");
	else if (*url == '/' && url[1] != '/') {
		target->style = style_of(url);
		join(t, target, url);
	} else {
		check_absolute(t, target, url);
	}
}

const struct target *target_find(struct target_table *t, struct json_span url, bool params)
{
	struct buf text = {0};

	if (json_type(url) == JSON_STRING)
		json_unescape(&text, url);
	else if (json_is_set(url))
		buf_addc(&text, ' '); /* no string: refused below as no URL */
	else
		buf_adds(&text, params ? "/v1/messages" : "/v1/chat/completions");
	const char *key = buf_string(&text);
	if (strlen(key) != text.length || text.length > URL_MOST)
		key = " "; /* a NUL in it, or no URL that a server would take */
	for (size_t i = 0; i < CACHED; i++) {
		if (t->cache[i].key != NULL && strcmp(t->cache[i].key, key) == 0) {
			buf_free(&text);
			return &t->cache[i].target;
		}
	}
	struct cached *c = &t->cache[t->next];
	t->next = (t->next + 1) % CACHED;
	forget(c);
	c->key = mem_copy(key, strlen(key));
	resolve(t, &c->target, key);
	buf_free(&text);
	return &c->target;
}
