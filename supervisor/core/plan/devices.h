/*
 * Which device nodes the processes of a unit may open and make: a list of numbers, and the program that holds them to it
 * (BPF_PROG_TYPE_CGROUP_DEVICE, Linux 4.15). What is not on the list is refused with EPERM. Pure: who loads the program
 * and attaches it to the cgroup is sys/unit/devices.c.
 */
#ifndef CORE_DEVICES_H
#define CORE_DEVICES_H

#include "supervisor/core/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

/* Bits of BPF_DEVCG_ACC_*. */
#define DEVICE_MKNOD BPF_DEVCG_ACC_MKNOD
#define DEVICE_READ BPF_DEVCG_ACC_READ
#define DEVICE_WRITE BPF_DEVCG_ACC_WRITE
#define DEVICE_ALL (DEVICE_MKNOD | DEVICE_READ | DEVICE_WRITE)
#define DEVICE_ANY UINT32_MAX /* every minor number of the major one */

struct device_rule {
	bool block;     /* else a character device */
	uint8_t access; /* what is allowed */
	uint32_t major, minor;
};
struct device_rules {
	struct device_rule *v;
	size_t n;
};

/* What one name in a unit stands for on this host: a node, each node of a folder, each driver of a class. */
struct device_number {
	const char *name; /* as the unit has it: "/dev/ttyS0", "char-rtc" */
	bool block;
	uint32_t major, minor;
};

/* One rule for one device: what is allowed twice is allowed together. */
void device_rules_add(struct arena *a, struct device_rules *list, struct device_rule rule);
/* The program of *n instructions, in the arena. It reads its context alone, so every kernel that has the type takes it. */
struct bpf_insn *device_program(struct arena *a, const struct device_rules *rules, size_t *n);

#endif
