/* The sets that are explored: unit files of one to four units, made by number. */
#include "tests/sim/explore.h"

#include "common/util.h"

#include <stdio.h>
#include <string.h>

static const char *const deps[] = {
#define X(id, key) [DEP_##id] = key,
	DEPENDENCIES(X)
#undef X
};
/* Those behind it are no keys of [Unit]: they stand among the things. */
#define DEPS DEP_TRIGGERS

static const char *const names[] = { "a.service", "b.service", "c.service", "d.service" };

static struct text text_of(struct page *page)
{
	return (struct text){ .buf = page->text, .size = sizeof(page->text) };
}

static void put(struct pages *p, const char *name, const char *text)
{
	struct text t = text_of(&p->v[p->n]);

	p->v[p->n++].name = name;
	text_puts(&t, text);
}

/* A service that names others: `named` has a bit for each. */
static void put_service(struct pages *p, uint32_t dep, uint32_t named, bool after, const char *rest)
{
	struct text t = text_of(&p->v[p->n]);

	text_puts(&t, "[Unit]\n");
	for (uint32_t i = 0; i < OWN_MAX; i++) {
		if ((named >> i & 1) == 0)
			continue;
		text_printf(&t, "%s=%s\n", deps[dep], names[i]);
		if (after)
			text_printf(&t, "After=%s\n", names[i]);
	}
	text_printf(&t, "[Service]\nExecStart=/x\n%s", rest);
	p->v[p->n].name = names[p->n];
	p->n++;
}

/* ---- two services with each dependency, of each type, restarted or not, in order or not */

static const char *const lives[] = {
	"Type=simple\nRestart=no\n",
	"Type=notify\nRestart=no\n",
	"Type=oneshot\nRestart=no\n",
	"Type=simple\nRestart=on-failure\n",
	"Type=notify\nRestart=on-failure\n",
	"Type=oneshot\nRestart=on-failure\n",
};

static void make_pair(uint32_t variant, struct pages *p)
{
	uint32_t life = variant % 6;

	put_service(p, variant / 12, 2, variant / 6 % 2 != 0, lives[life / 3 * 3 + (life + 1) % 3]);
	put_service(p, 0, 0, false, lives[life]);
}

/* ... and with a shutdown and reloads of the files among the events. */
static void make_machine(uint32_t variant, struct pages *p)
{
	put_service(p, variant, 2, true, lives[3]);
	put_service(p, 0, 0, false, "Type=exec\nRestart=always\nExecStopPost=/x\n");
}

/* ---- three and four */

static void make_chain(uint32_t variant, struct pages *p)
{
	put_service(p, variant / 2, 2, variant % 2 != 0, lives[3]);
	put_service(p, variant / 2, 4, variant % 2 != 0, lives[1]);
	put_service(p, 0, 0, false, lives[0]);
}

static void make_fork(uint32_t variant, struct pages *p)
{
	put_service(p, variant / 2, 6, variant % 2 != 0, lives[3]);
	put_service(p, 0, 0, false, lives[1]);
	put_service(p, 0, 0, false, lives[5]);
}

static void make_join(uint32_t variant, struct pages *p)
{
	put_service(p, variant / 2, 4, variant % 2 != 0, lives[0]);
	put_service(p, variant / 2, 4, variant % 2 != 0, lives[2]);
	put_service(p, 0, 0, false, lives[3]);
}

static void make_diamond(uint32_t variant, struct pages *p)
{
	put_service(p, variant, 6, true, lives[0]);
	put_service(p, variant, 8, true, lives[0]);
	put_service(p, variant, 8, true, lives[3]);
	put_service(p, 0, 0, false, lives[3]);
}

