/*
 * What a container finds in /etc/hosts, /etc/resolv.conf and /etc/hostname: files of the host, bound into it and
 * written again, in place, when a neighbour comes or the host's name servers change (a DHCP lease may arrive
 * long after the first container).
 */
#include "common/fd.h"
#include "common/killpoint.h"
#include "common/paths.h"
#include "common/util.h"
#include "supervisor/core/net/hosts.h"
#include "supervisor/core/text.h"
#include "supervisor/core/unit/builtin.h"
#include "supervisor/sys/file.h"
#include "supervisor/sys/supervisor.h"
#include "supervisor/sys/wall.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define HOST_ETC "/etc"
#define HOST_RESOLV "resolv.conf"
#define FILE_MAX (1u << 22) /* the ids, leases and ports of some ten thousand units */
/* All that changes within this time is written at once. */
#define NAMES_DELAY_MS 20
#define NAMES_A_TURN 8
/* A lease on one of the files is over then, or in the way again; the kernel ends it after 45 s. */
#define NAMES_AGAIN_MS 1000
#define LINKS_MAX 8
#define FOLDER_MAX (sizeof(PATH_FILES) + UNIT_NAME_MAX + 1)

const char *names_read(struct supervisor *s, struct arena *a, const char *path)
{
	struct err e;
	size_t n;
	const char *text = file_read(a, "", path, 0, FILE_MAX, &n, &e);

	if (text == NULL && e.no != ENOENT)
		journal(s, LOG_LEVEL_ERROR, NULL, "%s: taken for empty", e.msg);
	return text != NULL ? text : "";
}

static struct host_entry host_entry_of(const struct instance *inst)
{
	const struct unit *u = unit_at(inst->s, inst->index);

	return (struct host_entry){
		.unit = u->name,
		.name = u->container.name,
		.host_name = u->container.host_name,
		.aliases = &u->container.aliases,
	};
}

/* What of this family is the first of its attachments: its address, or the gateway of its default route. */
static void firsts_of(const struct instance *owner, struct ip addr[FAMILY_COUNT],
	struct ip gateway[FAMILY_COUNT])
{
	for (size_t i = owner->n_attached; i-- > 0;)
		for (enum family f = 0; f < FAMILY_COUNT; f++) {
			const struct attach_plan *p = &owner->attachments[i];

			if (ip_is_set(p->at[f].addr))
				addr[f] = p->at[f].addr;
			if (ip_is_set(p->at[f].gateway))
				gateway[f] = p->at[f].gateway;
		}
}

struct neighbours {
	struct host_entry *v;
	size_t n;
};

struct clients {
	struct names_client *v;
	size_t n;
};

static const struct strv *joined(const struct strv *one, const struct strv *two, struct arena *a)
{
	struct strv *both = arena_alloc(a, sizeof(*both));

	for (size_t i = 0; i < one->n; i++)
		strv_add(a, both, one->v[i]);
	for (size_t i = 0; i < two->n; i++)
		strv_add(a, both, two->v[i]);
	return both;
}

static void add_member(const struct instance *inst, const struct attach_plan *p,
	struct neighbours *list, struct arena *a)
{
	const struct network_use *use = unit_network(unit_at(inst->s, inst->index), p->nth);
	struct host_entry *entry = LIST_ADD(a, list);

	*entry = host_entry_of(inst);
	if (use != NULL && use->aliases.n > 0)
		entry->aliases = joined(entry->aliases, &use->aliases, a);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		entry->addr[f] = p->at[f].addr;
}

/* All that share this network, by their addresses there. */
static void all_neighbours(const struct supervisor *s, const struct attach_plan *own,
	struct neighbours *list, struct arena *a)
{
	for (size_t i = 0; i < s->set->n; i++) {
		const struct instance *other = s->instances[i];

		for (size_t k = 0; other != NULL && k < other->n_attached; k++)
			if (strcmp(other->attachments[k].bridge, own->bridge) == 0)
				add_member(other, &other->attachments[k], list, a);
	}
}

/* In place: the file is bound into the container, a new one of the same name would not be seen there. */
static int write_file(int dir, const char *name, const char *text, struct err *e)
{
	/* Who reads it may have a lease on it (fcntl(2)), and nobody waits for that. */
	cleanup_fd int fd = openat(dir, name,
		O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0644);
	size_t len = strlen(text);

	KILL_POINT("names-open");
	/* Cut off last, so that no reader finds it empty. */
	if (fd < 0 || write(fd, text, len) != (ssize_t)len || ftruncate(fd, (off_t)len) < 0)
		return err_set(e, "%s/.../%s: write", PATH_FILES, name);
	return 0;
}

