/* What makes a question, which answers are worth keeping, and who waits for them. */
#include "store_key.h"
#include "buf.h"
#include "expr.h"
#include "record.h"
#include "store_waits.h"
#include "tap.h"

#include <stdlib.h>

#define GOOD(text) \
	"{\"status_code\":200,\"body\":{\"choices\":[{\"message\":{\"content\":\"" text "\"}}]}}"

/* Is the result whose response and body of the request these are a good answer? */
static bool is_good(const char *body, const char *response, const char *error)
{
	struct buf text = {0};
	struct record r;

	buf_addf(&text, "{\"custom_id\":\"a\",\"body\":%s,\"response\":%s,\"error\":%s}", body,
		 response, error);
	struct line line = {text.data, text.length, 1, text.length};
	if (record_parse(&r, &line, false) == RECORD_BAD)
		tap_ok(false, "the test's record is bad: %s", buf_string(&text));
	bool good = store_is_good(&r);
	buf_free(&text);
	return good;
}

#define CHOICE(reason, message) "{\"message\":" message ",\"finish_reason\":\"" reason "\"}"
#define TEXT(reason)            CHOICE(reason, "{\"content\":\"a\"}")

/* With the request's wish for JSON, the answers of several APIs. */
static void test_wanted_json(void)
{
#define CHAT(text)                                                                             \
	"{\"status_code\":200,\"body\":{\"choices\":[{\"finish_reason\":\"stop\",\"message\":" \
	"{\"content\":\"" text "\"}}]}}"
	static const char schema[] = "{\"response_format\":{\"type\":\"json_schema\"}}";
	static const char object[] = "{\"response_format\":{\"type\":\"json_object\"}}";
	static const char format[] = "{\"output_config\":{\"format\":{\"type\":\"json_schema\"}}}";
	static const char messages[] =
	    "{\"status_code\":200,\"body\":{\"content\":[{\"type\":\"text\",\"text\":\"{\"}],"
	    "\"stop_reason\":\"end_turn\"}}";

	tap_ok(is_good(schema, CHAT("{\\\"a\\\":1}"), "null"), "JSON that was asked for");
	tap_ok(is_good(schema, CHAT("```json\\n[1]\\n```"), "null"), "...between backquotes");
	tap_ok(!is_good(schema, CHAT("{\\\"a\\\":"), "null"), "...cut off is no answer");
	tap_ok(!is_good(object, CHAT("Sure!"), "null"), "nor is any other text");
	tap_ok(!is_good(object, CHAT(""), "null"), "nor none");
	tap_ok(is_good("{}", CHAT("Sure!"), "null"), "where none was asked for it is");
	tap_ok(!is_good(format, messages, "null"), "the same of messages");
	tap_ok(is_good("{}", messages, "null"), "...where it is just text");
#undef CHAT
}

