#include "calllog.h"
#include "buf.h"
#include "clock.h"
#include "errand.h"
#include "incoming.h"
#include "mem.h"
#include "outcome.h"

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
	if (value.length > 0)
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

/* The beginning of a line. */
static void add_time(struct buf *line, int64_t wall)
{
	buf_clear(line);
	buf_addf(line, "{\"t\":%" PRId64 ".%03d", wall / CLOCK_SEC,
		 (int)(wall % CLOCK_SEC / CLOCK_MS));
}

static void add_fault(struct buf *line, struct fault fault)
{
	if (fault.kind == FAULT_NONE)
		buf_adds(line, ",\"fault\":null");
	else if (fault.kind == FAULT_STATUS)
		buf_addf(line, ",\"fault\":\"%d\"", fault.status);
	else
		buf_addf(line, ",\"fault\":\"%s\"", fault_name(fault.kind));
}

/* 0 is written as null. */
static void add_status(struct buf *line, int status)
{
	if (status != 0)
		buf_addf(line, ",\"status\":%d", status);
	else
		buf_adds(line, ",\"status\":null");
}

static void add_key(struct buf *line, bool has_key, uint64_t key)
{
	if (has_key)
		buf_addf(line, ",\"key\":\"%08" PRIx32 "\"", (uint32_t)(key >> 32));
	else
		buf_adds(line, ",\"key\":null");
}

static void add_count(struct buf *line, const char *name, int64_t count)
{
	if (count >= 0)
		buf_addf(line, ",\"%s\":%" PRId64, name, count);
	else
		buf_addf(line, ",\"%s\":null", name);
}

int calllog_write(struct calllog *log, const struct calllog_entry *e)
{
	struct buf *line = &log->line;

	add_time(line, e->wall);
	buf_addf(line, ",\"path\":\"%s\",\"model\":", e->path);
	add_span(line, "", e->model);
	add_status(line, e->status);
	add_fault(line, e->fault);
	add_span(line, ",\"custom\":", e->custom);
	add_count(line, "prompt_tokens", e->prompt_tokens);
	add_count(line, "completion_tokens", e->completion_tokens);
	add_count(line, "max_tokens", e->max_tokens);
	add_key(line, e->has_key, e->key);
	buf_addf(line, ",\"hash\":\"%016" PRIx64 "\",\"stream\":%s", e->hash,
		 e->stream ? "true" : "false");
	errand_string(line, "batch", e->batch != NULL ? e->batch : "");
	buf_adds(line, "}\n");
	return write_all(log->fd, line->data, line->length);
}

int calllog_errand(struct calllog *log, const struct errand *e, int64_t wall, bool has_key,
		   uint64_t key)
{
	struct buf *line = &log->line;
	bool silent = e->reply->way == OUTCOME_RESET || e->reply->way == OUTCOME_HANG;

	add_time(line, wall);
	buf_addf(line, ",\"method\":\"%s\",\"path\":\"%s\"", e->call->method,
		 api_path(e->call->route.api));
	add_status(line, silent ? 0 : e->reply->status);
	errand_string(line, "fault", e->fault);
	errand_string(line, "file", e->file);
	errand_string(line, "batch", e->batch);
	add_count(line, "requests", e->requests);
	add_span(line, ",\"metadata\":", e->metadata);
	add_count(line, "bytes", (int64_t)e->call->came);
	add_key(line, has_key, key);
	buf_adds(line, "}\n");
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
