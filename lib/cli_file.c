/* Operands that are files. */
#include "buf.h"
#include "cli.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Is there a program of this name in PATH? */
static bool is_program(const char *name)
{
	const char *path = getenv("PATH");
	struct buf file = {0};
	bool found = false;

	while (path != NULL && !found) {
		size_t length = strcspn(path, ":");
		buf_clear(&file);
		buf_add(&file, path, length);
		buf_addc(&file, '/');
		buf_adds(&file, name);
		found = length > 0 && access(buf_string(&file), X_OK) == 0;
		path = path[length] == ':' ? path + length + 1 : NULL;
	}
	buf_free(&file);
	return found;
}

void cli_check_file(const char *what, const char *name)
{
	if (strchr(name, '/') == NULL && access(name, F_OK) < 0 && is_program(name))
		cli_misuse("%s is missing? '%s' is a program; for a file of that name write ./%s",
			   what, name, name);
}
