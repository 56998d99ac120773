/*
 * poller: waits on thousands of descriptors. epoll on Linux, behind one descriptor that is itself
 * readable when one of them is ready; poll(2) elsewhere.
 */
#ifndef POLLER_H
#define POLLER_H

#include <stddef.h>

enum { POLLER_IN = 1, POLLER_OUT = 2 };

struct poller_event {
	int fd;
	int ready; /* POLLER_IN, POLLER_OUT or both; an error shows as both */
};

struct poller;

/* Returns NULL with errno. */
struct poller *poller_new(void);
void poller_free(struct poller *p);

/* Readable when poller_poll would report something; -1 where the system has no such thing, and
 * poller_poll must be called from time to time. */
int poller_descriptor(const struct poller *p);

/* Watch fd for these events instead of those given before; 0 to leave it alone. Must be called with
 * 0, or poller_forget, before it is closed. Returns 0, or -1 with errno. */
int poller_watch(struct poller *p, int fd, int events);

/* The descriptor is being closed: forget it without a system call. */
void poller_forget(struct poller *p, int fd);

/* Up to count events that are there now, without waiting. Returns how many. */
size_t poller_poll(struct poller *p, struct poller_event *events, size_t count);

#endif
