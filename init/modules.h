/*
 * Kernel modules named in /etc/modules-load.d/NAME.conf, one a line, `#` and `;` start comments. Each is
 * loaded after those that modules.dep of the running kernel names for it. Compressed files are left to
 * the kernel (5.17 and CONFIG_MODULE_DECOMPRESS). A module that cannot be loaded is said once and passed
 * over; one that is loaded, or built into the kernel, is fine.
 */
#ifndef INIT_MODULES_H
#define INIT_MODULES_H

#include "init/console.h"

void modules_load(const struct console *c);

#endif
