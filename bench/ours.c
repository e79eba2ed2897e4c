/*
 * Our start, by the real parts: a unit's text, its facts, its plan, its namespaces, launch(). Planning is measured too; a
 * process that plays init reaps.
 *
 * usage: ours TIER ROOT COUNT INIT [LINE...]
 *   small     a plan that is cut down to the mounts that floor.c's "small" makes
 *   default   a unit with a root, a command and no network: what is not said is on
 *   kept      default, in namespaces of user and network that are there already: what a restart costs
 *   wired     default, with a network: a veth pair in the bridge "floor0", which must be there
 *   overlay   default, on an overlay over ROOT
 *   plain     a .service: no container
 *   LINE      one more line of [Container], or what no key takes off: -devices, -cgroup
 */
#include "bench/measure.h"
#include "common/fd.h"
#include "common/util.h"
#include "supervisor/core/unit/unitset.h"
#include "supervisor/sys/net/net.h"
#include "supervisor/sys/net/nlsock.h"
#include "supervisor/sys/unit/launch.h"
#include "supervisor/sys/unit/seccomp.h"
#include "supervisor/sys/unit/userns.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <linux/netlink.h>

#define IDS_BASE 524288
#define GATEWAY 0x0a580001 /* 10.88.0.1 */
#define UNIT "bench.container"

enum { SMALL = 1, KEPT = 2, WIRED = 4, OVERLAY = 8, SERVICE = 16, NO_DEVICES = 32, NO_CGROUP = 64 };
static const struct word {
	const char *name;
	unsigned int is;
} words[] = {
	{ "small", SMALL },
	{ "default", 0 },
	{ "kept", KEPT },
	{ "wired", WIRED },
	{ "overlay", OVERLAY },
	{ "plain", SERVICE },
	{ "-devices", NO_DEVICES },
	{ "-cgroup", NO_CGROUP },
};

struct bench {
	unsigned int is;
	const char *root;
	struct unit_set set;
	const struct unit *u;
	struct launcher launcher;
	struct filters filters;
	struct net net;
	struct userns kept;
};

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "ours: %s\n", what);
	exit(1);
}

static int word_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i].name, name) == 0)
			return (int)words[i].is;
	return -1;
}

