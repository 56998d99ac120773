#include "packer.h"
#include "answer.h"
#include "buf.h"
#include "mem.h"
#include "msg.h"
#include "naming.h"
#include "pack.h"
#include "record.h"
#include "stage.h"
#include "template.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A pack closes early when its items are larger than this in all. */
#define GATHERED_MOST ((size_t)64 << 20)

/* Items that wait for their pack to be full. */
struct gathered {
	struct buf text;
	size_t *ends; /* where each one ends in text */
	uint64_t *sequences;
	size_t count;
	int64_t weight; /* of all of them, where the input has a limit */
};

struct packer {
	struct stage *stage;
	const struct pack *pack;
	struct naming *naming;
	const char *into;
	struct gathered gathered;
	struct json_span *items; /* room for one pack */
	bool weighs;             /* packs are to close early */
	int64_t weight_most;     /* of the items in one */
	uint64_t added, failed;  /* items */
	struct buf line, message;
};

struct packer *packer_new(struct stage *stage, const struct pack *pack, struct naming *naming,
			  const char *into)
{
	struct packer *p = mem_zero(1, sizeof *p);

	p->stage = stage;
	p->pack = pack;
	p->naming = naming;
	p->into = into;
	p->gathered.ends = mem_zero(pack->size, sizeof *p->gathered.ends);
	p->gathered.sequences = mem_zero(pack->size, sizeof *p->gathered.sequences);
	p->items = mem_zero(pack->size, sizeof *p->items);
	p->weighs = pack->max_input > 0 && pack->size > 1 && pack->body == NULL;
	if (p->weighs)
		p->weight_most = 100 * pack->max_input - pack_frame_weight(pack);
	return p;
}

void packer_free(struct packer *p)
{
	if (p == NULL)
		return;
	free(p->items);
	free(p->gathered.ends);
	free(p->gathered.sequences);
	buf_free(&p->gathered.text);
	buf_free(&p->line);
	buf_free(&p->message);
	free(p);
}

static void ids_failed(struct packer *p)
{
	msg_warn("temporary file for ids: %s", strerror(errno));
	stage_fatal(p->stage, STATUS_SYSTEM);
}

void packer_fail(struct packer *p, struct json_span item, uint64_t sequence, const char *code,
		 const char *message)
{
	struct buf id = {0}, error = {0};

	p->failed++;
	buf_clear(&p->line);
	if (p->into != NULL) {
		record_error(&error, code, message, strlen(message));
		struct answer_item a = {item, {NULL, 0}, {error.data, error.length}};
		answer_line(&p->line, &a, (struct json_span){NULL, 0}, p->into);
	} else {
		if (naming_id(p->naming, &item, 1, &id) < 0)
			ids_failed(p);
		pack_add_failed(&p->line, (struct json_span){id.data, id.length}, item, code,
				message);
	}
	stage_emit(p->stage, sequence, (struct json_span){p->line.data, p->line.length}, true);
	buf_free(&id);
	buf_free(&error);
}

static void send_pack(struct packer *p, struct json_span *items, uint64_t *sequences, size_t count);

/* An expression failed on some item of the pack: fail those, and send the others. */
static void send_good_ones(struct packer *p, struct json_span *items, uint64_t *sequences,
			   size_t count)
{
	struct buf message = {0};
	struct json_span body;
	size_t good = 0;

	for (size_t i = 0; i < count; i++) {
		buf_clear(&p->line);
		buf_clear(&message);
		if (pack_request(p->pack, &items[i], 1, &p->line, &body, &message) < 0) {
			packer_fail(p, items[i], sequences[i], "bad_item", buf_string(&message));
		} else {
			items[good] = items[i];
			sequences[good++] = sequences[i];
		}
	}
	if (good > 0 && good < count)
		send_pack(p, items, sequences, good);
	else if (good == count) /* each one alone is well, all together are not */
		for (size_t i = 0; i < count; i++)
			packer_fail(p, items[i], sequences[i], "bad_item", buf_string(&p->message));
	buf_free(&message);
}

/* The items are too much for one request: try with half of them. */
static void send_halves(struct packer *p, struct json_span *items, uint64_t *sequences,
			size_t count)
{
	size_t half = count / 2;

	if (count == 1) {
		packer_fail(p, items[0], sequences[0], "item_too_large", buf_string(&p->message));
		return;
	}
	send_pack(p, items, sequences, half);
	send_pack(p, items + half, sequences + half, count - half);
}

