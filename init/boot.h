/* What init does once, before the supervisor starts. Nothing here can stop the boot. */
#ifndef INIT_BOOT_H
#define INIT_BOOT_H

struct init;

void boot(struct init *init);

#endif
