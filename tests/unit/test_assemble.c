/* Streams become the bodies that they would have been: chat, and what is of no kind. The streams
 * follow the documentation of OpenAI and others, shortened. */
#include "stream.h"

/* Parts that many streams share. */
#define CHUNK(rest)                                                                       \
	D("{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":17,\"model\":" \
	  "\"m\"," rest "}")
#define DELTA(json) CHUNK("\"choices\":[{\"index\":0,\"delta\":" json ",\"finish_reason\":null}]")
#define STOP        CHUNK("\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]")
#define HEAD        "{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":17,\"model\":\"m\","

static const struct stream chat[] = {
    {"a chat with usage",
     DELTA("{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}")
	 DELTA("{\"content\":\"Hel\"}") DELTA("{\"content\":\"lo\"}")
	     STOP CHUNK("\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"total_tokens\":12}") DONE,
     0,
     HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hello\","
	  "\"refusal\":null},"
	  "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":9,\"total_tokens\":12}}"},
    {"usage is null before the last chunk",
     CHUNK("\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}],"
	   "\"usage\":null") CHUNK("\"choices\":[],\"usage\":{\"total_tokens\":1}") DONE,
     0,
     HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\"},"
	  "\"finish_reason\":\"stop\"}],"
	  "\"usage\":{\"total_tokens\":1}}"},
    {"a running count of usage",
     CHUNK("\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"usage\":{\"n\":1,\"x\":0}")
	 CHUNK("\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}"
	       "],\"usage\":{\"n\":2}") DONE,
     0,
     HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"ab\"},"
	  "\"finish_reason\":\"stop\"}],"
	  "\"usage\":{\"n\":2}}"},
    {"a role and a content that are never sent", STOP DONE, 0,
     HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null},"
	  "\"finish_reason\":\"stop\"}]}"},
    {"a role that is sent again",
     DELTA("{\"role\":\"\"}") DELTA("{\"role\":\"assistant\",\"content\":\"a\"}")
	 DELTA("{\"role\":\"assistant\",\"content\":\"b\"}") STOP DONE,
     0,
     HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"ab\"},"
	  "\"finish_reason\":\"stop\"}]}"},
    {"calls, in turns",
     DELTA("{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"index\":1,\"id\":\"b\","
	   "\"type\":\"function\","
	   "\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]}")
	 DELTA("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{"
	       "\"name\":\"f\","
	       "\"arguments\":\"\"}},{\"index\":1,\"function\":{\"arguments\":\"{\\\"y\\\":\"}}]}")
	     DELTA("{\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"type\":\"function\",\"function\":{"
		   "\"name\":\"g\","
		   "\"arguments\":\"2}\"}},{\"index\":0,\"function\":{\"arguments\":\"{}\"}}]}")
		 STOP DONE,
     0,
     HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_"
	  "calls\":["
	  "{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
	  "{\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{"
	  "\\\"y\\\":2}\"}}]},"
	  "\"finish_reason\":\"stop\"}]}"},
    {"calls without an index are whole",
     DELTA("{\"tool_calls\":[{\"id\":\"a\"}]}") DELTA("{\"tool_calls\":[{\"id\":\"b\"}]}")
	 STOP DONE,
     0,
     HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_"
	  "calls\":[{\"id\":\"a\"},"
	  "{\"id\":\"b\"}]},\"finish_reason\":\"stop\"}]}"},
    {"other members of deltas",
     DELTA("{\"reasoning_content\":\"hm\"}") DELTA("{\"reasoning_content\":\"m\"}")
	 DELTA("{\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"a\",\"format\":"
	       "\"f\",\"index\":0}]}") DELTA("{\"reasoning_details\":[{\"type\":\"reasoning.text\","
					     "\"text\":\"b\",\"format\":\"f\",\"index\":0}],"
					     "\"annotations\":[{\"n\":1}]}")
	     DELTA("{\"content\":\"x\",\"annotations\":[{\"n\":2}]}") STOP DONE,
     0,
     HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"x\","
	  "\"reasoning_content\":\"hmm\","
	  "\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"ab\",\"format\":\"f\","
	  "\"index\":0}],"
	  "\"annotations\":[{\"n\":1},{\"n\":2}]},\"finish_reason\":\"stop\"}]}"},
    {"elements with and without an index",
     DELTA("{\"x\":[7,{\"index\":1.5,\"a\":\"b\"},{\"index\":0}]}")
	 DELTA("{\"x\":[{\"index\":1.5,\"a\":\"c\"},{\"index\":1e0}]}") STOP DONE,
     0,
     HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"x\":[{"
	  "\"index\":0},"
	  "{\"index\":1.5,\"a\":\"bc\"},{\"index\":1e0},7]},\"finish_reason\":\"stop\"}]}"},
    {"a member that changes its type",
     DELTA("{\"x\":[1],\"y\":\"a\",\"z\":{\"a\":1}}")
	 DELTA("{\"x\":\"b\",\"y\":{\"b\":2},\"z\":3,\"w\":null}")
	     DELTA("{\"x\":\"c\",\"y\":{\"c\":null},\"z\":null,\"w\":true}") STOP DONE,
     0,
     HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"x\":"
	  "\"bc\",\"y\":{\"b\":2,"
	  "\"c\":null},\"z\":3,\"w\":true},\"finish_reason\":\"stop\"}]}"},
    {"two choices, the second first",
     CHUNK("\"choices\":[{\"index\":1,\"delta\":{\"content\":\"b\"}}]") CHUNK(
	 "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]")
	 CHUNK("\"choices\":[{\"index\":1,\"delta\":{\"content\":\"c\"},\"finish_reason\":"
	       "\"length\"}]") DONE,
     0,
     HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\"},"
	  "\"finish_reason\":\"stop\"},"
	  "{\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":\"bc\"},\"finish_reason\":"
	  "\"length\"}]}"},
    {"choices that cannot be places in an array",
     CHUNK("\"choices\":[{\"index\":99999999999999999999,\"delta\":{},\"finish_reason\":\"stop\"},{"
	   "\"index\":-1,"
	   "\"delta\":{},\"finish_reason\":\"stop\"},{\"index\":4000000000,\"delta\":{},\"finish_"
	   "reason\":\"stop\"}]") DONE,
     0,
     HEAD "\"choices\":[{\"index\":-1,\"message\":{\"role\":\"assistant\",\"content\":null},"
	  "\"finish_reason\":\"stop\"},"
	  "{\"index\":4000000000,\"message\":{\"role\":\"assistant\",\"content\":null},\"finish_"
	  "reason\":\"stop\"},"
	  "{\"index\":99999999999999999999,\"message\":{\"role\":\"assistant\",\"content\":null},"
	  "\"finish_reason\":\"stop\"}]}"},
    {"log probabilities",
     CHUNK("\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"logprobs\":{\"content\":[{"
	   "\"token\":\"a\",\"logprob\":"
	   "-0.10,\"top_logprobs\":[]}],\"refusal\":null},\"finish_reason\":null}]")
	 CHUNK("\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"},\"logprobs\":{\"content\":["
	       "{\"token\":\"b\","
	       "\"logprob\":-1e-5}]},\"finish_reason\":\"stop\"}]") DONE,
     0,
     HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"ab\"},"
	  "\"logprobs\":{\"content\":["
	  "{\"token\":\"a\",\"logprob\":-0.10,\"top_logprobs\":[]},{\"token\":\"b\",\"logprob\":-"
	  "1e-5}],\"refusal\":null},"
	  "\"finish_reason\":\"stop\"}]}"},
    {"Azure, filters first",
     D("{\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\",\"prompt_filter_"
       "results\":"
       "[{\"prompt_index\":0,\"content_filter_results\":{}}]}")
	 CHUNK("\"choices\":[{\"content_filter_results\":{},\"delta\":{\"content\":\"a\",\"role\":"
	       "\"assistant\"},"
	       "\"finish_reason\":null,\"index\":0}]")
	     CHUNK("\"choices\":[{\"content_filter_results\":{\"hate\":{\"filtered\":false,"
		   "\"severity\":\"safe\"}},"
		   "\"delta\":{},\"finish_reason\":\"stop\",\"index\":0}]")
		 CHUNK("\"choices\":[{\"content_filter_results\":{\"hate\":{\"filtered\":false,"
		       "\"severity\":\"safe\"}},"
		       "\"finish_reason\":null,\"index\":0}]") DONE,
     0,
     "{\"choices\":[{\"index\":0,\"content_filter_results\":{\"hate\":{\"filtered\":false,"
     "\"severity\":\"safe\"}},"
     "\"message\":{\"role\":\"assistant\",\"content\":\"a\"},\"finish_reason\":\"stop\"}],"
     "\"created\":17,\"id\":\"c1\","
     "\"model\":\"m\",\"object\":\"chat.completion\",\"prompt_filter_results\":[{\"prompt_index\":"
     "0,"
     "\"content_filter_results\":{}}]}"},
    {"escapes, digits and surrogates stay",
     DELTA("{\"content\":\"\\u00e9\\/\\ud83d\",\"n\":12345678901234567890}")
	 DELTA("{\"content\":\"\\ude00\xc3\xa9\\\"\"}") STOP DONE,
     0,
     HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"\\u00e9\\/"
	  "\\ud83d\\ude00\xc3\xa9\\\"\","
	  "\"n\":12345678901234567890},\"finish_reason\":\"stop\"}]}"},
    {"padding, comments, white space and a message so far",
     ": OPENROUTER PROCESSING\n\n" CHUNK(
	 "\"obfuscation\":\"xyz\",\"system_fingerprint\":null,\"choices\":[ { \"index\":0 , "
	 "\"message\":{\"content\":\"a\"},"
	 "\"delta\":{ \"content\":\"a\" }}]")
	 CHUNK("\"system_fingerprint\":\"fp\",\"choices\":[{\"index\":0,\"message\":{\"content\":"
	       "\"a b\"},\"delta\":"
	       "{\"content\":\" b\"},\"finish_reason\":\"stop\"}]") DONE,
     0,
     HEAD "\"system_fingerprint\":\"fp\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
	  "\"assistant\",\"content\":\"a b\"},"
	  "\"finish_reason\":\"stop\"}]}"},
    {"data over several lines",
     "data: {\"object\":\"chat.completion.chunk\",\ndata: \"choices\":[{\"delta\":{},\n"
     "data:  \"finish_reason\":\"stop\"}]}\n\n" DONE,
     0,
     "{\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
     "\"assistant\",\"content\":null},"
     "\"finish_reason\":\"stop\"}]}"},
    {"a legacy completion",
     D("{\"id\":\"c\",\"object\":\"text_completion\",\"choices\":[{\"text\":\"a\",\"index\":0,"
       "\"logprobs\":null,"
       "\"finish_reason\":null}]}") D("{\"id\":\"c\",\"object\":\"text_completion\",\"choices\":[{"
				      "\"text\":\"b\",\"index\":0,\"logprobs\":null,"
				      "\"finish_reason\":\"stop\"}]}") DONE,
     0,
     "{\"id\":\"c\",\"object\":\"text_completion\",\"choices\":[{\"index\":0,\"text\":\"ab\","
     "\"logprobs\":null,"
     "\"finish_reason\":\"stop\"}]}"},
    {"what follows the end is not looked at", STOP DONE "data: {\n\n" D("{\"error\":1}"), 0,
     HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null},"
	  "\"finish_reason\":\"stop\"}]}"},
    {"no [DONE], but the usage at the end",
     STOP CHUNK("\"choices\":[],\"usage\":{\"total_tokens\":1}"), 0,
     HEAD "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null},"
	  "\"finish_reason\":\"stop\"}],"
	  "\"usage\":{\"total_tokens\":1}}"},
    {"no [DONE] and no usage", STOP, -1, EARLY},
    {"a choice that is not finished",
     CHUNK("\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"},{\"index\":1,"
	   "\"delta\":{}}]") DONE,
     -1, EARLY},
    {"a finish_reason that is empty",
     CHUNK("\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"\"}]") DONE, -1, EARLY},
    {"no choice at all", CHUNK("\"choices\":[]") DONE, -1, EARLY},
    {"a chunk that is no JSON", DELTA("{\"content\":\"a\"") STOP DONE, -1, BAD},
    {"a chunk with bad UTF-8", DELTA("{\"content\":\"\xc3\"}") STOP DONE, -1, BAD},
    {"a choice that is no object", CHUNK("\"choices\":[1]") DONE, -1, BAD},
    {"choices that are no array", CHUNK("\"choices\":{}") DONE, -1, BAD},
    {"a chunk without choices", CHUNK("\"choices\":null") DONE, -1, EARLY},
    {"a delta that is no object", DELTA("\"a\"") STOP DONE, -1, BAD},
    {"an error in the midst",
     DELTA("{\"content\":\"a\"}") D("{\"error\":{\"message\": \"m\",\"code\":1.0}}") STOP DONE, 1,
     "{\"error\":{\"message\":\"m\",\"code\":1.0}}"},
    {"OpenRouter's error in a chunk",
     CHUNK("\"error\":{\"code\":502,\"message\":\"m\"},\"choices\":[{\"index\":0,\"delta\":{},"
	   "\"finish_reason\":\"error\"}]"),
     1, "{\"error\":{\"code\":502,\"message\":\"m\"}}"},
    {"an error that is text", D("{\"error\":\"m\"}"), 1, "{\"error\":\"m\"}"},
    {"an error that is null is none",
     CHUNK("\"error\":null,\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]") DONE, 0,
     HEAD "\"error\":null,\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
	  "\"content\":null},"
	  "\"finish_reason\":\"stop\"}]}"},
    {"vLLM's error of old",
     D("{\"object\":\"error\",\"message\":\"m\",\"type\":\"BadRequestError\",\"code\":400}"), 1,
     "{\"error\":{\"object\":\"error\",\"message\":\"m\",\"type\":\"BadRequestError\",\"code\":400}"
     "}"},
    {"an error event in plain text", "event: error\ndata: upstream \"gone\"\n\n", 1,
     "{\"error\":{\"message\":\"upstream \\\"gone\\\"\"}}"},
};

