#include "keys.h"
#include "buf.h"
#include "mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct key {
	char *name; /* of its variable */
	char *value;
	int64_t rests_until;
	bool set_aside;
};

struct keys {
	struct key *list;
	size_t count;
	size_t left; /* that are not set aside: one at least, if there is any */
	size_t next;
};

/* Bytes that could end a header line, or are no text. */
static int is_unfit(const char *value)
{
	for (; *value != '\0'; value++)
		if ((unsigned char)*value < 0x20 || (unsigned char)*value == 0x7f)
			return 1;
	return 0;
}

/* Take one variable's value into the list. Returns 0, or -1 if it is unfit. */
static int take(struct keys *k, const char *name)
{
	char *value = getenv(name);

	if (value == NULL || *value == '\0')
		return 0;
	if (is_unfit(value))
		return -1;
	k->list = mem_resize(k->list, k->count + 1, sizeof *k->list);
	k->list[k->count++] = (struct key){.name = mem_copy(name, strlen(name)),
					   .value = mem_copy(value, strlen(value))};
	k->left++;
	return 0;
}

struct keys *keys_new(const char *names, char **error)
{
	struct keys *k = mem_zero(1, sizeof *k);
	char *copy = mem_copy(names, strlen(names));
	char *rest = copy;
	char *name;

	while (k != NULL && (name = strtok_r(rest, ",", &rest)) != NULL) {
		if (take(k, name) == 0)
			continue;
		struct buf text = {0};
		buf_addf(&text, "%s holds a control character (a newline at its end?)", name);
		*error = buf_string(&text);
		keys_free(k);
		k = NULL;
	}
	free(copy);
	keys_wipe(names);
	return k;
}

void keys_wipe(const char *names)
{
	char *copy = mem_copy(names, strlen(names));
	char *rest = copy;
	char *name;

	while ((name = strtok_r(rest, ",", &rest)) != NULL) {
		char *value = getenv(name);
		if (value != NULL)
			memset(value, 0, strlen(value));
	}
	free(copy);
}

void keys_free(struct keys *k)
{
	if (k == NULL)
		return;
	for (size_t i = 0; i < k->count; i++) {
		free(k->list[i].name);
		free(k->list[i].value);
	}
	free(k->list);
	free(k);
}

size_t keys_count(const struct keys *k)
{
	return k->count;
}

const char *keys_value(const struct keys *k, size_t index)
{
	return k->list[index].value;
}

size_t keys_pick(struct keys *k, int64_t now)
{
	size_t best = k->count;

	for (size_t i = 0; i < k->count; i++) {
		size_t at = (k->next + i) % k->count;
		if (k->list[at].set_aside)
			continue;
		if (k->list[at].rests_until <= now) {
			best = at;
			break;
		}
		if (best == k->count || k->list[at].rests_until < k->list[best].rests_until)
			best = at;
	}
	k->next = (best + 1) % k->count;
	return best;
}

void keys_rest(struct keys *k, size_t index, int64_t until)
{
	if (until > k->list[index].rests_until)
		k->list[index].rests_until = until;
}

const char *keys_set_aside(struct keys *k, size_t index)
{
	if (k->left == 1 || k->list[index].set_aside)
		return NULL;
	k->list[index].set_aside = true;
	k->left--;
	return k->list[index].name;
}
