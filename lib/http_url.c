/* Header lists and the parts of URLs. */
#include "buf.h"
#include "http_list.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

struct http_headers {
	struct curl_slist *list;
};

struct curl_slist *http_headers_list(const struct http_headers *headers)
{
	return headers != NULL ? headers->list : NULL;
}

struct http_headers *http_headers_add(struct http_headers *list, const char *line)
{
	if (list == NULL)
		list = mem_zero(1, sizeof *list);
	struct curl_slist *longer = curl_slist_append(list->list, line);
	if (longer == NULL)
		mem_alloc(SIZE_MAX); /* ends the program: out of memory */
	list->list = longer;
	return list;
}

void http_headers_free(struct http_headers *list)
{
	if (list == NULL)
		return;
	curl_slist_free_all(list->list);
	free(list);
}

/* One part of a URL in memory of our own, or NULL. */
static char *url_part(CURLU *u, CURLUPart part, unsigned flags)
{
	char *text = NULL;

	if (curl_url_get(u, part, &text, flags) != CURLUE_OK)
		return NULL;
	char *copy = mem_copy(text, strlen(text));
	curl_free(text);
	return copy;
}

int http_url_parts(const char *url, char **origin, char **path)
{
	static const CURLUPart unwanted[] = {CURLUPART_USER, CURLUPART_PASSWORD,
					     CURLUPART_FRAGMENT};
	CURLU *u = curl_url();
	int result = -1;

	if (u == NULL || curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
		goto out;
	for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++) {
		char *part = url_part(u, unwanted[i], 0);
		bool there = part != NULL;
		free(part);
		if (there)
			goto out;
	}
	char *scheme = url_part(u, CURLUPART_SCHEME, 0);
	char *host = url_part(u, CURLUPART_HOST, 0);
	char *port = url_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
	*path = url_part(u, CURLUPART_PATH, 0);
	if (scheme != NULL && host != NULL && port != NULL && *path != NULL &&
	    (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0)) {
		struct buf text = {0};
		for (char *p = host; *p != '\0'; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p = (char)(*p + 32);
		buf_addf(&text, "%s://%s:%s", scheme, host, port);
		*origin = buf_string(&text);
		for (size_t n = strlen(*path); n > 0 && (*path)[n - 1] == '/'; n--)
			(*path)[n - 1] = '\0';
		result = 0;
	} else {
		free(*path);
		*path = NULL;
	}
	free(scheme);
	free(host);
	free(port);
out:
	curl_url_cleanup(u);
	return result;
}
