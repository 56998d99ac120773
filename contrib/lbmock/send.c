#include "send.h"
#include "blob.h"
#include "mem.h"
#include "msg.h"
#include "outcome.h"
#include "events.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BLOCK      ((size_t)16 << 10) /* of a body that is sent in pieces */
#define FILE_BLOCK ((size_t)256 << 10)

/* A body on its way in pieces. */
struct content {
	const struct outcome *reply;
	struct MHD_Connection *connection;
};

int send_socket(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	return info != NULL ? info->connect_fd : -1;
}

void send_shutdown(struct MHD_Connection *connection)
{
	shutdown(send_socket(connection), SHUT_RDWR);
}

/* The length of what is to be sent, if it is not cut. */
static uint64_t content_length(const struct outcome *r)
{
	return r->blob != NULL ? r->length : r->body.length;
}

/* The content of a reply that comes from a file, is streamed or cut: a piece, an event at a time,
 * or up to its half. */
static ssize_t read_content(void *cls, uint64_t at, char *out, size_t room)
{
	const struct content *c = cls;
	const struct outcome *r = c->reply;
	uint64_t end = r->way == OUTCOME_CUT ? content_length(r) / 2 : content_length(r);

	if (at >= end && r->way == OUTCOME_CUT) {
		send_shutdown(c->connection);
		return MHD_CONTENT_READER_END_WITH_ERROR;
	}
	if (at >= end)
		return MHD_CONTENT_READER_END_OF_STREAM;
	size_t n = end - at < room ? (size_t)(end - at) : room;
	if (r->blob != NULL) {
		blob_read(r->blob, out, n, r->offset + at);
		return (ssize_t)n;
	}
	const char *from = r->body.data + at;
	if (r->stream && events_event(from, (size_t)(end - at)) < n)
		n = events_event(from, (size_t)(end - at));
	memcpy(out, from, n);
	return (ssize_t)n;
}

/* Send a reset rather than a polite end: on Linux, dissolving the association does just that. */
static void reset_connection(struct MHD_Connection *connection)
{
	struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	if (connect(send_socket(connection), &nobody, sizeof nobody) < 0)
		send_shutdown(connection); /* a Unix socket, which knows no reset */
}

static struct MHD_Response *new_response(struct MHD_Connection *connection, const struct outcome *r)
{
	if (!r->stream && r->way != OUTCOME_CUT && r->blob == NULL)
		return MHD_create_response_from_buffer(r->body.length, r->body.data,
						       MHD_RESPMEM_PERSISTENT);
	struct content *c = mem_alloc(sizeof *c);
	*c = (struct content){r, connection};
	return MHD_create_response_from_callback(r->stream ? MHD_SIZE_UNKNOWN : content_length(r),
						 r->blob != NULL ? FILE_BLOCK : BLOCK, read_content,
						 c, free);
}

enum MHD_Result send_reply(struct MHD_Connection *connection, const struct outcome *r)
{
	if (r->way == OUTCOME_RESET) {
		reset_connection(connection);
		return MHD_NO;
	}
	struct MHD_Response *response = new_response(connection, r);
	if (response == NULL)
		msg_die(STATUS_SYSTEM, "out of memory");
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, r->content_type);
	for (size_t i = 0; i < r->header_count; i++)
		MHD_add_response_header(response, r->headers[i].name, r->headers[i].value);
	enum MHD_Result result = MHD_queue_response(connection, (unsigned)r->status, response);
	MHD_destroy_response(response);
	return result;
}
