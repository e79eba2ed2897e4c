/*
 * From texts to units and edges: the texts are sorted by name, each unit with a file of its own is read, then the
 * instances of templates that these name, and those that they name; then the names between units become edges.
 */
#include "supervisor/core/unit/unitset.h"

#include "common/util.h"
#include "supervisor/core/unit/builtin.h"
#include "supervisor/core/unit/references.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_TARGET "default.target"
#define BOOT_TARGET "multi-user.target"
#define DEFAULT_NETWORK "sup0.network"

/* ---- reading ---- */

/* Units that exist without a file, so a drop-in is all they need. */
static const struct {
	const char *name, *description;
} implicit[] = {
	{ DEFAULT_TARGET, "What is started at boot" },
	{ BOOT_TARGET, "The services of the appliance" },
	{ DEFAULT_NETWORK, "The network of containers that name none" },
};

static const char *implicit_description(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(implicit); i++)
		if (strcmp(implicit[i].name, name) == 0)
			return implicit[i].description;
	return NULL;
}

static void file_fault(struct builder *b, enum fault_level level, struct unit *unit,
	const struct unit_text *text, const char *message)
{
	struct unit_fault f = {
		.level = level,
		.path = arena_strdup(&b->set->arena, text->path),
		.message = message,
	};

	unit_fault_add(&b->set->arena, &b->faults, unit, &f);
}

static struct draft *new_draft(struct builder *b, const char *name)
{
	struct draft *d = arena_alloc(&b->scratch, sizeof(*d));

	d->unit = b->defaults[unit_kind_of(name)];
	d->unit.name = arena_strdup(&b->set->arena, name);
	d->unit.unit.description = implicit_description(name);
	return d;
}

static struct origin origin_of(const struct builder *b, size_t member)
{
	const struct origin *origin = loader_origin(&b->loader, member);

	return origin != NULL ? *origin : (struct origin){ .path = NULL };
}

static void keep_origins(struct builder *b, struct references *r)
{
	for (size_t tie = 0; tie < TIE_COUNT; tie++) {
		const struct strv *names = (const void *)((const char *)b->loader.unit +
			tie_members[tie]);

		/* Most units have few of them, and looking one up costs a walk through the table. */
		if (names->n > 0)
			r->ties[tie] = origin_of(b, tie_members[tie]);
	}
	r->alias = origin_of(b, offsetof(struct unit, install.alias));
	r->network = origin_of(b, offsetof(struct unit, container.networks));
	r->mounts = origin_of(b, offsetof(struct unit, container.mounts));
	for (size_t i = 0; i < BRIDGE_KEY_COUNT && b->loader.unit->kind == KIND_CONTAINER; i++)
		r->bridge_keys[i] = origin_of(b, bridge_keys[i].member);
	for (enum family f = 0; f < FAMILY_COUNT; f++)
		r->ip[f] = origin_of(b, offsetof(struct unit, container.ip[f]));
	r->bridge = origin_of(b, offsetof(struct unit, network.interface_name));
	r->subnet = origin_of(b, offsetof(struct unit, network.subnet));
	r->timer_unit = origin_of(b, offsetof(struct unit, timer.unit));
	r->service = origin_of(b, offsetof(struct unit, socket.service));
	r->sockets = origin_of(b, offsetof(struct unit, service.sockets));
	r->listen = origin_of(b, offsetof(struct unit, socket.listen));
}

static void read_masked(struct builder *b, struct unit *u, const struct unit_text *text)
{
	u->masked = true;
	u->broken = arena_printf(&b->set->arena, "masked by %s", text->path);
	u->digest = u->text = UINT64_MAX;
}

/* `scope`: the name that specifiers speak of. */
static void read_files(struct builder *b, struct draft *d, const char *scope,
	const struct unit_files *files)
{
	struct unit *u = &d->unit;

	if (files->main != NULL && files->main != builtin_text(files->main->unit))
		u->file = arena_strdup(&b->set->arena, files->main->path);
	if (files->main != NULL && files->main->masked) {
		read_masked(b, u, files->main);
		return;
	}
	if (files->main == NULL && files->drop_ins.n == 0)
		return;
	b->loader.unit = u;
	b->loader.scope.unit = scope;
	b->loader.scope.file = u->file;
	memset(b->loader.origins, 0, n_keys * sizeof(*b->loader.origins));
	u->text = UINT64_C(0xcbf29ce484222325);
	if (files->main != NULL)
		unit_file_read(&b->loader, files->main);
	for (size_t i = 0; i < files->drop_ins.n; i++)
		unit_file_read(&b->loader, files->drop_ins.v[i]);
	u->digest = u->text;
	unit_file_finish(&b->loader);
	keep_origins(b, &d->references);
}