/* Kinds that meet: what one pulls in another stops. */
static const struct mixed {
	enum dependency a_b, b_c, a_c;
} mixed[] = {
	{ DEP_REQUIRES, DEP_CONFLICTS, DEP_WANTS },
	{ DEP_REQUIRES, DEP_PART_OF, DEP_WANTS },
	{ DEP_REQUIRES, DEP_UPHOLDS, DEP_AFTER },
	{ DEP_REQUIRES, DEP_BINDS_TO, DEP_BEFORE },
	{ DEP_BINDS_TO, DEP_PART_OF, DEP_CONFLICTS },
	{ DEP_BINDS_TO, DEP_UPHOLDS, DEP_AFTER },
	{ DEP_UPHOLDS, DEP_CONFLICTS, DEP_BEFORE },
	{ DEP_UPHOLDS, DEP_BINDS_TO, DEP_PART_OF },
	{ DEP_PART_OF, DEP_REQUIRES, DEP_UPHOLDS },
	{ DEP_WANTS, DEP_REQUISITE, DEP_REQUIRES },
	{ DEP_ON_FAILURE, DEP_CONFLICTS, DEP_REQUIRES },
	{ DEP_ON_FAILURE, DEP_BINDS_TO, DEP_STOPS },
	{ DEP_STOPS, DEP_UPHOLDS, DEP_ON_SUCCESS },
};

static void put_pair(struct text *t, enum dependency dep, const char *name)
{
	text_printf(t, "[Unit]\n%s=%s\n", deps[dep], name);
}

static void make_mixed(uint32_t variant, struct pages *p)
{
	const struct mixed *m = &mixed[variant];
	struct text t;

	for (uint32_t i = 0; i < 3; i++)
		put_service(p, DEP_AFTER,
			i == 0           ? 6
				: i == 1 ? 4
					 : 0,
			false, lives[i == 1 ? 3 : 0]);
	t = (struct text){
		.buf = p->v[0].text, .size = sizeof(p->v[0].text), .len = strlen(p->v[0].text)
	};
	put_pair(&t, m->a_b, names[1]);
	put_pair(&t, m->a_c, names[2]);
	t = (struct text){
		.buf = p->v[1].text, .size = sizeof(p->v[1].text), .len = strlen(p->v[1].text)
	};
	put_pair(&t, m->b_c, names[2]);
}

/* ---- one unit with all that it can have */

static void make_commands(uint32_t variant, struct pages *p)
{
	static const char *const types[] = { "simple", "exec", "notify", "oneshot",
		"notify-reload" };
	static const char *const kills[] = { "control-group", "mixed", "process", "none" };
	static const char *const more[] = {
		"ExecStartPost=-/x\nExecStop=/x\nRestart=on-failure\nOOMPolicy=continue\n",
		"ExecStop=-/x\nRemainAfterExit=yes\nSendSIGKILL=no\nExecReload=/x\n",
		"Restart=on-failure\nWatchdogSec=20\nTimeoutStopFailureMode=abort\n",
		"TimeoutAbortSec=5\nRestart=on-abnormal\nFinalKillSignal=SIGQUIT\nExecReload=-/x\n",
	};
	char text[512];

	snprintf(text, sizeof(text),
		"[Service]\nType=%s\nKillMode=%s\n%s%sExecStart=/x\nExecStopPost=/x\n",
		types[variant % 5], kills[variant / 5 % 4],
		variant / 20 % 2 != 0 ? "ExecCondition=/x\nExecStartPre=-/x\nExecStartPost=/x\n"
				      : "",
		/* A command that only some types have is an error in others. */
		more[variant / 20 % 4]);
	put(p, names[0], text);
}

