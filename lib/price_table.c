/* The table of prices: what it holds, and how a model is found in it. */
#include "price_table.h"
#include "buf.h"
#include "mem.h"
#include "money.h"

#include <stdlib.h>
#include <string.h>

/* A name by which a model is found: its own or an alias. */
struct price_name {
	char *text;
	size_t model; /* its place among the models: of equal names the one added last counts */
};

struct price_table {
	struct price_name *names; /* sorted, but for those that are being added */
	size_t name_count, name_room;
	struct price_model **models;
	size_t model_count, model_room;
	struct price_model *other;
};

struct price_table *price_new(void)
{
	return mem_zero(1, sizeof(struct price_table));
}

/* Forget all but the first ones. */
static void shrink(struct price_table *t, size_t names, size_t models)
{
	while (t->name_count > names)
		free(t->names[--t->name_count].text);
	while (t->model_count > models)
		free(t->models[--t->model_count]);
}

void price_free(struct price_table *t)
{
	if (t == NULL)
		return;
	shrink(t, 0, 0);
	free(t->names);
	free(t->models);
	free(t->other);
	free(t);
}

size_t price_count(const struct price_table *t)
{
	return t->model_count;
}

/* Its name stands behind it. */
static struct price_model *new_model(const char *name, size_t n)
{
	struct price_model *m = mem_zero(1, sizeof *m + n + 1);
	char *own = (char *)(m + 1);

	memcpy(own, name, n);
	m->name = own;
	m->rates =
	    (struct price_rates){PRICE_UNSET, PRICE_UNSET, PRICE_UNSET, PRICE_UNSET, PRICE_UNSET};
	m->long_input = m->long_output = PRICE_ONE;
	for (size_t i = 0; i < PRICE_FACTORS; i++)
		m->factors[i] = PRICE_ONE;
	return m;
}

struct price_model *price_table_add(struct price_table *t, const char *name, size_t n)
{
	if (t->model_count == t->model_room) {
		t->model_room = t->model_room * 2 + 64;
		t->models = mem_resize(t->models, t->model_room, sizeof(struct price_model *));
	}
	struct price_model *m = new_model(name, n);
	t->models[t->model_count++] = m;
	price_table_alias(t, name, n);
	return m;
}

void price_table_alias(struct price_table *t, const char *name, size_t n)
{
	if (t->name_count == t->name_room) {
		t->name_room = t->name_room * 2 + 64;
		t->names = mem_resize(t->names, t->name_room, sizeof *t->names);
	}
	t->names[t->name_count++] = (struct price_name){mem_copy(name, n), t->model_count - 1};
}

/* Anthropic's rule for an hour is twice the input; who charges nothing for writing charges input.
 */
void price_table_complete(struct price_rates *r)
{
	if (r->cached == PRICE_UNSET)
		r->cached = r->input;
	if (r->cache_write_1h == PRICE_UNSET)
		r->cache_write_1h = r->cache_write == PRICE_UNSET ? r->input : 2 * r->input;
	if (r->cache_write == PRICE_UNSET)
		r->cache_write = r->input;
}

static int compare_names(const void *a, const void *b)
{
	const struct price_name *left = a, *right = b;
	int order = strcmp(left->text, right->text);

	if (order != 0)
		return order;
	return left->model < right->model ? -1 : left->model > right->model;
}

static void sort_names(struct price_table *t)
{
	size_t kept = 0;

	if (t->name_count == 0)
		return;
	qsort(t->names, t->name_count, sizeof *t->names, compare_names);
	for (size_t i = 1; i < t->name_count; i++) {
		if (strcmp(t->names[kept].text, t->names[i].text) == 0)
			free(t->names[kept].text);
		else
			kept++;
		t->names[kept] = t->names[i];
	}
	t->name_count = kept + 1;
}

int price_add(struct price_table *t, const char *text, size_t n, struct buf *problem)
{
	struct json_member models = JSON_MEMBER("models");
	struct json_error error;
	struct json_span root;
	size_t name_count = t->name_count, model_count = t->model_count;

	if (json_check(text, n, &root, &models, 1, &error) < 0) {
		buf_addf(problem, "not JSON: %s at byte %zu", error.reason, error.offset + 1);
		return -1;
	}
	int result = json_type(models.value) == JSON_OBJECT ? price_read_models(t, root, problem)
							    : price_litellm_read(t, root, problem);
	if (result < 0)
		shrink(t, name_count, model_count);
	else
		result = (int)(t->model_count - model_count);
	sort_names(t);
	return result;
}