static int write_hosts(const struct instance *inst, int dir, struct arena *a, struct err *e)
{
	struct supervisor *s = inst->s;
	const struct instance *owner = network_owner(inst);
	struct neighbours list = { 0 };
	struct hosts hosts = {
		.self = host_entry_of(inst),
		.add_host = &unit_at(s, inst->index)->container.add_host,
	};

	for (size_t i = 0; owner != NULL && i < owner->n_attached; i++)
		all_neighbours(s, &owner->attachments[i], &list, a);
	if (owner != NULL)
		firsts_of(owner, hosts.self.addr, hosts.gateway);
	hosts.neighbours = list.v;
	hosts.n_neighbours = list.n;
	return write_file(dir, "hosts", hosts_text(&hosts, a), e);
}

/* ---- resolvers ---- */

bool names_has_resolver(struct supervisor *s, const struct instance *network)
{
	char name[UNIT_NAME_MAX];
	int socket = builtin_resolver(unit_at(s, network->index), name)
		? unit_set_find(s->set, name)
		: -1;

	return socket >= 0 && engine_run(s->engine, (uint32_t)socket)->state == ST_RUNNING;
}

/* The one that a container asks: of the first of its networks that has a way out, else of the first. */
static void find_resolver(const struct instance *owner, struct resolv_own *own, struct arena *a)
{
	struct supervisor *s = owner->s;
	bool way_out = false;

	for (size_t i = 0; i < owner->n_attached; i++) {
		const char *name = network_of(unit_at(s, owner->index), owner->attachments[i].nth);
		const struct instance *network = network_instance(s, name);

		if (network == NULL || !names_has_resolver(s, network) ||
			(own->server != NULL && (way_out || network->bridge.internal)))
			continue;
		way_out = !network->bridge.internal;
		own->network = name;
		own->server = ip_text(arena_alloc(a, IP_TEXT_MAX), network_address(network));
	}
}

/* What one member of a network asks that is not what all ask. */
static void add_client(const struct instance *inst, size_t nth, struct clients *clients,
	struct arena *a)
{
	const struct unit *u = unit_at(inst->s, inst->index);
	struct neighbours far = { 0 };
	struct names_client *c;

	for (size_t i = 0; i < inst->n_attached; i++) {
		size_t before = far.n;

		if (i != nth)
			all_neighbours(inst->s, &inst->attachments[i], &far, a);
		while (before < far.n)
			far.v[before++].network = network_of(u, inst->attachments[i].nth);
	}
	if (far.n == 0 && u->container.dns.n == 0)
		return;
	c = LIST_ADD(a, clients);
	*c = (struct names_client){ .dns = &u->container.dns, .far = far.v, .n_far = far.n };
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		c->addr[f] = inst->attachments[nth].at[f].addr;
}

static int publish(struct supervisor *s, const struct instance *network, struct arena *a,
	struct err *e)
{
	const struct unit *u = unit_at(s, network->index);
	struct neighbours members = { 0 };
	struct clients clients = { 0 };
	struct strv own = { 0 }, others = { 0 };
	struct names names = {
		.network = network->unit,
		.internal = network->bridge.internal,
		.dns = &u->network.dns,
		.host_text = names_read(s, a, HOST_ETC "/" HOST_RESOLV),
		.own = &own,
		.others = &others,
	};
	const char *text;

	for (enum family f = 0; f < FAMILY_COUNT; f++)
		names.subnet[f] = network->pools[f].subnet;
	for (size_t i = 0; i < s->set->n; i++) {
		const struct instance *inst = s->instances[i];

		if (unit_at(s, (uint32_t)i)->kind == KIND_NETWORK && i != network->index)
			strv_add(a, &others, unit_at(s, (uint32_t)i)->name);
		if (inst != NULL && inst->bridge_up && inst->bridge.resolver)
			strv_add(a, &own,
				ip_text(arena_alloc(a, IP_TEXT_MAX), network_address(inst)));
		for (size_t k = 0; inst != NULL && k < inst->n_attached; k++)
			if (strcmp(inst->attachments[k].bridge, network->bridge.name) == 0) {
				add_member(inst, &inst->attachments[k], &members, a);
				add_client(inst, k, &clients, a);
			}
	}
	names.members = members.v;
	names.n_members = members.n;
	names.clients = clients.v;
	names.n_clients = clients.n;
	text = names_text(&names, a);
	KILL_POINT("names-publish");
	return file_write(PATH_NAMES, network->unit, text, strlen(text), 0644, e);
}

