/* http_list: a header list as libcurl's own; for http*.c only. */
#ifndef HTTP_LIST_H
#define HTTP_LIST_H

#include "http.h"

#include <curl/curl.h>

/* The list, owned by headers; NULL if headers is NULL. */
struct curl_slist *http_headers_list(const struct http_headers *headers);

#endif
