/*
 * msg: what a tool says on stderr, and the exit status it leaves with.
 *
 * Every message is one line, "NAME: text". Control characters that reach a message from data are
 * written as \xNN, so that a record cannot play tricks on the terminal.
 */
#ifndef MSG_H
#define MSG_H

#include <stddef.h>

/* Exit status, the same for every tool; lb(7) lists it for users. */
enum msg_status {
	STATUS_OK = 0,      /* every record succeeded */
	STATUS_FAILED = 1,  /* finished, some records failed; they are on stdout */
	STATUS_USAGE = 2,   /* usage or configuration */
	STATUS_STOPPED = 3, /* stopped early on purpose; the rest is on stdout as failed */
	STATUS_SYSTEM = 4   /* I/O, disk full, damaged state, out of memory */
};

/* Set the program name from argv[0] (its last component is used; the string must stay). */
void msg_init(const char *argv0);

/* The program name. */
const char *msg_name(void);

/* A function called before each message, to clear a live line that stands on the terminal; or NULL.
 */
void msg_set_before(void (*before)(void));

/* Write "NAME: " and the formatted text as one line on stderr. errno is kept. */
void msg_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* msg_warn, then exit with the status. Does not flush stdout: records are written through out.h. */
_Noreturn void msg_die(enum msg_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