void names_publish(struct supervisor *s, const struct instance *network)
{
	struct arena a = { 0 };
	struct err e;

	if (network->bridge_up && network->bridge.resolver && publish(s, network, &a, &e) < 0)
		journal_err(s, LOG_LEVEL_WARNING, network->unit, &e);
	arena_free(&a);
}

void names_unpublish(const struct instance *network)
{
	char path[sizeof(PATH_NAMES) + UNIT_NAME_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", PATH_NAMES, network->unit);
	(void)unlink(path);
}

/* ---- name servers of the host ---- */

/* Where the link leads, as far as there are links; false: it is none. */
static bool resolv_target(char path[PATH_MAX])
{
	char link[PATH_MAX];
	int links = 0;
	ssize_t n;

	memcpy(path, HOST_ETC "/" HOST_RESOLV, sizeof(HOST_ETC "/" HOST_RESOLV));
	while (links < LINKS_MAX && (n = readlink(path, link, sizeof(link) - 1)) > 0) {
		char *name = link[0] == '/' ? path : strrchr(path, '/') + 1;

		link[n] = '\0';
		text_copy(name, (size_t)(path + PATH_MAX - name), link);
		links++;
	}
	return links > 0;
}

/*
 * That it is replaced or removed is told of the file itself; in a folder others may write all the time, so that is
 * watched only while the file is not there. True: it is another one than before.
 */
static bool follow_resolv(struct supervisor *s)
{
	int now = -1, before = s->watch_resolv;
	char path[PATH_MAX], *slash;

	if (resolv_target(path)) {
		now = inotify_add_watch(s->watch, path,
			IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF);
		while (now < 0 && (slash = strrchr(path, '/')) != NULL) {
			*slash = '\0';
			now = inotify_add_watch(s->watch, slash == path ? "/" : path,
				IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | IN_MASK_ADD);
		}
	}
	s->watch_resolv = now;
	if (before == now)
		return false;
	if (before >= 0 && before != s->watch_etc)
		(void)inotify_rm_watch(s->watch, before);
	return true;
}

/* ---- files ---- */

static bool has_ipv6(const struct instance *owner)
{
	bool any = false;

	for (size_t i = 0; i < owner->n_attached; i++)
		any = any || owner->attachments[i].at[FAMILY_V6].prefix != 0;
	return any;
}

static int write_all(const struct instance *inst, int dir, struct arena *a, struct err *e)
{
	struct supervisor *s = inst->s;
	const struct unit *u = unit_at(s, inst->index);
	const struct instance *owner = network_owner(inst);
	const char *network = owner != NULL ? network_of(unit_at(s, owner->index), 0) : NULL;
	int at = network != NULL ? unit_set_find(s->set, network) : -1;
	struct resolv_own own = { .ipv6 = owner != NULL && has_ipv6(owner) };
	const char *resolv,
		*name = u->container.host_name != NULL
		? u->container.host_name
		: arena_strndup(a, u->name, strcspn(u->name, "."));

	/* Who shares another's network and has servers of its own, cannot be told from that one by its address. */
	if (owner != NULL && (owner == inst || u->container.dns.n == 0))
		find_resolver(owner, &own, a);
	resolv = resolv_text(&u->container.dns,
		at >= 0 ? &unit_at(s, (uint32_t)at)->network.dns : NULL, &own,
		names_read(s, a, HOST_ETC "/" HOST_RESOLV), unit_network_mode(u) == NETWORK_HOST,
		a);
	if (write_hosts(inst, dir, a, e) < 0 || write_file(dir, "resolv.conf", resolv, e) < 0)
		return -1;
	return write_file(dir, "hostname", arena_printf(a, "%s\n", name), e);
}

static int files_folder(const struct instance *inst, char *dir, size_t size, struct err *e)
{
	int fd;

	(void)snprintf(dir, size, "%s/%s", PATH_FILES, inst->unit);
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return err_set(e, "mkdir %s", dir);
	fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : err_set(e, "open %s", dir);
}

static void write_again(struct supervisor *s, const struct instance *inst)
{
	char path[FOLDER_MAX];
	struct err e;
	cleanup_fd int dir = files_folder(inst, path, sizeof(path), &e);
	struct arena a = { 0 };

	if (dir < 0 || write_all(inst, dir, &a, &e) < 0) {
		if (e.no == EWOULDBLOCK)
			s->names_again = true;
		else
			journal_err(s, LOG_LEVEL_WARNING, inst->unit, &e);
	}
	arena_free(&a);
}

/* Those that run already learn it a moment later: a few in a turn of the loop, so that it waits for nobody. */
static void on_names(uv_timer_t *timer)
{
	struct supervisor *s = timer->data;
	uint32_t written = 0;

	rest_soon(s);
	/* between two looks of ours it may have come */
	if (s->names_next == 0)
		(void)follow_resolv(s);
	for (size_t i = 0; s->names_next == 0 && i < s->set->n; i++)
		if (s->instances[i] != NULL)
			names_publish(s, s->instances[i]);
	while (s->names_next < s->set->n && written < NAMES_A_TURN) {
		const struct instance *inst = s->instances[s->names_next++];

		if (inst == NULL || inst->n_processes == 0 ||
			unit_at(s, inst->index)->kind != KIND_CONTAINER)
			continue;
		write_again(s, inst);
		written++;
	}
	if (s->names_next < s->set->n) {
		(void)uv_timer_start(timer, on_names, 0, 0);
	} else if (s->names_again) {
		s->names_again = false;
		s->names_next = 0;
		(void)uv_timer_start(timer, on_names, NAMES_AGAIN_MS, 0);
	}
}

static const char *const files[] = { "hosts", "resolv.conf", "hostname" };

void names_give(const struct instance *inst, uint32_t uid, uint32_t gid)
{
	char path[FOLDER_MAX];
	struct err ignored;
	cleanup_fd int dir = files_folder(inst, path, sizeof(path), &ignored);

	for (size_t i = 0; dir >= 0 && i < ARRAY_LEN(files); i++)
		(void)!fchownat(dir, files[i], uid, gid, AT_SYMLINK_NOFOLLOW);
}

void names_release(const struct instance *inst)
{
	char path[FOLDER_MAX];
	cleanup_fd int dir = -1;

	(void)snprintf(path, sizeof(path), "%s/%s", PATH_FILES, inst->unit);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; dir >= 0 && i < ARRAY_LEN(files); i++)
		(void)unlinkat(dir, files[i], 0);
	if (dir >= 0)
		(void)rmdir(path);
}

