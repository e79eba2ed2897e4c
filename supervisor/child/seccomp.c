/* The filters of system calls. After this step nothing is called but what ends in exec. */
#include "supervisor/child/steps.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

static int load(const struct seccomp_program *program)
{
	struct sock_fprog list = { .len = program->n,
		.filter = (struct sock_filter *)(uintptr_t)program->code };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &list);
}

/* Who has neither no-new-privs nor CAP_SYS_ADMIN gets the former, as systemd.exec(5) has it. */
static int load_named(const struct seccomp_program *program, const char *name, struct fault *f)
{
	if (program->n == 0 || load(program) == 0)
		return 0;
	if (errno == EACCES && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && load(program) == 0)
		return 0;
	return fail(f, name);
}

/* What is refused to the program may be what the container's init lives by: so that loads it for its child. */
static int save(struct child *c, struct fault *f)
{
	size_t size = c->plan->filter.n * sizeof(*c->plan->filter.code);

	c->filter = memfd_create("filter", 0);
	if (c->filter < 0 || write(c->filter, c->plan->filter.code, size) != (ssize_t)size)
		return fail(f, "SystemCallFilter");
	return 0;
}

int step_seccomp(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;
	bool later = p->run_init && p->filter.n > 0;

	if (later && save(c, f) < 0)
		return -1;
	if (load_named(&p->profile, "SeccompProfile", f) < 0)
		return -1;
	return later ? 0 : load_named(&p->filter, "SystemCallFilter", f);
}
