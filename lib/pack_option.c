#include "pack_option.h"
#include "expr.h"
#include "price.h"
#include "template.h"

bool pack_option(struct pack_options *o, struct pack *p, int id, char *argument)
{
	switch (id) {
	case 'm':
		p->model = argument;
		return true;
	case 'p':
		buf_clear(&o->prompt);
		cli_text("-p", argument, &o->prompt);
		o->has_prompt = true;
		return true;
	case 's':
		buf_clear(&o->system);
		cli_text("-s", argument, &o->system);
		o->has_system = true;
		return true;
	case 'n':
		p->size = (size_t)cli_count("-n", argument, 1, 10000);
		return true;
	case PACK_OPTION_SCHEMA: {
		struct buf file = {0};
		buf_addf(&file, "@%s", argument);
		buf_clear(&o->schema);
		cli_text("--schema", buf_string(&file), &o->schema);
		o->schema_file = argument;
		buf_free(&file);
		return true;
	}
	case PACK_OPTION_BODY:
		o->body = argument;
		return true;
	case PACK_OPTION_API:
		if (pack_api(argument, &p->api) < 0)
			cli_misuse("--api wants chat, responses, messages or embeddings, not '%s'",
				   argument);
		return true;
	case PACK_OPTION_MAX_OUTPUT:
		p->max_output = cli_count("--max-output", argument, 1, INT64_C(1) << 31);
		return true;
	case PACK_OPTION_MAX_INPUT:
		p->max_input = cli_count("--max-input", argument, 1, INT64_C(1) << 31);
		return true;
	case PACK_OPTION_CACHE_PREFIX:
		p->cache_prefix = true;
		return true;
	}
	return false;
}

static struct expr *compile(const char *option, const char *text)
{
	char *error = NULL;
	struct expr *e = expr_new(text, &error);
	if (e == NULL)
		cli_misuse("%s: %s", option, error);
	return e;
}

static struct template *compile_template(const char *option, const struct buf *text)
{
	char *error = NULL;
	struct template *template = template_new(text->data, text->length, &error);
	if (template == NULL)
		cli_misuse("%s: %s", option, error);
	return template;
}

static void check(const struct pack_options *o, const struct pack *p)
{
	bool embeddings = p->api == PACK_EMBEDDINGS;

	if (o->body != NULL) {
		if (p->model != NULL || o->has_prompt || o->has_system || o->schema_file != NULL ||
		    p->max_output > 0 || p->cache_prefix)
			cli_misuse("--body makes the whole body: -m, -p, -s, --schema, "
				   "--max-output and --cache-prefix have no place beside it");
		return;
	}
	if (p->model == NULL)
		cli_misuse("-m MODEL is missing (or -u to unpack)");
	if (!o->has_prompt && !embeddings)
		cli_misuse("-p PROMPT is missing");
	if (embeddings &&
	    (o->has_system || o->schema_file != NULL || p->max_output > 0 || p->cache_prefix))
		cli_misuse("--api embeddings takes neither -s, --schema, --max-output nor "
			   "--cache-prefix");
}

void pack_open(struct pack_options *o, struct pack *p)
{
	struct buf problem = {0};

	check(o, p);
	if (o->schema_file != NULL && pack_read_schema(p, &o->schema, &problem) < 0)
		cli_misuse("--schema: %s: %s", o->schema_file, buf_string(&problem));
	if (!o->has_prompt)
		buf_adds(&o->prompt, "\\(.)");
	if (o->body != NULL)
		p->body = compile("--body", o->body);
	else
		p->prompt = compile_template("-p", &o->prompt);
	if (o->has_system)
		p->system = compile_template("-s", &o->system);
	p->prices = &o->prices;
	pack_prepare(p);
	buf_free(&problem);
}

void pack_close(struct pack_options *o, struct pack *p)
{
	expr_free(p->body);
	template_free(p->prompt);
	template_free(p->system);
	price_free(o->prices.table);
	buf_free(&o->prompt);
	buf_free(&o->system);
	buf_free(&o->schema);
}