void names_changed(struct supervisor *s)
{
	s->names_next = 0;
	(void)uv_timer_start(&s->names, on_names, NAMES_DELAY_MS, 0);
}

int names_write(struct instance *inst, char *dir, size_t size, struct err *e)
{
	cleanup_fd int fd = files_folder(inst, dir, size, e);
	struct arena a = { 0 };
	int rc = -1;

	if (fd >= 0)
		rc = write_all(inst, fd, &a, e);
	arena_free(&a);
	return rc;
}

/* The folder is watched, not the file: a new one is put in its place. */
void names_host_changed(struct supervisor *s, const struct inotify_event *event)
{
	bool etc = event->wd == s->watch_etc && event->len > 0;
	bool resolv = etc && strcmp(event->name, HOST_RESOLV) == 0;

	if (resolv || event->wd == s->watch_resolv) {
		if (follow_resolv(s) || resolv || (event->mask & IN_MODIFY) != 0)
			names_changed(s);
	}
	if (etc && strcmp(event->name, "localtime") == 0)
		wall_zone_changed(s);
}

int names_open(struct supervisor *s, struct err *e)
{
	(void)e;
	s->names.data = s;
	(void)uv_timer_init(&s->loop, &s->names);
	s->watch_etc = inotify_add_watch(s->watch, HOST_ETC,
		IN_CREATE | IN_MODIFY | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO);
	if (s->watch_etc < 0)
		journal(s, LOG_LEVEL_WARNING, NULL,
			"watch %s: %s; containers that run do not learn of new name servers",
			HOST_ETC, strerror(errno));
	s->watch_resolv = -1;
	(void)follow_resolv(s);
	return 0;
}
