/*
 * driver: a main for a fuzz target that replays inputs, so that what a fuzzer once found is tried
 * by every "make check", with any compiler. Each file is run as it is and cut at every length (at
 * 2,000 of them where it is long), each time in memory of exactly that size, so that a sanitizer
 * sees a read of one byte too many. Prints TAP; a crash shows as a plan that is missing.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CUTS ((size_t)2000)

/* Read a whole file. The caller frees; NULL if it cannot be read. */
static uint8_t *read_file(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = NULL;
	size_t n = 0;

	if (file == NULL)
		return NULL;
	for (;;) {
		uint8_t *larger = realloc(data, n + 65536);
		if (larger == NULL)
			break;
		data = larger;
		size_t got = fread(data + n, 1, 65536, file);
		n += got;
		if (got == 0)
			break;
	}
	bool failed = ferror(file) != 0;
	fclose(file);
	if (failed) {
		free(data);
		return NULL;
	}
	*size = n;
	return data;
}

static void run(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size);

	if (size > 0 && exact == NULL)
		abort();
	if (size > 0)
		memcpy(exact, data, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

int main(int argc, char **argv)
{
	size_t size;
	int status = 0;

	for (int i = 1; i < argc; i++) {
		uint8_t *data = read_file(argv[i], &size);
		/* Said before the run, for the message that a crash leaves. */
		printf("# %s\n", argv[i]);
		fflush(stdout);
		if (data != NULL) {
			size_t step = size / CUTS + 1;
			for (size_t n = 0; n < size; n += step)
				run(data, n);
			run(data, size);
		} else {
			status = 1;
		}
		printf("%sok %d - %s\n", data != NULL ? "" : "not ", i, argv[i]);
		free(data);
	}
	printf("1..%d\n", argc - 1);
	return argc > 1 ? status : 1;
}
