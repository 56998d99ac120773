/*
 * records: made-up records for the measurements, the same ones each time.
 *
 *   records results|requests|items COUNT
 *
 * A result has about 1,200 bytes, a request a body of about 1,000, an item about 200. Of the texts
 * in them a quarter is written in other scripts than ASCII, and a quarter with \u escapes.
 */
#include "buf.h"
#include "msg.h"
#include "opt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LIST(name, ...) static const char *const name[16] = {__VA_ARGS__}

LIST(plain, "harbour", "the", "of", "copper", "seven", "and", "engine", "quiet", "to", "window",
     "letters,", "is", "a", "parallel", "green.", "measured");
LIST(beyond, "größer", "été", "naïve", "Москва", "данные", "язык", "ελληνικά", "λόγος", "数据",
     "模型回答", "こんにちは", "言葉", "데이터", "שלום", "🚀", "€12");
LIST(escaped, "caf\\u00e9", "\\u4f60\\u597d", "line\\n",
     "\\u043f\\u0440\\u0438\\u0432\\u0435\\u0442", "said \\\"yes\\\"", "\\ud83d\\ude00", "tab\\t",
     "\\u20ac5", "the", "of", "and", "window", "to", "\\u00fcber", "back\\\\slash", "green");

static uint64_t state = UINT64_C(0x9e3779b97f4a7c15);

/* xorshift64 (Marsaglia, 2003). */
static uint64_t next_random(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Words, until they are n bytes or a little more. */
static void add_text(struct buf *out, size_t n)
{
	uint64_t kind = next_random() >> 62;
	const char *const *other = kind == 0 ? beyond : escaped;
	size_t end = out->length + n;

	while (out->length < end) {
		uint64_t draws = next_random();
		for (int i = 0; i < 8 && out->length < end; i++, draws >>= 8) {
			bool in_plain = kind >= 2 || (draws & 0x30) == 0;
			buf_adds(out, (in_plain ? plain : other)[draws & 15]);
			buf_addc(out, ' ');
		}
	}
}

static void add_request(struct buf *out, int64_t i, size_t system, size_t user)
{
	buf_addf(out,
		 "{\"custom_id\":\"item-%08" PRId64 "\",\"method\":\"POST\","
		 "\"url\":\"/v1/chat/completions\",\"body\":{\"model\":\"gpt-4o-mini\","
		 "\"messages\":[{\"role\":\"system\",\"content\":\"",
		 i);
	add_text(out, system);
	buf_adds(out, "\"},{\"role\":\"user\",\"content\":\"");
	add_text(out, user);
	buf_adds(out, "\"}],\"temperature\":0.2,\"max_tokens\":256}");
}

static void add_result(struct buf *out, int64_t i)
{
	uint64_t input = 40 + next_random() % 200, output = 10 + next_random() % 90;

	add_request(out, i, 60, 240);
	buf_addf(out,
		 ",\"id\":\"call_%016" PRIx64 "\",\"response\":{\"status_code\":200,"
		 "\"request_id\":\"req_%016" PRIx64 "\",\"body\":{\"id\":\"chatcmpl-%016" PRIx64
		 "\","
		 "\"object\":\"chat.completion\",\"created\":1767225600,\"model\":\"gpt-4o-mini\","
		 "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"",
		 next_random(), next_random(), next_random());
	add_text(out, 200);
	buf_addf(out,
		 "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":%" PRIu64
		 ",\"completion_tokens\":%" PRIu64 ",\"total_tokens\":%" PRIu64
		 "}}},\"error\":null,\"lb\":{\"ms\":%" PRIu64 "}}\n",
		 input, output, input + output, 200 + next_random() % 900);
}

static void add_item(struct buf *out, int64_t i)
{
	buf_addf(out, "{\"id\":%" PRId64 ",\"name\":\"", i);
	add_text(out, 40);
	buf_adds(out, "\",\"description\":\"");
	add_text(out, 110);
	buf_adds(out, "\"}\n");
}

int main(int argc, char **argv)
{
	struct buf out = {0};
	int64_t count;

	msg_init(argv[0]);
	if (argc != 3 || opt_count(argv[2], &count) < 0)
		msg_die(STATUS_USAGE, "usage: records results|requests|items COUNT");
	for (int64_t i = 0; i < count; i++) {
		if (strcmp(argv[1], "results") == 0) {
			add_result(&out, i);
		} else if (strcmp(argv[1], "requests") == 0) {
			add_request(&out, i, 120, 720);
			buf_adds(&out, "}\n");
		} else {
			add_item(&out, i);
		}
		if (out.length < 65536 && i + 1 < count)
			continue;
		if (fwrite(out.data, 1, out.length, stdout) != out.length)
			break;
		buf_clear(&out);
	}
	buf_free(&out);
	if (fclose(stdout) != 0)
		msg_die(STATUS_SYSTEM, "stdout: %s", strerror(errno));
	return 0;
}
