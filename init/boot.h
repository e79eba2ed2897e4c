/*
 * What init does before the supervisor starts; of it, after a crash, what was not begun and what each process
 * image needs. Nothing here can stop the boot.
 */
#ifndef INIT_BOOT_H
#define INIT_BOOT_H

struct init;

void boot(struct init *init);

#endif
