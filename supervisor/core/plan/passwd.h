/*
 * /etc/passwd and /etc/group as text: pure, no allocation, safe between clone and exec. Garbage lines are skipped.
 */
#ifndef CORE_PASSWD_H
#define CORE_PASSWD_H

#include <stddef.h>
#include <stdint.h>

#define PASSWD_SIZE_MAX (256 * 1024) /* a larger file is refused */
#define SUPPLEMENTARY_MAX 64

struct identity {
	uint32_t uid, gid;
	uint32_t groups[SUPPLEMENTARY_MAX];
	size_t n_groups;
	char home[128]; /* "/" when unknown */
};

/*
 * Resolves "name", "uid", "name:group", "uid:gid" (`group`, if not NULL, overrides). A number need not be in the file; a
 * name must. Returns NULL, or the part that was not found.
 */
const char *identity_resolve(struct identity *id, const char *user, const char *group,
	const char *passwd, size_t passwd_size, const char *groups, size_t groups_size);

#endif
