/*
 * Finds and mounts images from the command line:
 *
 *   imagectl mount REF [--read-only]   "root PATH", "user NAME", "lacks yes|no", a line each; or "error TEXT"
 *   imagectl release REF
 */
#include "supervisor/sys/unit/image.h"

#include <stdio.h>
#include <string.h>

static int mount_image(const char *ref, bool read_only)
{
	struct arena a = { 0 };
	struct image_section defaults;
	struct unit u = { .name = "test.container", .kind = KIND_CONTAINER };
	const char *root;
	struct err e;
	bool lacks;
	int rc = image_mount(ref, &a, &root, &defaults, &e);

	u.container.read_only = read_only;
	u.container.read_only_tmpfs = true;
	if (rc == 0)
		rc = image_lacks_targets(root, &u, &a, &lacks, &e);
	if (rc == 0)
		(void)printf("root %s\nuser %s\nlacks %s\n", root,
			defaults.user != NULL ? defaults.user : "-", lacks ? "yes" : "no");
	else
		(void)printf("error %s\n", e.msg);
	arena_free(&a);
	return rc == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc >= 3 && strcmp(argv[1], "mount") == 0)
		return mount_image(argv[2], argc > 3 && strcmp(argv[3], "--read-only") == 0);
	if (argc == 3 && strcmp(argv[1], "release") == 0) {
		image_release(argv[2]);
		return 0;
	}
	return 2;
}