static void test_good(void)
{
	static const struct {
		bool good;
		const char *body;
	} cases[] = {
	    {true, "{\"choices\":[" TEXT("stop") "]}"},
	    {true, "{\"error\":null,\"choices\":[" TEXT("stop") "]}"},
	    {true, "{\"choices\":[" TEXT("stop") "," TEXT("stop") "]}"},
	    {true, "{\"choices\":[{\"text\":\"a\",\"finish_reason\":\"stop\"}]}"},
	    {false, "{\"choices\":[]}"},
	    {false, "{\"choices\":[" TEXT("length") "]}"},
	    {false, "{\"choices\":[" TEXT("content_filter") "]}"},
	    {false, "{\"choices\":[" TEXT("stop") "," TEXT("length") "]}"},
	    {false, "{\"choices\":[" CHOICE("stop", "{\"content\":null,\"refusal\":\"no\"}") "]}"},
	    {false, "{\"choices\":[" CHOICE("stop", "{\"content\":null}") "]}"},
	    {false, "{\"choices\":[" TEXT("stop") "," CHOICE("stop", "{\"content\":\"a\","
								     "\"refusal\":\"no\"}") "]}"},
	    {true, "{\"choices\":[" CHOICE("stop", "{\"content\":\"a\",\"refusal\":null,"
						   "\"tool_calls\":[]}") "]}"},
	    {true, "{\"choices\":[" CHOICE("stop", "{\"content\":\"\",\"tool_calls\":[{}]}") "]}"},
	    {false, "{\"choices\":[" TEXT("stop") ",{\"finish_reason\":\"stop\"}]}"},
	    {false, "{\"choices\":[" TEXT("stop") ",1]}"},
	    {true,
	     "{\"choices\":[" CHOICE("tool_calls", "{\"content\":null,\"tool_calls\":[{}]}") "]}"},
	    {false,
	     "{\"choices\":[" CHOICE("length", "{\"content\":null,\"tool_calls\":[{}]}") "]}"},
	    {true,
	     "{\"choices\":[" CHOICE("function_call",
				     "{\"content\":null,\"function_call\":{\"name\":\"f\"}}") "]}"},
	    {false, "{\"error\":{\"message\":\"x\"},\"choices\":[" TEXT("stop") "]}"},
	    {false, "{\"object\":\"error\",\"message\":\"x\"}"},
	    {false, "{\"detail\":\"x\"}"},
	    {true, "{\"object\":\"response\",\"status\":\"completed\",\"output\":[{\"type\":"
		   "\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"a\"}]}]}"},
	    {true, "{\"object\":\"response\",\"status\":\"completed\",\"output\":[{\"type\":"
		   "\"function_call\"}]}"},
	    {false, "{\"object\":\"response\",\"status\":\"incomplete\",\"output\":[{\"type\":"
		    "\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\"a\"}]}]}"},
	    {false, "{\"object\":\"response\",\"status\":\"queued\",\"output\":[]}"},
	    {true, "{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"stop_reason\":"
		   "\"end_turn\"}"},
	    {true, "{\"content\":[{\"type\":\"tool_use\"}],\"stop_reason\":\"tool_use\"}"},
	    {false, "{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"stop_reason\":"
		    "\"max_tokens\"}"},
	    {false, "{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"stop_reason\":"
		    "\"refusal\"}"},
	    {true, "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},"
		   "\"finishReason\":\"STOP\"}]}"},
	    {true, "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":"
		   "\"f\"}}]},\"finishReason\":\"STOP\"}]}"},
	    {false, "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},"
		    "\"finishReason\":\"MAX_TOKENS\"}]}"},
	    {false, "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}"},
	    {false, "{\"of\":\"no known API\"}"},
	    {false, "{}"},
	    {false, "null"},
	    {false, "\"text\""},
	    {false, "[]"},
	};
	static const char data[] =
	    "{\"status_code\":200,\"body\":{\"data\":[{\"index\":0,\"embedding\":[0.5]},"
	    "{\"index\":1,\"embedding\":\"AAAA\"}]}}";

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf response = {0};
		buf_addf(&response, "{\"status_code\":200,\"body\":%s}", cases[i].body);
		tap_int(is_good("{}", buf_string(&response), "null"), cases[i].good, "good: %s",
			cases[i].body);
		buf_free(&response);
	}
	tap_ok(is_good("{\"input\":[\"a\",\"b\"]}", data, "null"), "an embedding for each text");
	tap_ok(!is_good("{\"input\":[\"a\",\"b\",\"c\"]}", data, "null"), "one is missing");
	tap_ok(is_good("{\"input\":[1,2,3]}", data, "null"), "tokens are one text");
	tap_ok(is_good("{\"input\":\"a\"}", data, "null"), "a text");
	tap_ok(!is_good("{}", "{\"status_code\":200,\"body\":{\"data\":[]}}", "null"),
	       "no embeddings");
	tap_ok(!is_good("{}", "{\"status_code\":200,\"body\":{\"data\":[{\"embedding\":null}]}}",
			"null"),
	       "an embedding that is none");
	test_wanted_json();
	tap_ok(is_good("{}", GOOD("a"), "null"), "a good answer");
	tap_ok(!is_good("{}", GOOD("a"), "{\"code\":\"x\"}"), "...with an error");
	tap_ok(!is_good("{}", "{\"status_code\":201,\"body\":{\"choices\":[" TEXT("stop") "]}}",
			"null"),
	       "...with another status");
	tap_ok(!is_good("{}", "{\"body\":{\"choices\":[" TEXT("stop") "]}}", "null"),
	       "...with none");
}

/* The key of a record under a rule. */
static bool make_key(const struct store_key_rule *rule, const char *text, unsigned char *key)
{
	struct line line = {text, strlen(text), 1, strlen(text)};
	struct buf message = {0};
	struct record r;

	if (record_parse(&r, &line, false) != RECORD_REQUEST)
		tap_ok(false, "the test's request is none: %s", text);
	bool made = store_key_make(rule, &r, key, &message);
	buf_free(&message);
	return made;
}

#define CHAT(members) "{\"body\":{\"model\":\"m\",\"messages\":[]" members "}}"

