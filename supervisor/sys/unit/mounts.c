/*
 * .mount units are mounted and unmounted by processes of theirs (core/unit/mountunit.c); here it is seen when somebody else
 * unmounts one.
 */
#include "supervisor/sys/listen.h"
#include "supervisor/sys/supervisor.h"
#include "supervisor/sys/unit/mounted.h"

#include <fcntl.h>

static void look(struct supervisor *s, uint32_t index)
{
	const struct unit *u = unit_at(s, index);
	const struct event event = {
		.kind = EV_SETUP_FAILED,
		.unit = index,
		.text = "unmounted by somebody else",
	};

	if (u->kind == KIND_MOUNT && engine_run(s->engine, index)->state == ST_RUNNING &&
		!mounted_at(u->mount.where, NULL))
		supervise(s, &event);
}

static void on_change(uv_poll_t *poll, int status, int events)
{
	struct supervisor *s = poll->data;

	(void)status;
	(void)events;
	for (uint32_t i = 0; s->engine != NULL && i < s->set->n; i++)
		look(s, i);
}

int mounts_open(struct supervisor *s, struct err *e)
{
	int rc;

	/* poll(2) tells of a change since the last poll, whatever was read (proc_pid_mounts(5)) */
	s->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (s->mounts < 0)
		return err_set(e, "open /proc/self/mountinfo");
	s->mounts_poll.data = s;
	rc = listen_start(&s->loop, &s->mounts_poll, s->mounts, UV_PRIORITIZED, on_change);
	return rc == 0 ? 0 : err_set_no(e, -rc, "listen to changes of mounts");
}
