/* What providers' response bodies mean; the samples follow the providers' own documentation. */
#include "buf.h"
#include "provider.h"
#include "tap.h"

static struct json_span parse(const char *text)
{
	struct json_span root = {NULL, 0};
	struct json_error error;

	if (json_check(text, strlen(text), &root, NULL, 0, &error) < 0)
		tap_ok(false, "the test's own text is valid: %s", text);
	return root;
}

static void test_errors(void)
{
	static const struct {
		const char *name;
		const char *body;
		const char *code; /* NULL: no error */
		const char *message;
	} cases[] = {
	    {"OpenAI",
	     "{\"error\":{\"message\":\"Rate limit reached for "
	     "gpt-4o\",\"type\":\"tokens\",\"param\":null,"
	     "\"code\":\"rate_limit_exceeded\"}}",
	     "rate_limit_exceeded", "Rate limit reached for gpt-4o"},
	    {"OpenAI without a code",
	     "{\"error\":{\"message\":\"m\",\"type\":\"insufficient_quota\",\"param\":null,"
	     "\"code\":null}}",
	     "insufficient_quota", "m"},
	    {"Anthropic",
	     "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":"
	     "\"Overloaded\"},"
	     "\"request_id\":\"req_1\"}",
	     "overloaded_error", "Overloaded"},
	    {"Anthropic, with details",
	     "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\","
	     "\"details\":"
	     "{\"error_code\":\"enforced_spend_limit_reached\"}}}",
	     "enforced_spend_limit_reached", "m"},
	    {"Azure, a number as a string",
	     "{\"error\":{\"code\":\"429\",\"message\":\"Requests to the API\"}}", "http_429",
	     "Requests to the API"},
	    {"OpenRouter",
	     "{\"error\":{\"code\":402,\"message\":\"Insufficient credits\"},\"user_id\":\"u\"}",
	     "http_402", "Insufficient credits"},
	    {"Gemini",
	     "{\"error\":{\"code\":429,\"message\":\"Quota\",\"status\":\"RESOURCE_EXHAUSTED\","
	     "\"details\":"
	     "[{\"@type\":\"RetryInfo\",\"retryDelay\":\"57.238s\"}]}}",
	     "http_429", "Quota"},
	    {"Gemini, in an array",
	     "[{\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}]",
	     "http_503", "m"},
	    {"a status alone", "{\"error\":{\"status\":\"RESOURCE_EXHAUSTED\"}}",
	     "RESOURCE_EXHAUSTED", ""},
	    {"a number that is no HTTP status", "{\"error\":{\"code\":1042,\"type\":\"t\"}}", "t",
	     ""},
	    {"no integer either", "{\"error\":{\"code\":4e2,\"type\":\"t\"}}", "t", ""},
	    {"an empty code", "{\"error\":{\"code\":\"\",\"type\":\"t\",\"message\":\"m\"}}", "t",
	     "m"},
	    {"vLLM, a string", "{\"error\":\"model is loading\"}", "", "model is loading"},
	    {"vLLM of old",
	     "{\"object\":\"error\",\"message\":\"m\",\"type\":\"BadRequestError\",\"param\":null,"
	     "\"code\":400}",
	     "http_400", "m"},
	    {"vLLM of old, without a code",
	     "{\"object\":\"error\",\"message\":null,\"type\":\"t\"}", "t", ""},
	    {"Responses, failed",
	     "{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"failed\",\"error\":{\"code\":"
	     "\"server_error\",\"message\":\"The model failed\"},\"output\":[]}",
	     "server_error", "The model failed"},
	    {"Responses, completed",
	     "{\"id\":\"resp_1\",\"status\":\"completed\",\"error\":null,\"output\":[]}", NULL, ""},
	    {"FastAPI, a string", "{\"detail\":\"Not Found\"}", "", "Not Found"},
	    {"FastAPI, validation",
	     "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\"}]}", "",
	     "field required"},
	    {"Mistral, a lone message", "{\"message\":\"Unauthorized\",\"request_id\":\"r\"}", "",
	     "Unauthorized"},
	    {"escapes in the message", "{\"error\":{\"message\":\"a\\n\\u00e9\"}}", "",
	     "a\n\xc3\xa9"},
	    {"a message that is no string", "{\"error\":{\"message\":{\"a\": 1}}}", "",
	     "{\"a\":1}"},
	    {"a message that is null", "{\"error\":{\"message\":null,\"code\":\"c\"}}", "c", ""},
	    {"an empty object", "{\"error\":{}}", "", ""},
	    {"true", "{\"error\":true,\"message\":\"m\"}", "", "m"},
	    {"false", "{\"error\":false,\"id\":\"x\"}", NULL, ""},
	    {"a number", "{\"error\":7}", "", ""},
	    {"an array", "{\"error\":[]}", "", ""},
	    {"an answer", "{\"id\":\"c\",\"object\":\"chat.completion\",\"choices\":[]}", NULL, ""},
	    {"no object", "\"error\"", NULL, ""},
	    {"an empty array", "[]", NULL, ""},
	    {"null", "null", NULL, ""},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf code = {0}, message = {0};
		bool any = provider_error(parse(cases[i].body), NULL, &code, &message);
		tap_int(any, cases[i].code != NULL, "%s: is it an error?", cases[i].name);
		tap_is(buf_string(&code), cases[i].code != NULL ? cases[i].code : "", "%s: code",
		       cases[i].name);
		tap_is(buf_string(&message), cases[i].message, "%s: message", cases[i].name);
		buf_free(&code);
		buf_free(&message);
	}
	struct buf code = {0}, message = {0};
	tap_ok(!provider_error((struct json_span){NULL, 0}, NULL, &code, &message),
	       "no body, no error");
	buf_free(&code);
	buf_free(&message);
}

