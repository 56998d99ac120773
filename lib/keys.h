/*
 * keys: the API keys, taken from environment variables once and used in turn.
 *
 * The environment's own bytes are wiped as the keys are copied, so that they do not show in
 * /proc/PID/environ and no command that is started later inherits them.
 */
#ifndef KEYS_H
#define KEYS_H

#include <stddef.h>
#include <stdint.h>

struct keys;

/*
 * The keys in the variables that names lists, separated by commas; variables that are not set or
 * empty are left out. Returns NULL with a message in *error (the caller frees) if a value holds
 * bytes that no header may carry.
 */
struct keys *keys_new(const char *names, char **error);
void keys_free(struct keys *k);

/* Wipe the values of these variables without using them. keys_new wipes those that it reads. */
void keys_wipe(const char *names);

/* How many there are. */
size_t keys_count(const struct keys *k);

const char *keys_value(const struct keys *k, size_t index);

/* Which one to use now: the next in turn that does not rest; if all rest, the one that has rested
 * most. Never one that is set aside. */
size_t keys_pick(struct keys *k, int64_t now);

/* Let one rest until a time of clock_now. */
void keys_rest(struct keys *k, size_t index, int64_t until);

/* Set one aside for good, since it was refused, unless no other one is left. Returns the name of
 * its variable; or NULL if it is the last one, or was set aside before. */
const char *keys_set_aside(struct keys *k, size_t index);

#endif
