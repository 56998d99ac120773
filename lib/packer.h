/*
 * packer: gathers items into packs and sends the requests made of them on through a stage. An item
 * of which no request can be made, or one that is too large, comes out failed; the others of its
 * pack go. A pack closes before it is too large (pack_check_size).
 */
#ifndef PACKER_H
#define PACKER_H

#include "json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct answer_set;
struct naming;
struct pack;
struct packer;
struct stage;

/*
 * Requests are made as pack says and named by naming. into is the member for an item's answer if
 * results come back as items (wrap form); NULL if requests go to stdout, where an item that fails
 * is a result that carries it, so that unpacking finds it again. Nothing is owned.
 */
struct packer *packer_new(struct stage *stage, const struct pack *pack, struct naming *naming,
			  const char *into);
void packer_free(struct packer *p);

/* Gather an item (copied). A full pack is sent: its first item's sequence number is the request's,
 * and the sequence numbers of all, uint64_t each, are the flight's note. */
void packer_add(struct packer *p, struct json_span item, uint64_t sequence);

/* No more will come: what has been gathered is sent, or if stopped comes out as cancelled. If an
 * expression of the prompt or the system text gave null for all items, that is said. */
void packer_finish(struct packer *p, bool stopped);

/* An item comes out failed. */
void packer_fail(struct packer *p, struct json_span item, uint64_t sequence, const char *code,
		 const char *message);

/* The items of a pack that got an error go again, in packs of half the size. */
void packer_ask_again(struct packer *p, const struct answer_set *set, const uint64_t *sequences);

#endif
