/*
 * multipart: the fields of a form as multipart/form-data (RFC 7578). Nothing is copied: contents
 * are spans of the body.
 */
#ifndef MULTIPART_H
#define MULTIPART_H

#include "json.h"

#include <stdbool.h>
#include <stddef.h>

struct buf;

struct multipart_field {
	struct json_span content;
	char filename[256]; /* empty: the field is no file */
	char name[64];
};

/* Walks the fields of a body. */
struct multipart {
	const char *at; /* behind a delimiter */
	const char *end;
	bool ended;         /* it came to the last delimiter */
	char delimiter[80]; /* with CR LF and two dashes before it */
	size_t delimiter_length;
};

/* Begin with a body and its content-type, which may be NULL. False if it is no such form. */
bool multipart_begin(struct multipart *m, const char *content_type, const char *body, size_t n);

/* The next field. False at the end, or where the form is broken off or malformed. */
bool multipart_next(struct multipart *m, struct multipart_field *field);

#endif
