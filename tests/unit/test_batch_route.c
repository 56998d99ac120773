/* Where the calls of a Batch API go, by the base URL and the records' url. */
#include "batch_route.h"
#include "buf.h"
#include "tap.h"

#include <stdlib.h>

static const struct {
	const char *base, *url; /* url: a JSON text, or NULL */
	bool params;
	const char *code; /* or NULL, and: */
	const char *endpoint, *files;
} cases[] = {
    {"https://api.openai.com/v1", NULL, false, NULL, "/v1/chat/completions",
     "https://api.openai.com:443/v1/files"},
    {"https://api.openai.com/v1", "\"/v1/embeddings\"", false, NULL, "/v1/embeddings",
     "https://api.openai.com:443/v1/files"},
    {"http://localhost:8000", "\"/v1/embeddings\"", false, NULL, "/v1/embeddings",
     "http://localhost:8000/v1/files"},
    {"https://h/openai", "\"/v1/responses\"", false, NULL, "/v1/responses",
     "https://h:443/openai/files"},
    {"https://h/v1/", "\"/chat/completions\"", false, NULL, "/chat/completions",
     "https://h:443/v1/files"},
    {"https://h/v1", "\"https://h/v1/chat/completions\"", false, NULL, "/v1/chat/completions",
     "https://h/v1/files"},
    {"https://h", "\"/v1/messages\"", false, NULL, "/v1/messages", "https://h:443/v1/files"},
    {"https://h", NULL, true, NULL, "/v1/messages", "https://h:443/v1/files"},
    {"https://h/v1", "\"/v1/chat/completions?x=1\"", false, "url_refused", NULL, NULL},
    {"https://h/v1", "\"https://other/v1/chat/completions\"", false, "url_refused", NULL, NULL},
    {"https://h/v1", "\"/v1/../chat\"", false, "url_refused", NULL, NULL},
    {"https://h/v1", "7", false, "url_refused", NULL, NULL},
};

int main(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *error = NULL;
		const char *message = NULL;
		struct target_table *targets = target_new(cases[i].base, NULL, NULL, &error);
		struct record r = {.params = cases[i].params};
		struct batch_route route;
		struct buf url = {0};
		if (cases[i].url != NULL)
			r.url = (struct json_span){cases[i].url, strlen(cases[i].url)};
		const char *code = batch_route_find(&route, targets, &r, &message);
		tap_is(code, cases[i].code, "%s below %s",
		       cases[i].url != NULL ? cases[i].url : "no url", cases[i].base);
		if (code == NULL) {
			tap_is(route.endpoint, cases[i].endpoint, "its endpoint");
			batch_route_url(&url, &route, "/v1/files");
			tap_is(buf_string(&url), cases[i].files, "where files go");
		} else {
			tap_ok(message != NULL, "there is a reason");
		}
		batch_route_free(&route);
		target_free(targets);
		free(error);
		buf_free(&url);
	}
	return tap_done();
}
