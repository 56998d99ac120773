#include "batch_event.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    [BATCH_SPOOLED] = "spooled",     [BATCH_UPLOADED] = "uploaded", [BATCH_CREATING] = "creating",
    [BATCH_CREATED] = "created",     [BATCH_ENDED] = "ended",       [BATCH_FETCHED] = "fetched",
    [BATCH_COLLECTED] = "collected", [BATCH_FAILED] = "failed",     [BATCH_DROPPED] = "dropped",
};
enum { NAMES = sizeof names / sizeof *names };

static const char *const outcomes[] = {
    [BATCH_API_WAITING] = "waiting", [BATCH_API_ENDED] = "ended",
    [BATCH_API_EXPIRED] = "expired", [BATCH_API_CANCELLED] = "cancelled",
    [BATCH_API_FAILED] = "failed",
};
enum { OUTCOMES = sizeof outcomes / sizeof *outcomes };

const char *batch_event_name(enum batch_phase phase)
{
	return names[phase];
}

static void add_text(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, ",\"%s\":", name);
	json_quote(out, value, strlen(value));
}

static void add_json(struct buf *out, const char *name, const char *value)
{
	if (*value != '\0')
		buf_addf(out, ",\"%s\":%s", name, value);
}

static void add_number(struct buf *out, const char *name, uint64_t value)
{
	buf_addf(out, ",\"%s\":", name);
	buf_addn(out, value);
}

/* Why a batch failed. */
static void add_reason(struct buf *out, const struct batch_part *p)
{
	add_text(out, "code", p->code);
	add_text(out, "message", p->message);
}

static void add_spooled(struct buf *out, const struct batch_part *p)
{
	add_text(out, "tag", p->tag);
	add_json(out, "url", p->url);
	add_json(out, "model", p->model);
	add_json(out, "params", p->params ? "true" : "");
	add_text(out, "base", p->base);
	add_number(out, "count", p->count);
	add_number(out, "bytes", p->bytes);
	add_number(out, "upload", p->upload);
	add_number(out, "tokens", p->tokens);
	add_number(out, "round", p->round);
}

void batch_event_members(struct buf *out, const struct batch_part *p, enum batch_phase phase)
{
	struct buf dead = {0};

	switch (phase) {
	case BATCH_SPOOLED:
		add_spooled(out, p);
		break;
	case BATCH_UPLOADED:
		add_text(out, "file", p->file);
		break;
	case BATCH_CREATING:
		if (p->newest > 0)
			add_number(out, "newest", (uint64_t)p->newest);
		break;
	case BATCH_CREATED:
		add_text(out, "batch", p->batch);
		break;
	case BATCH_ENDED:
		add_text(out, "outcome", outcomes[p->outcome]);
		add_text(out, "output", p->output);
		add_text(out, "errors", p->errors);
		if (p->outcome == BATCH_API_FAILED)
			add_reason(out, p);
		break;
	case BATCH_COLLECTED:
		batch_part_list_dead(p, &dead);
		add_text(out, "again", buf_string(&dead));
		buf_free(&dead);
		break;
	case BATCH_FAILED:
		add_reason(out, p);
		break;
	default:
		break;
	}
}

/* The value of a string member, which the caller frees; or NULL. */
static char *text_of(struct json_span event, const char *name)
{
	struct json_span value = json_get(event, name);
	struct buf text = {0};

	if (json_type(value) != JSON_STRING)
		return NULL;
	json_unescape(&text, value);
	return buf_string(&text);
}

/* The same into an array. Returns whether it is there and fits. */
static bool copy_text(struct json_span event, const char *name, char *to, size_t size)
{
	char *text = text_of(event, name);
	bool fits = text != NULL && strlen(text) < size;

	if (fits)
		memcpy(to, text, strlen(text) + 1);
	free(text);
	return fits;
}

/* The text of a value, "" if there is none. The caller frees. */
static char *raw_of(struct json_span event, const char *name)
{
	struct json_span value = json_get(event, name);

	return mem_copy(value.at != NULL ? value.at : "", value.length);
}

static bool number_of(struct json_span event, const char *name, uint64_t *number)
{
	int64_t value;

	if (json_integer(json_get(event, name), &value) < 0 || value < 0)
		return false;
	*number = (uint64_t)value;
	return true;
}