static struct draft *read_unit(struct builder *b, const char *name)
{
	struct draft *d = new_draft(b, name);
	const struct unit_files files = texts_of_unit(&b->scratch, &b->texts, name);

	*LIST_ADD(&b->scratch, &b->drafts) = d;
	read_files(b, d, d->unit.name, &files);
	instances_named_by(b, &d->unit);
	return d;
}

/*
 * A template is read once for itself, so that its faults are told where nobody made an instance yet, and for
 * the instance that it installs.
 */
static void read_template(struct builder *b, const char *name)
{
	const struct unit_files files = texts_of_unit(&b->scratch, &b->texts, name);
	struct draft *d = new_draft(b, name);
	const struct install_section *install = &d->unit.install;
	const char *dot = strrchr(name, '.');
	int stem = (int)(dot - name);

	strv_add(&b->set->arena, &b->set->templates, d->unit.name);
	b->loader.trial = true;
	read_files(b, d, arena_printf(&b->scratch, "%.*s1%s", stem, name, dot), &files);
	b->loader.trial = false;
	if (install->default_instance != NULL &&
		install->wanted_by.n + install->required_by.n + install->upheld_by.n > 0)
		instances_wish(b,
			arena_printf(&b->scratch, "%.*s%s%s", stem, name, install->default_instance,
				dot));
}

static void other_files(struct builder *b, struct unit *u, const struct text_group *group)
{
	const struct unit_text *first = texts_main(group);

	for (size_t i = 0; i < group->n; i++)
		if (group->v[i]->role == TEXT_FILE && group->v[i] != first &&
			!text_is_drop_in(group->v[i]))
			file_fault(b, FAULT_ERROR, u, group->v[i],
				"another file defines this unit");
}

/* Drop-ins alone, of no unit that is or could be. */
static bool adds_to_nothing(struct builder *b, const struct text_group *group)
{
	return text_is_drop_in(group->v[0]) && implicit_description(group->name) == NULL &&
		!text_is_for_many(group->name) && texts_template(&b->texts, group->name) == NULL &&
		builtin_text(group->name) == NULL;
}

static bool is_kind_name(const char *name)
{
	for (unsigned int kind = 0; kind < KIND_COUNT; kind++)
		if (strcmp(name, unit_kind_name((enum unit_kind)kind)) == 0)
			return true;
	return false;
}

/* All texts of one name. */
static void read_group(struct builder *b, const struct text_group *group)
{
	const char *name = group->name;
	const struct unit_text *main = texts_main(group);

	if (unit_kind_of(name) == KIND_COUNT && !(main == NULL && is_kind_name(name)))
		file_fault(b, FAULT_ERROR, NULL, group->v[0],
			arena_printf(&b->set->arena, "the name does not end like a unit: %s",
				unit_endings()));
	else if (unit_name_check(name) < 0)
		file_fault(b, FAULT_ERROR, NULL, group->v[0],
			"this is not the name of a unit: at most 63 of A-Z a-z 0-9 : _ . @ -");
	else if (main == NULL && adds_to_nothing(b, group))
		file_fault(b, FAULT_WARNING, NULL, group->v[0],
			"there is no unit that this adds to");
	else if (main != NULL && unit_name_is_template(name))
		read_template(b, name);
	else if (main != NULL)
		other_files(b, &read_unit(b, name)->unit, group);
}

/* The first file of the manager counts, as of anything in the search path. */
static void read_manager(struct builder *b, const struct unit_text *texts, size_t n)
{
	struct unit_set *set = b->set;
	size_t at = 0;

	manager_defaults(&set->arena, &set->manager);
	while (at < n && strcmp(texts[at].unit, MANAGER_FILE) != 0)
		at++;
	if (at < n)
		manager_file_read(&set->arena, &texts[at], &set->manager, &b->faults);
	for (unsigned int kind = 0; kind < KIND_COUNT; kind++) {
		unit_defaults(&set->arena, (enum unit_kind)kind, &b->defaults[kind]);
		manager_apply(&set->manager, &b->defaults[kind]);
	}
}

/* What is a unit by its own file, and the instances that somebody asks for; before anything is read. */
static void know_group(struct builder *b, const struct text_group *group)
{
	bool asked = false;

	if (unit_kind_of(group->name) == KIND_COUNT || unit_name_check(group->name) < 0 ||
		unit_name_is_template(group->name))
		return;
	if (texts_main(group) != NULL) {
		(void)name_set_add(&b->scratch, &b->known, group->name);
		return;
	}
	for (size_t i = 0; i < group->n; i++)
		asked = asked || group->v[i]->role == TEXT_INSTANCE;
	if (asked && texts_of_unit(&b->scratch, &b->texts, group->name).main != NULL &&
		name_set_add(&b->scratch, &b->known, group->name))
		strv_add(&b->scratch, &b->to_read, group->name);
}

