#include "calllog.h"
#include "buf.h"
#include "clock.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct calllog {
	int fd;
	struct buf line;
};

struct calllog *calllog_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return NULL;
	struct calllog *log = mem_zero(1, sizeof *log);
	log->fd = fd;
	return log;
}

static void add_span(struct buf *line, const char *name, struct json_span value)
{
	buf_adds(line, name);
	if (value.at != NULL)
		json_compact(line, value);
	else
		buf_adds(line, "null");
}

static int write_all(int fd, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t written = write(fd, data, n);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		data += written;
		n -= (size_t)written;
	}
	return 0;
}

int calllog_write(struct calllog *log, const struct calllog_entry *e)
{
	struct buf *line = &log->line;

	buf_clear(line);
	buf_addf(line, "{\"t\":%" PRId64 ".%03d,\"path\":\"%s\",\"model\":", e->wall / CLOCK_SEC,
		 (int)(e->wall % CLOCK_SEC / CLOCK_MS), e->path);
	add_span(line, "", e->model);
	if (e->status != 0)
		buf_addf(line, ",\"status\":%d,\"fault\":", e->status);
	else
		buf_adds(line, ",\"status\":null,\"fault\":");
	if (e->fault != NULL)
		json_quote(line, e->fault, strlen(e->fault));
	else
		buf_adds(line, "null");
	add_span(line, ",\"custom\":", e->custom);
	buf_addf(line,
		 ",\"prompt_tokens\":%" PRId64 ",\"completion_tokens\":%" PRId64 ",\"max_tokens\":",
		 e->prompt_tokens, e->completion_tokens);
	if (e->max_tokens >= 0)
		buf_addf(line, "%" PRId64, e->max_tokens);
	else
		buf_adds(line, "null");
	if (e->has_key)
		buf_addf(line, ",\"key\":\"%08" PRIx32 "\"", (uint32_t)(e->key >> 32));
	else
		buf_adds(line, ",\"key\":null");
	buf_addf(line, ",\"hash\":\"%016" PRIx64 "\",\"stream\":%s}\n", e->hash,
		 e->stream ? "true" : "false");
	return write_all(log->fd, line->data, line->length);
}

int calllog_close(struct calllog *log)
{
	if (log == NULL)
		return 0;
	int status = close(log->fd);
	buf_free(&log->line);
	free(log);
	return status;
}
