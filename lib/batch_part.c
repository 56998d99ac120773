#include "batch_part.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define NAME_BYTES 48

struct batch_part *batch_part_new(uint64_t number)
{
	struct batch_part *p = mem_zero(1, sizeof *p);

	p->number = number;
	p->newest = BATCH_UNINTENDED;
	return p;
}

void batch_part_free(struct batch_part *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->refused_count; i++)
		free(p->refused[i]);
	batch_route_free(&p->route);
	free(p->refused);
	free(p->url);
	free(p->base);
	free(p->model);
	free(p->code);
	free(p->message);
	free(p->dead);
	free(p->items);
	free(p);
}

void batch_part_explain(struct batch_part *p, const char *code, const char *message)
{
	free(p->code);
	free(p->message);
	p->code = mem_copy(code, strlen(code));
	p->message = mem_copy(message, strlen(message));
}

static void name_file(const struct batch_part *p, const char *suffix, char name[NAME_BYTES])
{
	snprintf(name, NAME_BYTES, "%" PRIu64 ".%s", p->number, suffix);
}

int batch_part_open(const struct batch_part *p, const struct batch_journal *j, const char *suffix,
		    int flags)
{
	char name[NAME_BYTES];

	name_file(p, suffix, name);
	int fd = openat(batch_journal_folder(j), name, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd >= 0 ? fd : batch_journal_complain(j, name);
}

int batch_part_remove(const struct batch_part *p, const struct batch_journal *j, const char *suffix)
{
	char name[NAME_BYTES];

	name_file(p, suffix, name);
	if (unlinkat(batch_journal_folder(j), name, 0) == 0 || errno == ENOENT)
		return 0;
	return batch_journal_complain(j, name);
}

int batch_part_complain(const struct batch_part *p, const struct batch_journal *j,
			const char *suffix)
{
	char name[NAME_BYTES];

	name_file(p, suffix, name);
	return batch_journal_complain(j, name);
}

static bool is_safe(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

void batch_part_id(const struct batch_part *p, uint64_t index, struct json_span custom_id,
		   char id[BATCH_ID])
{
	int n = snprintf(id, BATCH_ID, "%" PRIu64 "-%s", index, p->tag);
	size_t at = (size_t)n;

	if (json_is_set(custom_id) && at < BATCH_ID - 1)
		id[at++] = '-';
	else
		custom_id.length = 0;
	for (size_t i = 0; i < custom_id.length && at < BATCH_ID - 1; i++) {
		char c = custom_id.at[i];
		if (c != '"')
			id[at++] = c;
		if (c != '"' && !is_safe(c))
			id[at - 1] = '_';
	}
	id[at] = '\0';
}

int64_t batch_part_index(const struct batch_part *p, struct json_span id)
{
	uint64_t index = 0;
	size_t at = 1, tag = strlen(p->tag);

	for (; at < id.length && id.at[at] >= '0' && id.at[at] <= '9' && index < p->count; at++)
		index = index * 10 + (uint64_t)(id.at[at] - '0');
	if (at == 1 || index >= p->count || id.length < at + tag + 2)
		return -1;
	if (id.at[at] != '-' || memcmp(id.at + at + 1, p->tag, tag) != 0)
		return -1;
	return (int64_t)index;
}

int batch_part_tag(char tag[BATCH_TAG])
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	unsigned char random[BATCH_TAG - 1];

	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return -1;
	for (size_t i = 0; i < sizeof random; i++)
		tag[i] = letters[random[i] % 32];
	tag[sizeof random] = '\0';
	return 0;
}

bool batch_part_is_dead(const struct batch_part *p, uint64_t index)
{
	if (p->phase == BATCH_FAILED || p->phase == BATCH_DROPPED)
		return true;
	return p->dead != NULL && (p->dead[index / 8] >> index % 8 & 1) != 0;
}

void batch_part_kill(struct batch_part *p, uint64_t index)
{
	if (p->dead == NULL)
		p->dead = mem_zero((size_t)(p->count / 8 + 1), 1);
	p->dead[index / 8] |= (unsigned char)(1 << index % 8);
}

void batch_part_list_dead(const struct batch_part *p, struct buf *out)
{
	const char *comma = "";

	if (p->dead == NULL)
		return;
	for (uint64_t i = 0; i < p->count; i++) {
		uint64_t start = i;
		if (!batch_part_is_dead(p, i))
			continue;
		while (i + 1 < p->count && batch_part_is_dead(p, i + 1))
			i++;
		buf_adds(out, comma);
		buf_addn(out, start);
		if (i > start) {
			buf_addc(out, '-');
			buf_addn(out, i);
		}
		comma = ",";
	}
}

/* A number at *text, which moves behind it; or UINT64_MAX. */
static uint64_t take_number(const char **text)
{
	uint64_t number = 0;
	const char *start = *text;

	for (; **text >= '0' && **text <= '9' && number < UINT32_MAX; (*text)++)
		number = number * 10 + (uint64_t)(**text - '0');
	return *text > start ? number : UINT64_MAX;
}

int batch_part_read_dead(struct batch_part *p, const char *text)
{
	while (*text != '\0') {
		uint64_t start = take_number(&text), end = start;
		if (*text == '-') {
			text++;
			end = take_number(&text);
		}
		if (start > end || end >= p->count)
			return -1;
		for (; start <= end; start++)
			batch_part_kill(p, start);
		if (*text == ',' && text[1] != '\0')
			text++;
		else if (*text != '\0')
			return -1;
	}
	return 0;
}
