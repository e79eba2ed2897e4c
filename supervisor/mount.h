/* supervisor mount, supervisor unmount: the commands of .mount units, each a process of its unit. */
#ifndef SUPERVISOR_MOUNT_H
#define SUPERVISOR_MOUNT_H

int mount_main(int argc, char **argv);
int unmount_main(int argc, char **argv);

#endif
