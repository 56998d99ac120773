#include "completion.h"
#include "model.h"
#include "chat.h"
#include "messages.h"
#include "phrase.h"
#include "request.h"
#include "responses.h"
#include "tokens.h"

#include <string.h>

static void count_tokens(struct completion *c)
{
	c->tokens = tokens_text(c->text, c->length);
	if (c->tokens == 0)
		c->tokens = 1;
}

/* Cut the text, which has more tokens than that, to the most that the cap allows. */
static void cut_to(struct completion *c, int64_t cap)
{
	size_t fits = 0;
	size_t over = c->length;

	while (over - fits > 1) {
		size_t middle = fits + (over - fits) / 2;
		if (tokens_text(c->text, phrase_cut(c->text, c->length, middle)) <= cap)
			fits = middle;
		else
			over = middle;
	}
	c->length = phrase_cut(c->text, c->length, fits);
}

bool completion_make(struct completion *c, struct model *m, enum fault_kind fault, uint64_t choice)
{
	int64_t cap = c->request->max_tokens;
	bool applied = model_answer(m, c->request, fault, choice);

	c->text = m->text.data;
	c->length = m->text.length;
	c->end = COMPLETION_STOP;
	if (cap >= 0 && tokens_text(c->text, c->length) > cap) {
		cut_to(c, cap);
		c->end = COMPLETION_LENGTH;
	}
	if (fault == FAULT_TRUNCATE) {
		c->length = phrase_cut(c->text, c->length, c->length / 2);
		c->end = COMPLETION_LENGTH;
		applied = true;
	}
	count_tokens(c);
	return applied;
}

void completion_refuse(struct completion *c, bool filter)
{
	c->text = filter ? "" : "I'm sorry, but I can't help with that.";
	c->length = strlen(c->text);
	c->end = filter ? COMPLETION_FILTER : COMPLETION_REFUSAL;
	count_tokens(c);
}

void completion_write(struct buf *out, const struct completion *c)
{
	if (c->request->api == API_CHAT)
		(c->request->stream ? chat_stream : chat_body)(out, c);
	else if (c->request->api == API_RESPONSES)
		(c->request->stream ? responses_stream : responses_body)(out, c);
	else
		(c->request->stream ? messages_stream : messages_body)(out, c);
}
