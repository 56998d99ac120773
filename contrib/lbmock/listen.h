/* listen: the sockets that lbmock listens on. */
#ifndef LISTEN_H
#define LISTEN_H

#include <stdint.h>

/* Listen on a numeric address, IPv4 or IPv6, and *port; if that is 0 it is set to the port that was
 * free. Returns the descriptor, or -1 after a message. */
int listen_tcp(const char *address, uint16_t *port);

/* Listen on a Unix socket, removing one at the path that nobody listens on any more. Returns the
 * descriptor, or -1 after a message. */
int listen_unix(const char *path);

#endif
