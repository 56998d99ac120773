#include "poller.h"
#include "mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* watched[fd] is what fd is watched for. */
struct poller {
	int epoll;
	unsigned char *watched;
	size_t size;
};

static void make_room(struct poller *p, int fd)
{
	size_t want = (size_t)fd + 1;

	if (want <= p->size)
		return;
	size_t size = p->size * 2 > want ? p->size * 2 : want + 64;
	p->watched = mem_resize(p->watched, size, 1);
	memset(p->watched + p->size, 0, size - p->size);
	p->size = size;
}

void poller_forget(struct poller *p, int fd)
{
	if (fd >= 0 && (size_t)fd < p->size)
		p->watched[fd] = 0;
}

int poller_descriptor(const struct poller *p)
{
	return p->epoll;
}

#if defined(__linux__) && !defined(POLLER_PORTABLE)

#include <sys/epoll.h>

struct poller *poller_new(void)
{
	int fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0)
		return NULL;
	struct poller *p = mem_zero(1, sizeof *p);
	p->epoll = fd;
	return p;
}

void poller_free(struct poller *p)
{
	if (p == NULL)
		return;
	close(p->epoll);
	free(p->watched);
	free(p);
}

int poller_watch(struct poller *p, int fd, int events)
{
	struct epoll_event event = {.data.fd = fd};
	int operation = EPOLL_CTL_MOD;

	make_room(p, fd);
	if (p->watched[fd] == events)
		return 0;
	if (p->watched[fd] == 0)
		operation = EPOLL_CTL_ADD;
	else if (events == 0)
		operation = EPOLL_CTL_DEL;
	if ((events & POLLER_IN) != 0)
		event.events |= EPOLLIN;
	if ((events & POLLER_OUT) != 0)
		event.events |= EPOLLOUT;
	p->watched[fd] = (unsigned char)events;
	return epoll_ctl(p->epoll, operation, fd, &event);
}

size_t poller_poll(struct poller *p, struct poller_event *events, size_t count)
{
	struct epoll_event ready[256];
	int most = count < 256 ? (int)count : 256;
	int n = epoll_wait(p->epoll, ready, most, 0);
	size_t found = 0;

	for (int i = 0; i < n; i++) {
		int what = 0;
		if ((ready[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
			what |= POLLER_IN;
		if ((ready[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
			what |= POLLER_OUT;
		events[found++] = (struct poller_event){ready[i].data.fd, what};
	}
	return found;
}

#else

#include <poll.h>

struct poller *poller_new(void)
{
	struct poller *p = mem_zero(1, sizeof *p);
	p->epoll = -1;
	return p;
}

void poller_free(struct poller *p)
{
	if (p == NULL)
		return;
	free(p->watched);
	free(p);
}

int poller_watch(struct poller *p, int fd, int events)
{
	make_room(p, fd);
	p->watched[fd] = (unsigned char)events;
	return 0;
}

size_t poller_poll(struct poller *p, struct poller_event *events, size_t count)
{
	struct pollfd *fds = mem_zero(p->size, sizeof *fds);
	nfds_t n = 0;
	size_t found = 0;

	for (size_t fd = 0; fd < p->size; fd++)
		if (p->watched[fd] != 0)
			fds[n++] =
			    (struct pollfd){(int)fd,
					    (short)((p->watched[fd] & POLLER_IN ? POLLIN : 0) |
						    (p->watched[fd] & POLLER_OUT ? POLLOUT : 0)),
					    0};
	if (poll(fds, n, 0) > 0) {
		for (nfds_t i = 0; i < n && found < count; i++) {
			int what = 0;
			if ((fds[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0)
				what |= POLLER_IN;
			if ((fds[i].revents & (POLLOUT | POLLERR | POLLHUP)) != 0)
				what |= POLLER_OUT;
			if (what != 0)
				events[found++] = (struct poller_event){fds[i].fd, what};
		}
	}
	free(fds);
	return found;
}

#endif