int price_set_other(struct price_table *t, const char *text)
{
	const char *comma = strchr(text, ',');
	struct price_model *m = new_model("*", 1);
	struct json_span root;
	struct json_error error;
	size_t in = comma != NULL ? (size_t)(comma - text) : 0;

	if (comma == NULL || json_check(text, in, &root, NULL, 0, &error) < 0 ||
	    money_parse(root.at, root.length, &m->rates.input) < 0 ||
	    json_check(comma + 1, strlen(comma + 1), &root, NULL, 0, &error) < 0 ||
	    money_parse(root.at, root.length, &m->rates.output) < 0 ||
	    m->rates.input > PRICE_RATE_MOST || m->rates.output > PRICE_RATE_MOST) {
		free(m);
		return -1;
	}
	price_table_complete(&m->rates);
	free(t->other);
	t->other = m;
	return 0;
}

const struct price_model *price_other(const struct price_table *t)
{
	return t->other;
}

static const struct price_model *find_exactly(const struct price_table *t, const char *name,
					      size_t n)
{
	size_t low = 0, high = t->name_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *text = t->names[middle].text;
		int order = strncmp(name, text, n);
		if (order == 0 && text[n] == '\0')
			return t->models[t->names[middle].model];
		if (order > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Do the characters fit the pattern, in which 0 stands for a digit? */
static bool fits(const char *text, const char *pattern)
{
	for (; *pattern != '\0'; pattern++, text++)
		if (*pattern == '0' ? *text < '0' || *text > '9' : *text != *pattern)
			return false;
	return true;
}

/* A month and a day of two digits each? */
static bool is_day(const char *month, const char *day)
{
	int m = (month[0] - '0') * 10 + month[1] - '0';
	int d = (day[0] - '0') * 10 + day[1] - '0';

	return m >= 1 && m <= 12 && d >= 1 && d <= 31;
}

/* The length of a name without the version at its end; n if there is none. */
static size_t without_version(const char *name, size_t n)
{
	const char *end = name + n;

	if (n > 11 && fits(end - 11, "-0000-00-00") && is_day(end - 5, end - 2))
		return n - 11;
	if (n > 9 && (fits(end - 9, "-00000000") || fits(end - 9, "@00000000")) &&
	    is_day(end - 4, end - 2))
		return n - 9;
	if (n > 7 && fits(end - 7, "-latest"))
		return n - 7;
	if (n > 5 && fits(end - 5, "-0000") && is_day(end - 4, end - 2))
		return n - 5;
	if (n > 4 && fits(end - 4, "-000"))
		return n - 4;
	return n;
}

/* The length of the provider in front of a name, 0 if there is none that sells at the prices of the
 * model's maker. */
static size_t provider_length(const char *name, size_t n)
{
	static const char *const providers[] = {
	    "openai/",    "azure/",   "anthropic/", "google/",   "gemini/", "models/",
	    "vertex_ai/", "mistral/", "mistralai/", "deepseek/", "groq/",   "openrouter/",
	};

	for (size_t i = 0; i < sizeof providers / sizeof *providers; i++) {
		size_t length = strlen(providers[i]);
		if (n > length && memcmp(name, providers[i], length) == 0)
			return length;
	}
	return 0;
}

const struct price_model *price_find(const struct price_table *t, const char *name, size_t n)
{
	size_t provider;

	if (n == 0 || memchr(name, '\0', n) != NULL)
		return NULL;
	do {
		const struct price_model *m = find_exactly(t, name, n);
		size_t shorter = without_version(name, n);
		if (m == NULL && shorter < n)
			m = find_exactly(t, name, shorter);
		if (m != NULL)
			return m;
		provider = provider_length(name, n);
		name += provider;
		n -= provider;
	} while (provider > 0);
	return NULL;
}

const struct price_model *price_find_json(const struct price_table *t, struct json_span name)
{
	struct buf text = {0};
	const struct price_model *m;

	if (json_type(name) != JSON_STRING)
		return NULL;
	if (memchr(name.at, '\\', name.length) == NULL)
		return price_find(t, name.at + 1, name.length - 2);
	json_unescape(&text, name);
	m = price_find(t, text.data, text.length);
	buf_free(&text);
	return m;
}
