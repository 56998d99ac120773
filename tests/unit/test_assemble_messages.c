/* Streams become the bodies that they would have been: OpenAI Responses and Anthropic messages. The
 * streams follow their documentation, shortened. */
#include "stream.h"

/* Parts that many streams share. */
#define START                                                                           \
	E("message_start",                                                              \
	  ",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\"," \
	  "\"content\":[],"                                                             \
	  "\"model\":\"claude\",\"stop_reason\":null,\"stop_sequence\":null,\"usage\":" \
	  "{\"input_tokens\":25,\"cache_creation\":{\"a\":1},\"output_tokens\":1}}")
#define BLOCK(index, json) E("content_block_start", ",\"index\":" index ",\"content_block\":" json)
#define PIECE(index, json) E("content_block_delta", ",\"index\":" index ",\"delta\":" json)
#define ENDED(reason)                                                                     \
	E("message_delta",                                                                \
	  ",\"delta\":{\"stop_reason\":\"" reason "\",\"stop_sequence\":null},\"usage\":" \
	  "{\"output_tokens\":15,\"cache_creation\":{\"b\":2}}")                          \
	E("message_stop", "")
#define MESSAGE(content, reason)                                                                 \
	"{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"content\":" content     \
	",\"model\":\"claude\",\"stop_reason\":\"" reason "\",\"stop_sequence\":null,\"usage\":" \
	"{\"input_tokens\":25,\"cache_creation\":{\"a\":1,\"b\":2},\"output_tokens\":15}}"

static const struct stream responses[] = {
    {"a response",
     E("response.created",
       ",\"response\":{\"id\":\"r\",\"status\":\"in_progress\"},\"sequence_number\":0")
	 E("response.output_text.delta", ",\"delta\":\"a\",\"sequence_number\":1")
	     E("response.completed",
	       ",\"response\":{\"id\":\"r\", \"status\":\"completed\",\"error\":null,\"output\":[],"
	       "\"usage\":{\"n\":1.0}},\"sequence_number\":2"),
     0,
     "{\"id\":\"r\",\"status\":\"completed\",\"error\":null,\"output\":[],\"usage\":{\"n\":1.0}}"},
    {"a response that is incomplete",
     E("response.incomplete", ",\"response\":{\"status\":\"incomplete\"}"), 0,
     "{\"status\":\"incomplete\"}"},
    {"a response that failed",
     E("response.failed", ",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"c\"}}"), 0,
     "{\"status\":\"failed\",\"error\":{\"code\":\"c\"}}"},
    {"a response without its end", E("response.created", ",\"response\":{}") DONE, -1, EARLY},
    {"an end without a response", E("response.completed", ""), -1, BAD},
    {"an error beside responses",
     E("response.created", ",\"response\":{}")
	 E("error", ",\"code\":\"c\",\"message\":\"m\",\"param\":null,"
		    "\"sequence_number\":1"),
     1, "{\"error\":{\"code\":\"c\",\"message\":\"m\",\"param\":null}}"},
};

