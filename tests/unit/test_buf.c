/* The growable buffer, and the end that running out of memory makes. */
#include "buf.h"
#include "capture.h"
#include "mem.h"
#include "msg.h"
#include "tap.h"

#include <stdint.h>

static void test_add(void)
{
	struct buf b = {0};

	tap_is(buf_string(&b), "", "a zeroed buffer is an empty one");
	tap_int((long long)b.length, 0, "the NUL of buf_string is not counted");
	buf_add(&b, "ab\0c", 4);
	buf_adds(&b, "de");
	buf_addc(&b, 'f');
	buf_addf(&b, "%d-%s", 42, "x");
	tap_bytes(b.data, b.length, "ab\0cdef42-x", 11,
		  "bytes, strings, a byte and formatted text");
	buf_add(&b, NULL, 0);
	buf_adds(&b, "");
	buf_addf(&b, "%s", "");
	tap_int((long long)b.length, 11, "adding nothing adds nothing");
	size_t capacity = b.capacity;
	buf_clear(&b);
	tap_ok(b.length == 0 && b.capacity == capacity, "clearing keeps the memory");
	buf_free(&b);
	tap_ok(b.data == NULL && b.length == 0 && b.capacity == 0,
	       "freeing leaves an empty buffer");
	buf_free(&b);
	buf_adds(&b, "again");
	tap_is(buf_string(&b), "again", "which can be used again");
	buf_free(&b);
}

static void test_growth(void)
{
	struct buf b = {0};
	size_t moves = 0, capacity = 0, wrong = 0;

	for (int i = 0; i < 1000000; i++) {
		buf_addc(&b, (char)('a' + i % 26));
		moves += b.capacity != capacity;
		capacity = b.capacity;
		wrong += b.length > b.capacity;
	}
	for (int i = 0; i < 1000000; i++)
		wrong += b.data[i] != 'a' + i % 26;
	tap_int((long long)wrong, 0, "a million bytes, one at a time, arrive");
	tap_ok(moves < 60, "and the memory grew in steps: %zu", moves);
	buf_addf(&b, "%0*d", 100000, 7);
	tap_int((long long)b.length, 1100000, "formatted text of any length");
	char *room = buf_reserve(&b, 10);
	tap_ok(room == b.data + b.length && b.capacity - b.length >= 10,
	       "reserved room is behind the contents");
	tap_int((long long)b.length, 1100000, "and is not part of them yet");
	buf_free(&b);
}

static void test_consume(void)
{
	struct buf b = {0};

	buf_consume(&b, 0);
	buf_adds(&b, "abcdef");
	buf_consume(&b, 0);
	tap_is(buf_string(&b), "abcdef", "consuming nothing");
	buf_consume(&b, 2);
	tap_is(buf_string(&b), "cdef", "consuming the beginning");
	buf_consume(&b, 4);
	tap_int((long long)b.length, 0, "consuming the rest");
	buf_free(&b);
}

static void pass_ceiling(void)
{
	struct buf b = {0};
	buf_adds(&b, "x");
	buf_reserve(&b, BUF_CEILING);
}

static void pass_size(void)
{
	struct buf b = {0};
	buf_adds(&b, "x");
	buf_reserve(&b, SIZE_MAX);
}

static void overflow_resize(void)
{
	free(mem_resize(NULL, SIZE_MAX / 2, 4));
}

static void test_limits(void)
{
	msg_init("lbtool");
	tap_int(capture(pass_ceiling), 4, "a buffer over the ceiling ends the program");
	tap_is(captured, "lbtool: out of memory: a buffer would pass 2 GiB\n", "with a message");
	tap_int(capture(pass_size), 4, "so does a length that would wrap around");
	tap_int(capture(overflow_resize), 4, "and an array whose size would");
	tap_is(captured, "lbtool: out of memory\n", "as running out of memory does");
}

static void test_mem(void)
{
	char *copy = mem_copy("a\0b", 3);
	tap_bytes(copy, 4, "a\0b", 4, "a copy has a NUL behind it");
	free(copy);
	copy = mem_copy(NULL, 0);
	tap_is(copy, "", "a copy of nothing is an empty string");
	free(copy);
	unsigned char *zeroed = mem_zero(10, 10);
	int sum = 0;
	for (int i = 0; i < 100; i++)
		sum += zeroed[i];
	tap_int(sum, 0, "zeroed memory");
	zeroed = mem_resize(zeroed, 0, 1);
	tap_ok(zeroed != NULL, "resizing to nothing leaves something to free");
	free(zeroed);
	void *nothing = mem_alloc(0);
	tap_ok(nothing != NULL, "as does allocating nothing");
	free(nothing);
}

int main(void)
{
	test_add();
	test_growth();
	test_consume();
	test_limits();
	test_mem();
	return tap_done();
}
