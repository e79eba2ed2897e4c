/* Secrets and credentials: which file of the host goes where. Never a byte of them, but for SetCredential=. */
#include "supervisor/core/plan/plan_parts.h"

#include "common/paths.h"
#include "supervisor/core/unit/words.h"

#include <linux/mount.h>
#include <string.h>

#define ATTR (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

struct secret_planner {
	struct planner *pl;
	struct plan_secret *secrets;
	size_t n;
	struct mount_op *mounts;
	size_t n_mounts;
};

/* A folder of the secrets' file system, or a file of it, at its place inside; once. */
static void add_mount(struct secret_planner *sp, const char *source, const char *target)
{
	for (size_t i = 0; i < sp->n_mounts; i++)
		if (strcmp(sp->mounts[i].target, target) == 0)
			return;
	sp->mounts[sp->n_mounts++] = (struct mount_op){ .cls = CLASS_FILES,
		.kind = OP_SECRET,
		.source = source,
		.target = target,
		.attr = ATTR };
}

static int add_file(struct secret_planner *sp, struct plan_secret *s, const char *folder)
{
	for (size_t i = 0; i < sp->n; i++)
		if (sp->secrets[i].file != NULL && strcmp(sp->secrets[i].target, s->target) == 0)
			return err_setx(sp->pl->e, "two secrets at %s", s->target);
	s->file = arena_printf(sp->pl->arena, "%s%s", folder, strrchr(s->target, '/'));
	sp->secrets[sp->n++] = *s;
	return 0;
}

/* The environment is complete and stays where it is. */
static void add_variable(struct secret_planner *sp, struct plan_secret *s)
{
	char *const *env = sp->pl->p->envp;
	size_t n = strlen(s->target);

	while (env != NULL && *env != NULL &&
		(strncmp(*env, s->target, n) != 0 || (*env)[n] != '='))
		env++;
	if (env == NULL || *env == NULL)
		return;
	s->variable = (char **)(uintptr_t)env;
	sp->secrets[sp->n++] = *s;
}

static int add_secret(struct secret_planner *sp, const struct secret *from)
{
	static const char own[] = PATH_SECRETS_INSIDE "/";
	struct plan_secret s = { .name = from->name,
		.source = from->name,
		.target = from->target,
		.uid = from->uid,
		.gid = from->gid,
		.mode = from->mode };
	const char *folder;

	if (from->kind == SECRET_ENV) {
		add_variable(sp, &s);
		return 0;
	}
	if (strncmp(s.target, own, strlen(own)) == 0 &&
		strchr(s.target + strlen(own), '/') == NULL) {
		add_mount(sp, "secrets", PATH_SECRETS_INSIDE);
		return add_file(sp, &s, "secrets");
	}
	/* a folder for each, so that its file may have any name */
	folder = arena_printf(sp->pl->arena, "%zu", sp->n);
	if (add_file(sp, &s, folder) < 0)
		return -1;
	add_mount(sp, sp->secrets[sp->n - 1].file, s.target);
	return 0;
}

static const struct secret *find(const struct secrets *list, enum secret_kind kind,
	const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].kind == kind && strcmp(list->v[i].name, name) == 0)
			return &list->v[i];
	return NULL;
}

static int add_credential(struct secret_planner *sp, const struct secrets *list,
	const struct secret *from)
{
	const struct secret *set = find(list, CREDENTIAL_SET, from->name);
	const char *folder = arena_printf(sp->pl->arena, PATH_CREDENTIALS "/%s", sp->pl->u->name);
	struct plan_secret s = { .name = from->name,
		.target = arena_printf(sp->pl->arena, "%s/%s", folder, from->name),
		.uid = from->uid,
		.gid = from->gid,
		.mode = from->mode };

	/* the value is what the file falls back to: one credential, added by its LoadCredential= */
	if (from->kind == CREDENTIAL_SET && find(list, CREDENTIAL_LOAD, from->name) != NULL)
		return 0;
	if (from->kind == CREDENTIAL_LOAD)
		s.source = from->source;
	if (set != NULL)
		s.value = text_unescape(sp->pl->arena, set->source);
	add_mount(sp, "credentials", folder);
	return add_file(sp, &s, "credentials");
}

int plan_secrets(struct planner *pl, struct mount_op **mounts, size_t *n)
{
	const struct secrets *secrets = &pl->u->container.secrets;
	const struct secrets *credentials = &pl->u->service.credentials;
	size_t most = secrets->n + credentials->n;
	struct secret_planner sp = { .pl = pl };

	*mounts = NULL;
	*n = 0;
	if (most == 0)
		return 0;
	sp.secrets = arena_array(pl->arena, most, sizeof(*sp.secrets));
	sp.mounts = arena_array(pl->arena, most, sizeof(*sp.mounts));
	for (size_t i = 0; pl->p->container && i < secrets->n; i++)
		if (add_secret(&sp, &secrets->v[i]) < 0)
			return -1;
	for (size_t i = 0; i < credentials->n; i++)
		if (add_credential(&sp, credentials, &credentials->v[i]) < 0)
			return -1;
	pl->p->secrets = sp.secrets;
	pl->p->n_secrets = sp.n;
	*mounts = sp.mounts;
	*n = sp.n_mounts;
	return 0;
}