static bool is_alias(const struct builder *b, const char *name)
{
	for (size_t i = 0; i < b->drafts.n; i++)
		if (strv_find(&b->drafts.v[i]->unit.install.alias, name) != NULL)
			return true;
	return false;
}

/* Unless a file has it, or one says that it is another name of its unit. */
static void add_implicit(struct builder *b, const char *name)
{
	if (!name_set_has(&b->known, name) && !is_alias(b, name))
		(void)read_unit(b, name);
}

static bool uses_default_network(const struct builder *b)
{
	const struct network_use *use;

	for (size_t i = 0; i < b->drafts.n; i++)
		for (size_t k = 0; (use = unit_network(&b->drafts.v[i]->unit, k)) != NULL; k++)
			if (b->drafts.v[i]->unit.kind == KIND_CONTAINER &&
				!b->drafts.v[i]->unit.masked && use->mode == NETWORK_DEFAULT)
				return true;
	return false;
}

static void read_all(struct builder *b, const struct unit_text *texts, size_t n)
{
	char name[UNIT_NAME_MAX];
	size_t at = 0;

	texts_index(&b->scratch, texts, n, &b->texts);
	for (size_t i = 0; i < b->texts.n; i++)
		know_group(b, &b->texts.v[i]);
	for (size_t i = 0; i < b->texts.n; i++)
		read_group(b, &b->texts.v[i]);
	links_wish(b);
	for (; at < b->to_read.n; at++)
		(void)read_unit(b, b->to_read.v[at]);
	add_implicit(b, DEFAULT_TARGET);
	add_implicit(b, BOOT_TARGET);
	for (; at < b->to_read.n; at++) /* what their drop-ins name */
		(void)read_unit(b, b->to_read.v[at]);
	if (uses_default_network(b))
		add_implicit(b, DEFAULT_NETWORK);
	for (size_t i = 0; i < b->drafts.n; i++)
		if (builtin_resolver(&b->drafts.v[i]->unit, name))
			instances_wish(b, name);
	for (; at < b->to_read.n; at++)
		(void)read_unit(b, b->to_read.v[at]);
}

/* ---- the set ---- */

static int compare_drafts(const void *left, const void *right)
{
	const struct draft *const *a = left, *const *b = right;

	return strcmp((*a)->unit.name, (*b)->unit.name);
}

static void place_all(struct builder *b)
{
	struct unit_set *set = b->set;

	set->n = b->drafts.n;
	set->units = arena_array(&set->arena, set->n, sizeof(*set->units));
	set->nodes = arena_array(&set->arena, set->n, sizeof(*set->nodes));
	b->references = arena_array(&b->scratch, set->n, sizeof(*b->references));
	qsort(b->drafts.v, set->n, sizeof(*b->drafts.v), compare_drafts);
	for (size_t i = 0; i < set->n; i++) {
		set->units[i] = b->drafts.v[i]->unit;
		b->references[i] = b->drafts.v[i]->references;
	}
}

/* A fault of a template is that of each of its instances, and told once. */
static void tell_once(struct builder *b)
{
	struct name_set told = { 0 };
	size_t kept = 0;

	for (size_t i = 0; i < b->faults.n; i++) {
		const struct unit_fault *f = &b->faults.v[i];

		if (f->unit == NULL || f->path == NULL || strchr(f->unit, '@') == NULL ||
			name_set_add(&b->scratch, &told,
				arena_printf(&b->scratch, "%s:%u:%u:%s", f->path, f->line,
					f->column, f->message)))
			b->faults.v[kept++] = *f;
	}
	b->set->faults = b->faults.v;
	b->set->n_faults = kept;
}

void unit_set_build_on(struct unit_set *set, const struct unit_text *texts, size_t n,
	const struct specifier_facts *facts)
{
	struct builder b = { .set = set };

	memset(set, 0, sizeof(*set));
	b.loader.arena = &set->arena;
	b.loader.faults = &b.faults;
	b.loader.scope.facts = facts;
	b.loader.origins = arena_array(&b.scratch, n_keys, sizeof(*b.loader.origins));
	read_manager(&b, texts, n);
	read_all(&b, texts, n);
	place_all(&b);
	aliases_resolve(&b);
	references_resolve(&b, DEFAULT_TARGET, BOOT_TARGET, DEFAULT_NETWORK);
	tell_once(&b);
	arena_free(&b.scratch);
}

void unit_set_build(struct unit_set *set, const struct unit_text *texts, size_t n)
{
	unit_set_build_on(set, texts, n, NULL);
}

void unit_set_free(struct unit_set *set)
{
	arena_free(&set->arena);
	memset(set, 0, sizeof(*set));
}