static const struct stream others[] = {
    {"nothing", "", -1, EARLY},
    {"comments", ": a\n\n", -1, EARLY},
    {"pings", E("ping", ""), -1, EARLY},
    {"an end alone", DONE, -1, EARLY},
    {"no stream", "{\"choices\":[]}\n", -1, EARLY},
    {"no JSON", "data: hello\n\n", -1, BAD},
    {"no objects", "data: 1\n\n" DONE, -1, STRANGE},
    {"objects of no kind", D("{\"a\":1}"), -1, STRANGE},
    {"Gemini's own", D("{\"candidates\":[]}"), -1, STRANGE},
};

/* Feed a text so many times over. */
static void feed_often(struct assemble *a, const char *text, int times)
{
	for (int i = 0; i < times; i++)
		assemble_feed(a, text, strlen(text));
}

/* What would take hours if the time for an event grew with the answer. */
static void test_many_events(void)
{
	struct assemble *a = assemble_new();
	struct buf body = {0};
	const char *reason;

	feed_often(a, DELTA("{\"content\":\"a\"}"), 300000);
	feed_often(a, STOP DONE, 1);
	tap_int(assemble_finish(a, &body, &reason), 0, "300,000 deltas");
	struct json_span text = {body.data, body.length};
	struct json_span content =
	    json_path(json_element(json_get(text, "choices"), 0), "message", "content", NULL);
	tap_int((long long)content.length, 300002, "none of them lost");
	buf_free(&body);
	assemble_free(a);
}

