/*
 * fill: how much of a file the reader of a FIFO takes before it stops.
 *
 *   fill FILE FIFO
 *
 * Makes the FIFO as small as it can be, writes what it takes, and prints the number of bytes when
 * nothing has been taken for a second.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char text[1 << 20];
	size_t sent = 0;

	if (argc != 3)
		return 2;
	int file = open(argv[1], O_RDONLY);
	int fifo = open(argv[2], O_WRONLY);
	if (file < 0 || fifo < 0 || fcntl(fifo, F_SETPIPE_SZ, 4096) < 0 ||
	    fcntl(fifo, F_SETFL, O_NONBLOCK) < 0)
		return 1;
	ssize_t length = read(file, text, sizeof text);
	while (sent < (size_t)length) {
		ssize_t n = write(fifo, text + sent, (size_t)length - sent);
		if (n > 0) {
			sent += (size_t)n;
			continue;
		}
		struct pollfd room = {.fd = fifo, .events = POLLOUT};
		if (n < 0 && errno != EAGAIN)
			return 1;
		if (poll(&room, 1, 1000) == 0)
			break;
	}
	printf("%zu\n", sent);
	return 0;
}