/* An id, into an array; of the file, or of a file with results, it may be "". */
static bool copy_id(struct json_span event, const char *name, bool needed, char *to)
{
	bool fits = copy_text(event, name, to, BATCH_API_ID);

	return fits && (batch_api_is_id(to) || (!needed && *to == '\0'));
}

/* Is it a string, or not there? */
static bool is_text(const char *json)
{
	return *json == '"' || *json == '\0';
}

static bool apply_spooled(struct batch_part *p, struct json_span event)
{
	uint64_t rounds = 0;

	p->url = raw_of(event, "url");
	p->model = raw_of(event, "model");
	p->params = json_get(event, "params").at != NULL;
	p->base = text_of(event, "base");
	bool ok = p->base != NULL && copy_text(event, "tag", p->tag, sizeof p->tag) &&
		  number_of(event, "count", &p->count) && number_of(event, "bytes", &p->bytes) &&
		  number_of(event, "upload", &p->upload) &&
		  number_of(event, "tokens", &p->tokens) && number_of(event, "round", &rounds);
	p->round = (unsigned)rounds;
	return ok && is_text(p->url) && strlen(p->tag) == BATCH_TAG - 1 && p->count > 0 &&
	       p->count <= BATCH_REQUESTS_MOST && p->bytes <= BATCH_FILE_MOST &&
	       rounds <= INT32_MAX;
}

static bool apply_failed(struct batch_part *p, struct json_span event)
{
	free(p->code);
	free(p->message);
	p->code = text_of(event, "code");
	p->message = text_of(event, "message");
	return p->code != NULL && p->message != NULL;
}

static bool apply_ended(struct batch_part *p, struct json_span event)
{
	char *text = text_of(event, "outcome");
	bool found = false;

	for (size_t i = 0; i < OUTCOMES && text != NULL && !found; i++) {
		found = strcmp(text, outcomes[i]) == 0;
		p->outcome = (enum batch_api_state)i;
	}
	free(text);
	if (p->outcome == BATCH_API_FAILED && !apply_failed(p, event))
		return false;
	return found && copy_id(event, "output", false, p->output) &&
	       copy_id(event, "errors", false, p->errors);
}

static bool apply_collected(struct batch_part *p, struct json_span event)
{
	char *text = text_of(event, "again");
	bool ok = text != NULL && batch_part_read_dead(p, text) == 0;

	free(text);
	return ok;
}

void batch_event_refuse(struct batch_part *p)
{
	p->refused = mem_resize(p->refused, p->refused_count + 1, sizeof *p->refused);
	p->refused[p->refused_count++] = mem_copy(p->batch, strlen(p->batch));
	p->batch[0] = '\0';
	p->phase = BATCH_UPLOADED;
}

/* Take what an event that leads to this phase says. */
static bool apply(struct batch_part *p, enum batch_phase phase, struct json_span event)
{
	uint64_t newest = 0;

	switch (phase) {
	case BATCH_SPOOLED:
		return apply_spooled(p, event);
	case BATCH_UPLOADED:
		return copy_id(event, "file", true, p->file);
	case BATCH_CREATING:
		number_of(event, "newest", &newest);
		if (p->newest == BATCH_UNINTENDED)
			p->newest = (int64_t)newest;
		return true;
	case BATCH_CREATED:
		return copy_id(event, "batch", true, p->batch);
	case BATCH_ENDED:
		return apply_ended(p, event);
	case BATCH_COLLECTED:
		return apply_collected(p, event);
	case BATCH_FAILED:
		return apply_failed(p, event);
	default:
		return true;
	}
}

const char *batch_event_apply(struct batch_part *p, struct json_span event)
{
	struct json_span name = json_get(event, "event");

	if (json_equals(name, "refused")) {
		batch_event_refuse(p);
		return NULL;
	}
	for (size_t i = 0; i < NAMES; i++) {
		if (!json_equals(name, names[i]))
			continue;
		if (!apply(p, (enum batch_phase)i, event))
			return "members of the event are missing or wrong";
		p->phase = (enum batch_phase)i;
		return NULL;
	}
	return "there is no such event";
}