/* Make one request of the items and forward it. */
static void send_pack(struct packer *p, struct json_span *items, uint64_t *sequences, size_t count)
{
	struct buf id = {0}, members = {0};
	struct json_span body;

	buf_clear(&p->message);
	if (pack_request(p->pack, items, count, &members, &body, &p->message) < 0) {
		if (count > 1)
			send_good_ones(p, items, sequences, count);
		else
			packer_fail(p, items[0], sequences[0], "bad_item", buf_string(&p->message));
		goto out;
	}
	if (pack_check_size(p->pack, body, &p->message) < 0) {
		buf_free(&members);
		send_halves(p, items, sequences, count);
		goto out;
	}
	if (naming_id(p->naming, items, count, &id) < 0)
		ids_failed(p);
	struct json_span custom_id = {id.data, id.length};
	buf_clear(&p->line);
	buf_adds(&p->line, "{\"custom_id\":");
	buf_add(&p->line, id.data, id.length);
	buf_addc(&p->line, ',');
	buf_add(&p->line, members.data, members.length);
	stage_forward(p->stage, sequences[0], custom_id,
		      (struct json_span){p->line.data, p->line.length}, sequences,
		      count * sizeof *sequences);
out:
	buf_free(&members);
	buf_free(&id);
}

/* Send what has been gathered. */
static void flush(struct packer *p)
{
	struct gathered *g = &p->gathered;
	size_t start = 0;

	if (g->count == 0)
		return;
	for (size_t i = 0; i < g->count; i++) {
		p->items[i] = (struct json_span){g->text.data + start, g->ends[i] - start};
		start = g->ends[i];
	}
	send_pack(p, p->items, g->sequences, g->count);
	g->count = 0;
	g->weight = 0;
	buf_clear(&g->text);
}

/* Weigh what is to be gathered, and send what has been if there is no room for more. */
static void weigh(struct packer *p, struct json_span item)
{
	struct gathered *g = &p->gathered;
	int64_t weight = pack_item_weight(p->pack, item, g->count + 1);

	if (g->count > 0 && g->weight + weight > p->weight_most)
		flush(p);
	g->weight += weight;
}

void packer_add(struct packer *p, struct json_span item, uint64_t sequence)
{
	struct gathered *g = &p->gathered;

	p->added++;
	if (p->weighs)
		weigh(p, item);
	buf_add(&g->text, item.at, item.length);
	g->ends[g->count] = g->text.length;
	g->sequences[g->count++] = sequence;
	if (g->count == p->pack->size || g->text.length > GATHERED_MOST)
		flush(p);
}

/* What has been gathered comes out as cancelled. */
static void cancel(struct packer *p)
{
	struct gathered *g = &p->gathered;
	size_t start = 0;

	for (size_t i = 0; i < g->count; i++) {
		struct json_span item = {g->text.data + start, g->ends[i] - start};
		start = g->ends[i];
		packer_fail(p, item, g->sequences[i], "cancelled",
			    "interrupted before it was sent");
	}
	g->count = 0;
	buf_clear(&g->text);
}

/* Most often it is a name that the items do not have. */
static void tell_nulls(const struct packer *p, const char *option, const struct template *text)
{
	struct buf expressions = {0};
	uint64_t asked = p->added - p->failed;

	if (text != NULL && asked > 1 && template_nulls(text, &expressions))
		msg_warn("%s: %s gave null for all %" PRIu64 " items", option,
			 buf_string(&expressions), asked);
	buf_free(&expressions);
}

void packer_finish(struct packer *p, bool stopped)
{
	if (stopped) {
		cancel(p);
		return;
	}
	flush(p);
	tell_nulls(p, "-p", p->pack->prompt);
	tell_nulls(p, "-s", p->pack->system);
}

void packer_ask_again(struct packer *p, const struct answer_set *set, const uint64_t *sequences)
{
	size_t half = set->count / 2 > 1 ? set->count / 2 : 1;
	struct json_span *items = mem_zero(half, sizeof *items);
	uint64_t *numbers = mem_zero(half, sizeof *numbers);
	size_t n = 0;

	for (size_t i = 0; i < set->count; i++) {
		if (set->items[i].error.at != NULL) {
			items[n] = set->items[i].item;
			numbers[n++] = sequences[i];
		}
		if (n == half || (n > 0 && i + 1 == set->count)) {
			send_pack(p, items, numbers, n);
			n = 0;
		}
	}
	free(items);
	free(numbers);
}
