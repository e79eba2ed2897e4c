/*
 * Our start, by the real parts: a unit's text, its plan, launch(). Planning is measured too; a process that plays init
 * reaps.
 *
 * usage: ours TIER ROOT COUNT INIT
 *   small, full, overlay   as in floor.c
 *   init                   full, with init as PID 1 of the container (RunInit=yes, the default)
 *   kept                   full, in a network namespace that is kept: what a restart costs
 *   plain                  a .service: no container
 */
#include "bench/measure.h"
#include "common/fd.h"
#include "common/util.h"
#include "supervisor/core/unit/unitset.h"
#include "supervisor/sys/unit/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

static const struct tier {
	const char *name;
	const char *unit;
	const char *suffix; /* of Rootfs= */
	bool run_init, new_network;
} tiers[] = {
	{ "small", "bench.container", "", false, true },
	{ "full", "bench.container", "", false, true },
	{ "overlay", "bench.container", ":O", false, true },
	{ "init", "bench.container", "", true, true },
	{ "kept", "bench.container", "", false, false },
	{ "plain", "bench.service", "", false, false },
};

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "ours: %s\n", what);
	exit(1);
}

static const struct unit *load(struct unit_set *set, const struct tier *tier, const char *root)
{
	static char text[1024];
	struct unit_text file = { .unit = tier->unit, .path = tier->unit, .text = text };
	int at;

	if (strcmp(tier->name, "plain") == 0)
		file.size = (size_t)snprintf(text, sizeof(text), "[Service]\nExecStart=%s/first\n",
			root);
	else
		file.size = (size_t)snprintf(text, sizeof(text),
			"[Container]\nRootfs=%s%s\nExec=/first\nRunInit=%s\n", root, tier->suffix,
			tier->run_init ? "yes" : "no");
	unit_set_build(set, &file, 1);
	at = unit_set_find(set, tier->unit);
	if (at < 0 || set->units[at].broken != NULL)
		die(at < 0 ? "no unit" : set->units[at].broken);
	return &set->units[at];
}

/* As little as the floor's: the root, /proc, /dev and its nodes. */
static void make_small(struct plan *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n_mounts; i++) {
		const struct mount_op *op = &p->mounts[i];
		bool dev = op->cls == CLASS_DEV &&
			(op->kind == OP_NODE || strcmp(op->target, "/dev") == 0);

		if (op->cls == CLASS_ROOT || dev || strcmp(op->target, "/proc") == 0)
			p->mounts[n++] = *op;
	}
	p->n_mounts = n;
	p->n_sysctls = 0;
	p->capabilities = UINT64_MAX;
	p->cgroup_ns = p->no_new_privileges = false;
}

static void start_one(struct launcher *l, const struct tier *tier, const struct unit *u,
	const struct facts *facts, struct launch_io *io)
{
	uint64_t began;
	struct arena arena = { 0 };
	struct launched run;
	struct plan plan;
	struct pollfd p;
	struct err e;
	int out[2];

	if (pipe2(out, O_CLOEXEC) < 0)
		die("pipe");
	io->out = out[1];
	began = bench_now();
	if (plan_unit(&plan, u, ROLE_MAIN, 0, facts, &arena, &e) < 0)
		die(e.msg);
	if (strcmp(tier->name, "small") == 0)
		make_small(&plan);
	if (plan.container && tier->new_network)
		plan.clone_flags |= CLONE_NEWNET;
	plan.out = PLAN_STDIO_GIVEN;
	plan.cgroup = NULL; /* the floor writes no limits either */
	plan.n_cgroup = 0;
	if (launch(l, &plan, io, &run, &e) < 0)
		die(e.msg);
	fd_close(&out[1]);
	bench_arrived(out[0], began);
	fd_close(&out[0]);
	p = (struct pollfd){ .fd = run.pidfd, .events = POLLIN };
	(void)poll(&p, 1, -1);
	atomic_store(&l->roster->slot[run.slot].state, SLOT_FREE);
	fd_close(&run.pidfd);
	fd_close(&run.report);
	arena_free(&arena);
}

static int measure(struct roster *roster, const struct tier *tier, char **argv)
{
	struct launch_io io = {
		.in = -1, .err = STDERR_FILENO, .netns = -1, .join = -1, .terminal = -1
	};
	struct facts facts = { .ram = UINT64_C(1) << 30,
		.tasks = 1000,
		.cpus = 1,
		.machine_hostname = "bench",
		.root = argv[2] };
	struct unit_set set;
	const struct unit *u = load(&set, tier, argv[2]);
	struct launcher l;
	struct err e;

	(void)signal(SIGPIPE, SIG_IGN);
	if (launcher_open(&l, roster, argv[4], &e) < 0)
		die(e.msg);
	if (strcmp(tier->name, "kept") == 0) {
		int host cleanup_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

		if (unshare(CLONE_NEWNET) < 0)
			die("network namespace");
		io.netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		if (setns(host, CLONE_NEWNET) < 0)
			die("network namespace");
	}
	for (long n = strtol(argv[3], NULL, 10); n > 0; n--)
		start_one(&l, tier, u, &facts, &io);
	return 0;
}

int main(int argc, char **argv)
{
	struct roster *roster = mmap(NULL, sizeof(*roster), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t supervisor, pid;

	for (size_t i = 0; argc == 5 && i < ARRAY_LEN(tiers); i++) {
		int status = 0;

		if (strcmp(argv[1], tiers[i].name) != 0)
			continue;
		supervisor = fork();
		if (supervisor == 0) {
			status = measure(roster, &tiers[i], argv);
			(void)fflush(stdout);
			_exit(status);
		}
		while ((pid = waitpid(-1, &status, __WALL)) > 0 && pid != supervisor)
			continue;
		return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	(void)fprintf(stderr, "usage: ours TIER ROOT COUNT INIT\n");
	return 2;
}
