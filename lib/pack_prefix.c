/* What is common to all requests, and how providers are told to cache it. */
#include "buf.h"
#include "hash.h"
#include "pack_state.h"
#include "template.h"
#include "tokens.h"

#include <string.h>

#define KEY_BYTES 8 /* of the hash, in prompt_cache_key */

/* A template's text up to its first expression. *whole: there is none. */
static struct json_span head_of(const struct template *t, bool *whole)
{
	struct json_span head = {"", 0};

	*whole = true;
	if (t != NULL)
		head = template_head(t, whole);
	return head;
}

/* Anthropic refuses a block of nothing but white space. */
static bool is_blank(const char *at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (memchr(" \t\n\r", at[i], 4) == NULL)
			return false;
	return true;
}

static void make_key(struct pack *p, struct json_span system, struct json_span prompt)
{
	unsigned char digest[HASH_SIZE];
	struct buf text = {0};
	char hex[2 * KEY_BYTES + 1];

	buf_addf(&text, "%s%c%zu%c", p->model, '\0', p->size, '\0');
	buf_add(&text, system.at, system.length);
	buf_addc(&text, '\0');
	buf_add(&text, prompt.at, prompt.length);
	buf_addc(&text, '\0');
	if (p->schema.at != NULL)
		buf_add(&text, p->schema.at, p->schema.length);
	hash_bytes(text.data, text.length, digest);
	hash_text(digest, KEY_BYTES, hex);
	memcpy(p->prefix.key, "lb-", 3);
	memcpy(p->prefix.key + 3, hex, sizeof hex);
	buf_free(&text);
}

void pack_prepare(struct pack *p)
{
	bool whole, prompt_whole;

	if (!p->cache_prefix)
		return;
	struct json_span system = head_of(p->system, &whole), prompt = {"", 0};
	/* In a pack each prompt stands below its item's number. */
	if (whole && p->size == 1)
		prompt = head_of(p->prompt, &prompt_whole);
	int64_t system_tokens = tokens_text(system.at, system.length);
	if (p->schema.at != NULL)
		system_tokens += tokens_text(p->schema.at, p->schema.length);
	int64_t all = system_tokens + tokens_text(prompt.at, prompt.length);
	if (all < PACK_PREFIX_TOKENS)
		return;
	if (p->api != PACK_MESSAGES) {
		make_key(p, system, prompt);
		return;
	}
	if (system_tokens >= PACK_PREFIX_TOKENS)
		p->prefix.system_head = system.length;
	if (!is_blank(prompt.at, prompt.length))
		p->prefix.prompt_head = prompt.length;
}

void pack_prefix_add(const struct buf *text, size_t head, struct buf *out)
{
	static const char block[] = "{\"type\":\"text\",\"text\":";

	if (head == 0) {
		json_quote(out, text->data, text->length);
		return;
	}
	if (is_blank(text->data + head, text->length - head))
		head = text->length;
	buf_addf(out, "[%s", block);
	json_quote(out, text->data, head);
	buf_adds(out, ",\"cache_control\":{\"type\":\"ephemeral\"}}");
	if (text->length > head) {
		buf_addf(out, ",%s", block);
		json_quote(out, text->data + head, text->length - head);
		buf_addc(out, '}');
	}
	buf_addc(out, ']');
}
