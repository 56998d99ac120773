#include "buf.h"
#include "target.h"
#include "tap.h"

#include <stdlib.h>

static struct json_span span(const char *text)
{
	return (struct json_span){text, text != NULL ? strlen(text) : 0};
}

/* base (-u), the two variables, the record's url as JSON (NULL: none), params?, and what comes of
 * it: the URL (NULL: refused), the socket, the style, and whether the base is the user's own. */
static const struct target_case {
	const char *base, *openai, *anthropic, *url;
	bool params;
	const char *want, *socket;
	enum target_style style;
	bool own;
} cases[] = {
    /* The providers' own. */
    {NULL, NULL, NULL, "\"/v1/chat/completions\"", false,
     "https://api.openai.com:443/v1/chat/completions", NULL, TARGET_OPENAI, false},
    {NULL, NULL, NULL, NULL, false, "https://api.openai.com:443/v1/chat/completions", NULL,
     TARGET_OPENAI, false},
    {NULL, NULL, NULL, "null", false, "https://api.openai.com:443/v1/chat/completions", NULL,
     TARGET_OPENAI, false},
    {NULL, NULL, NULL, NULL, true, "https://api.anthropic.com:443/v1/messages", NULL,
     TARGET_ANTHROPIC, false},
    {NULL, NULL, NULL, "\"/v1/messages\"", false, "https://api.anthropic.com:443/v1/messages", NULL,
     TARGET_ANTHROPIC, false},
    {NULL, "", "", "\"/v1/messages?beta=true\"", false,
     "https://api.anthropic.com:443/v1/messages?beta=true", NULL, TARGET_ANTHROPIC, false},
    /* A variable is for its own kind only. */
    {NULL, "http://a/v1", NULL, "\"/v1/messages\"", false,
     "https://api.anthropic.com:443/v1/messages", NULL, TARGET_ANTHROPIC, false},
    {NULL, "http://a/v1", "http://b", "\"/v1/messages\"", false, "http://b:80/v1/messages", NULL,
     TARGET_ANTHROPIC, true},
    {NULL, "http://a/v1", "http://b", "\"/v1/responses\"", false, "http://a:80/v1/responses", NULL,
     TARGET_OPENAI, true},
    {"http://c", "http://a/v1", "http://b", "\"/v1/messages\"", false, "http://c:80/v1/messages",
     NULL, TARGET_ANTHROPIC, true},
    /* Joining. */
    {"http://h:8000", NULL, NULL, "\"/v1/embeddings\"", false, "http://h:8000/v1/embeddings", NULL,
     TARGET_OPENAI, true},
    {"http://h:8000/", NULL, NULL, "\"/v1/embeddings\"", false, "http://h:8000/v1/embeddings", NULL,
     TARGET_OPENAI, true},
    {"https://h/v1/", NULL, NULL, "\"/v1/embeddings\"", false, "https://h:443/v1/embeddings", NULL,
     TARGET_OPENAI, true},
    {"https://h/a/b", NULL, NULL, "\"/v1/embeddings\"", false, "https://h:443/a/b/embeddings", NULL,
     TARGET_OPENAI, true},
    {"https://h/v1", NULL, NULL, "\"/embeddings\"", false, "https://h:443/v1/embeddings", NULL,
     TARGET_OPENAI, true},
    {"https://h/a/v1", NULL, NULL, "\"/v1/messages\"", false, "https://h:443/a/v1/messages", NULL,
     TARGET_ANTHROPIC, true},
    {"https://h/a", NULL, NULL, "\"/v1/messages\"", false, "https://h:443/a/v1/messages", NULL,
     TARGET_ANTHROPIC, true},
    {"HTTP://Host.Example:81/Path", NULL, NULL, "\"/v1/X\"", false, "http://host.example:81/Path/X",
     NULL, TARGET_OPENAI, true},
    {"http://[::1]:8000", NULL, NULL, "\"/v1/x\"", false, "http://[::1]:8000/v1/x", NULL,
     TARGET_OPENAI, true},
    {"http://h", NULL, NULL, "\"\\u002fv1\\/x\"", false, "http://h:80/v1/x", NULL, TARGET_OPENAI,
     true},
    {"unix:/run/s", NULL, NULL, "\"/v1/x\"", false, "http://localhost:80/v1/x", "/run/s",
     TARGET_OPENAI, true},
    {"unix:/run/s:/a/v1/", NULL, NULL, "\"/v1/x\"", false, "http://localhost:80/a/v1/x", "/run/s",
     TARGET_OPENAI, true},
    /* Absolute. */
    {"http://h:8000/v1", NULL, NULL, "\"http://h:8000/v1/x\"", false, "http://h:8000/v1/x", NULL,
     TARGET_OPENAI, true},
    {"http://h:8000/v1", NULL, NULL, "\"HTTP://H:8000/y\"", false, "HTTP://H:8000/y", NULL,
     TARGET_OPENAI, true},
    {"http://h", NULL, NULL, "\"http://h:80/x\"", false, "http://h:80/x", NULL, TARGET_OPENAI,
     true},
    {NULL, NULL, NULL, "\"https://api.openai.com/v1/x\"", false, "https://api.openai.com/v1/x",
     NULL, TARGET_OPENAI, false},
    {"http://h", NULL, NULL, "\"https://allowed.example/v1/messages\"", false,
     "https://allowed.example/v1/messages", NULL, TARGET_ANTHROPIC, true},
    {NULL, NULL, NULL, "\"https://ALLOWED.example:443/x\"", false, "https://ALLOWED.example:443/x",
     NULL, TARGET_OPENAI, true},
    /* Refused. */
    {NULL, NULL, NULL, "\"https://api.openai.com/v1/messages\"", false, NULL, NULL, 0, false},
    {NULL, NULL, NULL, "\"https://api.anthropic.com/v1/x\"", false, NULL, NULL, 0, false},
    {NULL, NULL, NULL, "\"http://api.openai.com/v1/x\"", false, NULL, NULL, 0, false},
    {NULL, NULL, NULL, "\"http://api.openai.com:443/v1/x\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"http://h.evil/x\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"http://evil/http://h/x\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"http://h@evil/x\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"http://h\\\\@evil/x\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"http://evil\\\\@h/x\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"http://u:p@h/x\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"http://h./x\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"//h/x\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"h/x\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"x\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"/a b\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"/a\\u0000b\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"/a\\nb\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"/\xc3\xa9\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"/a\\u007f\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"file:///etc/passwd\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "\"ftp://h/x\"", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "5", false, NULL, NULL, 0, false},
    {"http://h", NULL, NULL, "{}", false, NULL, NULL, 0, false},
    {"unix:/run/s", NULL, NULL, "\"http://localhost:80/x\"", false, NULL, NULL, 0, false},
};

static void check_target(const struct target *got, const struct target_case *c, const char *how)
{
	const char *url = c->url != NULL ? c->url : "(none)";

	if (c->want == NULL) {
		tap_is(got->error, "url_refused", "%s below %s is refused%s", url, c->base, how);
		tap_ok(got->message != NULL && got->url == NULL, "and goes nowhere");
		return;
	}
	tap_is(got->url, c->want, "%s below %s%s", url, c->base, how);
	tap_is(got->error, NULL, "is no error");
	tap_is(got->socket, c->socket, "its socket");
	tap_int(got->style, c->style, "its kind of API");
	tap_int(got->own_base, c->own, "whether its base is the user's");
}

static void test_find(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct target_case *c = &cases[i];
		char *error = NULL;
		struct target_table *t = target_new(c->base, c->openai, c->anthropic, &error);
		if (t == NULL) {
			tap_ok(false, "%s is a base URL: %s", c->base, error);
			free(error);
			continue;
		}
		tap_int(target_allow(t, "https://allowed.example/"), 0, "allow an origin");
		check_target(target_find(t, span(c->url), c->params), c, "");
		check_target(target_find(t, span(c->url), c->params), c, ", found again");
		target_free(t);
	}
}