#define EARLY "the answer ended early: "
#define CALL  "the answer is a function call: use --answer"

static const struct {
	const char *name;
	const char *body;
	const char *code; /* NULL: a good answer */
	const char *text;
} answers[] = {
    /* chat */
    {"chat",
     "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\\u00e9\","
     "\"refusal\":null},"
     "\"finish_reason\":\"stop\"}]}",
     NULL, "a\xc3\xa9"},
    {"chat, several choices",
     "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"stop\"},"
     "{\"message\":{\"content\":\"b\"},\"finish_reason\":\"length\"}]}",
     NULL, "a"},
    {"chat, an empty answer",
     "{\"choices\":[{\"message\":{\"content\":\"\"},\"finish_reason\":\"stop\"}]}", NULL, ""},
    {"chat, parts",
     "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"thinking\",\"thinking\":[]},{\"type\":"
     "\"text\",\"text\":"
     "\"a\"},{\"type\":\"text\",\"text\":\"b\"}]},\"finish_reason\":\"stop\"}]}",
     NULL, "ab"},
    {"chat, a refusal",
     "{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"I "
     "can't\"},\"finish_reason\":\"stop\"}]}",
     "refusal", "I can't"},
    {"chat, an empty refusal is none",
     "{\"choices\":[{\"message\":{\"content\":\"a\",\"refusal\":\"\"},\"finish_reason\":\"stop\"}]"
     "}",
     NULL, "a"},
    {"chat, a part that refuses",
     "{\"choices\":[{\"message\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":"
     "\"refusal\",\"refusal\":"
     "\"no\"}]}}]}",
     "refusal", "no"},
    {"chat, length",
     "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"length\"}]}", "truncated",
     EARLY "length"},
    {"chat, content filter",
     "{\"choices\":[{\"message\":{\"content\":\"a\"},\"finish_reason\":\"content_filter\"}]}",
     "content_filter", EARLY "content_filter"},
    {"chat, a call",
     "{\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[{\"id\":\"c\",\"type\":"
     "\"function\",\"function\":"
     "{\"name\":\"f\",\"arguments\":\"{}\"}}]},\"finish_reason\":\"tool_calls\"}]}",
     "no_answer", CALL},
    {"chat, a call beside an empty text",
     "{\"choices\":[{\"message\":{\"content\":\"\",\"tool_calls\":[{}]},\"finish_reason\":\"tool_"
     "calls\"}]}",
     "no_answer", CALL},
    {"chat, text beside a call",
     "{\"choices\":[{\"message\":{\"content\":\"a\",\"tool_calls\":[{}]},\"finish_reason\":\"tool_"
     "calls\"}]}",
     NULL, "a"},
    {"chat, no content",
     "{\"choices\":[{\"message\":{\"content\":null},\"finish_reason\":\"stop\"}]}", "no_answer",
     "the response has no text"},
    {"chat, no choices", "{\"choices\":[]}", "no_answer", "the response has no text"},
    {"legacy completions",
     "{\"object\":\"text_completion\",\"choices\":[{\"text\":\" a\",\"finish_reason\":\"stop\"}]}",
     NULL, " a"},
    {"legacy completions, length", "{\"choices\":[{\"text\":\" a\",\"finish_reason\":\"length\"}]}",
     "truncated", EARLY "length"},
    /* Responses */
    {"responses",
     "{\"object\":\"response\",\"status\":\"completed\",\"error\":null,\"incomplete_details\":null,"
     "\"output\":["
     "{\"type\":\"reasoning\",\"summary\":[]},{\"type\":\"message\",\"role\":\"assistant\","
     "\"content\":["
     "{\"type\":\"output_text\",\"text\":\"a\",\"annotations\":[]},{\"type\":\"output_text\","
     "\"text\":\"b\"}]}]}",
     NULL, "ab"},
    {"responses, out of tokens",
     "{\"object\":\"response\",\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"max_"
     "output_tokens\"},"
     "\"output\":[]}",
     "truncated", EARLY "max_output_tokens"},
    {"responses, filtered",
     "{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"content_filter\"},\"output\":"
     "[]}",
     "content_filter", EARLY "content_filter"},
    {"responses, incomplete for no reason", "{\"status\":\"incomplete\",\"output\":[]}",
     "truncated", "the response is incomplete"},
    {"responses, failed", "{\"status\":\"failed\",\"error\":{},\"output\":[]}", "no_answer",
     "the status of the response is failed"},
    {"responses, a refusal",
     "{\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"content\":[{\"type\":"
     "\"refusal\",\"refusal\":"
     "\"no\"}]}]}",
     "refusal", "no"},
    {"responses, a call",
     "{\"status\":\"completed\",\"output\":[{\"type\":\"function_call\",\"name\":\"f\","
     "\"arguments\":\"{}\"}]}",
     "no_answer", CALL},
    {"responses, nothing", "{\"object\":\"response\",\"status\":\"completed\",\"output\":[]}",
     "no_answer", "the response has no text"},
    /* messages */
    {"messages",
     "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\","
     "\"thinking\":\"t\",\"signature\":"
     "\"s\"},{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":\"b\"}],\"stop_"
     "reason\":\"end_turn\"}",
     NULL, "ab"},
    {"messages, stopped where asked",
     "{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"stop_reason\":\"stop_sequence\"}", NULL,
     "a"},
    {"messages, out of tokens",
     "{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"stop_reason\":\"max_tokens\"}",
     "truncated", EARLY "max_tokens"},
    {"messages, out of context",
     "{\"content\":[],\"stop_reason\":\"model_context_window_exceeded\"}", "truncated",
     EARLY "model_context_window_exceeded"},
    {"messages, a refusal",
     "{\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"stop_reason\":\"refusal\"}", "refusal",
     EARLY "refusal"},
    {"messages, a call",
     "{\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}],\"stop_"
     "reason\":\"tool_use\"}",
     "no_answer", CALL},
    {"messages, nothing", "{\"content\":[],\"stop_reason\":\"end_turn\"}", "no_answer",
     "the response has no text"},
    /* Gemini */
    {"Gemini",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"t\",\"thought\":true},{\"text\":\"a\"},"
     "{\"text\":\"b\","
     "\"thought\":false}],\"role\":\"model\"},\"finishReason\":\"STOP\"}]}",
     NULL, "ab"},
    {"Gemini, out of tokens",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"MAX_TOKENS\"}"
     "]}",
     "truncated", EARLY "MAX_TOKENS"},
    {"Gemini, safety", "{\"candidates\":[{\"finishReason\":\"SAFETY\"}]}", "content_filter",
     EARLY "SAFETY"},
    {"Gemini, recitation", "{\"candidates\":[{\"finishReason\":\"RECITATION\"}]}", "content_filter",
     EARLY "RECITATION"},
    {"Gemini, blocklist", "{\"candidates\":[{\"finishReason\":\"BLOCKLIST\"}]}", "content_filter",
     EARLY "BLOCKLIST"},
    {"Gemini, prohibited", "{\"candidates\":[{\"finishReason\":\"PROHIBITED_CONTENT\"}]}",
     "content_filter", EARLY "PROHIBITED_CONTENT"},
    {"Gemini, SPII", "{\"candidates\":[{\"finishReason\":\"SPII\"}]}", "content_filter",
     EARLY "SPII"},
    {"Gemini, blocked prompt", "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}",
     "content_filter", "the prompt was blocked: SAFETY"},
    {"Gemini, a call",
     "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]},"
     "\"finishReason\":\"STOP\"}]}",
     "no_answer", CALL},
    {"Gemini, nothing", "{\"candidates\":[]}", "no_answer", "the response has no text"},
    /* no answer of a known kind */
    {"embeddings", "{\"object\":\"list\",\"data\":[{\"embedding\":[0.1]}]}", "no_answer",
     "the response is of no known API"},
    {"an empty object", "{}", "no_answer", "the response is of no known API"},
    {"null", "null", "no_answer", "the response is of no known API"},
    {"shapes that are none", "{\"choices\":[7],\"content\":1}", "no_answer",
     "the response has no text"},
};

static void test_answers(void)
{
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct buf text = {0};
		buf_adds(&text, "<");
		tap_is(provider_answer(parse(answers[i].body), &text), answers[i].code, "%s: code",
		       answers[i].name);
		tap_is(buf_string(&text) + 1, answers[i].text, "%s: text", answers[i].name);
		buf_free(&text);
	}
	struct buf text = {0};
	tap_is(provider_answer((struct json_span){NULL, 0}, &text), "no_answer",
	       "no body, no answer");
	buf_free(&text);
}

int main(void)
{
	test_errors();
	test_answers();
	return tap_done();
}
