/* Requests that are more than a POST of bytes in memory: other methods, and files that are sent. */
#include "http_client.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>

#define LARGE ((size_t)8 << 20)

static void test_methods(void)
{
	struct answer a = {0};
	struct http_extra get = {.method = HTTP_GET};
	struct http_extra delete = {.method = HTTP_DELETE};
	struct http_extra post = {.method = HTTP_POST};

	ask(&a, "/echo", "", &get);
	tap_int(a.status, 200, "GET");
	tap_ok(strncmp(buf_string(&a.body), "GET /echo HTTP/1.1\r\n", 20) == 0, "is its method");
	tap_ok(has(&a, "X-Key: k"), "the headers go with it");
	tap_ok(strstr(buf_string(&a.body), "Content-") == NULL, "but none about a body");
	check_clean("GET");
	ask(&a, "/echo", "", &delete);
	tap_ok(strncmp(buf_string(&a.body), "DELETE /echo HTTP/1.1\r\n", 23) == 0, "DELETE");
	tap_ok(strstr(buf_string(&a.body), "Content-") == NULL, "has no body either");
	check_clean("DELETE");
	ask(&a, "/echo", "", &post);
	tap_ok(has(&a, "Content-Length: 0") && has(&a, "Content-Type: application/json"),
	       "a POST of nothing");
	ask(&a, "/echo", "{}", &post);
	tap_ok(has(&a, "Content-Length: 2") && strcmp(a.body.data + a.body.length - 2, "{}") == 0,
	       "a POST of bytes in memory");
	forget(&a);
}

static void test_upload(void)
{
	struct answer a = {0};
	int fd = file_of("junkTHE BODYjunk", 16);
	struct http_upload upload = {.fd = fd, .offset = 4, .length = 8};
	struct http_extra extra = {.upload = &upload};

	ask(&a, "/echo", "a plain POST first", NULL);
	ask(&a, "/echo", "not this", &extra);
	tap_int(a.status, 200, "a part of a file");
	tap_ok(has(&a, "Content-Length: 8"), "its length is told");
	tap_ok(has(&a, "Content-Type: application/json"), "its type is that of the headers");
	const char *body = strstr(buf_string(&a.body), "\r\n\r\n");
	tap_is(body, "\r\n\r\nTHE BODY", "it comes alone");
	tap_int((long long)lseek(fd, 0, SEEK_CUR), 16, "the descriptor's offset stays");
	check_clean("an upload");
	close(fd);
	forget(&a);
}

static void test_form(void)
{
	static const struct http_field fields[] = {{"purpose", "batch"}, {"x", ""}};
	struct answer a = {0};
	struct buf want = {0};
	char boundary[128] = "";
	size_t length = 0;
	int fd = file_of("{\"a\":1}\n{\"b\":2}\n", 16);
	struct http_upload upload = {.fd = fd,
				     .length = 16,
				     .name = "file",
				     .filename = "requests.jsonl",
				     .type = "application/jsonl",
				     .fields = fields,
				     .field_count = 2};
	struct http_extra extra = {.upload = &upload};

	ask(&a, "/echo", "", &extra);
	const char *text = buf_string(&a.body);
	const char *type = strstr(text, "Content-Type: multipart/form-data; boundary=");
	const char *told = strstr(text, "Content-Length: ");
	const char *body = strstr(text, "\r\n\r\n");
	tap_ok(type != NULL && told != NULL && body != NULL, "a form, its length is told");
	tap_ok(strstr(text, "application/json\r\n") == NULL, "it has one type");
	if (type == NULL || told == NULL || body == NULL)
		return;
	sscanf(type, "Content-Type: multipart/form-data; boundary=%127[^\r]", boundary);
	sscanf(told, "Content-Length: %zu", &length);
	buf_addf(&want,
		 "\r\n\r\n--%s\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
		 "--%s\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n"
		 "--%s\r\nContent-Disposition: form-data; name=\"file\"; "
		 "filename=\"requests.jsonl\"\r\nContent-Type: application/jsonl\r\n\r\n"
		 "{\"a\":1}\n{\"b\":2}\n\r\n--%s--\r\n",
		 boundary, boundary, boundary, boundary);
	tap_is(body, buf_string(&want), "with its fields and the file");
	tap_int((long long)length, (long long)strlen(body) - 4, "and no more");
	check_clean("a form");
	close(fd);
	buf_free(&want);
	forget(&a);
}

