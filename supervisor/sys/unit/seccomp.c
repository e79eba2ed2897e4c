#include "supervisor/sys/unit/seccomp.h"

#include "common/fd.h"
#include "supervisor/core/seccomp/profile.h"
#include "supervisor/sys/file.h"
#include "supervisor/sys/hostfacts.h"
#include "supervisor/sys/unit/profile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROFILE_MAX (1 << 20)

/* ---- those that were made already ---- */

/* FNV-1a */
static uint64_t digest(const void *bytes, size_t n, uint64_t hash)
{
	const unsigned char *s = bytes;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ s[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static bool find(const struct filters *kept, uint64_t key, struct seccomp_program *out)
{
	for (size_t i = 0; i < kept->n; i++)
		if (kept->v[i].digest == key) {
			*out = kept->v[i].program;
			return true;
		}
	return false;
}

/* Without memory for it, it lives as long as the arena. */
static void keep(struct filters *kept, uint64_t key, struct seccomp_program *program)
{
	struct filter_kept *v = realloc(kept->v, (kept->n + 1) * sizeof(*v));
	size_t size = program->n * sizeof(*program->code);
	struct sock_filter *code = v != NULL ? malloc(size) : NULL;

	if (v != NULL)
		kept->v = v;
	if (code == NULL)
		return;
	memcpy(code, program->code, size);
	program->code = code;
	v[kept->n++] = (struct filter_kept){ key, *program };
}

void filters_free(struct filters *kept)
{
	for (size_t i = 0; i < kept->n; i++)
		free((void *)(uintptr_t)kept->v[i].program.code);
	free(kept->v);
	*kept = (struct filters){ 0 };
}

static int compile(struct filters *kept, uint64_t key, const struct seccomp_policy *p,
	struct seccomp_program *out, struct arena *a, struct err *e)
{
	if (seccomp_compile(p, a, out, e) < 0)
		return -1;
	keep(kept, key, out);
	return 0;
}

/* ---- profiles ---- */

static int profile(struct filters *kept, const struct unit *u, struct seccomp_program *out,
	struct arena *a, struct err *e)
{
	const char *path = u->container.seccomp_profile;
	uint64_t caps = plan_container_capabilities(&u->container);
	uint64_t key = digest(&caps, sizeof(caps), path != NULL);
	struct kernel_version v = kernel_version();
	struct profile_host host = { .capabilities = caps, .major = v.major, .minor = v.minor };
	struct seccomp_policy *p;
	char *text = NULL;
	size_t size = 0;

	if (path != NULL)
		text = file_read(a, "SeccompProfile=", path, 0, PROFILE_MAX, &size, e);
	if (path != NULL && text == NULL)
		return -1;
	key = digest(text, size, key);
	if (find(kept, key, out))
		return 0;
	p = arena_alloc(a, sizeof(*p));
	if (path == NULL)
		seccomp_default(p, caps, a);
	else if (profile_read(p, text, size, &host, a, e) < 0)
		return err_prefix(e, "SeccompProfile=%s", path);
	return compile(kept, key, p, out, a, e);
}

static int service_filter(struct filters *kept, const struct unit *u, struct seccomp_program *out,
	struct arena *a, struct err *e)
{
	const char *keys = seccomp_keys(u, a);
	uint64_t key = digest(keys, strlen(keys), 2);
	struct seccomp_policy *p;

	if (find(kept, key, out))
		return 0;
	p = arena_alloc(a, sizeof(*p));
	seccomp_service(p, &u->service, a);
	return compile(kept, key, p, out, a, e);
}

/* Linux 4.14, if it is built with filters. */
static bool kernel_has_filters(void)
{
	uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

int seccomp_facts(struct filters *kept, const struct unit *u, struct facts *f, struct arena *a,
	struct err *e)
{
	const char *path = u->container.seccomp_profile;
	bool inside = u->kind == KIND_CONTAINER && (path == NULL || path[0] == '/');
	bool keys = seccomp_has_keys(&u->service);

	if (!inside && !keys)
		return 0;
	if (!kernel_has_filters()) {
		/* of what is built in nobody has asked for it */
		bool asked = u->file != NULL && seccomp_is_asked(&u->service);

		if (!asked && path == NULL)
			return 0;
		return err_setx(e, "%s: the kernel has no seccomp filters (CONFIG_SECCOMP_FILTER)",
			asked ? "SystemCallFilter= and its kin" : "SeccompProfile=");
	}
	if (kept->n + 2 > FILTERS_MAX)
		filters_free(kept);
	if (inside && profile(kept, u, &f->profile, a, e) < 0)
		return -1;
	return keys ? service_filter(kept, u, &f->filter, a, e) : 0;
}
