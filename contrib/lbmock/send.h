/* send: puts a reply on a connection of libmicrohttpd: whole, in pieces, cut in half, or not at
 * all. */
#ifndef SEND_H
#define SEND_H

#include <microhttpd.h>

struct outcome;

/* Queue the reply, which must stay as it is until the request is completed; its delay is over. The
 * result is what the access handler is to return. */
enum MHD_Result send_reply(struct MHD_Connection *connection, const struct outcome *reply);

/* Shut the connection down, before the access handler returns MHD_NO. MHD (0.9.75, with
 * MHD_USE_TURBO) marks a connection closed and then forgets it until something happens on its
 * socket; this is what happens. */
void send_shutdown(struct MHD_Connection *connection);

/* The connection's socket, or -1. */
int send_socket(struct MHD_Connection *connection);

#endif
