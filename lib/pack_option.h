/* pack_option: the options that say how requests are made. */
#ifndef PACK_OPTION_H
#define PACK_OPTION_H

#include "buf.h"
#include "cli.h"
#include "pack.h"

#include <stdbool.h>

/* Ids of the options that have no letter. */
enum {
	PACK_OPTION_SCHEMA = CLI_LONG + 64,
	PACK_OPTION_BODY,
	PACK_OPTION_API,
	PACK_OPTION_MAX_OUTPUT,
	PACK_OPTION_MAX_INPUT,
	PACK_OPTION_CACHE_PREFIX,
};

/* What pack points into; zeroed at the start. */
struct pack_options {
	struct buf prompt, system, schema;
	bool has_prompt, has_system;
	const char *schema_file, *body;
	struct pack_prices prices;
};

/* Take an option: -m, -p, -s, -n or one of the above. Returns false if it is none of them. */
bool pack_option(struct pack_options *o, struct pack *pack, int id, char *argument);

/* Check the options together and compile what is to be compiled; a mistake ends the program, as
 * cli_misuse does. pack is ready then. */
void pack_open(struct pack_options *o, struct pack *pack);
void pack_close(struct pack_options *o, struct pack *pack);

#endif
