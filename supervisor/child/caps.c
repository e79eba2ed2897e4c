/*
 * The change of user and what it leaves of root's power (capabilities(7)).
 *
 * Order: the bounding set while CAP_SETPCAP is there; group before user; the sets after the user, because the change
 * clears them; ambient last, since it must be within permitted and inheritable.
 */
#include "supervisor/child/steps.h"

#include "common/util.h"

#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#ifdef SYS_setresuid32 /* 32-bit machines: the plain ones take 16 bits */
#define SET_UID SYS_setresuid32
#define SET_GID SYS_setresgid32
#else
#define SET_UID SYS_setresuid
#define SET_GID SYS_setresgid
#endif

#define WORD_BITS 32

static uint64_t bit(unsigned int cap)
{
	return UINT64_C(1) << cap;
}

/* EINVAL ends it: the kernel knows no further capability. */
static int drop_bounding(uint64_t keep, struct fault *f)
{
	for (unsigned int cap = 0; cap < 64; cap++) {
		if ((keep & bit(cap)) != 0 || prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
			continue;
		return errno == EINVAL ? 0 : fail(f, "bounding set");
	}
	return 0;
}

static int read_permitted(uint64_t *permitted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		return -1;
	*permitted = data[0].permitted | (uint64_t)data[1].permitted << WORD_BITS;
	return 0;
}

static int write_sets(uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	for (unsigned int i = 0; i < ARRAY_LEN(data); i++) {
		data[i].permitted = data[i].effective = (uint32_t)(permitted >> i * WORD_BITS);
		data[i].inheritable = (uint32_t)(inheritable >> i * WORD_BITS);
	}
	return (int)syscall(SYS_capset, &header, data);
}

static int raise_ambient(uint64_t ambient)
{
	for (unsigned int cap = 0; cap < 64; cap++)
		if ((ambient & bit(cap)) != 0 &&
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			return -1;
	return 0;
}

static int change_user(const struct identity *id, bool keep, struct fault *f)
{
	if (keep && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return fail(f, "PR_SET_KEEPCAPS");
	if (syscall(SET_GID, id->gid, id->gid, id->gid) < 0)
		return fail(f, "Group");
	if (syscall(SET_UID, id->uid, id->uid, id->uid) < 0)
		return fail(f, "User");
	return 0;
}

/*
 * Who may still gain privileges needs this one to load a filter. Exec takes it away again: it is in none of the sets
 * that exec goes by.
 */
static uint64_t until_exec(const struct plan *p)
{
	bool filters = p->profile.n > 0 || p->filter.n > 0;

	return filters && !p->no_new_privileges ? bit(CAP_SYS_ADMIN) : 0;
}

/* Of what the supervisor itself has not (a container of another engine) nothing can be given. */
int step_capabilities(struct child *c, struct fault *f)
{
	const struct plan *p = c->plan;
	bool root = c->id.uid == 0;
	uint64_t ambient = root ? 0 : p->ambient & p->capabilities;
	uint64_t permitted, extra;

	if (read_permitted(&permitted) < 0)
		return fail(f, "capget");
	ambient &= permitted;
	extra = permitted & until_exec(p);
	permitted = (root ? permitted & p->capabilities : ambient) | extra;
	if (drop_bounding(p->capabilities, f) < 0 ||
		change_user(&c->id, (ambient | extra) != 0, f) < 0)
		return -1;
	if (write_sets(permitted, ambient) < 0)
		return fail(f, "capset");
	return raise_ambient(ambient) < 0 ? fail(f, "ambient set") : 0;
}

int step_no_new_privs(struct child *c, struct fault *f)
{
	if (!c->plan->no_new_privileges)
		return 0;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? fail(f, "PR_SET_NO_NEW_PRIVS") : 0;
}