static void test_keys(void)
{
	static const struct {
		bool same;
		const char *a, *b;
	} cases[] = {
	    {true, CHAT(""), "{\"body\" : { \"messages\" : [ ] , \"m\\u006fdel\" : \"m\" } }"},
	    {true, CHAT(""),
	     "{\"custom_id\":\"x\",\"lb\":{\"items\":[1]},\"body\":{\"model\":\"m\","
	     "\"messages\":[]}}"},
	    {true, CHAT(""),
	     "{\"method\":\"POST\",\"url\":\"/v1/chat/completions\",\"body\":{"
	     "\"model\":\"m\",\"messages\":[]}}"},
	    {true, CHAT(",\"temperature\":1"), CHAT(",\"temperature\":1.0")},
	    {true, CHAT(",\"user\":\"u\""), CHAT("")},
	    {true, CHAT(",\"metadata\":{\"a\":1}"), CHAT(",\"metadata\":{\"a\":2}")},
	    {true, CHAT(",\"stream\":true,\"stream_options\":{\"include_usage\":true}"), CHAT("")},
	    {true, CHAT(",\"store\":true,\"prompt_cache_key\":\"k\",\"safety_identifier\":\"s\""),
	     CHAT("")},
	    {true, CHAT(",\"service_tier\":\"flex\",\"prompt_cache_retention\":\"24h\""), CHAT("")},
	    {false, CHAT(""), CHAT(",\"temperature\":1")},
	    {false, CHAT(",\"temperature\":0"), CHAT(",\"temperature\":0.1")},
	    {false, CHAT(",\"seed\":1"), CHAT(",\"seed\":2")},
	    {false, CHAT(",\"seed\":12345678901234567890"), CHAT(",\"seed\":12345678901234567891")},
	    {false, CHAT(",\"max_tokens\":1"), CHAT(",\"max_tokens\":2")},
	    {false, CHAT(",\"max_completion_tokens\":1"), CHAT(",\"max_tokens\":1")},
	    {false, CHAT(",\"tools\":[]"), CHAT("")},
	    {false, CHAT(",\"response_format\":{\"type\":\"json_object\"}"), CHAT("")},
	    {false, CHAT(",\"seed\":1,\"seed\":2"), CHAT(",\"seed\":2")},
	    {false, CHAT(",\"seed\":1,\"seed\":2"), CHAT(",\"seed\":2,\"seed\":1")},
	    {false, CHAT(",\"stop\":\"\\ud800\""), CHAT(",\"stop\":\"\\ufffd\"")},
	    {false, CHAT(",\"x\":{\"user\":1}"), CHAT(",\"x\":{\"user\":2}")},
	    {false, CHAT(""), "{\"body\":{\"model\":\"n\",\"messages\":[]}}"},
	    {false, CHAT(""),
	     "{\"url\":\"/v1/responses\",\"body\":{\"model\":\"m\",\"messages\":[]"
	     "}}"},
	    {false, CHAT(""), "{\"method\":\"PUT\",\"body\":{\"model\":\"m\",\"messages\":[]}}"},
	    {true, "{\"params\":{\"model\":\"m\"}}",
	     "{\"url\":\"/v1/messages\",\"body\":{\"model\":\"m\"}}"},
	    {false, "{\"params\":{\"model\":\"m\"}}", "{\"body\":{\"model\":\"m\"}}"},
	};
	unsigned char a[STORE_KEY], b[STORE_KEY];
	struct store_key_rule rule = {0};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		make_key(&rule, cases[i].a, a);
		make_key(&rule, cases[i].b, b);
		tap_int(memcmp(a, b, STORE_KEY) == 0, cases[i].same, "%s and %s: one key",
			cases[i].a, cases[i].b);
	}
	/* The form that is promised, hashed by another program. */
	struct buf hex = {0};
	make_key(&rule, CHAT(",\"user\":\"u\""), a);
	store_key_write(&hex, a);
	tap_is(buf_string(&hex),
	       "\"840fcacf8b409285dd5c2144b0de3e7c716dd26c0a1539a49a94ccd4149ce469\"",
	       "the key is the hash of the form that the manual gives");
	tap_ok(store_key_read((struct json_span){hex.data, hex.length}, b) &&
		   memcmp(a, b, STORE_KEY) == 0,
	       "it is read back");
	tap_ok(!store_key_read(JSON_LITERAL("\"7DF3\""), b), "what is no key is not");
	buf_free(&hex);
}

/* Two rules give a request different keys, or the same. */
static void differ(struct store_key_rule x, struct store_key_rule y, const char *request, bool same,
		   const char *what)
{
	unsigned char a[STORE_KEY], b[STORE_KEY];

	make_key(&x, request, a);
	make_key(&y, request, b);
	tap_int(memcmp(a, b, STORE_KEY) == 0, same, "%s", what);
}

