/*
 * The end of the machine: every process TERM, then KILL; disks written and unmounted, or made
 * read-only; reboot(2). Bounded in time: a disk or a process that hangs delays it, no more.
 */
#ifndef INIT_END_H
#define INIT_END_H

struct init;

/* Does what init->wire.end says. In a container: all processes, then exit with the status. */
_Noreturn void end_machine(struct init *init);

#endif