static void test_many_members(void)
{
	struct assemble *a = assemble_new();
	struct buf body = {0};
	const char *reason = NULL;
	char chunk[128];

	for (int i = 30000; i > 0; i--) {
		snprintf(chunk, sizeof chunk,
			 "data: {\"choices\":[{\"index\":%d,\"finish_reason\":\"stop\"}]}\n\n", i);
		feed_often(a, chunk, 1);
	}
	feed_often(a, DONE, 1);
	tap_int(assemble_finish(a, &body, &reason), 0, "30,000 choices from the last to the first");
	struct json_span choices = json_get((struct json_span){body.data, body.length}, "choices");
	struct json_span first = json_get(json_element(choices, 0), "index");
	struct json_span last = json_get(json_element(choices, -1), "index");
	tap_int((long long)json_count(choices), 30000, "all there");
	tap_bytes(first.at, first.length, "1", 1, "sorted: the first");
	tap_bytes(last.at, last.length, "30000", 5, "sorted: the last");
	buf_free(&body);
	assemble_free(a);

	a = assemble_new();
	for (int i = 0; i < 200000; i++) {
		snprintf(chunk, sizeof chunk, "data: {\"choices\":[{\"delta\":{\"m%d\":0}}]}\n\n",
			 i);
		feed_often(a, chunk, 1);
	}
	feed_often(a, STOP DONE, 1);
	tap_int(assemble_finish(a, &body, &reason), -1, "more members than any answer has");
	tap_is(reason, BAD, "are refused");
	buf_free(&body);
	assemble_free(a);
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

int main(void)
{
	stream_test(chat, COUNT(chat));
	stream_test(others, COUNT(others));
	test_many_events();
	test_many_members();
	return tap_done();
}