static const struct stream messages[] = {
    {"a message",
     START E("ping", "") BLOCK("0", "{\"type\":\"text\",\"text\":\"\"}")
	 PIECE("0", "{\"type\":\"text_delta\",\"text\":\"Hel\"}")
	     PIECE("0", "{\"type\":\"text_delta\",\"text\":\"lo\"}")
		 E("content_block_stop", ",\"index\":0") ENDED("end_turn"),
     0, MESSAGE("[{\"type\":\"text\",\"text\":\"Hello\"}]", "end_turn")},
    {"a message without content", START ENDED("end_turn"), 0, MESSAGE("[]", "end_turn")},
    {"a ping first", E("ping", "") START ENDED("end_turn"), 0, MESSAGE("[]", "end_turn")},
    {"thoughts, then a call, in turns",
     START BLOCK("0", "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}")
	 BLOCK("1", "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}") PIECE(
	     "1", "{\"type\":\"input_json_delta\",\"partial_json\":\"\"}")
	     PIECE("0", "{\"type\":\"thinking_delta\",\"thinking\":\"h\\u006d\"}") PIECE(
		 "1", "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\": [1.0,\"}")
		 PIECE("0", "{\"type\":\"thinking_delta\",\"thinking\":\"m\"}") PIECE(
		     "1",
		     "{\"type\":\"input_json_delta\",\"partial_json\":\" \\\"\\\\u00e9 x\\\"]}\"}")
		     PIECE("0", "{\"type\":\"signature_delta\",\"signature\":\"c2ln\"}")
			 ENDED("tool_use"),
     0,
     MESSAGE("[{\"type\":\"thinking\",\"thinking\":\"h\\u006dm\",\"signature\":\"c2ln\"},{\"type\":"
	     "\"tool_use\",\"id\":\"t\","
	     "\"name\":\"f\",\"input\":{\"a\":[1.0,\"\\u00e9 x\"]}}]",
	     "tool_use")},
    {"a call without arguments",
     START BLOCK("0", "{\"type\":\"tool_use\",\"input\":{}}")
	 PIECE("0", "{\"type\":\"input_json_delta\",\"partial_json\":\"\"}") ENDED("tool_use"),
     0, MESSAGE("[{\"type\":\"tool_use\",\"input\":{}}]", "tool_use")},
    {"a call whose input is no JSON",
     START BLOCK("0", "{\"type\":\"tool_use\",\"input\":{}}") PIECE(
	 "0", "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}") ENDED("tool_use"),
     -1, BAD},
    {"a call that the limit cut off",
     START BLOCK("0", "{\"type\":\"tool_use\",\"input\":{}}")
	 PIECE("0", "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}")
	     ENDED("max_tokens"),
     0, MESSAGE("[{\"type\":\"tool_use\",\"input\":{}}]", "max_tokens")},
    {"citations",
     START BLOCK("0", "{\"type\":\"text\",\"text\":\"\",\"citations\":[]}")
	 PIECE("0", "{\"type\":\"citations_delta\",\"citation\":{\"index\":0,\"a\": 1}}")
	     PIECE("0", "{\"type\":\"text_delta\",\"text\":\"x\"}")
		 PIECE("0", "{\"type\":\"citations_delta\",\"citation\":{\"index\":0,\"a\":2}}")
		     ENDED("end_turn"),
     0,
     MESSAGE("[{\"type\":\"text\",\"text\":\"x\",\"citations\":[{\"index\":0,\"a\":1},{\"index\":0,"
	     "\"a\":2}]}]",
	     "end_turn")},
    {"a block that comes whole",
     START BLOCK("0", "{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s\",\"content\":[{"
		      "\"type\":\"r\",\"url\": \"u\"}]}") ENDED("end_turn"),
     0,
     MESSAGE("[{\"type\":\"web_search_tool_result\",\"tool_use_id\":\"s\",\"content\":[{\"type\":"
	     "\"r\",\"url\":\"u\"}]}]",
	     "end_turn")},
    {"a delta of an unknown kind",
     START BLOCK("0", "{\"type\":\"compaction\",\"content\":\"a\"}")
	 PIECE("0", "{\"type\":\"x_delta\",\"content\":\"b\",\"n\":1}") ENDED("end_turn"),
     0, MESSAGE("[{\"type\":\"compaction\",\"content\":\"ab\",\"n\":1}]", "end_turn")},
    {"events of unknown kinds are skipped",
     START E("message_x", "") E("content_block_x", "") E("novelty", "") ENDED("end_turn"), 0,
     MESSAGE("[]", "end_turn")},
    {"a message without its end", START DONE, -1, EARLY},
    {"a message without its start", ENDED("end_turn"), -1, BAD},
    {"a second start", START START ENDED("end_turn"), -1, BAD},
    {"a delta of no block",
     START PIECE("0", "{\"type\":\"text_delta\",\"text\":\"a\"}") ENDED("end_turn"), -1, BAD},
    {"a block without an index",
     START E("content_block_start", ",\"content_block\":{}") ENDED("end_turn"), -1, BAD},
    {"an error beside messages",
     START "event: error\n" D(
	 "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\", \"message\":\"m\"}}"),
     1, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}"},
};

/* A delta nested so deep that it is just valid, and one that is not; and one that only becomes too
 * deep where it is put. */
static void test_depth(void)
{
	static const struct {
		const char *before, *after;
		int depth;
		int status;
	} cases[] = {
	    {"data: {\"choices\":[{\"finish_reason\":\"stop\",\"delta\":{\"a\":", "}}]}\n\n" DONE,
	     508, 0},
	    {"data: {\"choices\":[{\"finish_reason\":\"stop\",\"delta\":{\"a\":", "}}]}\n\n" DONE,
	     509, -1},
	    {START "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"a\":",
	     "}}\n\n" ENDED("end_turn"), 509, 0},
	    {START "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"a\":",
	     "}}\n\n" ENDED("end_turn"), 510, -1},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (const char *kind = "[]{}"; *kind != '\0'; kind += 2) {
			struct buf text = {0}, out = {0};
			buf_adds(&text, cases[i].before);
			for (int n = 1; n < cases[i].depth; n++)
				buf_adds(&text, *kind == '{' ? "{\"a\":" : "[");
			buf_addc(&text, kind[0]);
			for (int n = 0; n < cases[i].depth; n++)
				buf_addc(&text, kind[1]);
			buf_adds(&text, cases[i].after);
			tap_int(stream_run(text.data, text.length, text.length, &out),
				cases[i].status, "case %zu of nesting %d times %c", i,
				cases[i].depth, *kind);
			buf_free(&text);
			buf_free(&out);
		}
	}
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

int main(void)
{
	stream_test(responses, COUNT(responses));
	stream_test(messages, COUNT(messages));
	test_depth();
	return tap_done();
}
