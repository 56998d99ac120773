/* How large requests are, by the estimate of tokens, and how large they may be. */
#include "buf.h"
#include "msg.h"
#include "pack_state.h"
#include "price.h"
#include "prices.h"
#include "template.h"
#include "tokens.h"
#include "tokens_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int64_t context_of(const struct price_model *model)
{
	return model != NULL ? model->context : 0;
}

static void read_prices(const struct pack *p)
{
	struct buf problem = {0};

	p->prices->table = price_new();
	/* Without the installed table no window is held against an item. */
	if (prices_load(p->prices->table, NULL, &problem) < 0 && getenv("LB_PRICES") != NULL)
		msg_warn("%s; no context window is known", buf_string(&problem));
	if (p->model != NULL)
		p->prices->window =
		    context_of(price_find(p->prices->table, p->model, strlen(p->model)));
	buf_free(&problem);
}

/* The context window of the model, in tokens; 0 if it is not known. */
static int64_t window_of(const struct pack *p, struct json_span model)
{
	if (p->prices == NULL)
		return 0;
	if (p->prices->table == NULL)
		read_prices(p);
	if (p->body == NULL)
		return p->prices->window;
	return context_of(price_find_json(p->prices->table, model));
}

/* The estimate of the longest text in an embeddings request. */
static int64_t longest_text(struct json_span body)
{
	struct json_iter it = json_iter(json_get(body, "input"));
	struct json_span text;
	struct buf value = {0};
	int64_t most = 0;

	while (json_next(&it, NULL, &text)) {
		buf_clear(&value);
		json_text(&value, text);
		int64_t tokens = tokens_text(value.data, value.length);
		most = tokens > most ? tokens : most;
	}
	buf_free(&value);
	return most;
}

int pack_check_size(const struct pack *p, struct json_span body, struct buf *message)
{
	bool embeddings = p->api == PACK_EMBEDDINGS && p->body == NULL;
	struct json_span model = {NULL, 0};
	int64_t longest;
	struct tokens_request r;

	if (p->body != NULL)
		model = json_get(body, "model");
	int64_t window = window_of(p, model);
	if (window == 0 && p->max_input == 0)
		return 0;
	/* Where all is text, a token is at least a byte: what is small needs no closer look. */
	if (p->max_input == 0 && p->body == NULL &&
	    (int64_t)body.length + p->max_output + PACK_OUTPUT <= window)
		return 0;
	tokens_request(body, &r);
	if (p->max_input > 0 && r.input > p->max_input) {
		buf_addf(message,
			 "it takes about %" PRId64 " tokens of input, and --max-input is %" PRId64,
			 r.input, p->max_input);
		return -1;
	}
	longest = embeddings ? longest_text(body) : r.input + (r.output > 0 ? r.output : 0);
	if (window == 0 || longest <= window)
		return 0;
	buf_addf(message, "it takes about %" PRId64 " tokens", embeddings ? longest : r.input);
	if (!embeddings && r.output > 0)
		buf_addf(message, " and %" PRId64 " for the answer", r.output);
	buf_addf(message, ", and the context window of ");
	if (p->body != NULL)
		json_text(message, model);
	else
		buf_adds(message, p->model);
	buf_addf(message, " has %" PRId64, window);
	return -1;
}

int64_t pack_item_weight(const struct pack *p, struct json_span item, size_t n)
{
	struct buf text = {0}, message = {0};
	struct tokens_run run = {0};
	const char *at;
	int result;

	tokens_run_begin(&run);
	if (p->api == PACK_EMBEDDINGS) {
		result = template_fill(p->prompt, item, &text, &message);
	} else {
		/* It stands behind the end of a line. */
		tokens_run_add_code(&run, '\n');
		result = pack_add_item(p, item, n, &text, &message);
	}
	int64_t before = run.hundredths;
	at = text.data;
	while (result == 0 && text.length > 0 &&
	       (at = tokens_run_add(&run, at, text.data + text.length)) < text.data + text.length)
		tokens_run_add_code(&run, (unsigned char)*at++);
	buf_free(&text);
	buf_free(&message);
	return run.hundredths - before;
}

int64_t pack_frame_weight(const struct pack *p)
{
	struct buf body = {0}, message = {0};
	struct tokens_request r = {0};

	if (p->api != PACK_EMBEDDINGS &&
	    pack_add_conversation(p, NULL, 0, true, &body, &message) == 0)
		tokens_request((struct json_span){body.data, body.length}, &r);
	buf_free(&body);
	buf_free(&message);
	return 100 * r.input;
}