/* Files that are many buffers long, and how they go: at once, without "100 Continue". */
static void test_large(void)
{
	struct answer a = {0};
	struct buf want = {0};
	char *data = mem_alloc(LARGE);

	for (size_t i = 0; i < LARGE; i++)
		data[i] = (char)('a' + i % 19);
	int fd = file_of(data, LARGE);
	struct http_upload upload = {.fd = fd, .length = (int64_t)LARGE};
	struct http_extra extra = {.upload = &upload};
	ask(&a, "/sum", "", &extra);
	buf_addf(&want, "%zu %u", LARGE, server_sum(SERVER_SUM, data, LARGE));
	tap_is(buf_string(&a.body), buf_string(&want), "a large file comes whole");
	ask(&a, "/refuse", "", &extra);
	tap_int(a.status, 413, "an answer that comes before the file is sent is taken");
	tap_ok(a.done && a.error.length == 0, "and is whole");
	ask(&a, "/break", "", &extra);
	tap_int(a.status, 413, "one that breaks off is taken, too");
	tap_is(buf_string(&a.error), "", "as its status says enough");
	struct http_extra none = {0};
	ask(&a, "/break", "", &none);
	tap_is(buf_string(&a.error), "connection_lost", "but not to what is no upload");
	upload.name = "file";
	upload.filename = upload.type = "x";
	ask(&a, "/sum", "", &extra);
	tap_ok(a.status == 200 && strtoul(buf_string(&a.body), NULL, 10) > LARGE,
	       "a large form, too");
	close(fd);
	free(data);
	buf_free(&want);
	forget(&a);
}

static void test_file_errors(void)
{
	struct answer a = {0};
	int fd = file_of("short", 5);
	int blind = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct http_upload upload = {.fd = fd, .length = 6};
	struct http_extra extra = {.upload = &upload};

	ask(&a, "/sum", "", &extra);
	tap_is(buf_string(&a.error), "file_failed", "a file that is shorter than its upload");
	tap_int(a.file_errno, 0, "is no error of the system");
	tap_is(buf_string(&a.message), "the file to be sent is shorter than it was", "what it is");
	upload.fd = blind;
	ask(&a, "/sum", "", &extra);
	tap_is(buf_string(&a.error), "file_failed", "a file that cannot be read");
	tap_int(a.file_errno, EBADF, "why");
	upload.name = upload.filename = upload.type = "x";
	ask(&a, "/sum", "", &extra);
	tap_is(buf_string(&a.error), "file_failed", "the same in a form");
	check_clean("a file that failed");
	close(blind);
	close(fd);
	forget(&a);
}

static void test_giving_up(void)
{
	struct answer cancelled = {0}, abandoned = {0};
	int fd = file_of("x", 1);
	struct http_upload upload = {
	    .fd = fd, .length = 1, .name = "f", .filename = "f", .type = "t"};
	struct http_extra extra = {.upload = &upload};

	begin(&cancelled, "/mute", "", &extra);
	http_cancel(http);
	tap_is(buf_string(&cancelled.error), "cancelled", "an upload that is given up");
	begin(&abandoned, "/mute", "", &extra);
	http_free(http);
	http = NULL;
	tap_ok(!abandoned.done, "one that is abandoned");
	close(fd);
	forget(&cancelled);
}

int main(void)
{
	set_up();
	test_methods();
	test_upload();
	test_form();
	test_large();
	test_file_errors();
	test_giving_up();
	clean_up();
	return tap_done();
}
