#include "supervisor/sys/unit/verity.h"

#include "common/fd.h"
#include "common/killpoint.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <time.h>

#define CONTROL "/dev/mapper/control"
#define BLOCK 4096u
#define SECTOR 512u
#define NAME_TRIES 64
#define LOAD_TRIES 10
#define LOAD_PAUSE_NS 10000000L
/* What a device is called begins so; its hash and a number follow. */
#define UUID "sup-verity-"

/* One call of the control device: its head, and a table or a status behind it. */
struct dm_call {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char text[384];
};

static int control_open(struct err *e)
{
	int fd = open(CONTROL, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_set(e,
			"this kernel has no device-mapper (modules dm_mod, dm_verity): open " CONTROL);
	return fd;
}

static void call_init(struct dm_call *c, dev_t number)
{
	memset(c, 0, sizeof(*c));
	c->head.version[0] = DM_VERSION_MAJOR;
	c->head.data_size = sizeof(*c);
	c->head.data_start = offsetof(struct dm_call, target);
	c->head.flags = DM_READONLY_FLAG;
	/* as the kernel's new_encode_dev() has it */
	c->head.dev = number == 0 ? 0
				  : (minor(number) & 0xffu) | major(number) << 8 |
			(uint64_t)(minor(number) & ~0xffu) << 12;
}

/* A name is free when no device has it: the same image may be there twice, one copy only for those that still run. */
static int create(int control, const char *root_hash, dev_t *number, struct err *e)
{
	struct dm_call c;

	for (int i = 0; i < NAME_TRIES; i++) {
		call_init(&c, 0);
		(void)snprintf(c.head.name, sizeof(c.head.name), UUID "%s-%d", root_hash, i);
		(void)snprintf(c.head.uuid, sizeof(c.head.uuid), UUID "%s-%d", root_hash, i);
		if (ioctl(control, DM_DEV_CREATE, &c) == 0) {
			*number = makedev(c.head.dev >> 8 & 0xfff,
				(c.head.dev & 0xff) | (c.head.dev >> 12 & 0xfff00));
			return 0;
		}
		if (errno != EBUSY)
			return err_set(e, "make a verified device");
		/* one that a supervisor left which was killed right here has no user, and goes */
		call_init(&c, 0);
		(void)snprintf(c.head.name, sizeof(c.head.name), UUID "%s-%d", root_hash, i);
		c.head.flags |= DM_DEFERRED_REMOVE;
		(void)ioctl(control, DM_DEV_REMOVE, &c);
	}
	return err_set_no(e, EBUSY, "make a verified device");
}

/* Linux 6.1 names a cache of each device, and has no memory for one whose name is just being given back by another. */
static int load_table(int control, struct dm_call *c)
{
	const struct timespec pause = { .tv_nsec = LOAD_PAUSE_NS };

	for (int i = 0; ioctl(control, DM_TABLE_LOAD, c) < 0; i++) {
		if (errno != ENOMEM || i == LOAD_TRIES)
			return -1;
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

static int load(int control, dev_t number, const char *loop, const char *root_hash, uint64_t size,
	struct err *e)
{
	unsigned long long blocks = size / BLOCK;
	struct dm_call c;

	call_init(&c, number);
	c.head.target_count = 1;
	c.target.length = size / SECTOR;
	(void)snprintf(c.target.target_type, sizeof(c.target.target_type), "verity");
	/* version, data, hashes, sizes of their blocks, how many, where the hashes begin, no salt */
	(void)snprintf(c.text, sizeof(c.text), "1 %s %s %u %u %llu %llu sha256 %s -", loop, loop,
		BLOCK, BLOCK, blocks, blocks, root_hash);
	if (load_table(control, &c) < 0)
		return err_set(e,
			"dm-verity refuses it, or this kernel has none (module dm_verity)");
	call_init(&c, number);
	/* "resume": the table comes into force */
	if (ioctl(control, DM_DEV_SUSPEND, &c) < 0)
		return err_set(e, "start the verified device");
	return 0;
}

int verity_open(const char *loop, const char *root_hash, uint64_t size,
	char device[VERITY_NAME_MAX], dev_t *number, struct err *e)
{
	cleanup_fd int control = -1;

	if (size == 0 || size % BLOCK != 0)
		return err_setx(e, "HashOffset= is not a multiple of %u", BLOCK);
	control = control_open(e);
	if (control < 0 || create(control, root_hash, number, e) < 0)
		return -1;
	KILL_POINT("verity-created");
	if (load(control, *number, loop, root_hash, size, e) < 0) {
		verity_drop(*number);
		return -1;
	}
	(void)snprintf(device, VERITY_NAME_MAX, "/dev/dm-%u", minor(*number));
	return 0;
}

void verity_drop(dev_t number)
{
	struct err ignored;
	cleanup_fd int control = control_open(&ignored);
	struct dm_call c;

	call_init(&c, number);
	c.head.flags |= DM_DEFERRED_REMOVE;
	(void)ioctl(control, DM_DEV_REMOVE, &c);
}

bool verity_is_damaged(dev_t number)
{
	struct err ignored;
	cleanup_fd int control = control_open(&ignored);
	struct dm_call c;

	call_init(&c, number);
	if (ioctl(control, DM_TABLE_STATUS, &c) < 0 || c.head.target_count != 1)
		return false;
	return strcmp(c.target.target_type, "verity") == 0 && c.text[0] == 'C';
}

bool verity_has(dev_t number, const char *root_hash)
{
	char path[64], uuid[DM_UUID_LEN] = "";
	size_t n = strlen(UUID);
	cleanup_fd int fd = -1;

	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/dm/uuid", major(number),
		minor(number));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, uuid, sizeof(uuid) - 1) <= 0)
		return false;
	return strncmp(uuid, UUID, n) == 0 && strncmp(uuid + n, root_hash, strlen(root_hash)) == 0;
}

dev_t verity_lower(dev_t number)
{
	unsigned int minor_number;
	char path[64];
	DIR *slaves;

	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/slaves", major(number),
		minor(number));
	slaves = opendir(path);
	if (slaves == NULL)
		return number;
	for (const struct dirent *d; (d = readdir(slaves)) != NULL;)
		if (strncmp(d->d_name, "loop", 4) == 0) {
			minor_number = (unsigned int)strtoul(d->d_name + 4, NULL, 10);
			number = makedev(7, minor_number); /* LOOP_MAJOR, one number a device */
		}
	(void)closedir(slaves);
	return number;
}
