#include "files.h"
#include "api.h"
#include "batch_fault.h"
#include "blob.h"
#include "clock.h"
#include "errand.h"
#include "incoming.h"
#include "mem.h"
#include "multipart.h"
#include "opt.h"
#include "outcome.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct files {
	uint64_t limit;
	int64_t unseen;
	struct serial *serial;
	struct files_entry **entries;
	size_t count;
	size_t capacity;
};

struct files *files_new(uint64_t limit, int64_t unseen, struct serial *serial)
{
	struct files *f = mem_zero(1, sizeof *f);

	f->limit = limit;
	f->unseen = unseen;
	f->serial = serial;
	return f;
}

static void free_entry(struct files_entry *entry)
{
	blob_drop(entry->blob);
	free(entry);
}

void files_free(struct files *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->count; i++)
		free_entry(f->entries[i]);
	free(f->entries);
	free(f);
}

struct files_entry *files_add(struct files *f, const char *purpose, const char *filename,
			      struct blob *blob, uint64_t offset, uint64_t length, int64_t time)
{
	struct files_entry *entry = mem_zero(1, sizeof *entry);
	char id[SERIAL_LENGTH + 1];

	serial_next(f->serial, id);
	snprintf(entry->id, sizeof entry->id, "file-%s", id);
	snprintf(entry->purpose, sizeof entry->purpose, "%s", purpose);
	snprintf(entry->filename, sizeof entry->filename, "%s", filename);
	entry->created = time;
	entry->blob = blob_share(blob);
	entry->offset = offset;
	entry->length = length;
	if (f->count == f->capacity) {
		f->capacity = f->capacity > 0 ? f->capacity * 2 : 16;
		f->entries = mem_resize(f->entries, f->capacity, sizeof(struct files_entry *));
	}
	f->entries[f->count++] = entry;
	return entry;
}

static void remove_entry(struct files *f, size_t i)
{
	free_entry(f->entries[i]);
	memmove(&f->entries[i], &f->entries[i + 1],
		(f->count - i - 1) * sizeof(struct files_entry *));
	f->count--;
}

static void remove_expired(struct files *f, int64_t time)
{
	for (size_t i = f->count; i-- > 0;)
		if (f->entries[i]->expires != 0 && f->entries[i]->expires <= time)
			remove_entry(f, i);
}

/* The place of a file, or count if there is none that can be seen. */
static size_t look_up(struct files *f, struct errand *e, const char *id, size_t n)
{
	remove_expired(f, e->time);
	for (size_t i = 0; i < f->count; i++) {
		struct files_entry *entry = f->entries[i];
		if (strlen(entry->id) != n || memcmp(entry->id, id, n) != 0)
			continue;
		if (entry->unseen == 0)
			return i;
		entry->unseen--;
		errand_fault(e, batch_fault_name(BATCH_FAULT_FILE_LATE));
		break;
	}
	return f->count;
}

const struct files_entry *files_find(struct files *f, struct errand *e, const char *id, size_t n)
{
	size_t i = look_up(f, e, id, n);
	return i < f->count ? f->entries[i] : NULL;
}

static void add_object(struct buf *out, const struct files_entry *entry)
{
	buf_addf(out, "{\"id\":\"%s\",\"object\":\"file\",\"bytes\":%" PRIu64, entry->id,
		 entry->length);
	errand_time(out, "created_at", entry->created);
	errand_time(out, "expires_at", entry->expires);
	errand_string(out, "filename", entry->filename);
	errand_string(out, "purpose", entry->purpose);
	buf_adds(out, ",\"status\":\"processed\",\"status_details\":null}");
}

/* A field's content as a string; what does not fit is cut. */
static void take_text(char *out, size_t size, struct json_span content)
{
	size_t n = content.length < size ? content.length : size - 1;

	memcpy(out, content.at, n);
	out[n] = '\0';
}

/* The fields of an upload. */
struct form {
	struct json_span file; /* at NULL: not there */
	char purpose[32];
	char filename[256];
	char anchor[32];
	char seconds[32];
};

/* Returns false if it is no form, or not all of one. */
static bool read_form(struct form *form, const struct incoming *call)
{
	struct multipart walk;
	struct multipart_field field;

	*form = (struct form){.file = {NULL, 0}};
	if (!multipart_begin(&walk, call->content_type, call->body, call->length))
		return false;
	while (multipart_next(&walk, &field)) {
		if (strcmp(field.name, "purpose") == 0)
			take_text(form->purpose, sizeof form->purpose, field.content);
		else if (strcmp(field.name, "expires_after[anchor]") == 0)
			take_text(form->anchor, sizeof form->anchor, field.content);
		else if (strcmp(field.name, "expires_after[seconds]") == 0)
			take_text(form->seconds, sizeof form->seconds, field.content);
		else if (strcmp(field.name, "file") == 0 && field.filename[0] != '\0') {
			form->file = field.content;
			memcpy(form->filename, field.filename, sizeof form->filename);
		}
	}
	return walk.ended;
}

static void upload(struct files *f, struct errand *e)
{
	const struct incoming *call = e->call;
	struct form form;
	int64_t seconds = 0;

	if (call->too_large) {
		errand_refuse(e, &(struct api_error){.status = 413});
		return;
	}
	if (!read_form(&form, call)) {
		errand_complain(e, 400, NULL, "Expected a whole form as multipart/form-data.");
	} else if (form.file.at == NULL) {
		errand_complain(e, 400, "file", "'file' is a required property");
	} else if (form.purpose[0] == '\0') {
		errand_complain(e, 400, "purpose", "'purpose' is a required property");
	} else if (form.file.length > f->limit) {
		errand_refuse(e, &(struct api_error){.status = 413});
	} else if ((form.anchor[0] != '\0' || form.seconds[0] != '\0') &&
		   (strcmp(form.anchor, "created_at") != 0 ||
		    opt_count(form.seconds, &seconds) < 0 || seconds < 3600 || seconds > 2592000)) {
		errand_complain(e, 400, "expires_after",
				"expires_after wants the anchor created_at and 3600 to 2592000 "
				"seconds.");
	} else {
		struct files_entry *entry =
		    files_add(f, form.purpose, form.filename, call->spool,
			      (uint64_t)(form.file.at - call->body), form.file.length, e->time);
		entry->unseen = f->unseen;
		if (seconds > 0)
			entry->expires = e->time + seconds * CLOCK_SEC;
		memcpy(e->file, entry->id, sizeof entry->id);
		blob_rest(entry->blob);
		add_object(&e->reply->body, entry);
	}
}

void files_answer(struct files *f, struct errand *e)
{
	const struct api_route *route = &e->call->route;

	if (route->api == API_FILE_UPLOAD) {
		remove_expired(f, e->time);
		upload(f, e);
		return;
	}
	snprintf(e->file, sizeof e->file, "%.*s", (int)route->id_length, route->id);
	size_t i = look_up(f, e, route->id, route->id_length);
	if (i == f->count) {
		errand_complain(e, 404, "id", "No such File object: %s", e->file);
		return;
	}
	const struct files_entry *entry = f->entries[i];
	if (route->api == API_FILE) {
		add_object(&e->reply->body, entry);
	} else if (route->api == API_FILE_CONTENT) {
		e->reply->content_type = "application/octet-stream";
		outcome_blob(e->reply, entry->blob, entry->offset, entry->length);
	} else {
		buf_addf(&e->reply->body, "{\"id\":\"%s\",\"object\":\"file\",\"deleted\":true}",
			 entry->id);
		remove_entry(f, i);
	}
}