static void test_refused_bases(void)
{
	static const char *const bases[] = {
	    "example.com",   "ftp://h",       "file:///x",     "http://",
	    "http://u:p@h/", "http://u@h",    "http://h/?a=b", "http://h/#a",
	    "unix:",         "unix:relative", "unix:/",        "http://h:99999",
	    "http://h:x",    "/v1",           "http://a b/",   "http://h/\r\nX: y",
	};

	for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
		for (int which = 0; which < 3; which++) {
			char *error = NULL;
			struct target_table *t =
			    target_new(which == 0 ? bases[i] : NULL, which == 1 ? bases[i] : NULL,
				       which == 2 ? bases[i] : NULL, &error);
			/* What may hold a password is not shown. */
			bool shown = error != NULL && strstr(error, bases[i]) != NULL;
			tap_ok(t == NULL && shown == (strchr(bases[i], '@') == NULL),
			       "%s is no base URL, and the message names it", bases[i]);
			free(error);
			target_free(t);
		}
	}
	target_free(NULL);
}

static void test_allow(void)
{
	static const struct {
		const char *origin;
		int want;
	} origins[] = {
	    {"https://h", 0},
	    {"https://h/", 0},
	    {"http://h:1", 0},
	    {"HTTP://H:1", 0},
	    {"http://[::1]:1", 0},
	    {"https://h/path", -1},
	    {"h", -1},
	    {"h:80", -1},
	    {"ftp://h", -1},
	    {"https://u@h", -1},
	    {"https://h?a", -1},
	    {"https://h#a", -1},
	    {"", -1},
	    {"https://", -1},
	    {"unix:/run/s", -1},
	    {"//h", -1},
	};
	char *error = NULL;
	struct target_table *t = target_new(NULL, NULL, NULL, &error);

	for (size_t i = 0; i < sizeof origins / sizeof *origins; i++)
		tap_int(target_allow(t, origins[i].origin), origins[i].want, "allow '%s'",
			origins[i].origin);
	tap_is(target_find(t, span("\"http://h:1/x\""), false)->error, NULL, "what is allowed is");
	tap_is(target_find(t, span("\"http://h:2/x\""), false)->error, "url_refused",
	       "and no other port");
	tap_is(target_find(t, span("\"http://[::1]:1/x\""), false)->error, NULL,
	       "an address of IPv6");
	target_free(t);
}

/* More urls than are remembered, and each is still right. */
static void test_many(void)
{
	char *error = NULL;
	struct target_table *t = target_new("http://h", NULL, NULL, &error);
	size_t wrong = 0;

	for (int i = 0; i < 1000; i++) {
		char url[64], want[64];
		int n = i % 7 == 0 ? i : i % 40;
		snprintf(url, sizeof url, "\"/v1/%d\"", n);
		snprintf(want, sizeof want, "http://h:80/v1/%d", n);
		wrong += strcmp(target_find(t, span(url), false)->url, want) != 0;
	}
	tap_int((long long)wrong, 0, "a thousand records with different urls");
	target_free(t);
}

int main(void)
{
	test_find();
	test_refused_bases();
	test_allow();
	test_many();
	return tap_done();
}