/* Names and texts of one to three units. */
static const char *const things[][7] = {
	{ "n.network", "[Network]\n" },
	{ "v.volume", "[Volume]\n" },
	{ "t.target", "[Unit]\nStopWhenUnneeded=yes\n" },
	{ "a.container", "[Container]\nImage=i\nNetwork=n.network\n", "n.network", "[Network]\n" },
	{ "a.container",
		"[Container]\nImage=i\nNotify=healthy\nHealthCmd=/x\n"
		"HealthOnFailure=kill\n[Service]\nRestart=always\n" },
	{ "a.container",
		"[Container]\nImage=i\nHealthCmd=/x\nHealthStartupCmd=/x\n"
		"HealthOnFailure=stop\n" },
	{ "a.service", "[Service]\nType=oneshot\nExecStart=/x\n", "t.timer",
		"[Timer]\nOnActiveSec=10\nOnUnitActiveSec=1min\nUnit=a.service\n" },
	{ "a.service", "[Unit]\nConflicts=t.target\n[Service]\nExecStart=/x\n", "t.target",
		"[Unit]\nConflicts=a.service\n" },
	{ "a.service",
		"[Service]\nType=oneshot\nExecStart=/x\nExecStart=-/y\nRemainAfterExit=yes\n"
		"SuccessExitStatus=9\n",
		"t.target", "[Unit]\nBindsTo=a.service\nAfter=a.service\n" },
	{ "a.service",
		"[Service]\nExecStart=/x\nExitType=cgroup\nRestart=on-failure\n"
		"KillMode=process\n" },
	{ "a.service", "[Service]\nType=notify\nExecStart=/x\n", "a.socket",
		"[Socket]\nListenStream=/run/a\n" },
	{ "a.service", "[Service]\nExecStart=/x\n", "a.socket",
		"[Unit]\nAfter=b.service\n[Socket]\nListenStream=/run/a\n", "b.service",
		"[Service]\nExecStart=/x\n" },
	{ "a.service", "[Unit]\nRequiresMountsFor=/m\n[Service]\nExecStart=/x\n", "m.mount",
		"[Mount]\nWhat=/dev/x\nWhere=/m\n" },
	/* A process that comes after its unit was given up; an answer that comes after the next order. */
	{ "a.service",
		"[Unit]\nAfter=b.service\n[Service]\nType=notify\nExecStart=/x\nSendSIGKILL=no\n"
		"Restart=on-failure\nTimeoutStartSec=1\n",
		"b.service", "[Service]\nType=notify\nExecStart=/x\n" },
	{ "b.service", "[Service]\nType=notify\nExecStart=/x\n", "n.network",
		"[Unit]\nAfter=b.service\n[Network]\n" },
	/* Told to restart while it goes down by itself. */
	{ "a.service", "[Unit]\nAfter=b.service\nRequires=b.service\n[Service]\nExecStart=/x\n",
		"b.service",
		"[Service]\nType=notify\nExecStart=/x\nExecStopPost=/x\nWatchdogSec=9\n" },
	/* Its process ends while the command of its reload is being made, and cannot be. */
	{ "a.service", "[Service]\nExecStart=/x\nRemainAfterExit=yes\nExecReload=/x\n" },
};

static void make_thing(uint32_t variant, struct pages *p)
{
	const char *const *text = things[variant];

	for (; text[0] != NULL; text += 2)
		put(p, text[0], text[1]);
}

#define ALL_EVENTS (EVENTS_BASIC | EVENTS_WORDS | EVENTS_DEATH | EVENTS_MACHINE)

const struct shapes families[] = {
	{ "pairs", DEPS * 12, 3500, EVENTS_BASIC, make_pair },
	{ "pairs, shutdown and reload", DEPS, 6000, EVENTS_BASIC | EVENTS_MACHINE, make_machine },
	{ "chains of three", DEPS * 2, 4000, EVENTS_BASIC, make_chain },
	{ "forks of three", DEPS * 2, 4000, EVENTS_BASIC, make_fork },
	{ "joins of three", DEPS * 2, 4000, EVENTS_BASIC, make_join },
	{ "mixed triples", ARRAY_LEN(mixed), 8000, EVENTS_BASIC, make_mixed },
	{ "diamonds of four", DEPS, 6000, EVENTS_BASIC, make_diamond },
	{ "one, with all its commands", 80, 4000, ALL_EVENTS, make_commands },
	{ "other kinds", ARRAY_LEN(things), 12000, ALL_EVENTS, make_thing },
};
const size_t n_families = ARRAY_LEN(families);
