#include "prices.h"
#include "buf.h"
#include "msg.h"
#include "price.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef LB_SHAREDIR
#define LB_SHAREDIR "/usr/local/share/lb"
#endif

/* litellm's table has some 2 MB. */
#define FILE_MOST ((size_t)64 << 20)

static int read_file(const char *path, struct buf *text, struct buf *problem)
{
	FILE *file = fopen(path, "re");
	size_t n;

	if (file == NULL) {
		buf_addf(problem, "%s: %s", path, strerror(errno));
		return -1;
	}
	do {
		char *room = buf_reserve(text, 65536);
		n = fread(room, 1, 65536, file);
		text->length += n;
	} while (n > 0 && text->length <= FILE_MOST);
	int error = ferror(file) ? errno : text->length > FILE_MOST ? EFBIG : 0;
	fclose(file);
	if (error != 0)
		buf_addf(problem, "%s: %s", path, strerror(error));
	return error != 0 ? -1 : 0;
}

/* Append the name of the table beside the program. Returns whether it is there. */
static bool find_beside(struct buf *path)
{
	char program[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);

	if (n <= 0)
		return false;
	program[n] = '\0';
	char *slash = strrchr(program, '/');
	if (slash == NULL)
		return false;
	buf_addf(path, "%.*s/../share/lb/prices.json", (int)(slash - program), program);
	return access(buf_string(path), R_OK) == 0;
}

/* Append the name of the table in force. */
static void find(struct buf *path)
{
	const char *named = getenv("LB_PRICES");

	if (named != NULL && *named != '\0') {
		buf_adds(path, named);
	} else if (!find_beside(path)) {
		buf_clear(path);
		buf_adds(path, LB_SHAREDIR "/prices.json");
	}
}

int prices_load(struct price_table *t, const char *path, struct buf *problem)
{
	struct buf found = {0}, text = {0}, mistake = {0};
	int count = -1;

	if (path == NULL) {
		find(&found);
		path = buf_string(&found);
	}
	if (read_file(path, &text, problem) == 0) {
		count = price_add(t, text.data, text.length, &mistake);
		if (count < 0)
			buf_addf(problem, "%s: %s", path, buf_string(&mistake));
	}
	buf_free(&found);
	buf_free(&text);
	buf_free(&mistake);
	return count;
}

int prices_load_all(struct price_table *t, const char *const *paths, size_t count,
		    struct buf *problem)
{
	struct buf missing = {0};
	bool others = count > 0 || price_other(t) != NULL;
	int result = 0;

	if (prices_load(t, NULL, &missing) < 0) {
		buf_addf(problem, "%s: %s", others ? "no prices but those given" : "no prices",
			 buf_string(&missing));
		result = others ? 0 : -1;
	}
	for (size_t i = 0; result == 0 && i < count; i++) {
		buf_clear(&missing);
		if (prices_load(t, paths[i], &missing) < 0) {
			buf_clear(problem);
			buf_addf(problem, "-p: %s", buf_string(&missing));
			result = -1;
		}
	}
	buf_free(&missing);
	return result;
}

int prices_check(const char *path)
{
	struct price_table *prices = price_new();
	struct buf problem = {0}, name = {0};
	int status = STATUS_OK;

	if (path != NULL)
		buf_adds(&name, path);
	else
		find(&name);
	int count = prices_load(prices, buf_string(&name), &problem);
	if (count < 0) {
		msg_warn("%s", buf_string(&problem));
		status = STATUS_USAGE;
	} else if (printf("%s: %d models\n", buf_string(&name), count) < 0 || fflush(stdout) != 0) {
		msg_warn("stdout: %s", strerror(errno));
		status = STATUS_SYSTEM;
	}
	buf_free(&problem);
	buf_free(&name);
	price_free(prices);
	return status;
}
