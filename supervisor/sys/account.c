#include "supervisor/sys/account.h"

#include "supervisor/sys/file.h"

#include <errno.h>

static const char *table(struct arena *a, const char *path, size_t *n, struct err *e)
{
	const char *text = file_read(a, "", path, 0, PASSWD_SIZE_MAX, n, e);

	return text == NULL && e->no == ENOENT ? "" : text;
}

int account_find(struct identity *id, const char *user, const char *group, struct err *e)
{
	struct arena a = { 0 };
	size_t n_passwd = 0, n_group = 0;
	const char *passwd = table(&a, "/etc/passwd", &n_passwd, e);
	const char *groups = passwd != NULL ? table(&a, "/etc/group", &n_group, e) : NULL;
	const char *missing = groups != NULL
		? identity_resolve(id, user, group, passwd, n_passwd, groups, n_group)
		: NULL;

	if (missing != NULL)
		(void)err_setx(e, "no user or group %s in /etc/passwd or /etc/group", missing);
	arena_free(&a);
	return groups == NULL || missing != NULL ? -1 : 0;
}