static void load(struct bench *b, char *const *lines)
{
	static char text[1024];
	bool service = (b->is & SERVICE) != 0;
	struct unit_text file = { .unit = service ? "bench.service" : UNIT, .text = text };
	int at;

	file.path = file.unit;
	file.size = (size_t)snprintf(text, sizeof(text),
		service ? "[Service]\nExecStart=%s/first\n"
			: "[Container]\nRootfs=%s%s\nExec=/first\nNetwork=none\n",
		b->root, b->is & OVERLAY ? ":O" : "");
	for (; *lines != NULL; lines++)
		if (word_of(*lines) < 0)
			file.size += (size_t)snprintf(text + file.size, sizeof(text) - file.size,
				"%s\n", *lines);
	unit_set_build(&b->set, &file, 1);
	at = unit_set_find(&b->set, file.unit);
	if (at < 0 || b->set.units[at].broken != NULL)
		die(at < 0 ? "no unit" : b->set.units[at].broken);
	b->u = &b->set.units[at];
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

/* As sys/unit/ids.c and sys/network/network.c do it for the first start. */
static void make_namespaces(struct bench *b, struct facts *f, struct userns *made, struct arena *a)
{
	static struct id_extent extent = { 0, IDS_BASE, IDS_SIZE };
	static const struct ids ids = { { &extent, 1 }, { &extent, 1 } };
	const struct mount_op *ops;
	struct err e;
	size_t n = 0;

	if (ids_mode(b->u, &f->ids_why) == USERNS_AUTO)
		f->ids = &ids;
	if (b->kept.net >= 0) {
		*made = b->kept;
		return;
	}
	if (f->ids != NULL) {
		ops = plan_mounts_of(b->u, f, a, &n);
		if (userns_make(&ids, true, made, &e) < 0 ||
			userns_can_mount(made->user, ops, n, &e) < 0)
			die(e.msg);
	} else {
		made->net = net_ns_make(&b->net, &e);
		if (made->net < 0)
			die(e.msg);
	}
}

static void wire(struct bench *b, const struct userns *made, struct attach_plan *plan)
{
	static const struct bridge_plan bridge = { .unit = "floor.network",
		.name = "floor0",
		.at[FAMILY_V4] = { IP_V4(GATEWAY), V4_BITS + 24 },
		.guarded = true };
	static const struct network_use use = { 0 };
	static const struct ip addr[FAMILY_COUNT] = { [FAMILY_V4] = IP_V4(GATEWAY + 1) };
	struct err e;

	attach_plan_make(plan, UNIT, 0, &use, &bridge, addr, "bench");
	if (net_attach(&b->net, made->net, plan, &e) < 0)
		die(e.msg);
}

/* Else the next one would wait for the kernel to do so. */
static void unwire(struct bench *b, const struct attach_plan *plan)
{
	_Alignas(8) uint8_t memory[128];
	struct nl_buf request;
	struct err e;

	nl_init(&request, memory, sizeof(memory));
	rt_link_delete(&request, plan->host_if);
	nl_flag(&request, NLM_F_ACK);
	if (nlsock_run(b->net.route, &request, NULL, NULL, &e) < 0)
		die(e.msg);
}

static void make_plan(struct bench *b, struct plan *plan, const struct facts *f, struct arena *a)
{
	struct err e;

	if (plan_unit(plan, b->u, ROLE_MAIN, 0, f, a, &e) < 0)
		die(e.msg);
	if (b->is & SMALL)
		make_small(plan);
	if (b->is & NO_DEVICES)
		plan->device_control = DEVICES_KEPT;
	if (b->is & NO_CGROUP)
		plan->cgroup_ns = false;
	plan->out = PLAN_STDIO_GIVEN;
	plan->cgroup = NULL; /* the floor writes no limits either */
	plan->n_cgroup = 0;
}

static void start(struct bench *b, struct facts facts)
{
	struct launch_io io = { .in = -1,
		.err = STDERR_FILENO,
		.netns = -1,
		.userns = -1,
		.join = -1,
		.notify = -1,
		.terminal = -1 };
	struct userns made = { -1, -1 };
	struct attach_plan pair;
	struct arena arena = { 0 };
	struct launched run;
	struct plan plan;
	struct pollfd p;
	struct err e;
	uint64_t began;
	int out[2];

	if (pipe2(out, O_CLOEXEC) < 0)
		die("pipe");
	io.out = out[1];
	began = bench_now();
	if (seccomp_facts(&b->filters, b->u, &facts, &arena, &e) < 0)
		die(e.msg);
	device_facts(b->u, &facts, &arena);
	if ((b->is & SERVICE) == 0)
		make_namespaces(b, &facts, &made, &arena);
	make_plan(b, &plan, &facts, &arena);
	io.netns = made.net;
	io.userns = made.user;
	if (launch(&b->launcher, &plan, &io, &run, &e) < 0)
		die(e.msg);
	if (b->kept.net < 0 && (b->is & SERVICE) == 0 && net_ns_up(&b->net, made.net, &e) < 0)
		die(e.msg);
	if (b->is & WIRED)
		wire(b, &made, &pair);
	launch_go(&b->launcher, &run);
	fd_close(&out[1]);
	bench_arrived(out[0], began);
	fd_close(&out[0]);
	p = (struct pollfd){ .fd = run.pidfd, .events = POLLIN };
	(void)poll(&p, 1, -1);
	atomic_store(&b->launcher.roster->slot[run.slot].state, SLOT_FREE);
	fd_close(&run.pidfd);
	fd_close(&run.report);
	if (b->is & WIRED)
		unwire(b, &pair);
	if (b->is & KEPT)
		b->kept = made;
	else
		userns_close(&made);
	arena_free(&arena);
}

static int measure(struct roster *roster, unsigned int is, char **argv)
{
	static struct bench b = { .kept = { -1, -1 } };
	struct facts facts = { .ram = UINT64_C(1) << 30,
		.tasks = 1000,
		.cpus = 1,
		.machine_hostname = "bench",
		.root = argv[2] };
	long n = strtol(argv[3], NULL, 10);
	struct err e;

	b.is = is;
	b.root = argv[2];
	for (char **line = argv + 5; *line != NULL; line++)
		if (word_of(*line) > 0)
			b.is |= (unsigned int)word_of(*line);
	(void)signal(SIGPIPE, SIG_IGN);
	load(&b, argv + 5);
	if (launcher_open(&b.launcher, roster, argv[4], &e) < 0 || net_open(&b.net, &e) < 0)
		die(e.msg);
	if (b.is & NO_CGROUP)
		fd_close(&b.launcher.cgroup_fd);
	while (n-- > 0)
		start(&b, facts);
	return 0;
}

int main(int argc, char **argv)
{
	struct roster *roster = mmap(NULL, sizeof(*roster), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int is = argc > 4 ? word_of(argv[1]) : -1, status = 0;
	pid_t supervisor, pid;

	if (is < 0) {
		(void)fprintf(stderr, "usage: ours TIER ROOT COUNT INIT [LINE...]\n");
		return 2;
	}
	supervisor = fork();
	if (supervisor == 0) {
		status = measure(roster, (unsigned int)is, argv);
		(void)fflush(stdout);
		_exit(status);
	}
	while ((pid = waitpid(-1, &status, __WALL)) > 0 && pid != supervisor)
		continue;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
