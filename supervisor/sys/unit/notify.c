/*
 * One datagram socket a unit, sd_notify(3): /run/sup/notify/NAME.KIND, bound into its container. Whatever is sent,
 * it costs one receive; descriptors that come with it are closed.
 */
#include "supervisor/core/notify.h"

#include "common/fd.h"
#include "common/killpoint.h"
#include "common/passing.h"
#include "common/paths.h"
#include "supervisor/sys/listen.h"
#include "supervisor/sys/supervisor.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define NOTIFY_MAX 4096
/* A service that floods us gets this many datagrams an event, then the others' turn comes. */
#define DATAGRAMS_PER_EVENT 16

static bool may_notify(const struct instance *inst, pid_t sender)
{
	const struct unit *u = unit_at(inst->s, inst->index);
	const struct process *main_process = process_find(inst->s, inst, ROLE_MAIN);
	int access = inst->notify_access != ACCESS_UNSET ? inst->notify_access
							 : u->service.notify_access;

	/* the socket exists in that container only: whoever is inside may speak */
	if (access == ACCESS_UNSET)
		access = u->kind == KIND_CONTAINER ? ACCESS_ALL : ACCESS_MAIN;
	if (access == ACCESS_NONE)
		return false;
	if (access == ACCESS_MAIN && (u->kind != KIND_CONTAINER || !u->container.run_init))
		return main_process != NULL && main_process->run.pid == sender;
	return inst->s->launcher.cgroup_fd < 0 ||
		cgroup_has(inst->s->launcher.cgroup_fd, inst->unit, sender);
}

/* Descriptors that came with it are closed with it. */
static void consume(int fd)
{
	char byte;

	(void)recv(fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC);
}

/* False when there is no more. The message stays where it is until what it says is kept. */
static bool receive(struct instance *inst)
{
	char data[NOTIFY_MAX], status[NOTIFY_STATUS_MAX];
	struct passed passed = { .room = 0 }; /* no descriptor is wanted: all are closed */
	ssize_t n = passing_receive(inst->notify, data, sizeof(data), &passed,
		MSG_DONTWAIT | MSG_PEEK);
	struct notify notify;
	struct event event = { .kind = EV_NOTIFY, .unit = inst->index, .notify = &notify };

	if (n < 0)
		return false;
	if (n == 0 || !may_notify(inst, passed.sender)) {
		consume(inst->notify);
		return true;
	}
	notify_parse(data, (size_t)n, status, &notify);
	if (notify.access != ACCESS_UNSET)
		inst->notify_access = notify.access;
	KILL_POINT("notify-peeked");
	supervise_note(inst->s, &event);
	KILL_POINT("notify-told");
	consume(inst->notify);
	KILL_POINT("notify-consumed");
	perform_all(inst->s);
	return true;
}

static void on_datagram(uv_poll_t *poll, int status, int events)
{
	struct instance *inst = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < DATAGRAMS_PER_EVENT && !inst->released && receive(inst); i++)
		continue;
}

static int bind_socket(int fd, const char *unit, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int on = 1;

	(void)mkdir(PATH_NOTIFY, 0755);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", PATH_NOTIFY, unit);
	(void)unlink(addr.sun_path);
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
		bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_set(e, "%s: notify socket", addr.sun_path);
	/* a service that is not root inside must be able to send */
	if (chmod(addr.sun_path, 0666) < 0)
		return err_set(e, "%s: chmod", addr.sun_path);
	return 0;
}

static int listen_to(struct instance *inst, int fd, struct err *e)
{
	int rc;

	inst->notify_poll.data = inst;
	rc = listen_start(&inst->s->loop, &inst->notify_poll, fd, UV_READABLE, on_datagram);
	if (rc != 0)
		return err_set_no(e, -rc, "notify socket");
	inst->notify = fd;
	return 0;
}

void notify_adopt(struct instance *inst, int fd)
{
	struct err ignored;

	if (listen_to(inst, fd, &ignored) < 0)
		fd_close(&fd);
}

int notify_open(struct instance *inst, struct err *e)
{
	cleanup_fd int fd = -1;

	if (inst->notify >= 0)
		return 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_set(e, "notify socket");
	if (bind_socket(fd, inst->unit, e) < 0)
		return -1;
	if (listen_to(inst, fd, e) < 0)
		return -1;
	(void)fd_take(&fd);
	return link_hold(&inst->s->link, "notify", inst->unit, inst->notify, e);
}

void notify_close(struct instance *inst)
{
	char path[sizeof(PATH_NOTIFY) + UNIT_NAME_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", PATH_NOTIFY, inst->unit);
	(void)unlink(path);
	if (inst->notify >= 0)
		passing_end(inst->notify);
	fd_close(&inst->notify);
}
