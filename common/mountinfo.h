/* The list of mounts, proc_pid_mountinfo(5). Pure: takes lines apart where they stand, keeps nothing. */
#ifndef COMMON_MOUNTINFO_H
#define COMMON_MOUNTINFO_H

#include <stdbool.h>

struct mountinfo {
	const char *root;   /* what of its file system is there: "/" is all of it */
	const char *place;  /* where it is mounted, with blanks and backslashes as they are */
	const char *type;   /* of the file system */
	const char *device; /* "254:16": st_dev of what is in it */
	const char
		*source; /* what was mounted, as who did it called it; "" when that is not told */
	const char *options; /* of this mount: "ro,nosuid,relatime" */
	const char *super;   /* of the file system, in the same form; "" when that is not told */
};

/* The next mount of the text at *rest, which is cut up; a line that is none is passed over. False at the end. */
bool mountinfo_next(char **rest, struct mountinfo *m);

#endif
