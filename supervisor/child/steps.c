/*
 * The life of a process between clone3 and exec, in order. The names are what the operator reads in a fault:
 * "web: mount-volume: /srv/data: No such file or directory".
 */
#include "supervisor/child/steps.h"

#include "common/util.h"

#include <string.h>
#include <unistd.h>

const struct step child_steps[] = {
	{ "wait-go", step_wait_go },
	{ "session", step_session },
	{ "signals", step_signals },
	{ "priority",
		step_priority }, /* by the host's /proc, before a container's could be in its place */
	{ "propagation", step_propagation },
	{ "secrets", step_secrets }, /* by the host's root, of which nothing is left afterwards */
	{ "join", step_join },
	{ "network",
		step_network }, /* before /sys is mounted: sysfs shows the network namespace of its mounter */
	{ "cgroup-namespace", step_cgroup_namespace },
	{ "hostname", step_hostname },
	{ "mount-root", step_mount_root },
	{ "mount-api", step_mount_api },
	{ "mount-dev", step_mount_dev },
	{ "mount-sandbox", step_mount_sandbox },
	{ "mount-files", step_mount_files },
	{ "mount-volume", step_mount_volume },
	{ "wait-network",
		step_wait_network }, /* whose settings are written here, before /proc/sys is read-only */
	{ "sysctl", step_sysctl },
	{ "mask-paths", step_mask_paths },
	{ "seal-root", step_seal_root }, /* when all mount points are made */
	{ "terminal", step_terminal },   /* the host's tty while its path means something */
	{ "pivot-root", step_pivot_root },
	{ "keyring", step_keyring },
	{ "wait-begin", step_wait_begin }, /* the last one that has all descriptors */
	{ "stdio", step_stdio },
	{ "user",
		step_user }, /* reads files: before the limits, which may allow no further descriptor */
	{ "secret-owner", step_secret_owner },
	{ "limits", step_limits },                 /* while there is the right to raise them */
	{ "user-namespace", step_user_namespace }, /* the rights over the host end here */
	{ "groups", step_groups },
	{ "capabilities", step_capabilities },
	{ "no-new-privs", step_no_new_privs },
	{ "workdir", step_workdir },   /* as the user, whose right to be there counts */
	{ "landlock", step_landlock }, /* nothing is opened after it but the program */
	{ "unblock", step_unblock },
	{ "seccomp",
		step_seccomp }, /* last: whatever it refuses, exec itself is what it must allow */
	{ "exec", step_exec },
};

const size_t n_child_steps = ARRAY_LEN(child_steps);

const char *child_step_name(uint16_t step)
{
	if (step == REPORT_STEP_EXEC)
		return "exec";
	return step < n_child_steps ? child_steps[step].name : "?";
}

int fail_no(struct fault *f, int no, const char *object)
{
	size_t n = object != NULL ? strnlen(object, sizeof(f->object) - 1) : 0;

	f->no = no;
	if (n > 0)
		memcpy(f->object, object, n);
	f->object[n] = '\0';
	return -1;
}

int fail(struct fault *f, const char *object)
{
	return fail_no(f, errno, object);
}

int fail_text(struct fault *f, const char *object, const char *text)
{
	size_t room = sizeof(f->object) - 1, n = strnlen(text, room - 2), at;

	(void)fail_no(f, 0, object);
	at = strnlen(f->object, room - 2 - n); /* a long object is cut, not the text */
	memcpy(f->object + at, ": ", 2);
	memcpy(f->object + at + 2, text, n);
	f->object[at + 2 + n] = '\0';
	return -1;
}

void child_init(struct child *c, const struct plan *plan)
{
	memset(c, 0, sizeof(*c));
	memset(&c->fd, 0xff, sizeof(c->fd)); /* all -1 */
	c->plan = plan;
	c->root = c->empty = c->tty = c->secrets = c->filter = -1;
	for (size_t i = 0; i < plan->n_passed; i++)
		c->passed[i] = plan->passed[i].fd;
}

_Noreturn void child_main(struct child *c)
{
	struct report r = { .kind = REPORT_FAULT };
	struct fault f = { 0 };

	while (r.step < n_child_steps && child_steps[r.step].run(c, &f) == 0)
		r.step++;
	r.value = f.no;
	memcpy(r.object, f.object, sizeof(r.object));
	(void)!write(c->fd.report, &r, sizeof(r)); /* one write below PIPE_BUF: never torn */
	_exit(CHILD_EXIT_FAULT);
}
