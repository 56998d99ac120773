#include "store_key.h"
#include "buf.h"
#include "canonical.h"
#include "expr.h"
#include "record.h"

#include <string.h>

/* What says how an answer is to be delivered, billed or filed, and not what it is to be. */
static const struct json_member irrelevant[] = {
    JSON_MEMBER("metadata"),
    JSON_MEMBER("prompt_cache_key"),
    JSON_MEMBER("prompt_cache_retention"),
    JSON_MEMBER("safety_identifier"),
    JSON_MEMBER("service_tier"),
    JSON_MEMBER("store"),
    JSON_MEMBER("stream"),
    JSON_MEMBER("stream_options"),
    JSON_MEMBER("user"),
};

static const char *default_url(const struct record *r)
{
	return r->params ? "/v1/messages" : "/v1/chat/completions";
}

/* Is the url, the JSON string of it, for Anthropic's base? */
static bool is_messages(const struct record *r)
{
	struct buf url = {0};

	if (json_type(r->url) != JSON_STRING)
		return r->params;
	json_unescape(&url, r->url);
	url.length = strcspn(buf_string(&url), "?#");
	const char *path = buf_string(&url);
	size_t n = url.length;
	bool found = (n == 9 && strcmp(path, "/messages") == 0) ||
		     (n >= 12 && strcmp(path + n - 12, "/v1/messages") == 0);
	buf_free(&url);
	return found;
}

static void add_base(struct buf *text, const struct store_key_rule *rule, const struct record *r)
{
	bool messages = is_messages(r);
	const char *base = messages ? rule->anthropic_base : rule->openai_base;

	if (base == NULL || *base == '\0')
		base = messages ? "https://api.anthropic.com" : "https://api.openai.com/v1";
	size_t n = strlen(base);
	while (n > 0 && base[n - 1] == '/')
		n--;
	json_quote(text, base, n);
}

static void add_or(struct buf *text, struct json_span value, const char *absent)
{
	if (json_is_set(value))
		canonical_add(text, value);
	else
		json_quote(text, absent, strlen(absent));
}

static bool add_value(struct buf *text, const struct store_key_rule *rule, const struct record *r,
		      struct buf *message)
{
	struct buf value = {0};
	int result = expr_eval(rule->expression, r->text, &value, message);

	if (result > 0)
		canonical_add(text, (struct json_span){value.data, value.length});
	buf_free(&value);
	return result > 0;
}

bool store_key_make(const struct store_key_rule *rule, const struct record *r,
		    unsigned char key[STORE_KEY], struct buf *message)
{
	struct buf text = {0};
	bool made = true;

	buf_reserve(&text, r->body.length + 256);
	/* The members stand in their canonical order, whichever of them there are. */
	buf_addc(&text, '{');
	if (rule->namespace == NULL) {
		buf_adds(&text, "\"base\":");
		add_base(&text, rule, r);
		buf_addc(&text, ',');
	}
	if (rule->expression == NULL) {
		buf_adds(&text, "\"body\":");
		canonical_add_without(&text, r->body, irrelevant,
				      sizeof irrelevant / sizeof *irrelevant);
	} else {
		buf_adds(&text, "\"key\":");
		made = add_value(&text, rule, r, message);
	}
	buf_adds(&text, ",\"method\":");
	add_or(&text, r->method, "POST");
	if (rule->namespace != NULL) {
		buf_adds(&text, ",\"namespace\":");
		json_quote(&text, rule->namespace, strlen(rule->namespace));
	}
	buf_adds(&text, ",\"url\":");
	add_or(&text, r->url, default_url(r));
	buf_addc(&text, '}');
	hash_bytes(text.data, text.length, key);
	buf_free(&text);
	return made;
}

void store_key_write(struct buf *out, const unsigned char key[STORE_KEY])
{
	char *p = buf_reserve(out, 2 * STORE_KEY + 3);

	*p = '"';
	hash_text(key, STORE_KEY, p + 1);
	p[1 + 2 * STORE_KEY] = '"';
	out->length += 2 + 2 * STORE_KEY;
}

bool store_key_read(struct json_span text, unsigned char key[STORE_KEY])
{
	if (json_type(text) != JSON_STRING || text.length != 2 + 2 * STORE_KEY)
		return false;
	for (size_t i = 0; i < 2 * STORE_KEY; i++) {
		char c = text.at[1 + i];
		bool digit = c >= '0' && c <= '9';
		if (!digit && (c < 'a' || c > 'f'))
			return false;
		int value = digit ? c - '0' : c - 'a' + 10;
		key[i / 2] = (unsigned char)(i % 2 == 0 ? value << 4 : key[i / 2] | value);
	}
	return true;
}