static void test_rules(void)
{
	static const char chat[] = CHAT("");
	static const char messages[] = "{\"params\":{\"model\":\"m\"}}";
	char *error = NULL;
	struct store_key_rule none = {0};
	struct store_key_rule openai = {.openai_base = "http://one"};
	struct store_key_rule slash = {.openai_base = "http://one//"};
	struct store_key_rule other = {.openai_base = "http://two"};
	struct store_key_rule anthropic = {.anthropic_base = "http://one"};
	struct store_key_rule named = {.namespace = "n", .openai_base = "http://one"};
	struct store_key_rule named_too = {.namespace = "n", .openai_base = "http://two"};
	struct store_key_rule provider = {.openai_base = "https://api.openai.com/v1"};
	struct store_key_rule model = {.expression = expr_new(".body.model", &error)};
	struct store_key_rule whole = {.expression = expr_new(".body", &error)};
	struct store_key_rule absent = {.expression = expr_new("empty", &error)};
	struct store_key_rule wrong = {.expression = expr_new(".body.model.x", &error)};
	unsigned char key[STORE_KEY];

	differ(openai, other, chat, false, "another base URL, another key");
	differ(openai, none, chat, false, "...than the provider's own, too");
	differ(openai, slash, chat, true, "slashes at its end make none");
	differ(none, provider, chat, true, "the provider's own may be named");
	differ(openai, other, messages, true, "OpenAI's base is none of Anthropic's");
	differ(anthropic, none, messages, false, "Anthropic's is");
	differ(anthropic, none, chat, true, "...and none of OpenAI's");
	differ(named, named_too, chat, true, "a namespace stands for the base");
	differ(named, openai, chat, false, "...and is no base");
	differ(model, none, chat, false, "an expression stands for the body");
	differ(whole, none, chat, false, "...and makes another key, even if it is the body");
	differ(whole, model, chat, false, "another expression, another key");
	unsigned char first[STORE_KEY];
	make_key(&model, chat, first);
	make_key(&model, CHAT(",\"temperature\":1"), key);
	tap_ok(memcmp(first, key, STORE_KEY) == 0, "what the expression does not see is no matter");
	tap_ok(!make_key(&absent, chat, key), "an expression that yields nothing gives no key");
	tap_ok(!make_key(&wrong, chat, key), "nor one that fails");
	expr_free(model.expression);
	expr_free(whole.expression);
	expr_free(absent.expression);
	expr_free(wrong.expression);
	free(error);
}

/* A key that stands for a number. */
static const unsigned char *key_of(int n)
{
	static unsigned char key[STORE_KEY];

	hash_bytes(&n, sizeof n, key);
	return key;
}

static void test_waits(void)
{
	enum { QUESTIONS = 1000, RECORDS = 3 };
	struct store_waits *w = store_waits_new();
	struct buf line = {0};
	uint64_t sequence;
	int wrong = 0;

	tap_ok(store_waits_first(w) == NULL, "nobody waits at first");
	for (int i = 0; i < QUESTIONS * RECORDS; i++) {
		buf_clear(&line);
		buf_addf(&line, "line %d", i);
		wrong += store_waits_add(w, key_of(i % QUESTIONS), (uint64_t)i,
					 (struct json_span){line.data, line.length}) < 0;
	}
	tap_int(wrong, 0, "records wait");
	tap_int((long long)store_waits_count(w), QUESTIONS * RECORDS, "...all of them");
	tap_ok(store_waits_find(w, key_of(QUESTIONS)) == NULL, "for no other question");
	for (int i = 0; i < QUESTIONS; i += 2) {
		for (int n = 0; n < RECORDS; n++) {
			struct store_wait *q = store_waits_find(w, key_of(i));
			struct buf want = {0};
			buf_addf(&want, "line %d", i + n * QUESTIONS);
			buf_clear(&line);
			wrong += q == NULL || store_waits_take(w, q, &sequence, &line) < 0 ||
				 sequence != (uint64_t)(i + n * QUESTIONS) ||
				 strcmp(buf_string(&line), buf_string(&want)) != 0;
			buf_free(&want);
		}
		wrong += store_waits_find(w, key_of(i)) != NULL;
	}
	tap_int(wrong, 0, "those of a question come out in the order that they came in");
	size_t left = 0;
	for (struct store_wait *q = store_waits_first(w); q != NULL; q = q->next)
		left++;
	tap_int((long long)left, QUESTIONS / 2, "a question goes with its last record");
	tap_int((long long)store_waits_count(w), QUESTIONS / 2 * RECORDS, "the others stay");
	store_waits_free(w);
	store_waits_free(NULL);
	buf_free(&line);
}

int main(void)
{
	test_good();
	test_keys();
	test_rules();
	test_waits();
	return tap_done();
}
