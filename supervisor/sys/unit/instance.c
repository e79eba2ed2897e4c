#include "supervisor/sys/supervisor.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "common/util.h"
#include "supervisor/sys/recover/held.h"
#include "supervisor/sys/unit/image.h"
#include "supervisor/sys/unit/privatetmp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct unit *unit_at(const struct supervisor *s, uint32_t index)
{
	return &s->set->units[index];
}

struct instance *instance_get(struct supervisor *s, uint32_t index)
{
	struct instance *inst = s->instances[index];

	if (inst != NULL)
		return inst;
	inst = calloc(1, sizeof(*inst));
	if (inst == NULL)
		return NULL;
	inst->s = s;
	inst->index = index;
	inst->notify = inst->netns = inst->userns = -1;
	inst->watch_cgroup = inst->watch_memory = inst->watch_bridge = -1;
	memcpy(inst->unit, unit_at(s, index)->name, strlen(unit_at(s, index)->name) + 1);
	s->instances[index] = inst;
	keep_unit_changed(s, index);
	return inst;
}

static int open_log(struct instance *inst, struct log_pipe *p, const char *kind,
	enum log_stream stream, struct err *e)
{
	int held = -1;

	if (p->open)
		return 0;
	held = held_take(inst->s, kind, inst->unit);
	if (held >= 0)
		return log_pipe_adopt(p, &inst->log, stream, held, e);
	if (log_pipe_open(p, &inst->log, stream, e) < 0)
		return -1;
	KILL_POINT("start-log-pipes");
	return link_hold(&inst->s->link, kind, inst->unit, p->read_end, e);
}

int instance_logs(struct instance *inst, struct err *e)
{
	if (!inst->has_logs) {
		log_open(&inst->log, &inst->s->logs, inst->unit);
		inst->out = inst->err = (struct log_pipe){
			.log = &inst->log, .read_end = -1, .write_end = -1
		};
		inst->has_logs = true;
	}
	log_set_limit(&inst->log, unit_at(inst->s, inst->index)->service.log_interval,
		unit_at(inst->s, inst->index)->service.log_burst);
	/* what an attempt before this one left half open is used or made again */
	if (open_log(inst, &inst->out, "log-out", LOG_OUT, e) < 0)
		return -1;
	return open_log(inst, &inst->err, "log-err", LOG_ERR, e);
}

static void on_closed(uv_handle_t *handle)
{
	struct instance *inst = handle->data;

	inst->open_handles--;
	instance_free_if_done(inst);
}

void instance_free_if_done(struct instance *inst)
{
	if (inst->released && inst->open_handles == 0 && inst->n_processes == 0) {
		free(inst->listeners.v);
		free(inst->unmapped);
		free(inst);
	}
}

static void close_handle(struct instance *inst, uv_poll_t *poll)
{
	poll->data = inst;
	inst->open_handles++;
	uv_close((uv_handle_t *)poll, on_closed);
}

/* libuv closes handles in its loop, and a process may outlive its unit's end: the last of them frees the instance. */
static void free_later(struct instance *inst)
{
	if (inst->has_logs) {
		log_pipe_close(&inst->out);
		log_pipe_close(&inst->err);
		log_close(&inst->log);
	}
	if (inst->notify >= 0) {
		close_handle(inst, &inst->notify_poll);
		notify_close(inst);
	}
	inst->released = true;
	instance_free_if_done(inst);
}

/* The last unit that uses an image file unmounts it. */
static void release_image(struct instance *inst)
{
	bool used = inst->image == NULL;

	for (size_t i = 0; i < inst->s->set->n && !used; i++)
		used = inst->s->instances[i] != NULL && inst->s->instances[i]->image != NULL &&
			strcmp(inst->s->instances[i]->image, inst->image) == 0;
	if (!used)
		image_release(inst->image);
	free(inst->image);
	inst->image = NULL;
}

static const char *const held_kinds[] = { "log-out", "log-err", "notify", "userns", "netns" };

void instance_release(struct supervisor *s, uint32_t index)
{
	struct instance *inst = s->instances[index];
	struct err e;

	if (inst == NULL)
		return;
	s->instances[index] = NULL;
	keep_unit_changed(s, index);
	KILL_POINT("release-begin");
	watch_drop(inst);
	ready_close(inst);
	network_release(inst);
	fd_close(&inst->userns);
	names_release(inst);
	private_tmp_release(inst->unit);
	socket_release(inst);
	if (s->launcher.cgroup_fd >= 0 &&
		cgroup_remove(s->launcher.cgroup_fd, inst->unit, &e) < 0 && e.no != ENOENT)
		journal_err(s, LOG_LEVEL_WARNING, inst->unit, &e);
	KILL_POINT("release-cgroup");
	for (size_t i = 0; i < ARRAY_LEN(held_kinds); i++)
		link_drop(&s->link, held_kinds[i], inst->unit);
	KILL_POINT("release-dropped");
	release_image(inst);
	free_later(inst);
}

int instances_rebind(struct supervisor *s, const struct unit_set *set)
{
	struct instance **bound = calloc(set->n > 0 ? set->n : 1, sizeof(struct instance *));

	if (bound == NULL)
		return -1;
	/* before any of the others has its new place: what is released looks at them */
	for (size_t i = 0; s->set != NULL && i < s->set->n; i++)
		if (s->instances[i] != NULL && unit_set_find(set, s->instances[i]->unit) < 0)
			instance_release(s, (uint32_t)i);
	for (size_t i = 0; s->set != NULL && i < s->set->n; i++) {
		struct instance *inst = s->instances[i];

		if (inst == NULL)
			continue;
		inst->index = (uint32_t)unit_set_find(set, inst->unit);
		bound[inst->index] = inst;
	}
	free(s->instances);
	s->instances = bound;
	return 0;
}
